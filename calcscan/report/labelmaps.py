"""Label maps as NIfTI, in the scan's own place.

NIfTI holds one affine matrix, so a stack of unevenly spaced slices is put onto an even grid at its finest spacing, each
new slice a copy of the nearest native one. A tilted stack is a sheared matrix: it goes into the sform, which can hold
one, and the qform, which can't, is left out.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

from calcscan.geometry import Array, Geometry
from calcscan.model import LesionMap
from calcscan.report.sitelabels import label_of

EVEN_ENOUGH_MM = 0.1
"""A stack that strays less than this from even spacing is written as it is."""
_UPRIGHT = 1e-4
"""Largest cosine between two axes that a qform still holds without a visible change."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EvenGrid:
    """An evenly spaced stack, and for each of its slices the native slice and the shift (rows, columns) to copy from.

    `affine` takes (k, j, i, 1) to LPS mm.
    """

    affine: Array
    source: npt.NDArray[np.intp]
    shift_ji: npt.NDArray[np.intp]
    native: bool


def even_grid(geometry: Geometry) -> EvenGrid:
    """The scan's own grid where it is even, else the one at its finest spacing that keeps every voxel's place.

    >>> even_grid(Geometry.regular(shape=(3, 4, 5), spacing_mm=(5.0, 0.5, 0.5))).source
    array([0, 1, 2])
    """
    slices = geometry.shape[0]
    if geometry.irregularity_mm() <= EVEN_ENOUGH_MM:
        still = np.zeros((slices, 2), dtype=np.intp)
        return EvenGrid(affine=geometry.affine(), source=np.arange(slices), shift_ji=still, native=True)
    at = geometry.positions_mm
    finest = float(np.diff(at).min())
    count = int(np.ceil((at[-1] - at[0]) / finest - 0.5)) + 1
    affine = geometry.affine()
    affine[:3, 0] *= finest * (slices - 1) / (at[-1] - at[0])
    first_voxels = affine[:3, 3] + np.arange(count)[:, None] * affine[:3, 0]
    nearest = geometry.to_index(first_voxels)
    return EvenGrid(
        affine=affine,
        source=np.clip(np.rint(nearest[:, 0]), 0, slices - 1).astype(np.intp),
        shift_ji=np.rint(nearest[:, 1:]).astype(np.intp),
        native=False,
    )


def on_grid(labels: npt.NDArray[Any], grid: EvenGrid) -> npt.NDArray[Any]:
    """Labels (k, j, i) of the scan, copied slice by slice onto the even grid; 0 where the scan has nothing."""
    if grid.native:
        return labels
    rows, columns = labels.shape[1:]
    out = np.zeros((len(grid.source), rows, columns), dtype=labels.dtype)
    for k, (source, (down, right)) in enumerate(zip(grid.source, grid.shift_ji, strict=True)):
        j0, j1 = max(0, -down), min(rows, rows - down)
        i0, i1 = max(0, -right), min(columns, columns - right)
        if j0 < j1 and i0 < i1:
            out[k, j0:j1, i0:i1] = labels[source, j0 + down : j1 + down, i0 + right : i1 + right]
    return out


def nifti_bytes(labels: npt.NDArray[Any], affine_lps: Array, description: str) -> bytes:
    """A gzipped NIfTI of labels (k, j, i), with `affine_lps` from (k, j, i, 1) to LPS mm. Same input, same bytes."""
    to_ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine_lps[:, [2, 1, 0, 3]]
    image = nib.Nifti1Image(labels.transpose(2, 1, 0), to_ras)
    image.set_sform(to_ras, code=1)
    image.set_qform(to_ras if _is_upright(to_ras) else None, code=1 if _is_upright(to_ras) else 0)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = description.encode("ascii", "replace")[:79]
    return gzip.compress(image.to_bytes(), compresslevel=1, mtime=0)


def lesion_labels(lesions: LesionMap) -> npt.NDArray[Any]:
    """`Lesion.id` at each voxel, in the smallest type that every viewer reads."""
    return lesions.labels.astype(np.uint16 if int(lesions.labels.max(initial=0)) < 2**16 else np.int32)


def site_map(lesions: LesionMap) -> npt.NDArray[np.uint8]:
    """The site label (`calcscan.report.sitelabels`) of the lesion at each voxel."""
    highest = max((lesion.id for lesion in lesions.lesions), default=0)
    table = np.zeros(max(highest, int(lesions.labels.max(initial=0))) + 1, dtype=np.uint8)
    for lesion in lesions.lesions:
        table[lesion.id] = label_of(lesion).label
    return np.asarray(table[lesions.labels])


def _is_upright(affine: Array) -> bool:
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return bool(np.abs(axes.T @ axes - np.eye(3)).max() < _UPRIGHT)
