"""Which study a file belongs to."""

from __future__ import annotations

from pathlib import Path

from calcscan.errors import InputError


def study_of(path: Path) -> str | None:
    """The StudyInstanceUID of a DICOM image; the folder's own name where it has none; None for anything else."""
    from calcscan.read.files import Blob
    from calcscan.read.header import read_images

    try:
        images = read_images(Blob(name=path.name, path=path))
    except InputError:
        return None
    if not images:
        return None
    return images[0].study_uid or f"no uid in {path.parent}"
