"""Is the fit to be believed?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.coarse import sample_at
from calcscan.geometry import Array, Bend, apply
from calcscan.model import AtlasFit, Flag
from calcscan.register.tissue import Limits, Sight

_ROUNDS = 4
"""A line through most of the points is found by leaving out and fitting anew this often."""


def judge(matrix: Array, bend: Bend, head: Sight, template: Sight, limits: Limits) -> AtlasFit:
    """Correlation, overlap, stretch, rotation and bend against their limits."""
    back = np.linalg.inv(matrix)
    overlap, correlation = agreement(lambda points: apply(back, points), head, template, limits)
    u, stretch, v = np.linalg.svd(back[:3, :3])
    turn = np.degrees(np.arccos(np.clip((np.trace(u @ v) - 1.0) / 2.0, -1.0, 1.0)))
    handed = np.linalg.det(matrix[:3, :3])
    size, uneven = float(np.cbrt(stretch.prod())), float(stretch.max() / stretch.min())
    checks = [
        ("the brains' insides agree too little", correlation, limits["correlation"], 1),
        ("the brains' outlines overlap too little", overlap, limits["overlap"], 1),
        ("the head would be too small", size, limits["size_low"], 1),
        ("the head would be too large", size, limits["size_high"], -1),
        ("the head would have to be stretched too unevenly", uneven, limits["uneven"], -1),
        ("the head would be turned too far", turn, limits["rotation_deg"], -1),
        ("the middle of the head would have to be bent too far", bend.rms_mm, limits["bend_rms_mm"], -1),
        ("left and right would be swapped", handed, 0.0, 1),
    ]
    flags = tuple(
        Flag(code="registration_poor", message=what, value=round(float(value), 3), limit=float(limit))
        for what, value, limit, sign in checks
        if not sign * value >= sign * limit
    )
    return AtlasFit(
        scan_to_atlas=matrix,
        bend=bend,
        method="similarity from nine starts, affine on skull and brain, bend around the deep nuclei; "
        "metric: correlation inside the brain before the bend, without the worst tenth",
        metric=correlation,
        overlap=overlap,
        accepted=not flags,
        reason="; ".join(flag.message for flag in flags) or "within all limits",
        flags=flags,
    )


def agreement(to_scan: Callable[[Array], Array], head: Sight, template: Sight, limits: Limits) -> tuple[float, float]:
    """Dice of the template's brain with the inside of the skull, and the correlation of the two within the brain, away
    from its edge and without the worst tenth, on every fourth atlas voxel that the scan covers; (0, 0) where that says
    nothing."""
    step = 2
    half = template.thinned(step)
    shown = ndimage.gaussian_filter(half.calm, limits["smooth_mm"] / half.spacing_mm)[::step, ::step, ::step]
    inner = ndimage.distance_transform_edt(half.inside) * half.spacing_mm > limits["inner_mm"]
    brain, inner = half.inside[::step, ::step, ::step], inner[::step, ::step, ::step]
    there = to_scan(apply(half.affine, np.moveaxis(np.indices(brain.shape), 0, -1).reshape(-1, 3) * step))

    def sampled(volume: npt.NDArray[Any], *, nearest: bool) -> Array:
        return sample_at(volume, head.affine, there, nearest=nearest).reshape(brain.shape)

    covered = sampled(head.covered.astype(np.uint8), nearest=True) > 0
    inside = (sampled(head.inside.astype(np.uint8), nearest=True) > 0) & covered
    brain, inner = brain & covered, inner & covered
    if not inner.any():
        return 0.0, 0.0
    overlap = 2.0 * float((brain & inside).sum()) / float(brain.sum() + inside.sum())
    scan = ndimage.gaussian_filter(head.calm, limits["smooth_mm"] / head.spacing_mm)
    return overlap, _correlation(shown[inner], sampled(scan, nearest=False)[inner], limits["left_out"])


def _correlation(template: Array, scan: Array, left_out: float) -> float:
    """Of the points, without the share `left_out` that lies farthest from the line of the others: an infarct or a
    bleeding is no reason to disbelieve the rest. 0 where nothing varies."""
    keep = np.ones(len(scan), dtype=np.bool_)
    for _ in range(_ROUNDS):
        if min(scan[keep].std(), template[keep].std()) < 1e-6:
            return 0.0
        slope, level = np.polyfit(template[keep], scan[keep], 1)
        gap = np.abs(scan - slope * template - level)
        keep = gap <= np.quantile(gap, 1.0 - left_out)
    return float(np.corrcoef(template[keep], scan[keep])[0, 1])
