"""Checksums of an input: of its files, whatever they are called, and of the picture that was read from them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from calcscan.knowledge.reading import ReadingSettings
from calcscan.knowledge.settings import load
from calcscan.model import InputFiles, Scan
from calcscan.read.files.archives import is_zip
from calcscan.read.files.tree import walk


def input_files(path: str | Path, settings: ReadingSettings | None = None) -> InputFiles | None:
    """What lies at a path that can be read, by content: neither names nor places count.

    A NIfTI is taken with the JSON files that describe it, one DICOM file alone. A file that can't be opened counts as
    an empty one. Of more than `max_hashed_bytes` there is no checksum. None where there is nothing at the path.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "IM1").write_bytes(b"one")
    ...     first = input_files(folder)
    ...     _ = (Path(folder) / "IM1").rename(Path(folder) / "renamed")
    ...     first == input_files(folder), first.kind, first.files, first.bytes
    (True, 'folder', 1, 3)
    """
    path, settings = Path(path), settings or load(ReadingSettings)
    if not path.exists():
        return None
    kind, files = _files(path, settings)
    size = sum(map(_size, files))
    whole = None
    if size <= settings.max_hashed_bytes:
        whole = hashlib.sha256("\n".join(sorted(map(_digest, files))).encode()).hexdigest()
    return InputFiles(kind=kind, files=len(files), bytes=size, sha256=whole)


def picture_sha256(scan: Scan) -> str:
    """Of the voxels in Hounsfield units and where they lie, to a thousandth of a millimetre: the same for one scan in a
    folder and in a ZIP of it."""
    geometry = scan.geometry
    where = np.concatenate([geometry.origins_mm.ravel(), geometry.step_i_mm, geometry.step_j_mm])
    digest = hashlib.sha256(f"{scan.hu.shape}".encode())
    digest.update((np.rint(where * 1000.0) + 0.0).astype("<i8").tobytes())
    digest.update(np.ascontiguousarray(scan.hu, dtype="<i2").data)
    return digest.hexdigest()


def _files(path: Path, settings: ReadingSettings) -> tuple[str, list[Path]]:
    """What kind of input it is, and its files."""
    from calcscan.read.nifti.file import is_nifti, partner_files
    from calcscan.read.nifti.sidecar_files import sidecar_files

    if path.is_dir():
        return "folder", list(_in_folder(path, settings))
    if is_nifti(path, settings):
        return "nifti", [*partner_files(path), *sidecar_files(path)]
    if is_zip(path):
        return "zip", [path]
    return "dicom_file", [path]


def _in_folder(folder: Path, settings: ReadingSettings) -> Iterator[Path]:
    for each in walk(folder, settings=settings):
        yield from (entry.path for entry in each.entries if not entry.problem)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return hashlib.sha256(b"").hexdigest()
