"""Did the head move while the slices were taken?

The outer table is smooth: from slice to slice its contour grows or shrinks steadily. Where the head moved, it jumps to
one side (first harmonic of the step over the angle), or turns (second harmonic); where two positions blur into one
slice, it grows on one side.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from calcscan.grid.geometry import Array, apply
from calcscan.grid.interpolate import linear_at
from calcscan.grid.isotropic import sample_at
from calcscan.grid.masks import places
from calcscan.knowledge.inspection import InspectionSettings
from calcscan.knowledge.quality import FlagCode
from calcscan.model import AIR_HU, Flag, Intracranial, Scan

_RAYS = 60
_NEAREST_MM, _FARTHEST_MM, _STEP_MM = 25.0, 125.0, 1.0
_ROUGH = 3
"""Depth is looked up at every so many samples."""
_NEIGHBOURS = ((-2, -1, 1, 2), (-4, -2, 2, 4))
"""Steps that a step is compared with; the second, as slices that are taken in pairs may alternate."""
_FEWEST_STEPS = 3
_ROUNDS = 4
_SPREAD_MM = 0.3
_SLICES_TOGETHER = 32
_CLIP_MM = 8.0


def motion_flags(scan: Scan, intracranial: Intracranial, settings: InspectionSettings) -> tuple[Flag, ...]:
    """`motion`, with the largest jump of the skull's contour between two slices in mm, and where it is."""
    jump_mm = contour_jumps_mm(scan, intracranial, settings)
    limit_mm = _limit_mm(scan, settings)
    jumps = np.flatnonzero(jump_mm >= limit_mm)
    if not len(jumps):
        return ()
    largest = int(jumps[jump_mm[jumps].argmax()])
    first, last = sorted(scan.slice_number(int(k)) for k in (jumps[0], jumps[-1] + 1))
    between = f"slices {first} and {last}" + (f", {len(jumps)} times" if len(jumps) > 1 else "")
    message = f"The head moved: between {between}, the skull's contour jumps by up to {jump_mm[largest]:.1f} mm."
    value = round(float(jump_mm[largest]), 1)
    return (Flag(code=FlagCode.MOTION, message=message, value=value, limit=round(float(limit_mm[largest]), 1)),)


def moved_slices(scan: Scan, intracranial: Intracranial, settings: InspectionSettings) -> tuple[int, ...]:
    """The slices taken while the head moved: from before the first jump to behind the last, with `moved_mm` to either
    side; none where nothing jumps."""
    jumps = np.flatnonzero(contour_jumps_mm(scan, intracranial, settings) >= _limit_mm(scan, settings))
    if not len(jumps):
        return ()
    at_mm = scan.geometry.positions_mm
    first_mm, last_mm = at_mm[jumps[0]] - settings.moved_mm, at_mm[jumps[-1] + 1] + settings.moved_mm
    return tuple(int(k) for k in np.flatnonzero((at_mm >= first_mm) & (at_mm <= last_mm)))


def _limit_mm(scan: Scan, settings: InspectionSettings) -> Array:
    """How far a contour must jump, between each slice and the next."""
    return np.maximum(settings.jump_mm, settings.jump_share * np.diff(scan.geometry.positions_mm))


def contour_jumps_mm(scan: Scan, intracranial: Intracranial, settings: InspectionSettings) -> Array:
    """How far the contour jumps from each slice to the next beyond what its neighbours do, shape (slices − 1,); 0 where
    too little of it is seen."""
    gap_mm = np.diff(scan.geometry.positions_mm)
    if len(gap_mm) < _FEWEST_STEPS:
        return np.zeros(len(gap_mm))
    slope = np.diff(_outer_table_mm(scan, intracranial, settings), axis=0) / gap_mm[:, None]
    known = np.isfinite(slope)
    whole = known.mean(axis=1) >= settings.contour_share
    jump_mm = np.zeros(len(gap_mm))
    for step in np.flatnonzero(whole):
        found = []
        for offsets in _NEIGHBOURS:
            near = [step + offset for offset in offsets if 0 <= step + offset < len(gap_mm) and whole[step + offset]]
            seen = known[step] & known[near].any(axis=0) if len(near) > 1 else known[step] & False
            if seen.mean() >= settings.contour_share:
                usual = _median_of_known(slope[near][:, seen])
                found.append(
                    _displacement(
                        (slope[step, seen] - usual) * gap_mm[step], np.flatnonzero(seen), settings.jump_unexplained
                    )
                )
        jump_mm[step] = min(found, default=0.0)
    return jump_mm


def _outer_table_mm(scan: Scan, intracranial: Intracranial, settings: InspectionSettings) -> Array:
    """Distance of the outer table from an axis through the head, by slice and ray; NaN where there is no bone, or
    the edge of the picture cuts it off."""
    grid, coarse = scan.geometry, intracranial.isotropic_hu
    inside = places(intracranial.isotropic_mask)[::50]
    centre = apply(coarse.affine, inside).mean(axis=0)
    across = grid.step_i_mm / np.linalg.norm(grid.step_i_mm)
    angle = 2.0 * np.pi * np.arange(_RAYS) / _RAYS
    way = np.cos(angle)[:, None] * across + np.sin(angle)[:, None] * np.cross(grid.normal, across)
    radius_mm = np.arange(_NEAREST_MM, _FARTHEST_MM, _STEP_MM)
    plane = np.linalg.pinv(np.column_stack([grid.step_j_mm, grid.step_i_mm]))
    out = np.full((len(grid.positions_mm), _RAYS), np.nan)
    for first in range(0, len(out), _SLICES_TOGETHER):
        k = np.arange(first, min(first + _SLICES_TOGETHER, len(out)))
        axis = centre + (grid.positions_mm[k] - centre @ grid.normal)[:, None] * grid.normal
        rough = axis[:, None, None] + radius_mm[None, ::_ROUGH, None] * way[:, None]
        rough_mm = sample_at(intracranial.depth_mm, coarse.affine, rough)
        k = k[(rough_mm > 0.0).any(axis=2).mean(axis=1) >= settings.contour_share]
        axis, depth_mm = axis[k - first], np.repeat(rough_mm[k - first], _ROUGH, axis=2)[:, :, : len(radius_mm)]
        start = (axis - grid.origins_mm[k]) @ plane.T
        ji = start[:, None, None] + radius_mm[:, None] * (way @ plane.T)[:, None]
        index = np.concatenate([np.broadcast_to(k[:, None, None, None], (*ji.shape[:3], 1)), ji], axis=-1)
        hu = linear_at(scan.hu, index, fill=AIR_HU)
        table = (depth_mm > -settings.table_mm) & (depth_mm != 0.0)
        looked_at = np.where(table, hu, AIR_HU).reshape(-1, len(radius_mm))
        found_mm = _last_crossing_mm(looked_at, radius_mm, settings.edge_hu).reshape(len(k), _RAYS)
        beyond = axis[:, None] + (np.nan_to_num(found_mm) + settings.cut_table_mm)[..., None] * way
        pictured = sample_at(coarse.covered, coarse.affine, beyond.reshape(-1, 3), nearest=True) > 0.5
        out[k] = np.where(pictured.reshape(found_mm.shape), found_mm, np.nan)
    return out


def _median_of_known(values: Array) -> Array:
    """The median of each column (n, m) without its NaN, of which no column is full: `numpy.nanmedian`, many times as
    fast."""
    ordered, known = np.sort(values, axis=0), np.isfinite(values).sum(axis=0)
    column = np.arange(values.shape[1])
    return np.asarray((ordered[(known - 1) // 2, column] + ordered[known // 2, column]) / 2)


def _last_crossing_mm(hu: npt.NDArray[np.floating], radius_mm: Array, level: float) -> Array:
    """Where each ray (rays, steps) last falls below a level, between its samples; NaN where it never exceeds it."""
    dense = hu > level
    last = np.clip(hu.shape[1] - 1 - dense[:, ::-1].argmax(axis=1), 0, hu.shape[1] - 2)
    ray = np.arange(len(hu))
    above, below = hu[ray, last], np.maximum(hu[ray, last + 1], -200.0)
    part = np.clip((above - level) / np.maximum(above - below, 1.0), 0.0, 1.0)
    return np.where(dense.any(axis=1), radius_mm[last] + part * _STEP_MM, np.nan)


def _displacement(step_mm: Array, rays: npt.NDArray[np.int64], unexplained_share: float) -> float:
    """How far a step of the contour shifts or turns it: what single places do does not count, nor does a shift that
    leaves most of the contour's step unexplained: a face that begins in front of a skull at rest."""
    angle = 2.0 * np.pi * rays / _RAYS
    waves = np.stack([np.ones_like(angle), *(f(n * angle) for n in (1, 2) for f in (np.cos, np.sin))], axis=1)
    step_mm = np.clip(step_mm, -_CLIP_MM, _CLIP_MM)
    weight = np.ones(len(rays))
    for _ in range(_ROUNDS):
        weighted = waves * weight[:, None] ** 2
        fitted = np.linalg.solve(weighted.T @ waves, weighted.T @ step_mm)
        rest = step_mm - waves @ fitted
        spread = max(_SPREAD_MM, 1.4826 * float(np.median(np.abs(rest))))
        weight = 1.0 / np.sqrt(1.0 + (rest / (2.0 * spread)) ** 2)
    unexplained = float(np.median(np.abs(step_mm - waves @ fitted)))
    if unexplained > unexplained_share * float(np.median(np.abs(step_mm))):
        return 0.0
    return float(np.linalg.norm(fitted[1:]))
