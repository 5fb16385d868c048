"""Columns: extents for slices thicker than a deposit, which show no levels of its signal along their normal.

Each pixel holds one column, as high as its signal, summed over the slices, demands, and where along the normal the
slices show it. What they show of a column depends on both: less in the gaps between them, more where two overlap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from calcscan.measurement.extents import FEWEST_VOXELS
from calcscan.measurement.imaging import Imaging
from calcscan.measurement.patch import Field, Mask

_ROUNDS = 3
"""How often heights are adjusted to what the slices show of them."""
_LEAST_SEEN = 0.3
"""Of the most that slices show of a mm: less would make columns in gaps as high as one likes."""
_FAINT = 0.05
"""Of the strongest column: one fainter than that hardly shows where along the normal it lies."""
_BALANCES = 65
_TINY_MM = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Columns of the layers (j, i), each filled over one stretch. `shown` is what the slices show of each, all together
    1; `balance_mm` where along the normal they show it on average."""

    shown: Field
    balance_mm: Field
    round: Field
    imaging: Imaging
    places: _Places

    @classmethod
    def of(cls, sharp: Field, imaging: Imaging) -> Columns:
        """Columns whose heights are as a sharpened signal demands: those of a deposit of one density."""
        shown = (imaging.seen @ sharp.reshape(len(sharp), -1)).reshape(-1, *sharp.shape[1:])
        total, moment = shown.sum(axis=0), np.tensordot(imaging.slice_mm, shown, axes=1)
        few = _FAINT * float(total.max())
        balance = (moment + few * moment.sum() / total.sum()) / (total + few)
        most = shown.max(axis=0)
        rounded = round_height(most > 0.5 * most.max(), imaging) + _FAINT * total / total.max()
        return cls(
            shown=total / total.sum(),
            balance_mm=balance,
            round=rounded / rounded.sum(),
            imaging=imaging,
            places=_Places.of(imaging),
        )

    def imaged_by(self, imaging: Imaging) -> Columns:
        """The same columns, as another imaging shows them."""
        return replace(self, imaging=imaging, places=_Places.of(imaging))

    def of_volume(self, volume_mm3: float) -> Field | None:
        """The share of each voxel that the extent of this volume fills; None where it is too small to draw."""
        if volume_mm3 < FEWEST_VOXELS * self.imaging.voxel_mm3:
            return None
        summed_mm = volume_mm3 / self.pixel_mm2
        height_mm = summed_mm * self.round
        middle_mm, seen = self.places.of_columns(height_mm, self.balance_mm)
        for _ in range(_ROUNDS):
            demanded = self.shown / seen
            height_mm = summed_mm * demanded / demanded.sum()
            middle_mm, seen = self.places.of_columns(height_mm, self.balance_mm)
        return self._between(middle_mm, height_mm)

    def filled(self, height_mm: Field) -> Field:
        """The share of each voxel that columns of these heights (j, i) fill, lying where these here do."""
        return self._between(self.places.of_columns(height_mm, self.balance_mm)[0], height_mm)

    @property
    def pixel_mm2(self) -> float:
        """Of a column."""
        return self.imaging.pixel_mm2 / self.imaging.finer**2

    def _between(self, middle_mm: Field, height_mm: Field) -> Field:
        step_mm, layer_mm = float(self.imaging.step_mm[0]), self.imaging.layer_mm[:, None, None]
        top, bottom = middle_mm + height_mm / 2, middle_mm - height_mm / 2
        share = np.minimum(top, layer_mm + step_mm / 2) - np.maximum(bottom, layer_mm - step_mm / 2)
        return np.asarray(np.clip(share / step_mm, 0.0, 1.0))


def round_height(outline: Mask, imaging: Imaging) -> Field:
    """How high a round body is within its outline (j, i), beside its highest."""
    return rounded(depth_within(outline, imaging))


def depth_within(outline: Mask, imaging: Imaging) -> Field:
    """How deep pixels lie within an outline (j, i), as a share of the deepest."""
    depth = ndimage.distance_transform_edt(np.pad(outline, 1), sampling=imaging.step_mm[1:])[1:-1, 1:-1]
    return np.asarray(depth / depth.max())


def rounded(depth: Field) -> Field:
    """How high a round body is at these depths, as shares of the greatest, beside its highest.

    >>> rounded(np.array([0.0, 0.4, 1.0])).tolist()
    [0.0, 0.8, 1.0]
    """
    return np.asarray(np.sqrt(depth * (2.0 - depth)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    """Where a column lies, and what the slices show of each mm of it, by its height and its balance: tables
    (heights, balances), the heights in steps of a layer from 0 on, the balances from `first_mm` on in steps of
    `balance_step_mm`."""

    middle_mm: Field
    seen: Field
    height_step_mm: float
    first_mm: float
    balance_step_mm: float

    @classmethod
    def of(cls, imaging: Imaging) -> _Places:
        """What two slices show alike lies across their border, what one alone shows, within it."""
        step_mm, layers = float(imaging.step_mm[0]), len(imaging.layer_mm)
        edges_mm = float(imaging.layer_mm[0]) - step_mm / 2 + step_mm / 2 * np.arange(2 * layers + 1)
        upto = np.cumsum(np.repeat(imaging.seen.toarray() / 2, 2, axis=1), axis=1)
        upto = np.concatenate([np.zeros((len(upto), 1)), upto], axis=1)
        balances = np.linspace(imaging.slice_mm.min(), imaging.slice_mm.max(), _BALANCES)
        at, middle, seen = np.arange(2 * layers + 1), [], []
        for count in range(1, layers + 1):
            ends = (np.clip(at + sign * count, 0, 2 * layers) for sign in (-1, 1))
            below, above = (upto[:, end] for end in ends)
            shown = above - below
            total = shown.sum(axis=0)
            known = total > _FAINT * total.max()
            balance = np.maximum.accumulate((imaging.slice_mm @ shown)[known] / total[known])
            middle.append(np.interp(balances, balance + _TINY_MM * np.arange(len(balance)), edges_mm[known]))
            seen.append(np.interp(middle[-1], edges_mm, total) / count)
        middle, seen = ([table[0], *table] for table in (middle, seen))  # no height is as the least
        return cls(
            middle_mm=np.array(middle),
            seen=np.maximum(np.array(seen) / np.max(seen), _LEAST_SEEN),
            height_step_mm=step_mm,
            first_mm=float(balances[0]),
            balance_step_mm=max(float(balances[1] - balances[0]), _TINY_MM),
        )

    def of_columns(self, height_mm: Field, balance_mm: Field) -> tuple[Field, Field]:
        """The middle of each column (mm along the normal), and what the slices show of a mm of it beside the most that
        they show of any."""
        at = np.stack([height_mm / self.height_step_mm, (balance_mm - self.first_mm) / self.balance_step_mm])
        middle_mm, seen = (
            ndimage.map_coordinates(table, at, order=1, mode="nearest") for table in (self.middle_mm, self.seen)
        )
        return np.asarray(middle_mm), np.asarray(seen)
