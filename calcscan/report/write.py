"""Result → the files of OUT."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from calcscan.grid.geometry import Geometry
from calcscan.model import LocatedLesionMap, Result, StoredGrid, StudyLabel
from calcscan.report.atomic_folder import put_files
from calcscan.report.build import build_report, report_json
from calcscan.report.labelmaps import (
    EVEN_ENOUGH_MM,
    EvenGrid,
    affine_off_mm,
    even_grid,
    lesion_labels,
    nifti_bytes,
    on_grid,
    site_map,
    stored_bytes,
)
from calcscan.report.mosaic import mosaic_png
from calcscan.report.outputs import REPORT
from calcscan.report.schema import FileEntry
from calcscan.report.tables import lesions_csv, sites_csv

_SHEARED_DEG = 0.01


def write_report(
    result: Result,
    out: str | Path,
    *,
    keep_ids: bool = False,
    replaces: str | None = None,
    label: StudyLabel | None = None,
) -> str:
    """Write report.json, lesions.csv, sites.csv, mosaic.png, lesions.nii.gz and sites.nii.gz to the folder `out`.

    All of them or none. A report that is there already is replaced; files that are not calcscan's are left alone.
    Where the scan was not analysed there are no label maps: an empty one would say that there is no calcification.
    Identifiers are written only with `keep_ids`.

    Parameters
    ----------
    replaces
        What `calcscan.report.outputs.state_of(out)` said before the work: a report that another run has written since
        is not replaced.
    label
        What the study is called in report.json and in the tables.

    Returns
    -------
    str
        report.json, as it was written.

    Raises
    ------
    OutputError
        The folder can't be written to, or holds somebody else's files by the same names.
    """
    files = report_files(result, keep_ids=keep_ids, label=label)
    put_files(Path(out), files, replaces=replaces)
    return files[REPORT].decode()


def report_files(result: Result, *, keep_ids: bool = False, label: StudyLabel | None = None) -> dict[str, bytes]:
    """Every file of the report, by name."""
    maps, about_maps = label_maps(result.lesions, result.scan.stored)
    beside = {"lesions.csv": FileEntry(), "sites.csv": FileEntry(), "mosaic.png": FileEntry(), **about_maps}
    report = build_report(result, keep_ids=keep_ids, files=beside, label=label)
    return {
        "lesions.csv": lesions_csv(report).encode(),
        "sites.csv": sites_csv(report).encode(),
        "mosaic.png": mosaic_png(result),
        **maps,
        REPORT: report_json(report).encode(),
    }


def label_maps(
    lesions: LocatedLesionMap | None, stored: StoredGrid | None = None
) -> tuple[dict[str, bytes], Mapping[str, FileEntry]]:
    """The NIfTI files, by name, and what report.json says of them; nothing where the scan was not analysed.

    With `stored`, that of a scan which came as NIfTI, they lie on that file's grid.
    """
    if lesions is None:
        return {}, {}
    labels = {"lesions.nii.gz": lesion_labels(lesions), "sites.nii.gz": site_map(lesions)}
    if stored is not None:
        maps = {name: stored_bytes(values, stored, f"calcscan {name}") for name, values in labels.items()}
        return maps, dict.fromkeys(maps, _on_stored_grid(lesions.geometry, stored))
    grid = even_grid(lesions.geometry)
    maps = {
        name: nifti_bytes(on_grid(values, grid), grid.affine, f"calcscan {name}") for name, values in labels.items()
    }
    return maps, dict.fromkeys(maps, _on_even_grid(lesions.geometry, grid))


def _on_even_grid(geometry: Geometry, grid: EvenGrid) -> FileEntry:
    """How the label maps' grid comes from the scan's."""
    entry = FileEntry(
        grid="native",
        slices=len(grid.source),
        rows=grid.rows,
        columns=grid.columns,
        native_slices=geometry.shape[0],
        sheared=False,
    )
    if grid.native:
        return entry
    return replace(
        entry,
        grid="even and square: each slice copies the nearest native one, moved by whole pixels within its plane",
        native_slice=tuple((grid.source + 1).tolist()),
        native_row_minus_row=tuple(grid.shift_ji[:, 0].tolist()),
        native_column_minus_column=tuple(grid.shift_ji[:, 1].tolist()),
    )


def _on_stored_grid(geometry: Geometry, stored: StoredGrid) -> FileEntry:
    """That the label maps lie on the input's grid, and what of its header the report's positions rest on."""
    sheared = geometry.tilt_deg > _SHEARED_DEG
    off_mm = affine_off_mm(geometry, stored)
    entry = FileEntry(
        grid="that of the input file: same shape, axes, sform and qform",
        positions_by=stored.frame,
        slices=geometry.shape[0],
        native_slices=geometry.shape[0],
        sheared=sheared,
        affine_off_mm=round(off_mm, 2),
    )
    if off_mm > EVEN_ENOUGH_MM:
        note = (
            f"The positions in this report go by the scan's own grid ({stored.frame}), up to {off_mm:.0f} mm from "
            "where software that takes the file's sform shows the input, and these maps on it."
        )
        return replace(entry, note=note)
    if sheared:
        note = (
            "The sform is sheared. Software that goes by the qform instead (ITK, 3D Slicer) shows these maps, like the "
            "input, without the shear: not where the positions in this report are."
        )
        return replace(entry, note=note)
    return entry
