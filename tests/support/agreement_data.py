"""Readings made for the tests of `calcscan agree`: tables, label maps, and folders as `run` and `batch` write them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

from calcscan.knowledge.sites import all_sites

SHAPE = (24, 30, 28)
"""(k, j, i)"""
AFFINE = np.array([[-0.5, 0, 0, 10.0], [0, 0.5, 0, -7.0], [0, 0, 2.0, 3.0], [0, 0, 0, 1]])
"""From (i, j, k, 1) to RAS mm; a voxel is 0.5 mm³."""
VOXEL_MM3 = 0.5
NUMBER = {
    (site.site, side): number
    for site in all_sites().values()
    for side, number in zip(site.sides, site.labels, strict=True)
}
Box = tuple[slice, slice, slice]


def table(path: Path, rows: Iterable[Sequence[Any]], columns: str = "study,site,side,volume_mm3") -> Path:
    """A CSV of volumes."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns.split(","))
        writer.writerows(rows)
    return path


def box(k: int, j: int, i: int, size: int = 2) -> Box:
    """A cube of voxels that begins at (k, j, i)."""
    return (slice(k, k + size), slice(j, j + size), slice(i, i + size))


def labels(boxes: Mapping[int, Sequence[Box]] | Sequence[tuple[int, Box]] = ()) -> npt.NDArray[np.uint8]:
    """A label map (k, j, i) with these boxes, by label."""
    out = np.zeros(SHAPE, np.uint8)
    pairs = [(n, b) for n, some in boxes.items() for b in some] if isinstance(boxes, Mapping) else boxes
    for number, where in pairs:
        out[where] = number
    return out


def nifti(path: Path, values: npt.NDArray[Any], affine: npt.NDArray[Any] = AFFINE) -> Path:
    """A NIfTI of labels (k, j, i)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(values.transpose(2, 1, 0), affine), path)
    return path


def run_folder(
    path: Path,
    values: npt.NDArray[np.uint8],
    *,
    unknown: Iterable[tuple[str, str]] = (),
    series: str | None = None,
    **more: Any,
) -> Path:
    """A folder with what of a run's report is compared: the sites' volumes and their map."""
    nifti(path / "sites.nii.gz", values)
    hidden = set(unknown)
    sites = []
    for place, number in NUMBER.items():
        volume = None if place in hidden else float((values == number).sum()) * VOXEL_MM3
        grade = None if volume is None else "none_detected" if volume == 0 else "mild"
        sites.append(
            {
                "site": place[0],
                "side": place[1],
                "volume_mm3": volume,
                "volume_130_mm3": volume and 2 * volume,
                "grade": grade,
            }
        )
    study = {"study": None, "participant": None, "session": None, "run": None, "series_uid_sha256": series}
    report = {"schema": "calcscan-report/1", "study": study, "sites": sites, **more}
    (path / "report.json").write_text(json.dumps(report), encoding="utf-8")
    return path
