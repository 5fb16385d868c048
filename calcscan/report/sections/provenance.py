"""What made the report, and how to make it again."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from calcscan import __version__
from calcscan.model import Provenance
from calcscan.report.command import command_line
from calcscan.report.schema import InputSection, ProvenanceSection, SoftwareSection
from calcscan.report.sections.fields import same_fields
from calcscan.report.sections.identifiers import hashed

_LIBRARIES = ("numpy", "scipy", "scikit-image", "numba", "SimpleITK", "pydicom", "nibabel", "pillow")


def software_section() -> SoftwareSection:
    """The versions of calcscan, Python and the libraries."""
    libraries = {name.replace("-", "_"): _version(name) for name in _LIBRARIES}
    return SoftwareSection(name="calcscan", version=__version__, python=platform.python_version(), **libraries)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def provenance_section(made: Provenance, *, keep_ids: bool) -> ProvenanceSection:
    """How an analysis was made; without `keep_ids` neither the input's place nor a series' UID."""
    options: dict[str, Any] = {**made.options, "keep_ids": keep_ids}
    uid = options.pop("series_uid", None)
    options |= {"series_uid": uid if keep_ids else None, "series_uid_sha256": hashed(uid or "")}
    place = made.place if keep_ids else None
    return ProvenanceSection(
        command=command_line(options, context=made.context is not None),
        date=made.date,
        options=options,
        context=None if made.context is None else dict(made.context),
        input=None if made.input is None else same_fields(InputSection, made.input, place=place),
        picture_sha256=made.picture_sha256,
    )
