"""The list of files left out: a row for each file, or one row for many of a kind in one folder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from calcscan.batch.model import LeftOut
from calcscan.batch.names import shown
from calcscan.read.files.tree import Entry

MOST_ROWS = 1000
"""More files of one folder with one ending and one reason are one row, if they are all that it has with that ending."""


class LeftOuts:
    """Collects files and reasons; `rows` lists them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._reasons: dict[Path, tuple[str, int | None]] = {}
        self._alike: dict[tuple[Path, str], int] = {}

    def enter(self, folder: Path, entries: Iterable[Entry]) -> None:
        """A folder, and how many of its files have each ending."""
        counts: dict[str, int] = defaultdict(int)
        for entry in entries:
            counts[entry.path.suffix] += 1
        self._alike |= {(folder, ending): count for ending, count in counts.items() if count > MOST_ROWS}

    def add(self, path: Path, reason: str, *, files: int | None = 1) -> None:
        self._reasons[path] = (reason, files)

    def explain(self, path: Path, reason: str) -> None:
        """Another reason, if the file is left out at all."""
        if path in self._reasons:
            self.add(path, reason)

    def take(self, paths: Iterable[Path]) -> None:
        """Files that turned out to be a study's."""
        for path in paths:
            self._reasons.pop(path, None)

    def rows(self) -> tuple[LeftOut, ...]:
        """By path."""
        together: dict[tuple[Path, str, str], list[Path]] = defaultdict(list)
        for path, (reason, files) in self._reasons.items():
            if files == 1 and (path.parent, path.suffix) in self._alike:
                together[path.parent, path.suffix, reason].append(path)
        many = {key: paths for key, paths in together.items() if key[1] and len(paths) == self._alike[key[0], key[1]]}
        covered = {path for paths in many.values() for path in paths}
        rows = [
            LeftOut(path=shown(self._below(path)), reason=reason, files=files)
            for path, (reason, files) in self._reasons.items()
            if path not in covered
        ]
        for (folder, ending, reason), paths in many.items():
            rows.append(LeftOut(path=shown(self._below(folder / f"*{ending}")), reason=reason, files=len(paths)))
        return tuple(sorted(rows, key=lambda row: row.path))

    def _below(self, path: Path) -> str:
        return str(path.relative_to(self._root))
