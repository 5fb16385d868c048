"""Two series that headers can't tell apart, compared by a few slices of their images, in coarse cells.

Two reconstructions of one scan agree cell by cell. One that is brighter throughout is a projection; one that is
brighter in spots shows vessels, or the other has had its calcium taken out; one without bone has had it removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.errors import UnreadableError
from calcscan.grid.geometry import Array
from calcscan.knowledge.reading import ReadingSettings
from calcscan.read.headers.fields import one_line
from calcscan.read.headers.image import Image
from calcscan.read.pixels.decode import stored_pixels
from calcscan.read.pixels.hounsfield import to_hounsfield
from calcscan.read.series.positions import normal_of, position_along, thickness_of, typical_gap_of

One = TypeVar("One")
Cells = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
_PARALLEL = 0.9995
_FLAT_SHARE, _SOME = 0.2, 0.05
_FEW = 0.3
_FAR = 1 << 20
"""An index beyond any slice, whose pixels are not counted."""
_PIXELS_ACROSS, _PIXELS_FOR_SPREAD = 2.5, 4
"""The least width of a cell in pixels; and the fewest pixels in it whose standard deviation means something."""
_NEAR_BONE = 0.6
"""Cells with this share of the density of bone, in both series, are bone or its edge."""
_THROUGHOUT = 0.05
_OUTER_SHARE = 0.22
"""The share of the common extent left out at either end: at base and vertex, slices cut bone obliquely."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """Cells of two series at the same places, (slices, rows, columns); NaN where either shows nothing."""

    own: Cells
    other: Cells
    own_spread: Cells
    other_spread: Cells
    deep: Mask

    def turned(self) -> _Pair:
        return _Pair(
            own=self.other, other=self.own, own_spread=self.other_spread, other_spread=self.own_spread, deep=self.deep
        )


def unlike_a_head(series: Sequence[Image], settings: ReadingSettings) -> str:
    """Why a series doesn't look like a head in Hounsfield units; empty if it does, or can't be decoded."""
    images = _spread(series, 3)
    try:
        slices = [_hounsfield(image, settings) for image in images]
    except UnreadableError:
        return ""
    values = np.stack(slices)
    if float(np.percentile(values, 1)) > settings.air_below_hu:
        return "no part of it has the value of air"
    size = _cell_mm(images, settings)
    cells = np.stack([_binned(hu, image, images[0], size)[0] for hu, image in zip(slices, images, strict=True)])
    deep = _deep(cells, size, settings)
    if not deep.any():
        return ""
    inside_hu = float(np.median(cells[deep]))
    if not settings.brain_low_hu <= inside_hu <= settings.brain_high_hu:
        return f"the inside of the head measures {inside_hu:.0f} HU"
    if np.count_nonzero(cells > settings.bone_hu) < settings.bone_cells:
        return "it shows no skull"
    return ""


def neighbour_correlation(series: Sequence[Image], settings: ReadingSettings) -> float:
    """How much neighbouring slices repeat each other: the correlation of their noise (the residual after smoothing) in
    brain; 0 where slices overlap by their stated thickness (then they may), or nothing can be measured.

    Slices of a projection or an average over a slab do, as every few of them show the same.
    """
    if _slab_mm(series) > settings.overlapping_ratio * typical_gap_of(series):
        return 0.0
    likeness = []
    for index in (len(series) * share // 20 for share in (7, 10, 13)):
        try:
            pair = [_hounsfield(image, settings).astype(np.float64) for image in series[index : index + 2]]
        except UnreadableError:
            return 0.0
        centre = tuple(slice(side * 3 // 10, side * 7 // 10) for side in pair[0].shape)
        one, other = (values[centre] for values in pair)
        soft = (np.abs(one) < settings.soft_cell_hu / 2) & (np.abs(other) < settings.soft_cell_hu / 2)
        grain, other_grain = ((values - ndimage.median_filter(values, 7))[soft] for values in (one, other))
        if len(grain) >= settings.grain_pixels and grain.std() > 0 and other_grain.std() > 0:
            likeness.append(float(np.corrcoef(grain, other_grain)[0, 1]))
    return float(np.median(likeness)) if len(likeness) > 1 else 0.0


def why_not_native(series: Sequence[Image], other: Sequence[Image], settings: ReadingSettings) -> str:
    """Why, of two series at the same places, this one is not a plain native image; empty if it may be.

    Pixels of a few slices are read; empty, too, where the two can't be compared: another study, other
    directions, no common extent, pixels that can't be decoded.
    """
    try:
        pair = _pair(series, other, settings)
    except UnreadableError:
        return ""
    if pair is None:
        return ""
    frames = {image.frame_of_reference_uid for image in (series[0], other[0])} - {""}
    return _verdict(pair, settings, registered=len(frames) < 2, same_kvp=series[0].kvp_kv == other[0].kvp_kv)


def enhanced_of(one: Sequence[Image], other: Sequence[Image], settings: ReadingSettings) -> Sequence[Image] | None:
    """Which of two passes, whose slices lie between each other's, is plainly brighter in spots deep in the head, as
    vessels with contrast medium are. None where neither is, or they can't be compared.

    Each is compared with the mean of the other's neighbours, as structures differ a little from slice to slice.
    """
    try:
        pairs = (_pair(one, other, settings), _pair(other, one, settings))
    except UnreadableError:
        return None
    if pairs[0] is None or pairs[1] is None:
        return None
    up, down = (
        sum(np.count_nonzero(_brighter(pair, settings)) for pair in both)
        for both in ((pairs[0], pairs[1].turned()), (pairs[0].turned(), pairs[1]))
    )
    more, less = max(up, down), min(up, down)
    if more < 2 * settings.bright_cells or more < settings.one_sided * less:
        return None
    return one if up > down else other


def _verdict(pair: _Pair, settings: ReadingSettings, *, registered: bool, same_kvp: bool) -> str:
    """Why the pair's first series is the one that is not native. The first difference found decides.

    Where the two may not be aligned, only what the whole slices show is compared, not place by place.
    """
    soft = (
        pair.deep & (np.abs(pair.own) < settings.soft_cell_hu),
        pair.deep & (np.abs(pair.other) < settings.soft_cell_hu),
    )
    lacks = {
        "air": (pair.own < settings.air_cell_hu, pair.other < settings.air_cell_hu),
        "bone": (pair.own > settings.bone_hu, pair.other > settings.bone_hu),
        "soft tissue deep in the head": soft,
    }
    for what, (cells, other_cells) in lacks.items():
        count, other_count = np.count_nonzero(cells), np.count_nonzero(other_cells)
        if min(count, other_count) < _FEW * max(count, other_count) and max(count, other_count) >= settings.bone_cells:
            return f"it lacks {what}, which the other series shows" if count < other_count else ""
    brain = soft[0] & soft[1]
    if not brain.any():
        return ""
    own, other = (float(np.median(cells[brain])) for cells in (pair.own, pair.other))
    shift = float(np.median((pair.own - pair.other)[brain]))
    if abs(shift) > settings.same_tissue_hu:
        plain = settings.plain_brain_hu
        why = f"its brain measures {own:.0f} HU, that of the other series {other:.0f}: a projection, map or contrast"
        return why if abs(own - plain) > abs(other - plain) else ""
    return _by_place(pair, shift, settings, same_kvp=same_kvp) if registered else ""


def _by_place(pair: _Pair, shift: float, settings: ReadingSettings, *, same_kvp: bool) -> str:
    """The rest of the verdict, place by place. A projection brightens the brain, too; removal of calcium doesn't."""
    share = _bone_share(pair, settings) if same_kvp else 1.0
    brighter, darker = share > 1.0 or _throughout(pair, settings), share < 1.0 or _throughout(pair.turned(), settings)
    if (brighter or darker) and abs(shift) > settings.lifted_hu:
        return "it is brighter throughout than the other series: a projection" if shift > 0 and brighter else ""
    if share != 1.0:
        return "its bone is less dense than in the other series: calcium was removed" if share < 1.0 else ""
    if brighter or darker:
        return "it is brighter throughout than the other series: a projection" if brighter else ""
    if _spots(pair, settings):
        return (
            ""
            if _emptied(pair.turned(), settings)
            else "it shows bright vessels that the other series doesn't: contrast medium"
        )
    if _spots(pair.turned(), settings) and _emptied(pair, settings):
        return "calcium that the other series shows is missing from it"
    return ""


def _bone_share(pair: _Pair, settings: ReadingSettings) -> float:
    """The ratio of the density of bone to that in the other series; 1 where the two are much the same."""
    where = np.maximum(pair.own, pair.other) > settings.bone_hu
    if np.count_nonzero(where) < settings.bone_cells:
        return 1.0
    own, other = (max(float(np.median(cells[where])), 1.0) for cells in (pair.own, pair.other))
    return 1.0 if settings.weak_bone < own / other < 1 / settings.weak_bone else own / other


def _throughout(pair: _Pair, settings: ReadingSettings) -> bool:
    """Is it plainly brighter at many places near the surface, where scalp and skull end, and hardly anywhere darker?"""
    difference, plainly = pair.own - pair.other, settings.plainly_brighter_hu
    shell = ~pair.deep & (np.maximum(pair.own, pair.other) > settings.head_cell_hu)
    up, down = (np.count_nonzero(shell & (sign * difference > plainly)) for sign in (1, -1))
    return bool(up > _THROUGHOUT * np.count_nonzero(shell) and up >= settings.one_sided * down)


def _spots(pair: _Pair, settings: ReadingSettings) -> bool:
    """Is it plainly brighter in places deep in the head and away from bone, and hardly anywhere darker?"""
    up, down = (np.count_nonzero(_brighter(one, settings)) for one in (pair, pair.turned()))
    return bool(up >= settings.bright_cells and up >= settings.one_sided * down)


def _brighter(pair: _Pair, settings: ReadingSettings) -> Mask:
    bone = np.minimum(pair.own, pair.other) > settings.bone_hu * _NEAR_BONE
    reach = np.zeros((3, 5, 5), bool)
    reach[1] = True  # two cells in every direction of the slice
    clear = pair.deep & ~ndimage.binary_dilation(bone, reach)
    return np.asarray(clear & (pair.own - pair.other > settings.plainly_brighter_hu))


def _emptied(pair: _Pair, settings: ReadingSettings) -> bool:
    """Where it is darker than the other: is it flatter than any real image, or its bone less dense too?"""
    bone = pair.other > settings.bone_hu
    if bone.any() and float(np.median((pair.own - pair.other)[bone])) < -settings.less_bone_hu:
        return True
    spots = _brighter(pair.turned(), settings)
    usual = float(np.nanmedian(np.append(pair.own_spread[pair.deep], 0.0)))
    flat = pair.own_spread < _FLAT_SHARE * usual
    return bool(spots.any()) and float(np.mean(flat[spots])) > _SOME


def _pair(series: Sequence[Image], other: Sequence[Image], settings: ReadingSettings) -> _Pair | None:
    first, other_first = series[0], other[0]
    if first.study_uid != other_first.study_uid or normal_of(first) @ normal_of(other_first) < _PARALLEL:
        return None
    thick, thin = sorted((series, other), key=lambda one: -_slab_mm(one))
    matches = _matches(thick, thin, settings)
    if not matches:
        return None
    size = _cell_mm([thick[0], thin[0]], settings)
    cells = []
    for image, parts in matches:
        mixed = np.sum([weight * _hounsfield(part, settings).astype(np.float64) for part, weight in parts], axis=0)
        coarse = _binned(_hounsfield(image, settings), image, image, size)
        cells.append((*coarse, *_binned(mixed, parts[0][0], image, size, shape=coarse[0].shape)))
    of_thick, thick_spread, of_thin, thin_spread = (np.stack(one) for one in zip(*cells, strict=True))
    known = np.isfinite(of_thick) & np.isfinite(of_thin)
    of_thick, of_thin = (np.where(known, one, -1000.0) for one in (of_thick, of_thin))
    deep = _deep(np.maximum(of_thick, of_thin), size, settings) & known
    pair = _Pair(own=of_thick, other=of_thin, own_spread=thick_spread, other_spread=thin_spread, deep=deep)
    return pair if thick is series else pair.turned()


def _matches(
    thick: Sequence[Image], thin: Sequence[Image], settings: ReadingSettings
) -> list[tuple[Image, list[tuple[Image, float]]]]:
    """Some of the thick slices, each with the thin ones that lie in it and their shares."""
    normal = normal_of(thick[0])
    at, thin_at = (np.array([position_along(image, normal) for image in one]) for one in (thick, thin))
    half, thin_half = _slab_mm(thick) / 2, _slab_mm(thin) / 2
    low, high = max(at.min(), thin_at.min()), min(at.max(), thin_at.max())
    edge = (high - low) * _OUTER_SHARE
    inside = np.flatnonzero((at >= low + edge) & (at <= high - edge))
    found = []
    for index in _spread(inside.tolist(), settings.positions_compared):
        low, high = at[index] - half, at[index] + half
        shares = np.minimum(thin_at + thin_half, high) - np.maximum(thin_at - thin_half, low)
        parts = _spread(np.flatnonzero(shares > 1e-3).tolist(), settings.slices_averaged)
        total = sum(float(shares[part]) for part in parts)
        if parts:
            found.append((thick[index], [(thin[part], float(shares[part]) / total) for part in parts]))
    return found


def _slab_mm(images: Sequence[Image]) -> float:
    thickness = thickness_of(images)
    if np.isnan(thickness).all():
        return typical_gap_of(images)
    return float(np.nanmedian(thickness))


def _spread(items: Sequence[One], count: int) -> list[One]:
    """At most `count` of them, evenly spread; the ends are left out where there are more."""
    if len(items) <= count:
        return list(items)
    return [items[int((index + 0.5) * len(items) / count)] for index in range(count)]


def _hounsfield(image: Image, settings: ReadingSettings) -> npt.NDArray[np.int16]:
    hu = np.empty((image.rows, image.columns), dtype=np.int16)
    try:
        (stored,) = stored_pixels(image.file, [image], settings)
        to_hounsfield(stored, image, hu, settings)
    except (ValueError, OverflowError, MemoryError) as error:
        what = f"can't be decoded ({one_line(error)})"
        raise UnreadableError(what, where=image.file.name, hint="export it again") from error
    return hu


def _cell_mm(images: Sequence[Image], settings: ReadingSettings) -> float:
    pixels = [side for image in images for side in (image.row_spacing_mm, image.column_spacing_mm) if side]
    return max(settings.cell_mm, _PIXELS_ACROSS * max(pixels))


def _binned(
    hu: npt.NDArray[np.generic], image: Image, frame: Image, size: float, shape: tuple[int, ...] | None = None
) -> tuple[Cells, Cells]:
    """Mean and standard deviation of a slice's pixels in cells laid out along another one's rows and columns."""
    if shape is None:
        shape = (int(frame.rows * (frame.row_spacing_mm or 0) / size) + 1,
                 int(frame.columns * (frame.column_spacing_mm or 0) / size) + 1)  # fmt: skip
    along, down = np.array(frame.row_cosine), np.array(frame.column_cosine)
    offset = np.array(image.position_mm) - np.array(frame.position_mm)
    steps_i = np.arange(image.columns) * (image.column_spacing_mm or 0.0)
    steps_j = np.arange(image.rows) * (image.row_spacing_mm or 0.0)
    row, column = np.array(image.row_cosine), np.array(image.column_cosine)

    def bins(axis: Array) -> npt.NDArray[np.int64]:
        at = offset @ axis + steps_i[None, :] * (row @ axis) + steps_j[:, None] * (column @ axis)
        return np.asarray(np.clip(np.floor(at / size + 1e-6), -1, _FAR).astype(np.int64))

    i, j = bins(along), bins(down)
    inside = (i >= 0) & (i < shape[1]) & (j >= 0) & (j < shape[0])
    index = (j * shape[1] + i)[inside]
    values = np.asarray(hu, dtype=np.float64)[inside]
    cells = shape[0] * shape[1]
    count = np.bincount(index, minlength=cells).astype(np.float64)
    count[count == 0] = np.nan
    mean = np.bincount(index, values, cells) / count
    square = np.bincount(index, values**2, cells) / count
    spread = np.where(count < _PIXELS_FOR_SPREAD, np.nan, np.sqrt(np.maximum(square - mean**2, 0.0)))
    return mean.reshape(shape), spread.reshape(shape)


def _deep(cells: Cells, size: float, settings: ReadingSettings) -> Mask:
    """Cells that lie deep in the head's outline, in each slice."""
    steps = max(1, round(settings.deep_mm / size))
    deep = np.zeros(cells.shape, bool)
    for index, one in enumerate(cells):
        filled = ndimage.binary_fill_holes(np.nan_to_num(one, nan=-1000.0) > settings.head_cell_hu)
        parts, count = ndimage.label(filled)
        if count:
            largest = parts == np.bincount(parts.ravel())[1:].argmax() + 1
            deep[index] = ndimage.binary_erosion(largest, iterations=steps)
    return deep
