"""Result → the files of OUT (contract section 3)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from calcscan.grid.geometry import Geometry
from calcscan.model import LocatedLesionMap, Result, StoredGrid
from calcscan.report.document import document
from calcscan.report.folder import REPORT, put_files
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
from calcscan.report.tables import lesions_csv, sites_csv

_SHEARED_DEG = 0.01


def write_report(result: Result, out: Path, *, keep_ids: bool = False, replaces: str | None = None) -> str:
    """Write report.json, lesions.csv, sites.csv, mosaic.png, lesions.nii.gz and sites.nii.gz to the folder `out`.

    All of them or none. A report that is there already is replaced; files that are not calcscan's are left alone.
    Without lesions to speak of (no head was found) there are no label maps: an empty one would say that there is no
    calcification. Identifiers are written only with `keep_ids`.

    Parameters
    ----------
    replaces
        What `calcscan.report.folder.state_of(out)` said before the work: a report that another run has written since
        is not replaced.

    Returns
    -------
    str
        report.json, as it was written.

    Raises
    ------
    OutputError
        The folder can't be written to, or holds somebody else's files by the same names.
    """
    files = report_files(result, keep_ids=keep_ids)
    put_files(Path(out), files, replaces=replaces)
    return files[REPORT].decode()


def report_files(result: Result, *, keep_ids: bool = False) -> dict[str, bytes]:
    """Every file of the report, by name."""
    maps, about = label_maps(result.lesions, result.scan.stored)
    written = {"lesions.csv": {}, "sites.csv": {}, "mosaic.png": {}} | about
    content = document(result, keep_ids=keep_ids, written=written)
    return {
        "lesions.csv": lesions_csv(content).encode(),
        "sites.csv": sites_csv(content).encode(),
        "mosaic.png": mosaic_png(result),
        **maps,
        REPORT: (json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode(),
    }


def label_maps(
    lesions: LocatedLesionMap | None, stored: StoredGrid | None = None
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The NIfTI files, by name, and what report.json says of them; nothing where there are no lesions to speak of.

    With `stored`, that of a scan which came as NIfTI, they lie on that file's grid.
    """
    if lesions is None:
        return {}, {}
    labels = {"lesions.nii.gz": lesion_labels(lesions), "sites.nii.gz": site_map(lesions)}
    if stored is not None:
        maps = {name: stored_bytes(values, stored, f"calcscan {name}") for name, values in labels.items()}
        return maps, dict.fromkeys(maps, _about_stored(lesions.geometry, stored))
    grid = even_grid(lesions.geometry)
    maps = {
        name: nifti_bytes(on_grid(values, grid), grid.affine, f"calcscan {name}") for name, values in labels.items()
    }
    return maps, dict.fromkeys(maps, _about(lesions.geometry, grid))


def _about(geometry: Geometry, grid: EvenGrid) -> dict[str, Any]:
    """How the label maps' grid comes from the scan's."""
    said = {
        "grid": "native",
        "slices": len(grid.source),
        "rows": grid.rows,
        "columns": grid.columns,
        "native_slices": geometry.shape[0],
        "sheared": False,
    }
    if grid.native:
        return said
    return said | {
        "grid": "even and square: each slice copies the nearest native one, moved by whole pixels within its plane",
        "native_slice": (grid.source + 1).tolist(),
        "native_row_minus_row": grid.shift_ji[:, 0].tolist(),
        "native_column_minus_column": grid.shift_ji[:, 1].tolist(),
    }


def _about_stored(geometry: Geometry, stored: StoredGrid) -> dict[str, Any]:
    """That the label maps lie on the input's grid, and what of its header the report's positions go by."""
    sheared = geometry.tilt_deg > _SHEARED_DEG
    off_mm = affine_off_mm(geometry, stored)
    said = {
        "grid": "that of the input file: same shape, axes, sform and qform",
        "positions_by": stored.frame,
        "slices": geometry.shape[0],
        "native_slices": geometry.shape[0],
        "sheared": sheared,
        "affine_off_mm": round(off_mm, 2),
    }
    if off_mm > EVEN_ENOUGH_MM:
        said["note"] = (
            f"The positions in this report go by the scan's own grid ({stored.frame}), up to {off_mm:.0f} mm from "
            "where software that takes the file's sform shows the input, and these maps on it."
        )
    elif sheared:
        said["note"] = (
            "The sform is sheared. Software that goes by the qform instead (ITK, 3D Slicer) shows these maps, like the "
            "input, without the shear: not where the positions in this report are."
        )
    return said
