"""A scan, and the checksums of what it was read from and of what it shows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from calcscan.knowledge.reading import ReadingSettings
from calcscan.model import InputFiles, Scan
from calcscan.processors import both
from calcscan.read import Stated, input_files, picture_sha256, read_scan


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadInput:
    """What was read; `files` None where it is not known any more."""

    scan: Scan
    files: InputFiles | None
    picture_sha256: str


def read_input(path: Path, series_uid: str | None, stated: Stated, settings: ReadingSettings) -> ReadInput:
    """As `read_scan`, with its checksums."""
    scan = read_scan(path, series_uid=series_uid, stated=stated, settings=settings)
    files, digest = both(partial(input_files, path, settings), partial(picture_sha256, scan))
    return ReadInput(scan=scan, files=files, picture_sha256=digest)
