"""Copies of a scan as pipelines and other programs make them, with nothing in their header.

A copy is named by words joined with `,`, from left to right:

    averaged3                     the mean of three slices, as one
    nearest1.0 linear1.0 spline1.0 sinc1.0      cubes of 1 mm, upright (`sinc` is windowed)
    turned1.0                     the same turned by 12, 7 and 5 degrees, linearly, as onto an atlas
    coronal1.0 sagittal1.0        cubes of 1 mm, linearly, in slices of that direction
    pixels1.0 means1.0            each slice on pixels of 1 mm: read at points, or averaged over
    tilted                        a tilted scan with its shear taken off within the slices, as converters do; an upright
                                  one as if sheared by 15 degrees
    smooth1.0                     smoothed by a Gaussian of 1 mm in three dimensions
    brain                         only what lies inside the skull; −1024 HU elsewhere
    box                           cropped to the inside of the skull
    defaced                       the front below the skull's middle cut off
    circle                        a round field of view whose edge lies in the skin
    padded padded900              air, or all below −900 HU, set to −1024, as masks of tables and air do
    air0                          air set to 0
    clipped200 clipped1000        nothing below −200, −1000 HU
    helmet                        15 mm of foam of −80 HU on all of the skin
    windowed                      only −20 to 300 HU kept, as brain windows do
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy import ndimage
from scipy.spatial.transform import Rotation

from benchmarks.heads.copies import mean_of_slices
from calcscan.grid.geometry import Array, Geometry
from calcscan.intracranial import segment_intracranial
from calcscan.model import Acquisition, Scan

AIR_HU = -1024
TILT_DEG = 15.0
TURN_DEG = (12.0, 7.0, 5.0)
ORDER = {"nearest": 0, "linear": 1, "spline": 3, "turned": 1, "coronal": 1, "sagittal": 1}
SKIN_HU = -300
FOAM_HU, FOAM_MM, FOAM_BLUR_MM = -80, 15.0, 0.5
Pixels = npt.NDArray[np.int16]


def resampled_copy(scan: Scan, name: str) -> Scan:
    """The copy that a name describes.

    Raises
    ------
    ValueError
        There is no such copy.
    """
    for word in name.split(","):
        scan = _changed(scan, word)
    return scan


def _changed(scan: Scan, word: str) -> Scan:
    match = re.fullmatch(r"([a-z]+?)(\d+(?:\.\d+)?)?", word)
    kind, number = (match[1], float(match[2] or 0)) if match else (word, 0.0)
    if kind == "averaged":
        hu, geometry = mean_of_slices(scan, int(number))
        return _plain(scan, hu, geometry)
    if kind in ORDER:
        return on_cubes(scan, number, kind)
    if kind == "sinc":
        return _by_sinc(scan, number)
    if kind in ("pixels", "means"):
        return _on_pixels(scan, number, averaged=kind == "means")
    if kind == "tilted":
        return straightened(scan)
    if kind == "smooth":
        sigma = number / np.array(scan.geometry.spacing_mm)
        return _plain(scan, ndimage.gaussian_filter(scan.hu.astype(np.float32), sigma), scan.geometry)
    return _spoiled(scan, kind, int(number))


def _plain(scan: Scan, hu: npt.NDArray[np.generic], geometry: Geometry) -> Scan:
    """Of a NIfTI without a header's facts."""
    hu = np.rint(hu).clip(AIR_HU, 3071).astype(np.int16)
    return Scan(hu=hu, geometry=geometry, acquisition=Acquisition(), study=scan.study)


def on_cubes(scan: Scan, mm: float, kind: str) -> Scan:
    """The scan on cubes of `mm`, from the first to the last slice, wherever its slices lie."""
    grid = scan.geometry
    along_i = grid.step_i_mm / np.linalg.norm(grid.step_i_mm)
    axes = np.stack([grid.normal, np.cross(grid.normal, along_i), along_i])
    if kind == "turned":
        axes = axes @ Rotation.from_euler("xyz", TURN_DEG, degrees=True).as_matrix()
    elif kind == "coronal":
        axes = np.stack([-axes[1], axes[0], axes[2]])
    elif kind == "sagittal":
        axes = np.stack([axes[2], axes[0], axes[1]])
    last = np.array(grid.shape) - 1
    corners = grid.to_world(np.indices((2, 2, 2)).reshape(3, -1).T * last) @ axes.T
    low = corners.min(axis=0)
    if kind in ("nearest", "linear", "spline"):
        low[0] = grid.origins_mm[0] @ axes[0]
    shape = tuple(int(n) for n in (corners.max(axis=0) - low) / mm + 1 + 1e-6)
    order = ORDER[kind]
    source = scan.hu.astype(np.float32)
    if order > 1:
        source = ndimage.spline_filter(source, order=order, output=np.float32)
    j, i = np.meshgrid(*(mm * np.arange(n) for n in shape[1:]), indexing="ij")
    hu = np.empty(shape, np.int16)
    for k in range(shape[0]):
        points = np.stack([np.full_like(j, low[0] + mm * k), low[1] + j, low[2] + i], axis=-1) @ axes
        at = np.moveaxis(grid.to_index(points), -1, 0)
        values = ndimage.map_coordinates(source, at, order=order, mode="constant", cval=AIR_HU, prefilter=False)
        hu[k] = np.rint(values).clip(AIR_HU, 3071)
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = mm * axes.T, low @ axes
    return _plain(scan, hu, Geometry.from_affine(affine, hu.shape))


def _by_sinc(scan: Scan, mm: float) -> Scan:
    """Cubes by a windowed sinc, of evenly spaced slices."""
    grid = scan.geometry
    image = sitk.GetImageFromArray(scan.hu.astype(np.float32))
    image.SetSpacing(grid.spacing_mm[::-1])
    size = [int((n - 1) * one / mm + 1 + 1e-6) for n, one in zip(image.GetSize(), grid.spacing_mm[::-1], strict=True)]
    made = sitk.Resample(
        image, size, sitk.Transform(), sitk.sitkLanczosWindowedSinc, image.GetOrigin(), [mm] * 3, image.GetDirection(),
        float(AIR_HU),
    )  # fmt: skip
    steps = np.array(grid.spacing_mm)
    affine = grid.affine()
    affine[:3, :3] = affine[:3, :3] / steps * mm
    hu = sitk.GetArrayFromImage(made)
    return _plain(scan, hu, Geometry.from_affine(affine, hu.shape))


def _on_pixels(scan: Scan, mm: float, *, averaged: bool) -> Scan:
    """Each slice on pixels of `mm`; what the header tells of the slices stays."""
    grid = scan.geometry
    _, row_mm, column_mm = grid.spacing_mm
    rows, columns = int((grid.rows - 1) * row_mm / mm), int((grid.columns - 1) * column_mm / mm)
    source = scan.hu.astype(np.float32)
    if averaged:
        source = ndimage.gaussian_filter(source, (0.0, *(mm / np.sqrt(12.0) / np.array([row_mm, column_mm]))))
    at = np.stack(np.meshgrid(np.arange(rows) * mm / row_mm, np.arange(columns) * mm / column_mm, indexing="ij"))
    hu = np.stack([ndimage.map_coordinates(part, at, order=1) for part in source])
    geometry = Geometry(
        origins_mm=grid.origins_mm,
        step_i_mm=grid.step_i_mm / column_mm * mm,
        step_j_mm=grid.step_j_mm / row_mm * mm,
        slab_mm=grid.slab_mm,
        rows=rows,
        columns=columns,
    )
    return replace(scan, hu=np.rint(hu).astype(np.int16), geometry=geometry, stored=None, blur=None)


def straightened(scan: Scan) -> Scan:
    """Each slice moved within its plane onto the normal of the first, by linear interpolation."""
    grid = scan.geometry
    plane = np.linalg.pinv(np.column_stack([grid.step_j_mm, grid.step_i_mm]))
    away_mm = grid.positions_mm - grid.positions_mm[0]
    upright = grid.origins_mm[0] + away_mm[:, None] * grid.normal
    push = (upright - grid.origins_mm) @ plane.T
    if grid.tilt_deg < 1.0:
        push[:, 0] = np.tan(np.radians(TILT_DEG)) * away_mm / grid.spacing_mm[1] % 1.0
        upright = upright + push[:, :1] * grid.step_j_mm
    hu = np.stack(
        [
            ndimage.shift(part.astype(np.float32), -by, order=1, mode="constant", cval=AIR_HU)
            for part, by in zip(scan.hu, push, strict=True)
        ]
    )
    moved = Geometry(
        origins_mm=upright,
        step_i_mm=grid.step_i_mm,
        step_j_mm=grid.step_j_mm,
        slab_mm=grid.slab_mm,
        rows=grid.rows,
        columns=grid.columns,
    )
    return _plain(scan, hu, moved)


def _spoiled(scan: Scan, kind: str, number: int) -> Scan:
    """The scan on its own grid with its own header, the edge of skin and air gone or changed."""
    hu, grid = np.array(scan.hu), scan.geometry
    if kind in ("brain", "box", "defaced"):
        inside = segment_intracranial(scan).mask
        if kind == "brain":
            hu[~inside] = AIR_HU
        elif kind == "box":
            k, j, i = (np.flatnonzero(inside.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1)))
            cut = tuple(slice(int(one[0]), int(one[-1]) + 1) for one in (k, j, i))
            return replace(
                scan, hu=hu[cut], geometry=grid.part(cut), stored=None, blur=None, sources=(), slice_kvp_kv=(),
                stated_thickness_mm=scan.stated_thickness_mm[cut[0]],
            )  # fmt: skip
        else:
            rows = np.flatnonzero(inside.any(axis=(0, 2)))
            slices = np.flatnonzero(inside.any(axis=(1, 2)))
            front = hu[: (slices[0] + slices[-1]) // 2, : rows[0] + (rows[-1] - rows[0]) // 8]
            front[:] = AIR_HU
    elif kind == "circle":
        _round(hu, grid)
    elif kind in ("padded", "air"):
        hu[hu < (-number or SKIN_HU)] = AIR_HU if kind == "padded" else 0
    elif kind == "clipped":
        np.maximum(hu, -number, out=hu)
    elif kind == "helmet":
        _helmet(hu, grid)
    elif kind == "windowed":
        np.clip(hu, -20, 300, out=hu)
    else:
        raise ValueError(f"there is no copy {kind!r}")
    return replace(scan, hu=hu)


def _head(part: Pixels) -> npt.NDArray[np.bool_]:
    """The head in a slice, filled."""
    labels, _ = ndimage.label(part > SKIN_HU)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(ndimage.binary_fill_holes(labels == sizes.argmax())) if sizes.any() else labels > 0


def _round(hu: Pixels, grid: Geometry) -> None:
    """A round field whose edge lies a few mm inside the skin's outermost points."""
    head = _head(hu.max(axis=0))
    rows, columns = (np.flatnonzero(head.any(axis=axis)) for axis in (1, 0))
    j, i = np.indices(head.shape)
    middle = (rows[0] + rows[-1]) / 2, (columns[0] + columns[-1]) / 2
    away_mm = np.hypot((j - middle[0]) * grid.spacing_mm[1], (i - middle[1]) * grid.spacing_mm[2])
    radius_mm = min(len(rows) * grid.spacing_mm[1], len(columns) * grid.spacing_mm[2]) / 2 + 4.0
    hu[:, away_mm > radius_mm] = AIR_HU


def _helmet(hu: Pixels, grid: Geometry) -> None:
    """Foam on the skin everywhere, as blurred as a scanner would show it."""
    spacing_mm: Array = np.array(grid.spacing_mm)
    for part in hu:
        head = _head(part)
        if not head.any():
            continue
        away_mm = ndimage.distance_transform_edt(~head, sampling=spacing_mm[1:])
        foam = ndimage.gaussian_filter((away_mm < FOAM_MM).astype(np.float32), FOAM_BLUR_MM / spacing_mm[1:])
        part[:] = np.where(head, part, np.maximum(part, AIR_HU + foam * (FOAM_HU - AIR_HU)))
