"""The scan's grid, the doubts about it, and how it lies in the atlas."""

from __future__ import annotations

from msgspec import UNSET

from calcscan.model import Flag, Registration, Result, StoredGrid
from calcscan.quality import quality_codes, severity
from calcscan.report.privacy import Clean
from calcscan.report.quantities import Severity
from calcscan.report.schema import FileAxis, FlagEntry, GridSection, RegistrationSection


def grid_section(result: Result) -> GridSection:
    """The scan's own grid."""
    geometry, stored = result.scan.geometry, result.scan.stored
    slice_mm, row_mm, column_mm = geometry.spacing_mm
    return GridSection(
        slices=geometry.shape[0],
        rows=geometry.rows,
        columns=geometry.columns,
        slice_spacing_mm=slice_mm,
        row_spacing_mm=row_mm,
        column_spacing_mm=column_mm,
        tilt_deg=geometry.tilt_deg,
        irregularity_mm=geometry.irregularity_mm(),
        counted_along=UNSET if stored is None else _file_axes(stored),
    )


def _file_axes(stored: StoredGrid) -> tuple[FileAxis, FileAxis, FileAxis]:
    """The axes of the file's array along which slices, rows and columns are counted."""
    names: tuple[FileAxis, ...] = ("k", "j", "i")
    slices, rows, columns = (names[axis] for axis in stored.axes)
    return slices, rows, columns


def flag_entry(flag: Flag, clean: Clean) -> FlagEntry:
    """A doubt, with what its code means in general."""
    return FlagEntry(
        code=flag.code,
        severity=Severity(severity(flag)),
        message=clean(flag.message),
        value=clean(flag.value) if isinstance(flag.value, str) else flag.value,
        limit=clean(flag.limit) if isinstance(flag.limit, str) else flag.limit,
        meaning=quality_codes()[flag.code].meaning,
    )


def registration_section(registration: Registration, clean: Clean) -> RegistrationSection:
    """How the scan lies in the atlas, and whether sites may rest on that."""
    return RegistrationSection(
        method=registration.method,
        metric=registration.metric,
        overlap=registration.overlap,
        accepted=bool(registration.accepted),
        reason=clean(registration.reason) or None,
        scan_to_atlas=registration.scan_to_atlas.tolist(),
        bend_rms_mm=registration.displacement.rms_mm,
    )
