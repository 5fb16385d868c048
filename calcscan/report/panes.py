"""Where the mosaic looks: axial panes, each sampled from the scan by world coordinates, never by the order of an array.

A stack that is axial or nearly so (tilted gantry) is shown slice by slice, in its own planes. Any other (a coronal or
sagittal series) is cut axially. In both, right on the pane is towards the person's left (+x) and down is towards the
back (+y): the radiological view.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.grid.geometry import Array, Geometry
from calcscan.model import AIR_HU, LocatedLesionMap, Result

SLAB_MM = 4.0
"""Thin slices are shown as the mean over about this much, as a reader would set it."""
APART_MM = 4.5
"""No two panes lie closer together than this."""
_MARGIN_MM = 15.0
_BONE_HU = 300
_AXIAL_COSINE = 0.7


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """The planes that are shown. `right`, `down`, `up`: unit vectors in LPS; `levels_mm`: along `up`, ascending."""

    right: Array
    down: Array
    up: Array
    levels_mm: Array
    slices: tuple[int, ...] | None
    """The scan's slice (k) at each level; None where the planes are cut across the slices."""

    def project(self, xyz_mm: Array) -> Array:
        """LPS mm (…, 3) to (right, down, up) mm (…, 3)."""
        return np.asarray(xyz_mm @ np.column_stack([self.right, self.down, self.up]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pane:
    """One picture: `hu` and lesion `labels` (rows, columns), `volume_mm3` of the calcification in it."""

    hu: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int32]
    level: int
    caption: str
    volume_mm3: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """What part of the planes is shown, in mm along right and down."""

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


def make_frame(geometry: Geometry) -> Frame:
    """Which planes to show a scan in."""
    normal = geometry.normal
    if abs(normal[2]) < _AXIAL_COSINE:
        return _axial_cuts(geometry)
    up = normal if normal[2] > 0 else -normal
    columns = geometry.step_i_mm / np.linalg.norm(geometry.step_i_mm)
    rows = np.cross(normal, columns)
    right = max((columns, -columns, rows, -rows), key=lambda axis: float(axis[0]))
    order = np.argsort(geometry.origins_mm @ up)
    return Frame(
        right=right,
        down=np.cross(up, right),
        up=up,
        levels_mm=(geometry.origins_mm @ up)[order],
        slices=tuple(int(k) for k in order),
    )


def _axial_cuts(geometry: Geometry) -> Frame:
    heights = _corners(geometry)[:, 2]
    count = max(2, int((heights.max() - heights.min()) / SLAB_MM))
    return Frame(
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


def find_crop(result: Result, frame: Frame) -> Crop:
    """The head with a margin: by the inside of the skull, else by bone, else everything."""
    scan = result.scan
    where = np.argwhere(result.intracranial.mask[:, ::4, ::4]) if result.intracranial else np.empty((0, 3))
    margin = _MARGIN_MM
    if len(where) < 50:
        where, margin = np.argwhere(scan.hu[:, ::4, ::4] > _BONE_HU), 5.0
    if len(where) < 50:
        points, margin = _corners(scan.geometry), 0.0
    else:
        points = scan.geometry.to_world(where * [1, 4, 4])
    flat = frame.project(points)[:, :2]
    low, high = np.percentile(flat, [0.2, 99.8], axis=0) if margin else (flat.min(axis=0), flat.max(axis=0))
    (left, top), (right, bottom) = low - margin, high + margin
    return Crop(left=left, top=top, right=right, bottom=bottom)


def volume_by_level(lesions: LocatedLesionMap | None, frame: Frame) -> npt.NDArray[np.float64]:
    """mm³ of each lesion at each level, shape (levels, lesions), in the order of `lesions.lesions`: its volume, as its
    voxels share it out."""
    if lesions is None or not lesions.lesions:
        return np.zeros((len(frame.levels_mm), 0))
    column = {lesion.id: number for number, lesion in enumerate(lesions.lesions)}
    table = np.zeros((len(frame.levels_mm), len(column)))
    where = np.argwhere(lesions.labels > 0)
    height = frame.project(lesions.geometry.to_world(where))[:, 2]
    middles = (frame.levels_mm[1:] + frame.levels_mm[:-1]) / 2
    level = np.searchsorted(middles, height)
    number = np.array([column.get(int(label), -1) for label in lesions.labels[tuple(where.T)]])
    known = number >= 0
    np.add.at(table, (level[known], number[known]), lesions.geometry.voxel_mm3[where[known, 0]])
    measured = np.array([lesion.volume_mm3 for lesion in lesions.lesions])
    return np.asarray(table / np.maximum(table.sum(axis=0), 1e-9) * measured)


def choose_levels(table: npt.NDArray[np.float64], frame: Frame, inside: tuple[float, float], limit: int) -> list[int]:
    """Up to `limit` levels, from feet to head: first those that show most calcification not yet shown, then, if there
    are few, levels evenly through the head, between the heights `inside`."""
    chosen: list[int] = []
    left = table.copy()
    while len(chosen) < limit and left.size:
        gain = left.sum(axis=1) + 0.02 * table.sum(axis=1)
        gain[[level for level in range(len(gain)) if _too_close(level, chosen, frame)]] = 0.0
        best = int(gain.argmax())
        if left[best].sum() <= 0.0 or gain[best] <= 0.0:
            break
        chosen.append(best)
        seen = left[best] > 0.25 * left.max(axis=0)
        left[:, seen] = 0.0
    spare = 6 if chosen else limit
    for height in np.linspace(*inside, spare + 2)[1:-1]:
        level = int(np.abs(frame.levels_mm - height).argmin())
        if len(chosen) < spare and not _too_close(level, chosen, frame):
            chosen.append(level)
    return sorted(chosen)


def _too_close(level: int, chosen: list[int], frame: Frame) -> bool:
    return any(abs(frame.levels_mm[level] - frame.levels_mm[other]) < APART_MM for other in chosen)


def head_heights(result: Result, frame: Frame) -> tuple[float, float]:
    """Lowest and highest level with brain, or the whole stack."""
    if result.intracranial is not None and result.intracranial.mask.any():
        where = np.argwhere(result.intracranial.mask[:, ::8, ::8]) * [1, 8, 8]
        if len(where):
            height = frame.project(result.scan.geometry.to_world(where))[:, 2]
            return float(height.min()), float(height.max())
    return float(frame.levels_mm[0]), float(frame.levels_mm[-1])


def slab(frame: Frame, level: int) -> list[int]:
    """The levels that a pane shows together: one, unless slices are thin."""
    if frame.slices is None:
        return [level]
    return [int(other) for other in np.flatnonzero(np.abs(frame.levels_mm - frame.levels_mm[level]) <= SLAB_MM / 2)]


def cut(result: Result, frame: Frame, crop: Crop, level: int, width: int, volume_mm3: float) -> Pane:
    """The pane at a level, `width` pixels wide."""
    pixel = crop.width / width
    height = round(crop.height / pixel)
    across = crop.left + (np.arange(width) + 0.5) * pixel
    down = crop.top + (np.arange(height) + 0.5) * pixel
    plane = across[None, :, None] * frame.right + down[:, None, None] * frame.down
    levels = frame.levels_mm[slab(frame, level)]
    hu = np.zeros((height, width), dtype=np.float32)
    labels = np.zeros((height, width), dtype=np.int32)
    for at in levels:
        index = np.moveaxis(result.scan.geometry.to_index(plane + at * frame.up), -1, 0).round(5)
        hu += ndimage.map_coordinates(result.scan.hu, index, np.float32, order=1, cval=AIR_HU) / len(levels)
        if result.lesions is not None:
            np.maximum(labels, ndimage.map_coordinates(result.lesions.labels, index, order=0), out=labels)
    return Pane(hu=hu, labels=labels, level=level, caption=_caption(frame, level), volume_mm3=volume_mm3)


def _caption(frame: Frame, level: int) -> str:
    if frame.slices is None:
        return f"z {frame.levels_mm[level]:+.0f} mm"
    return f"slice {frame.slices[level] + 1} of {len(frame.slices)}"
