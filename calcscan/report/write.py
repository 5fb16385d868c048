"""Result → the files of OUT (contract section 3)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from calcscan.geometry import Geometry
from calcscan.model import LesionMap, Result
from calcscan.report.document import document
from calcscan.report.folder import REPORT, put_files
from calcscan.report.labelmaps import EvenGrid, even_grid, lesion_labels, nifti_bytes, on_grid, site_map
from calcscan.report.mosaic import mosaic_png
from calcscan.report.tables import lesions_csv, sites_csv


def write_report(result: Result, out: Path, *, keep_ids: bool = False) -> None:
    """Write report.json, lesions.csv, sites.csv, mosaic.png, lesions.nii.gz and sites.nii.gz to the folder `out`.

    All of them or none. A report that is there already is replaced; files that are not calcscan's are left alone.
    Without lesions to speak of (no head was found) there are no label maps: an empty one would say that there is no
    calcification. Identifiers are written only with `keep_ids`.

    Raises
    ------
    OutputError
        The folder can't be written to, or holds somebody else's files by the same names.
    """
    put_files(Path(out), report_files(result, keep_ids=keep_ids))


def report_files(result: Result, *, keep_ids: bool = False) -> dict[str, bytes]:
    """Every file of the report, by name."""
    maps, about = label_maps(result.lesions)
    written = {"lesions.csv": {}, "sites.csv": {}, "mosaic.png": {}} | about
    content = document(result, keep_ids=keep_ids, written=written)
    return {
        "lesions.csv": lesions_csv(content).encode(),
        "sites.csv": sites_csv(content).encode(),
        "mosaic.png": mosaic_png(result),
        **maps,
        REPORT: (json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode(),
    }


def label_maps(lesions: LesionMap | None) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The NIfTI files, by name, and what report.json says of them; nothing where there are no lesions to speak of."""
    if lesions is None:
        return {}, {}
    grid = even_grid(lesions.geometry)
    labels = {"lesions.nii.gz": lesion_labels(lesions), "sites.nii.gz": site_map(lesions)}
    about = _about(lesions.geometry, grid)
    maps = {
        name: nifti_bytes(on_grid(values, grid), grid.affine, f"calcscan {name}") for name, values in labels.items()
    }
    return maps, dict.fromkeys(maps, about)


def _about(geometry: Geometry, grid: EvenGrid) -> dict[str, Any]:
    """How the label maps' grid comes from the scan's."""
    return {
        "grid": "native" if grid.native else "even: each slice copies the nearest native one",
        "slices": len(grid.source),
        "native_slices": geometry.shape[0],
        "sheared": geometry.tilt_deg > 0.01,
    }
