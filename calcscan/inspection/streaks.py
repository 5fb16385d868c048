"""Streaks that metal casts across the brain from wherever it is: teeth, implants, clips, what lies beside the head.

A streak is a straight band in the plane of the slice, brighter or darker than what lies on both sides of it along its
whole length. Fissures, the falx, the tentorium and the petrous ridges have shorter straight edges, and few of them;
streaks cover a good part of the slice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from calcscan.grid.masks import box_of
from calcscan.knowledge.inspection import InspectionSettings
from calcscan.knowledge.quality import FlagCode
from calcscan.model import Flag, Intracranial, Scan
from calcscan.processors import at_once

_PIXEL_MM = 2.0
_SLAB_MM = 3.0
"""Slices thinner than this are averaged."""
_DIRECTIONS = 24
_ACROSS_MM = 1.5
_BESIDE_MM = 5.0
_TISSUE_MM = 6.0
_CLIP_HU = 40.0
"""Beyond this a spot would make a line of its own."""
_FEWEST_MM2 = 2500.0
_TO_SIGMA = 1.4826

Field = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreakedSlab:
    """Neighbouring slices that streaks cross."""

    slices: tuple[int, int]
    """The first, and one past the last."""
    share: float
    """Of the brain in them, how much lies in the middle of a straight band."""
    hu: float
    """How far the bands stand out, median."""


def streak_flags(scan: Scan, intracranial: Intracranial, settings: InspectionSettings) -> tuple[Flag, ...]:
    """`metal`, with how far the streaks stand out in HU, and the slices that they cross. Local: the sites they cross
    become unknown, no others."""
    slabs = streaked_slabs(scan, intracranial, settings)
    if not slabs:
        return ()
    ends = min(slab.slices[0] for slab in slabs), max(slab.slices[1] for slab in slabs) - 1
    first, last = sorted(map(scan.slice_number, ends))
    worst = max(slabs, key=lambda slab: slab.hu * slab.share)
    message = (
        f"Streaks as metal casts them cross the brain in slices {first} to {last}, up to {worst.share:.0%} of it; "
        "sites that they cross are not judged."
    )
    return (Flag(code=FlagCode.METAL, message=message, value=round(worst.hu, 1), local=True),)


def streaked_slices(scan: Scan, intracranial: Intracranial, settings: InspectionSettings) -> tuple[int, ...]:
    """The slices that streaks cross."""
    slabs = streaked_slabs(scan, intracranial, settings)
    return tuple(k for slab in slabs for k in range(*slab.slices))


def streaked_slabs(scan: Scan, intracranial: Intracranial, settings: InspectionSettings) -> tuple[StreakedSlab, ...]:
    """The slabs of slices of which streaks cross more than `streak_share`, and those beside them with half as many."""
    if not intracranial.mask.any():
        return ()
    slabs = _measured_slabs(scan, intracranial, settings)
    within = np.array([slab.share > settings.streak_share / 2 for slab in slabs], dtype=np.bool_)
    pieces, _ = ndimage.label(within)
    surely = {int(piece) for slab, piece in zip(slabs, pieces, strict=True) if slab.share > settings.streak_share}
    return tuple(slab for slab, piece in zip(slabs, pieces, strict=True) if int(piece) in surely)


def _measured_slabs(scan: Scan, intracranial: Intracranial, settings: InspectionSettings) -> list[StreakedSlab]:
    """Every slab in which there is brain enough, in order."""
    pixel = np.array(scan.geometry.spacing_mm[1:])
    block = tuple(max(1, round(_PIXEL_MM / size)) for size in pixel.tolist())
    _, rows, columns = box_of(intracranial.mask)
    shape = tuple((part.stop - part.start) // size for part, size in zip((rows, columns), block, strict=True))
    looked_for = _Bands.of(shape, pixel * block, settings)
    measured = at_once(
        partial(_measured_slab, slices, scan.hu[part], intracranial.mask[part], block, looked_for, settings)
        for slices in _slabs(scan)
        for part in [(slice(*slices), rows, columns)]
    )
    return [slab for slab in measured if slab is not None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Bands:
    """Transforms of filters for bands in every direction, for pictures padded to `size`."""

    filters: npt.NDArray[np.complex64]
    size: tuple[int, int]
    pixel_mm: npt.NDArray[np.float64]

    @classmethod
    def of(cls, shape: tuple[int, ...], pixel_mm: npt.NDArray[np.float64], settings: InspectionSettings) -> _Bands:
        room = settings.streak_part_mm / pixel_mm.min()
        rows, columns = (fft.next_fast_len(int(n + room), real=True) for n in shape)
        filters = _bands((rows, columns), pixel_mm, settings.streak_part_mm)
        return cls(filters=filters, size=(rows, columns), pixel_mm=pixel_mm)


def _measured_slab(
    slices: tuple[int, int],
    hu: npt.NDArray[np.int16],
    mask: Mask,
    block: tuple[int, ...],
    bands: _Bands,
    settings: InspectionSettings,
) -> StreakedSlab | None:
    """Streaks in a slab of slices (k, j, i); None where there is too little brain in it."""
    inside = _blocks(np.asarray(mask.all(axis=0)), block) > 0.99
    deep = np.asarray(ndimage.distance_transform_edt(np.pad(inside, 1), sampling=bands.pixel_mm))[1:-1, 1:-1]
    inside = deep > settings.streak_depth_mm
    if inside.sum() * bands.pixel_mm.prod() < _FEWEST_MM2:
        return None
    rest = _without_tissue(_blocks(np.mean(hu, axis=0, dtype=np.float32), block), inside, bands.pixel_mm, settings)
    noise_hu = _TO_SIGMA * float(np.median(np.abs(rest[inside])))
    least_hu = float(np.clip(settings.streak_noise * noise_hu, *settings.streak_hu))
    within = tuple(slice(size) for size in rest.shape)
    parts = fft.irfft2(fft.rfft2(rest, bands.size)[None] * bands.filters, bands.size)[:, within[0], within[1]]
    strength = np.zeros(rest.shape, dtype=np.float32)
    if np.mean(np.abs(parts).max(axis=0)[inside] > least_hu) > settings.streak_share:
        strength = _streaks(parts, inside, bands.pixel_mm, least_hu, settings.streak_part_mm)
    band = strength[strength > 0.0]
    return StreakedSlab(
        slices=slices,
        share=float(len(band) / inside.sum()),
        hu=float(np.median(band)) if len(band) else 0.0,
    )


def _slabs(scan: Scan) -> list[tuple[int, int]]:
    """First slice and one past the last of slabs at least `_SLAB_MM` high, or of a single slice."""
    at_mm = scan.geometry.positions_mm
    starts = [0]
    for k in range(1, len(at_mm)):
        if at_mm[k] - at_mm[starts[-1]] >= _SLAB_MM - 0.01:
            starts.append(k)
    return list(pairwise([*starts, len(at_mm)]))


def _blocks(image: npt.NDArray[np.generic], block: tuple[int, ...]) -> Field:
    """Means of blocks of pixels (rows, columns); what is left over at the far edges is dropped."""
    rows, columns = (n // size for n, size in zip(image.shape, block, strict=True))
    whole = image[: rows * block[0], : columns * block[1]].astype(np.float32)
    return np.asarray(whole.reshape(rows, block[0], columns, block[1]).mean(axis=(1, 3)))


def _without_tissue(hu: Field, inside: Mask, pixel_mm: npt.NDArray[np.float64], settings: InspectionSettings) -> Field:
    """What varies over less than brain and fluid do; 0 outside, and in and beside calcium."""
    above_hu = hu - np.median(hu[inside])
    dense, dark = (inside & (side * above_hu >= settings.streak_dense_hu) for side in (1.0, -1.0))
    if dark.sum() > settings.streak_as_dark * dense.sum():
        dense = np.zeros_like(dense)
    calcified = ndimage.binary_dilation(dense, iterations=2)
    tissue = inside & ~calcified
    level = np.clip(above_hu, -_CLIP_HU, _CLIP_HU) * tissue
    sigma = _TISSUE_MM / pixel_mm
    weight = np.maximum(ndimage.gaussian_filter(tissue.astype(np.float32), sigma), 0.05)
    rest = (level - ndimage.gaussian_filter(level, sigma) / weight) * tissue
    return np.asarray(rest, dtype=np.float32)


def _bands(size: tuple[int, int], pixel_mm: npt.NDArray[np.float64], part_mm: float) -> npt.NDArray[np.complex64]:
    """Transforms of filters (directions, rows, columns): the mean along a part of a band less that of its surround."""
    down, right = np.meshgrid(
        *(fft.fftfreq(n, 1.0 / (n * mm)) for n, mm in zip(size, pixel_mm, strict=True)), indexing="ij"
    )
    filters = []
    for angle in _angles():
        along = np.abs(right * np.cos(angle) + down * np.sin(angle)) <= part_mm / 2
        across = down * np.cos(angle) - right * np.sin(angle)
        centre, around = (along * np.exp(-0.5 * (across / mm) ** 2) for mm in (_ACROSS_MM, _BESIDE_MM))
        filters.append(centre / centre.sum() - around / around.sum())
    return np.asarray(fft.rfft2(np.array(filters, dtype=np.float32)))


def _angles() -> npt.NDArray[np.float64]:
    return np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS


def _streaks(parts: Field, inside: Mask, pixel_mm: npt.NDArray[np.float64], least_hu: float, part_mm: float) -> Field:
    """How far the middles of straight bands stand out, 0 elsewhere: three parts in a row of one band must stand out,
    and to the same side."""
    strength = np.zeros(inside.shape, dtype=np.float32)
    for part, angle in zip(parts, _angles(), strict=True):
        rows, columns = np.rint(part_mm * np.array([np.sin(angle), np.cos(angle)]) / pixel_mm).astype(int)
        before, after = _shifted(part, rows, columns), _shifted(part, -rows, -columns)
        bright = np.minimum(np.minimum(before, after), part)
        dark = -np.maximum(np.maximum(before, after), part)
        strength = np.maximum(strength, np.where(inside, np.maximum(bright, dark), 0.0))
    strength[strength <= least_hu] = 0.0
    return strength


def _shifted(image: npt.NDArray[Any], rows: int, columns: int) -> npt.NDArray[Any]:
    """The image moved by as many pixels, 0 where nothing came from."""
    out = np.zeros_like(image)
    height, width = image.shape
    to = (slice(max(0, rows), height + min(0, rows)), slice(max(0, columns), width + min(0, columns)))
    source = (slice(max(0, -rows), height - max(0, rows)), slice(max(0, -columns), width - max(0, columns)))
    out[to] = image[source]
    return out
