"""Label maps as NIfTI, in the position of the scan.

A scan that came as NIfTI gets label maps on that file's own grid: same shape, same order and direction of axes, same
sform and qform. Any other gets the scan's own grid where NIfTI and ITK can hold it: evenly spaced slices, stacked along
their normal. Slices that are unevenly spaced, or displaced from one to the next (gantry tilt), are copied onto such a
grid unchanged, shifted within their plane by whole pixels: ITK refuses a sheared matrix, and every position is kept to
within half a pixel and half the finest spacing.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import nibabel as nib
import numpy as np
import numpy.typing as npt

from calcscan.grid.geometry import Array, Geometry, apply
from calcscan.grid.masks import filled_box
from calcscan.model import NIFTI_UNIT_MM, LocatedLesionMap, StoredGrid
from calcscan.report.gzipped import gzipped
from calcscan.report.sitelabels import label_of

EVEN_ENOUGH_MM = 0.1
"""A stack that departs less than this from even spacing, and from its normal, is written as it is."""
_MOST_SLICES = 2000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EvenGrid:
    """An evenly spaced, square grid of `rows` and `columns`. Its slice k copies the native slice `source[k]`: pixel
    (j, i) is the native pixel (j, i) + `shift_ji[k]`.

    `affine` takes (k, j, i, 1) to LPS mm.
    """

    affine: Array
    source: npt.NDArray[np.intp]
    shift_ji: npt.NDArray[np.intp]
    rows: int
    columns: int
    native: bool


def even_grid(geometry: Geometry) -> EvenGrid:
    """The scan's own grid where it is even and square, else one at its finest spacing that keeps every voxel's
    position; it is larger by as much as the slices are shifted.

    >>> even_grid(Geometry.regular(shape=(3, 4, 5), spacing_mm=(5.0, 0.5, 0.5))).source
    array([0, 1, 2])
    """
    slices, rows, columns = geometry.shape
    between, count = _even_steps(geometry)
    upright = geometry.origins_mm[0] + np.arange(count)[:, None] * between * geometry.normal
    if count == slices and float(np.linalg.norm(geometry.origins_mm - upright, axis=1).max()) <= EVEN_ENOUGH_MM:
        return EvenGrid(
            affine=_square(geometry, geometry.origins_mm[0], between),
            source=np.arange(slices),
            shift_ji=np.zeros((slices, 2), dtype=np.intp),
            rows=rows,
            columns=columns,
            native=True,
        )
    nearest = geometry.to_index(upright)
    source = np.clip(np.rint(nearest[:, 0]), 0, slices - 1).astype(np.intp)
    shift = np.rint(nearest[:, 1:]).astype(np.intp)
    first, last = (-shift).min(axis=0), (np.array([rows, columns]) - shift).max(axis=0)
    corner = geometry.origins_mm[0] + first[0] * geometry.step_j_mm + first[1] * geometry.step_i_mm
    return EvenGrid(
        affine=_square(geometry, corner, between),
        source=source,
        shift_ji=shift + first,
        rows=int(last[0] - first[0]),
        columns=int(last[1] - first[1]),
        native=False,
    )


def _even_steps(geometry: Geometry) -> tuple[float, int]:
    """Spacing and number of slices: those of the scan where it is even, else its finest spacing, but never so fine
    that two slices at nearly the same position make a file of many gigabytes."""
    at = geometry.positions_mm
    if len(at) < 2:
        return float(geometry.slab_mm[0]), 1
    extent = float(at[-1] - at[0])
    if np.abs(np.linspace(at[0], at[-1], len(at)) - at).max() <= EVEN_ENOUGH_MM:
        return extent / (len(at) - 1), len(at)
    finest = max(float(np.diff(at).min()), EVEN_ENOUGH_MM, extent / _MOST_SLICES)
    return finest, int(np.ceil(extent / finest - 0.5)) + 1


def _square(geometry: Geometry, corner: Array, between_mm: float) -> Array:
    """The matrix of slices stacked along their normal; rounding errors of the direction cosines are shared out."""
    down, right = np.linalg.norm(geometry.step_j_mm), np.linalg.norm(geometry.step_i_mm)
    axes = np.stack([geometry.normal, geometry.step_j_mm / down, geometry.step_i_mm / right], axis=1)
    left, _, other = np.linalg.svd(axes)
    affine = np.eye(4)
    affine[:3, :3] = (left @ other) * [between_mm, down, right]
    affine[:3, 3] = corner
    return affine


def on_grid(labels: npt.NDArray[Any], grid: EvenGrid) -> npt.NDArray[Any]:
    """Labels (k, j, i) of the scan, copied slice by slice onto the even grid; 0 where the scan has nothing."""
    if grid.native:
        return labels
    rows, columns = labels.shape[1:]
    out = np.zeros((len(grid.source), grid.rows, grid.columns), dtype=labels.dtype)
    for k, (source, (down, right)) in enumerate(zip(grid.source, grid.shift_ji, strict=True)):
        j0, j1 = max(0, -down), min(grid.rows, rows - down)
        i0, i1 = max(0, -right), min(grid.columns, columns - right)
        if j0 < j1 and i0 < i1:
            out[k, j0:j1, i0:i1] = labels[source, j0 + down : j1 + down, i0 + right : i1 + right]
    return out


def nifti_bytes(
    labels: npt.NDArray[Any], affine_lps: Array, description: str, *, intent: Literal["none", "label"] = "none"
) -> bytes:
    """A gzipped NIfTI of labels (k, j, i), with `affine_lps` from (k, j, i, 1) to LPS mm. Same input, same bytes."""
    to_ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine_lps[:, [2, 1, 0, 3]]
    image = nib.Nifti1Image(labels.transpose(2, 1, 0), to_ras)
    image.set_sform(to_ras, code=1)
    image.set_qform(to_ras, code=1)
    image.header.set_xyzt_units("mm")
    image.header.set_intent(intent)
    return _packed(image, description)


def stored_bytes(labels: npt.NDArray[Any], stored: StoredGrid, description: str) -> bytes:
    """A gzipped NIfTI of labels (k, j, i) on the grid of the NIfTI that the scan was read from."""
    header = nib.Nifti1Header.from_fileobj(io.BytesIO(stored.header))
    in_file = stored.in_order(labels).transpose(2, 1, 0)
    header.set_data_dtype(labels.dtype)
    header.set_intent("label")
    return _packed(nib.Nifti1Image(in_file.reshape(header.get_data_shape()), None, header), description)


def affine_off_mm(geometry: Geometry, stored: StoredGrid) -> float:
    """The largest distance, mm, of a corner of the volume by the matrix that nibabel takes from the file from where it
    lies in the scan.

    Not 0 where that matrix is not of the scanner's own space, such as an affine to a template.
    """
    header = nib.Nifti1Header.from_fileobj(io.BytesIO(stored.header))
    last = np.array(geometry.shape) - 1
    corners = np.array(list(product((0, 1), repeat=3))) * last
    in_file = corners.copy()
    if stored.flipped:
        in_file[:, 0] = last[0] - in_file[:, 0]
    in_file = in_file[:, np.argsort(stored.axes)][:, ::-1]
    in_mm = NIFTI_UNIT_MM.get(int(header["xyzt_units"]) & 7, 1.0)
    by_file = apply(header.get_best_affine(), in_file) * in_mm * [-1.0, -1.0, 1.0]
    return float(np.linalg.norm(by_file - geometry.to_world(corners), axis=1).max())


def _packed(image: nib.Nifti1Image, description: str) -> bytes:
    """The image as nibabel's `to_bytes` writes it, gzipped: the header, then the values, the first axis fastest."""
    image.header["descrip"] = description.encode("ascii", "replace")[:79]
    image.update_header()
    header = image.header
    if np.isnan(header["scl_slope"]) and np.isnan(header["scl_inter"]):
        header.set_slope_inter(1, 0)
    file = io.BytesIO()
    header.write_to(file)
    head = file.getvalue().ljust(header.get_data_offset(), b"\0")
    return gzipped(head, np.asarray(image.dataobj).astype(header.get_data_dtype(), copy=False).T)


def lesion_labels(lesions: LocatedLesionMap) -> npt.NDArray[Any]:
    """`LocatedLesion.id` at each voxel, in the smallest type that every viewer reads."""
    box = filled_box(lesions.labels)
    held = lesions.labels[box]
    out = np.zeros(lesions.labels.shape, np.uint16 if int(held.max(initial=0)) < 2**16 else np.int32)
    out[box] = held
    return out


def site_map(lesions: LocatedLesionMap) -> npt.NDArray[np.uint8]:
    """The site label (`calcscan.report.sitelabels`) of the lesion at each voxel."""
    box = filled_box(lesions.labels)
    held = lesions.labels[box]
    highest = max((lesion.id for lesion in lesions.lesions), default=0)
    table = np.zeros(max(highest, int(held.max(initial=0))) + 1, dtype=np.uint8)
    for lesion in lesions.lesions:
        table[lesion.id] = label_of(lesion).label
    out = np.zeros(lesions.labels.shape, dtype=np.uint8)
    out[box] = table[held]
    return out
