"""Where the head is pictured, and where only padding or air stands for it.

A field of view smaller than the head leaves a circle of it in a picture that is filled with padding or with air. What
fills it is told from the air around a head by what lies against it: bone of the skull without any scalp between.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.grid.geometry import apply
from calcscan.grid.isotropic import IsotropicVolume
from calcscan.grid.masks import places
from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.model import Scan

Mask = npt.NDArray[np.bool_]
Points = npt.NDArray[np.int64]
Slice = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """What of a head is pictured, on an even grid (k, j, i)."""

    coarse: IsotropicVolume
    """Not `covered` where padding or air stands for the head."""
    skull: Mask
    """With every piece that the edge of the picture parts from the rest of it."""
    cut: bool
    """Whether padding or the frame surely cuts the skull off; air against it may also be a skull without scalp."""
    empty: Mask
    """Where padding or air stands for the head; nowhere if all of it is pictured, or only the frame cuts it off."""


def pictured(scan: Scan, coarse: IsotropicVolume, skull: Mask, settings: IntracranialSettings) -> Picture:
    """What of the head a scan shows.

    Parameters
    ----------
    scan
        A head CT on any grid.
    coarse, skull
        Its even copy, and the largest piece of bone (k, j, i) on it.
    """
    at, least = places(skull), settings.cut_skull_mm2 / coarse.spacing_mm**2
    densest = scan.hu.max(axis=0)
    air = densest < settings.empty_hu
    padding = _padding(coarse, settings)
    in_padding = int(near(padding, at).sum()) >= least
    if in_padding:
        padding = _from_outside(padding)
        in_padding = int(near(padding, at).sum()) >= least
    in_air = _beside_columns(scan, coarse, air, densest, at, settings) >= least
    at_frame = _at_frame(scan, coarse, densest, at, settings) >= least
    # What interpolation mixed with padding is not pictured either
    empty = ndimage.binary_dilation(padding) if in_padding else np.zeros_like(padding)
    if not (in_padding or in_air or at_frame):
        return Picture(coarse=coarse, skull=skull, cut=False, empty=empty)
    if in_air:
        empty = empty | _columns(scan, coarse, air)
    covered = np.asarray(coarse.covered & ~empty)
    shown = IsotropicVolume(values=coarse.values, covered=covered, affine=coarse.affine, spacing_mm=coarse.spacing_mm)
    return Picture(coarse=shown, skull=skull | _parted(shown, at, settings), cut=in_padding or at_frame, empty=empty)


def _parted(coarse: IsotropicVolume, skull: Points, settings: IntracranialSettings) -> Mask:
    """Every large piece of bone at the edge of what is pictured, above or below the skull (n, 3) that is known: the
    vault, not a shoulder beside it."""
    pieces, _ = ndimage.label(coarse.values > settings.bone_hu)
    taken = np.bincount(pieces.ravel()) * coarse.spacing_mm**3 >= 1000.0 * settings.flap_ml
    taken[0] = False
    # Padded, as beyond the grid nothing is pictured either
    outside = np.pad(~coarse.covered, ((0, 0), (2, 2), (2, 2)), constant_values=True)
    low, high = skull.min(axis=0), skull.max(axis=0)
    for number in np.flatnonzero(taken).tolist():
        at = places(pieces == number)
        middle = at.mean(axis=0)
        in_line = bool(((middle >= low) & (middle <= high))[1:].all())
        taken[number] = in_line and bool(near(outside, at + np.array([0, 2, 2]), axes=(1, 2)).any())
    return np.asarray(taken[pieces])


def _at_frame(scan: Scan, coarse: IsotropicVolume, densest: Slice, at: Points, settings: IntracranialSettings) -> int:
    """How many points (n, 3) of bone lie within two of the frame of its slices, not of the first and last slice."""
    frame = np.concatenate([densest[[0, -1]].ravel(), densest[:, [0, -1]].ravel()])
    if not (frame > settings.bone_hu).any():
        return 0
    ji = scan.geometry.to_index(apply(coarse.affine, at))[:, 1:]
    reach = 2.0 * coarse.spacing_mm / np.array(scan.geometry.spacing_mm[1:])
    return int(((ji < reach) | (ji > np.array(scan.geometry.shape[1:]) - 1 - reach)).any(axis=1).sum())


def _padding(coarse: IsotropicVolume, settings: IntracranialSettings) -> Mask:
    """Where the picture has exactly one value, as no measured air has."""
    values = coarse.values[coarse.covered & (coarse.values < settings.empty_hu)]
    whole = values[values == np.rint(values)].astype(np.int64)
    if not len(whole):
        return np.zeros(coarse.values.shape, dtype=np.bool_)
    lowest = int(whole.min())
    usual = lowest + int(np.bincount(whole - lowest).argmax())
    return np.asarray(coarse.covered & (coarse.values == usual))


def _from_outside(empty: Mask) -> Mask:
    """Its wide pieces that reach the grid's border: no nasal cavity, no sinus."""
    wide = ndimage.maximum_filter(ndimage.minimum_filter(empty, 5, mode="constant", cval=1), 5)
    pieces, count = ndimage.label(wide)
    reaching = np.zeros(count + 1, dtype=np.bool_)
    for axis in range(3):
        for end in (0, -1):
            reaching[np.take(pieces, end, axis=axis)] = True
    reaching[0] = False
    return np.asarray(reaching[pieces] & empty)


def _beside_columns(
    scan: Scan, coarse: IsotropicVolume, air: Mask, densest: Slice, at: Points, settings: IntracranialSettings
) -> int:
    """How many points (n, 3) of bone lie beside columns in which every slice shows air: what a circle of
    reconstruction leaves is alike in all slices. Looked for only where the densest of all slices is bone there."""
    if not air.any():
        return 0
    reach = np.ceil(settings.bare_mm / np.array(scan.geometry.spacing_mm[1:])).astype(int)
    beside = air
    for axis in (0, 1):
        beside = ndimage.maximum_filter1d(beside, 2 * int(reach[axis]) + 1, axis=axis)
    bare = beside & (densest > settings.bone_hu)
    if float(bare.sum()) * scan.geometry.pixel_mm2 < settings.cut_columns_mm2:
        return 0
    row, column = _pixels(scan, coarse, at)
    steps = np.ceil(coarse.spacing_mm / np.array(scan.geometry.spacing_mm[1:])).astype(int)
    for axis in (0, 1):
        bare = ndimage.maximum_filter1d(bare, 2 * int(steps[axis]) + 1, axis=axis)
    return int(bare[row, column].sum())


def _columns(scan: Scan, coarse: IsotropicVolume, air: Mask) -> Mask:
    """Columns of the slices (rows, columns), on the even grid."""
    out = np.zeros(coarse.values.shape, dtype=np.bool_)
    at = places(coarse.covered)
    out[tuple(at.T)] = air[_pixels(scan, coarse, at)]
    return out


def _pixels(scan: Scan, coarse: IsotropicVolume, at: Points) -> tuple[Points, Points]:
    """The row and column nearest to points (n, 3) of the even grid."""
    row, column = np.rint(scan.geometry.to_index(apply(coarse.affine, at))[:, 1:]).astype(np.int64).T
    return np.clip(row, 0, scan.geometry.rows - 1), np.clip(column, 0, scan.geometry.columns - 1)


def near(empty: Mask, at: Points, *, axes: tuple[int, ...] = (0, 1, 2)) -> Mask:
    """Which points (n, 3) of the grid lie within two of what is empty, along one of these axes."""
    out = np.zeros(len(at), dtype=np.bool_)
    for axis, step in product(axes, (-2, -1, 0, 1, 2)):
        there = list(at.T)
        there[axis] = np.clip(there[axis] + step, 0, empty.shape[axis] - 1)
        out |= empty[tuple(there)]
    return out
