"""Where an input lies that is known by the contents of its files only."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from calcscan.knowledge.reading import ReadingSettings
from calcscan.knowledge.settings import load
from calcscan.model import InputFiles
from calcscan.read.checksum import input_files

MOST_FILES = 50_000
"""How many files below one place are looked at."""


def find_input(known: InputFiles, places: Iterable[Path], *, settings: ReadingSettings | None = None) -> Path | None:
    """The first file or folder below one of `places` with the same contents; None where there is none among the first
    `MOST_FILES` of each. Only what has the right size is read. Folders whose name begins with a dot are not entered.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     (Path(place) / "a").mkdir()
    ...     _ = (Path(place) / "a" / "IM1").write_bytes(b"one")
    ...     known = input_files(Path(place) / "a")
    ...     _ = (Path(place) / "a").rename(Path(place) / "moved")
    ...     find_input(known, [Path(place)]).name
    'moved'
    """
    if known.sha256 is None:
        return None
    settings = settings or load(ReadingSettings)
    seen: set[Path] = set()
    for place in places:
        for path in _of_the_size(place, known):
            at = path.resolve()
            found = input_files(path, settings) if at not in seen else None
            if found is not None and found.sha256 == known.sha256:
                return path
            seen.add(at)
    return None


def _of_the_size(place: Path, known: InputFiles) -> Iterator[Path]:
    """What could be it by its size; of folders that hold nothing else but one another, the innermost first."""
    files: dict[Path, int] = defaultdict(int)
    sizes: dict[Path, int] = defaultdict(int)
    single: list[Path] = []
    count = 0
    for folder, inside, names in os.walk(place):
        inside[:] = sorted(name for name in inside if not name.startswith("."))
        here = Path(folder)
        above = [here, *(up for up in here.parents if up.is_relative_to(place))]
        for name in names:
            count += 1
            try:
                size = (here / name).stat().st_size
            except OSError:
                continue
            for up in above:
                files[up] += 1
                sizes[up] += size
            if size <= known.bytes and known.kind != "folder":
                single.append(here / name)
        if count > MOST_FILES:
            break
    if known.kind == "folder":
        fits = [path for path in files if files[path] == known.files and sizes[path] == known.bytes]
        yield from sorted(fits, key=lambda path: (-len(path.parts), str(path)))
    else:
        yield from (path for path in single if _may_be(path, known))


def _may_be(path: Path, known: InputFiles) -> bool:
    """Whether a single file may be the input, by the sizes of it and of what is read with it."""
    name = path.name.lower()
    if known.kind == "nifti" and not name.endswith((".nii", ".nii.gz", ".hdr", ".img", ".hdr.gz", ".img.gz")):
        return False
    try:
        if known.kind == "nifti":
            rest = known.bytes - path.stat().st_size
            return rest == 0 or (rest > 0 and known.files > 1)
        return path.stat().st_size == known.bytes
    except OSError:
        return False
