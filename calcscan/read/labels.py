"""A label map of the user's own → `OwnLabels`: voxel for voxel on the scan's grid, unless it is to be resampled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from calcscan.errors import GeometryError, InputError
from calcscan.grid.geometry import Array, Geometry, apply
from calcscan.knowledge.reading import ReadingSettings
from calcscan.knowledge.settings import load
from calcscan.model import OwnLabels, Scan
from calcscan.read.arrays import where_of
from calcscan.read.images import DOUBTFUL_SIDES, GivenImage, given_image

_ROUNDING, _COARSE = 1e-6, 0.1
"""Scaled numbers miss whole ones by their rounding; stored more than this apart, they are none."""


def read_labels(
    source: Any,
    scan: Scan,
    *,
    name: str = "labels",
    resample: bool = False,
    settings: ReadingSettings | None = None,
) -> OwnLabels:
    """Whole numbers on the grid of a scan, 0 none.

    Parameters
    ----------
    source
        An array (k, j, i) like `scan.hu`; or a SimpleITK or nibabel image, or the file of one (NIfTI, NRRD, MetaImage),
        whose axes may be in any order and direction.
    name
        What an error calls it.
    resample
        Take an image on another grid by nearest neighbour; else it is refused.

    Raises
    ------
    ValueError, TypeError
        An array of another shape, or of values that are no labels: fractions, NaN, negative numbers.
    GeometryError
        An image on another grid: both grids are named. One of which left and right are not known, or that lies beside
        the scan.
    InputError
        A file that can't be read, or holds no labels.
    """
    settings = settings or load(ReadingSettings)
    if isinstance(source, np.ndarray | list | tuple):
        values = whole_numbers(np.asarray(source), name)
        if values.shape != scan.hu.shape:
            raise ValueError(f"{name} must have the shape of scan.hu, {scan.hu.shape}, not {values.shape}")
        return OwnLabels(values=values)
    given = given_image(source, name, settings)
    try:
        values = whole_numbers(given.values, name, step=given.step)
    except (ValueError, TypeError) as error:
        if not isinstance(source, str) and not hasattr(source, "is_file"):
            raise
        raise InputError(
            str(error), where=where_of(source), hint="give a label map: whole numbers, 0 for none"
        ) from error
    if given.sides_unknown and not any(flag.code in DOUBTFUL_SIDES for flag in scan.flags):
        raise GeometryError(
            f"{name}: {given.sides_unknown[:1].lower()}{given.sides_unknown[1:].rstrip('.')}",
            where=where_of(source),
            hint="save it with the header of the scan that it was drawn on, or give it as an array like scan.hu",
        )
    for number, grid in enumerate([scan.geometry, *_without_shear(scan, settings)]):
        own = reordered(values, given.affine, grid, settings.same_grid_voxels)
        if own is not None:
            return OwnLabels(values=own, names=given.names, sha256=given.sha256, without_shear=number > 0)
    grids = f"{grid_in_words(values.shape, given.affine)}; the scan is {_grid_of(scan)}"
    if not resample:
        raise GeometryError(
            f"{name}: another grid than the scan's: it is {grids}",
            where=where_of(source),
            hint="bring it onto the scan's grid, or ask for nearest neighbour with --resample (resample=True)",
        )
    own = _nearest(values, given.affine, scan.geometry)
    if values.any() and not own.any():
        raise GeometryError(
            f"{name}: nothing that it marks lies within the scan: it is {grids}",
            where=where_of(source),
            hint="check that it was drawn on this scan",
        )
    how = f"by nearest neighbour from another grid ({grids}){_changed(values, own, given, scan.geometry)}"
    return OwnLabels(values=own, names=given.names, sha256=given.sha256, resampled=how)


def named(labels: OwnLabels, names: Mapping[int, str] | None) -> OwnLabels:
    """The same with names by label, which go before those that a file told.

    Raises
    ------
    TypeError, ValueError
        `names` is no mapping, or its keys are no labels.
    """
    if names is None:
        return labels
    if not isinstance(names, Mapping):
        raise TypeError(f"names must be a mapping from label to name, not {type(names).__name__}")
    for label in names:
        if isinstance(label, bool) or not isinstance(label, int | np.integer) or label < 1:
            raise ValueError(f"names must have labels, whole numbers from 1 on, as keys, not {label!r}")
    return replace(labels, names={**labels.names, **{int(label): str(name) for label, name in names.items()}})


def whole_numbers(values: npt.NDArray[Any], name: str, *, step: float = 0.0) -> npt.NDArray[np.int32]:
    """The values as int32; `ValueError` or `TypeError` with the reason why they are no labels. What was stored as
    scaled numbers, `step` apart, is whole where it can't be stored any nearer."""
    if values.ndim != 3:
        raise ValueError(f"{name} must have shape (k, j, i), not {values.shape}")
    if values.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold whole numbers, not {values.dtype}")
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            raise ValueError(f"{name} holds {int((~np.isfinite(values)).sum())} values that are NaN or infinite")
        whole = np.rint(values)
        fractions = np.abs(values - whole) > (max(step / 2, _ROUNDING) if step < _COARSE else 0.0)
        if fractions.any():
            one = float(values[fractions][0])
            raise ValueError(f"{name} must hold whole numbers, not {one:.9g}: is it a map of probabilities?")
        values = whole
    least, most = values.min(initial=0), values.max(initial=0)
    if least < 0 or most > np.iinfo(np.int32).max:
        raise ValueError(f"{name} must hold numbers from 0 on, not {least if least < 0 else most:g}")
    out = np.ascontiguousarray(values).astype(np.int32)
    out.flags.writeable = False
    return out


def reordered(
    values: npt.NDArray[np.int32], affine: Array, grid: Geometry, tolerance: float
) -> npt.NDArray[np.int32] | None:
    """The same voxels in the order of the scan's; None where the voxels are not the same."""
    sizes = np.array(values.shape[::-1])
    steps = apply(affine, np.vstack([np.zeros(3), np.eye(3) * np.maximum(sizes - 1, 1)]))
    index = grid.to_index(steps)  # of the first voxel, and of the last along each axis
    ways = index[1:] - index[0]
    runs = np.abs(ways).argmax(axis=1)  # along which of the scan's axes each of i, j and k runs
    if sorted(runs.tolist()) != [0, 1, 2] or not np.array_equal(np.array(grid.shape)[runs], sizes):
        return None
    signs = np.sign(ways[np.arange(3), runs])
    first = np.zeros(3)
    first[runs] = np.where(signs < 0, sizes - 1, 0)
    for axis in range(3):  # every voxel along each edge: slices may be unevenly spaced
        along = np.zeros((sizes[axis], 3))
        along[:, axis] = np.arange(sizes[axis])
        for corner in product(*((0, size - 1) for size in np.delete(sizes, axis))):
            places = along.copy()
            places[:, [n for n in range(3) if n != axis]] = corner
            expected = np.tile(first, (len(places), 1))
            expected[:, runs] += places * signs
            if np.abs(grid.to_index(apply(affine, places)) - expected).max() > tolerance:
                return None
    kji_of = {int(run): 2 - axis for axis, run in enumerate(runs)}  # the image's array axis for each of the scan's
    out = values.transpose([kji_of[n] for n in range(3)])
    out = out[tuple(slice(None, None, -1) if first[n] > 0 else slice(None) for n in range(3))]
    return np.ascontiguousarray(out)


def _without_shear(scan: Scan, settings: ReadingSettings) -> list[Geometry]:
    """The grids on which software shows a sheared, evenly spaced scan without its shear: ITK takes a NIfTI's qform, and
    stacks the slices of a DICOM series along their normal, as far apart as their positions or as those along it."""
    grid = scan.geometry
    if grid.tilt_deg <= settings.plain_shear_deg or grid.irregularity_mm() > settings.same_position_mm:
        return []
    matrix = grid.affine()
    if scan.stored is not None:
        upright = scan.stored.upright_affine()
        steps, origin = upright[:3, list(scan.stored.axes)], upright[:3, 3]
        if scan.stored.flipped:
            origin = origin + steps[:, 0] * (grid.shape[0] - 1)
            steps = steps * [-1.0, 1.0, 1.0]
        matrix[:3, :3], matrix[:3, 3] = steps, origin
        return [Geometry.from_affine(matrix, grid.shape)]
    out = []
    for between_mm in (grid.spacing_mm[0], float(np.linalg.norm(matrix[:3, 0]))):
        matrix[:3, 0] = grid.normal * between_mm
        out.append(Geometry.from_affine(matrix, grid.shape))
    return out


def _nearest(values: npt.NDArray[np.int32], affine: Array, grid: Geometry) -> npt.NDArray[np.int32]:
    """The value of the voxel nearest to each of the scan's; 0 beyond the image."""
    out = np.zeros(grid.shape, dtype=np.int32)
    inverse = np.linalg.inv(affine)
    rows, columns = np.mgrid[: grid.rows, : grid.columns]
    size = np.array(values.shape[::-1])
    for k in range(len(out)):
        index = np.stack([np.full_like(rows, k), rows, columns], axis=-1)
        ijk = np.floor(apply(inverse, grid.to_world(index)) + 0.5).astype(np.int64)
        within = ((ijk >= 0) & (ijk < size)).all(axis=-1)
        i, j, n = ijk[within].T
        out[k][within] = values[n, j, i]
    out.flags.writeable = False
    return out


def _changed(values: npt.NDArray[Any], own: npt.NDArray[Any], given: GivenImage, grid: Geometry) -> str:
    """How much there was before and after, and what is gone."""
    before = float(np.count_nonzero(values)) * abs(float(np.linalg.det(given.affine[:3, :3])))
    after = float((own != 0).sum(axis=(1, 2)) @ grid.voxel_mm3)
    gone = sorted(set(np.unique(values).tolist()) - set(np.unique(own).tolist()) - {0})
    lost = f"; nothing is left of label {', '.join(map(str, gone))}" if gone else ""
    return f"; {before:.0f} mm3 before, {after:.0f} mm3 after{lost}"


def _grid_of(scan: Scan) -> str:
    """A scan's grid in words: for one that came as an image, that image's."""
    grid, shape = scan.geometry, np.array(scan.hu.shape)
    if scan.stored is None:
        even = "" if grid.irregularity_mm() < 1.0 else ", unevenly spaced"
        return grid_in_words(grid.shape, grid.affine()[:, [2, 1, 0, 3]]) + even
    in_file = shape[np.argsort(scan.stored.axes)]
    return grid_in_words(tuple(in_file.tolist()), scan.stored.affine(grid)[:, [2, 1, 0, 3]])


def grid_in_words(shape: tuple[int, ...], affine: Array) -> str:
    """A grid in words; `affine` takes (i, j, k, 1) to LPS mm."""
    size = " × ".join(str(n) for n in shape[::-1])
    steps = " × ".join(f"{mm:.4g}" for mm in np.linalg.norm(affine[:3, :3], axis=0))
    corner = ", ".join(f"{mm:.1f}" for mm in affine[:3, 3])
    return f"{size} voxels of {steps} mm, axes {_axes(affine)}, the first at ({corner})"


def _axes(affine: Array) -> str:
    """Where the axes i, j, k lead, such as LPS."""
    ways = affine[:3, :3].T
    letters = (("L", "R"), ("P", "A"), ("S", "I"))
    return "".join(letters[int(np.abs(way).argmax())][int(way[np.abs(way).argmax()] < 0)] for way in ways)
