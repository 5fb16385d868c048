"""The axial slices that the mosaic shows, sampled from the scan by world coordinates, never by the order of an array.

A stack that is axial or nearly so (tilted gantry) is shown slice by slice, in its own planes. Any other (a coronal or
sagittal series) is reformatted axially. In both, right on the picture is the person's left (+x) and down is the back
(+y): the radiological view.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calcscan._kernels.oblique import add_plane
from calcscan.grid.geometry import Array, Geometry
from calcscan.grid.masks import filled_box, places
from calcscan.knowledge.mosaic import MosaicSettings
from calcscan.model import AIR_HU, LocatedLesionMap, Result, Scan
from calcscan.values import freeze


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Planes:
    """The planes that can be shown. `right`, `down`, `up`: unit vectors in LPS; `levels_mm`: along `up`, ascending."""

    right: Array
    down: Array
    up: Array
    levels_mm: Array
    slices: tuple[int, ...] | None
    """The scan's slice (k) at each level; None where the scan is reformatted."""

    def project(self, xyz_mm: Array) -> Array:
        """LPS mm (…, 3) to (right, down, up) mm (…, 3)."""
        return np.asarray(xyz_mm @ np.column_stack([self.right, self.down, self.up]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tile:
    """One picture: `hu` and lesion `labels` (rows, columns), `volume_mm3` of the calcification in it."""

    hu: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int32]
    level: int
    caption: str
    volume_mm3: float
    bone: bool = False
    """Whether it is shown in a bone window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """The part of the planes that is shown, in mm along right and down."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top


def view_planes(geometry: Geometry, settings: MosaicSettings) -> Planes:
    """Which planes to show a scan in."""
    normal = geometry.normal
    if abs(normal[2]) < settings.axial_cosine:
        return _reformatted(geometry, settings)
    up = normal if normal[2] > 0 else -normal
    columns = geometry.step_i_mm / np.linalg.norm(geometry.step_i_mm)
    rows = np.cross(normal, columns)
    right = max((columns, -columns, rows, -rows), key=lambda axis: float(axis[0]))
    order = np.argsort(geometry.origins_mm @ up)
    return Planes(
        right=right,
        down=np.cross(up, right),
        up=up,
        levels_mm=(geometry.origins_mm @ up)[order],
        slices=tuple(int(k) for k in order),
    )


def _reformatted(geometry: Geometry, settings: MosaicSettings) -> Planes:
    heights = _corners(geometry)[:, 2]
    count = max(2, int((heights.max() - heights.min()) / settings.slab_mm))
    return Planes(
        right=np.array([1.0, 0.0, 0.0]),
        down=np.array([0.0, 1.0, 0.0]),
        up=np.array([0.0, 0.0, 1.0]),
        levels_mm=np.linspace(heights.min(), heights.max(), count),
        slices=None,
    )


def _corners(geometry: Geometry) -> Array:
    slices, rows, columns = geometry.shape
    ends = np.array(np.meshgrid([0, slices - 1], [0, rows - 1], [0, columns - 1])).reshape(3, -1).T
    return geometry.to_world(ends)


def find_crop(result: Result, planes: Planes, settings: MosaicSettings) -> Crop:
    """The head with a margin: around the intracranial space, else around bone, else everything."""
    scan = result.scan
    kji = places(result.intracranial.mask[:, ::4, ::4]) if result.intracranial else np.empty((0, 3))
    margin_mm = settings.margin_mm
    if len(kji) < 50:
        kji, margin_mm = places(scan.hu[:, ::4, ::4] > settings.bone_hu), settings.bone_margin_mm
    if len(kji) < 50:
        xyz_mm, margin_mm = _corners(scan.geometry), 0.0
    else:
        xyz_mm = scan.geometry.to_world(kji * [1, 4, 4])
    in_plane = planes.project(xyz_mm)[:, :2]
    low, high = (
        np.percentile(in_plane, [0.2, 99.8], axis=0) if margin_mm else (in_plane.min(axis=0), in_plane.max(axis=0))
    )
    low, high = low - margin_mm, high + margin_mm
    for kji in _found(result):  # nothing that is outlined is cut at the edge
        at = planes.project(scan.geometry.to_world(kji))[:, :2]
        low = np.minimum(low, at.min(axis=0) - settings.lesion_margin_mm)
        high = np.maximum(high, at.max(axis=0) + settings.lesion_margin_mm)
    (left, top), (right, bottom) = low, high
    return Crop(left=left, top=top, right=right, bottom=bottom)


def _found(result: Result) -> list[npt.NDArray[np.int64]]:
    """The voxels of each lesion, and of each thing left out."""
    if result.lesions is None:
        return []
    lesions = [result.lesions.voxels_kji(lesion.id) for lesion in result.lesions.lesions]
    return [*lesions, *(item.kji for item in result.lesions.left_out if len(item.kji))]


def volume_by_level(lesions: LocatedLesionMap | None, planes: Planes) -> npt.NDArray[np.float64]:
    """mm³ of each lesion at each level, shape (levels, lesions), in the order of `lesions.lesions`: its volume, in
    proportion to its voxels there."""
    if lesions is None:
        return np.zeros((len(planes.levels_mm), 0))
    table = _by_level([lesions.voxels_kji(lesion.id) for lesion in lesions.lesions], lesions.geometry, planes)
    volume_mm3 = np.array([lesion.volume_mm3 for lesion in lesions.lesions])
    return np.asarray(table / np.maximum(table.sum(axis=0), 1e-9) * volume_mm3)


def left_out_by_level(lesions: LocatedLesionMap | None, planes: Planes) -> npt.NDArray[np.float64]:
    """The same of what was left out, shape (levels, left out): mm³ of its voxels."""
    if lesions is None:
        return np.zeros((len(planes.levels_mm), 0))
    return _by_level([item.kji for item in lesions.left_out], lesions.geometry, planes)


def _by_level(pieces: Sequence[npt.NDArray[np.int64]], geometry: Geometry, planes: Planes) -> npt.NDArray[np.float64]:
    """mm³ at each level of pieces of voxels (n, 3), shape (levels, pieces)."""
    boundaries_mm = (planes.levels_mm[1:] + planes.levels_mm[:-1]) / 2
    table = np.zeros((len(planes.levels_mm), len(pieces)))
    for column, kji in enumerate(pieces):
        height_mm = planes.project(geometry.to_world(kji))[:, 2]
        np.add.at(table[:, column], np.searchsorted(boundaries_mm, height_mm), geometry.voxel_mm3[kji[:, 0]])
    return table


def choose_levels(
    table: npt.NDArray[np.float64],
    planes: Planes,
    head_mm: tuple[float, float],
    limit: int,
    settings: MosaicSettings,
) -> list[int]:
    """Up to `limit` levels, from feet to head: first those with most calcification not yet shown, then, if these are
    few, levels spaced evenly through the head, between the heights `head_mm`."""
    chosen: list[int] = []
    remaining = table.copy()
    while len(chosen) < limit and remaining.size:
        gain = remaining.sum(axis=1) + 0.02 * table.sum(axis=1)
        gain[[level for level in range(len(gain)) if _too_close(level, chosen, planes, settings.apart_mm)]] = 0.0
        best = int(gain.argmax())
        if remaining[best].sum() <= 0.0 or gain[best] <= 0.0:
            break
        chosen.append(best)
        shown = remaining[best] > 0.25 * remaining.max(axis=0)
        remaining[:, shown] = 0.0
    spare = 6 if chosen else limit
    for height in np.linspace(*head_mm, spare + 2)[1:-1]:
        level = int(np.abs(planes.levels_mm - height).argmin())
        if len(chosen) < spare and not _too_close(level, chosen, planes, settings.apart_mm):
            chosen.append(level)
    return sorted(chosen)


def _too_close(level: int, chosen: list[int], planes: Planes, apart_mm: float) -> bool:
    return any(abs(planes.levels_mm[level] - planes.levels_mm[other]) < apart_mm for other in chosen)


def head_heights(result: Result, planes: Planes) -> tuple[float, float]:
    """Heights of the lowest and highest intracranial voxel, mm along `up`; else of the whole stack."""
    if result.intracranial is not None and result.intracranial.mask.any():
        kji = places(result.intracranial.mask[:, ::8, ::8]) * [1, 8, 8]
        if len(kji):
            height_mm = planes.project(result.scan.geometry.to_world(kji))[:, 2]
            return float(height_mm.min()), float(height_mm.max())
    return float(planes.levels_mm[0]), float(planes.levels_mm[-1])


def slab(planes: Planes, level: int, settings: MosaicSettings) -> list[int]:
    """The levels that a tile averages: one, unless slices are thin."""
    if planes.slices is None:
        return [level]
    return [
        int(other)
        for other in np.flatnonzero(np.abs(planes.levels_mm - planes.levels_mm[level]) <= settings.slab_mm / 2)
    ]


def first_left_out(lesions: LocatedLesionMap) -> int:
    """The first number after those of the lesions."""
    return max((lesion.id for lesion in lesions.lesions), default=0) + 1


def numbered_voxels(lesions: LocatedLesionMap | None) -> npt.NDArray[np.int32] | None:
    """The label map of the lesions, (k, j, i), in which what was left out has the numbers that follow theirs."""
    if lesions is None or not lesions.left_out:
        return None if lesions is None else lesions.labels
    box, labels = filled_box(lesions.labels), np.zeros(lesions.labels.shape, dtype=np.int32)
    labels[box] = lesions.labels[box]
    for number, item in enumerate(lesions.left_out, start=first_left_out(lesions)):
        free = item.kji[labels[tuple(item.kji.T)] == 0]
        labels[tuple(free.T)] = number
    return labels


def cut(
    result: Result,
    voxels: npt.NDArray[np.int32] | None,
    planes: Planes,
    crop: Crop,
    level: int,
    width: int,
    volume_mm3: float,
    settings: MosaicSettings,
) -> Tile:
    """The tile at a level, `width` pixels wide; `voxels` from `numbered_voxels`."""
    levels = planes.levels_mm[slab(planes, level, settings)]
    across, down = _pixels(crop, width)
    hu = np.zeros((len(down), width), dtype=np.float32)
    labels = np.zeros((len(down), width), dtype=np.int32)
    stack, volume = result.scan.geometry.stack_frame(), freeze(np.ascontiguousarray(result.scan.hu))
    numbered = freeze(np.ascontiguousarray(np.empty((0, 0, 0), np.int32) if voxels is None else voxels))
    for at in levels:
        frame = np.stack([planes.right, planes.down, at * planes.up])
        add_plane(volume, numbered, stack, frame, across, down, AIR_HU, len(levels), 0, len(down), hu, labels)
    return Tile(hu=hu, labels=labels, level=level, caption=_caption(planes, level, result.scan), volume_mm3=volume_mm3)


def pixel_places(planes: Planes, crop: Crop, width: int) -> Array:
    """Where the pixels of a picture `width` pixels wide lie within its plane: (rows, columns, 3) in LPS mm, to which
    the plane's level along `up` is to be added."""
    across, down = _pixels(crop, width)
    return np.asarray(across[None, :, None] * planes.right + down[:, None, None] * planes.down)


def _pixels(crop: Crop, width: int) -> tuple[Array, Array]:
    """Where columns lie along `right`, and rows along `down`, mm."""
    pixel = crop.width / width
    columns, rows = np.arange(width) + 0.5, np.arange(round(crop.height / pixel)) + 0.5
    return np.asarray(crop.left + columns * pixel), np.asarray(crop.top + rows * pixel)


def _caption(planes: Planes, level: int, scan: Scan) -> str:
    if planes.slices is None:
        return f"z {planes.levels_mm[level]:+.0f} mm"
    return f"slice {scan.slice_number(planes.slices[level])} of {len(planes.slices)}"
