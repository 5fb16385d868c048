"""Input that was not used and does not belong to the chosen series: other studies, other files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from calcscan.knowledge.reading import ReadingSettings
from calcscan.model import Flag
from calcscan.read.series.stacks import Stack
from calcscan.read.wording import counted, were


class Named(Protocol):
    """A file of the input and why it was not used."""

    @property
    def name(self) -> str: ...

    @property
    def what(self) -> str: ...


def left_out_flags(
    chosen: Stack, stacks: Iterable[Stack], files: Sequence[Named], settings: ReadingSettings
) -> tuple[Flag, ...]:
    """`left_out`, once for other studies in the input, once for files that hold no DICOM images."""
    flags = []
    chosen_studies = {image.study_uid for image in chosen.images}
    others = {stack.first.study_uid for stack in stacks} - chosen_studies
    if others:
        one = len(others) == 1
        message = (
            f"{len(others)} other {'study' if one else 'studies'} in the input {were(len(others))} not used; "
            "`calcscan batch` reads each of them, `--series` another series."
        )
        flags.append(Flag(code="left_out", message=message, value=float(len(others)), limit=0.0))
    if files:
        message = f"{counted(len(files), 'file')} {were(len(files))} not used: {listed(files, settings)}."
        flags.append(Flag(code="left_out", message=message, value=float(len(files)), limit=0.0))
    return tuple(flags)


def listed(files: Sequence[Named], settings: ReadingSettings) -> str:
    """The first few with their reasons, to be put into a sentence."""
    most = settings.max_names_shown
    return "; ".join(f"{file.name} {file.what}" for file in files[:most]) + ("; …" if len(files) > most else "")
