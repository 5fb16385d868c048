"""How far a deposit may reach: extents of any volume, each within the next.

`Extents` are bounded by one level of its signal. Slices thicker than a deposit show no such levels along their normal:
there `Columns` stand as high as their signal, summed over the slices, demands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calcscan.measurement.imaging import Imaging
from calcscan.measurement.patch import Field

FEWEST_VOXELS = 2.0
"""Of the layers: less is no extent."""
_FAINT = 0.05
"""Of the strongest column: one fainter than that hardly shows where along the normal it lies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extents:
    """The voxels of the layers (n, j, i) in the order in which an extent grows."""

    rank: Field
    imaging: Imaging

    @classmethod
    def of(cls, sharp: Field, imaging: Imaging) -> Extents:
        """Extents bounded by levels of a sharpened signal."""
        rank = np.empty(sharp.size)
        rank[np.argsort(sharp.ravel(), kind="stable")[::-1]] = np.arange(sharp.size, dtype=np.float64)
        return cls(rank=rank.reshape(sharp.shape), imaging=imaging)

    def of_volume(self, volume_mm3: float) -> Field | None:
        """The share of each voxel that the extent of this volume fills; None where it is too small to draw, or larger
        than the patch."""
        voxels = volume_mm3 / self.imaging.voxel_mm3
        if not FEWEST_VOXELS <= voxels < self.rank.size:
            return None
        return np.clip(voxels - self.rank, 0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Columns of the layers (j, i), each filled over one stretch. `height_mm` is that of an extent of 1 mm3,
    `balance_mm` where along the normal the slices show each column on average."""

    height_mm: Field
    balance_mm: Field
    imaging: Imaging

    @classmethod
    def of(cls, sharp: Field, imaging: Imaging) -> Columns:
        """Columns whose heights are as their sums of a sharpened signal: those of a deposit of one density."""
        summed = sharp.sum(axis=0)
        shown = (imaging.seen @ sharp.reshape(len(sharp), -1)).reshape(-1, *summed.shape)
        total, moment = shown.sum(axis=0), np.tensordot(imaging.slice_mm, shown, axes=1)
        few = _FAINT * float(total.max())
        balance = (moment + few * moment.sum() / total.sum()) / (total + few)
        pixel_mm2 = imaging.pixel_mm2 / imaging.finer**2
        return cls(height_mm=summed / (float(summed.sum()) * pixel_mm2), balance_mm=balance, imaging=imaging)

    def of_volume(self, volume_mm3: float) -> Field | None:
        """The share of each voxel that the extent of this volume fills; None where it is too small to draw."""
        if volume_mm3 < FEWEST_VOXELS * self.imaging.voxel_mm3:
            return None
        step_mm, layer_mm = float(self.imaging.step_mm[0]), self.imaging.layer_mm[:, None, None]
        height_mm = volume_mm3 * self.height_mm
        middle_mm = self._middle_mm(height_mm)
        top, bottom = middle_mm + height_mm / 2, middle_mm - height_mm / 2
        share = np.minimum(top, layer_mm + step_mm / 2) - np.maximum(bottom, layer_mm - step_mm / 2)
        return np.asarray(np.clip(share / step_mm, 0.0, 1.0))

    def _middle_mm(self, height_mm: Field) -> Field:
        """Where columns of these heights (j, i) lie, for the slices to show them as they do: what two slices show alike
        lies across their border, what one alone shows, within it."""
        imaging = self.imaging
        step_mm, layer_mm = float(imaging.step_mm[0]), imaging.layer_mm
        edges_mm = np.append(layer_mm - step_mm / 2, layer_mm[-1] + step_mm / 2)
        seen = imaging.seen.toarray()
        upto = np.concatenate([np.zeros((len(seen), 1)), np.cumsum(seen, axis=1)], axis=1)
        layers = np.clip(np.rint(height_mm / step_mm), 1, len(layer_mm)).astype(np.int64)
        middle_mm = np.empty_like(height_mm)
        for count in np.unique(layers):
            ends = edges_mm[:, None] + np.array([-0.5, 0.5]) * count * step_mm
            below, above = (np.array([np.interp(end, edges_mm, one) for one in upto]) for end in ends.T)
            total = (above - below).sum(axis=0)
            known = total > _FAINT * total.max()
            balance = np.maximum.accumulate((imaging.slice_mm @ (above - below))[known] / total[known])
            here = layers == count
            distinct = balance + 1e-6 * np.arange(len(balance))
            middle_mm[here] = np.interp(self.balance_mm[here], distinct, edges_mm[known])
        return middle_mm


Drawn = Extents | Columns


def elongation(filled: Field, imaging: Imaging) -> float:
    """Logarithm of an extent's spread across the slices over its spread within them: 0 for a ball."""
    held, plane = filled.sum(axis=(1, 2)), filled.sum(axis=0)  # all that a spread needs to know
    total, size_mm = float(held.sum()), imaging.step_mm
    by_row, by_column = plane.sum(axis=1), plane.sum(axis=0)
    rows_mm = _from_middle(by_row, np.arange(len(by_row)) * size_mm[1])
    columns_mm = _from_middle(by_column, np.arange(len(by_column)) * size_mm[2])
    across, along_rows, along_columns = (
        float(weight @ at_mm**2) / total + size**2 / 12
        for weight, at_mm, size in zip(
            (held, by_row, by_column),
            (_from_middle(held, imaging.layer_mm), rows_mm, columns_mm),
            size_mm.tolist(),
            strict=True,
        )
    )
    aslant = float(rows_mm @ plane @ columns_mm) / total
    return float(0.5 * np.log(across / np.sqrt(along_rows * along_columns - aslant**2)))


def _from_middle(weight: Field, at_mm: Field) -> Field:
    """Places (n,) from their weighted middle."""
    return np.asarray(at_mm - weight @ at_mm / weight.sum())
