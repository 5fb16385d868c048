"""Is the fit to be believed?

Limits on how well a fit agrees can't be strict: heads differ more than a fit turned by 10 degrees does from the right
one. But of one head the right fit agrees best: from how the agreement changes when the fit is turned or moved a little
follows where it would be best, and that must not be far off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from calcscan.grid.displacement import Displacement
from calcscan.grid.geometry import Array, apply
from calcscan.grid.isotropic import sample_at
from calcscan.model import Flag, Registration
from calcscan.registration.preprocess import Field, Limits, Mask, RegistrationImage

_STEP = 2
"""The template is smoothed on every second voxel, and compared on every second of these."""
_ROUNDS = 4
"""A line through most of the points is found by leaving out and fitting anew this often."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """Scan and template, and the points (n, 3) of the atlas, LPS mm, at which they are compared."""

    intracranial: RegistrationImage
    smooth: Field
    """The scan's calm HU (k, j, i)."""
    points: Array
    shown: Field
    """The template's at the points, as smooth."""
    brain: Mask
    inner: Mask
    """Brain away from its edge: ventricles and nuclei, not the outline."""
    left_out: float

    @classmethod
    def of(cls, intracranial: RegistrationImage, template: RegistrationImage, limits: Limits) -> Comparison:
        half, part = template.thinned(_STEP), (slice(None, None, _STEP),) * 3
        inner = ndimage.distance_transform_edt(half.mask) * half.spacing_mm > limits["inner_mm"]
        shown = ndimage.gaussian_filter(half.calm, limits["smooth_mm"] / half.spacing_mm)[part]
        return cls(
            intracranial=intracranial,
            smooth=ndimage.gaussian_filter(intracranial.calm, limits["smooth_mm"] / intracranial.spacing_mm),
            points=apply(half.affine, np.moveaxis(np.indices(shown.shape), 0, -1).reshape(-1, 3) * _STEP),
            shown=shown.ravel(),
            brain=half.mask[part].ravel(),
            inner=inner[part].ravel(),
            left_out=limits["left_out"],
        )

    def overlap(self, to_scan: Callable[[Array], Array]) -> float:
        """Dice of the template's brain with the inside of the skull where the scan covers it; 0 where it doesn't."""
        there = to_scan(self.points)
        covered = sample_at(self.intracranial.covered, self.intracranial.affine, there, nearest=True) > 0
        inside = (sample_at(self.intracranial.mask, self.intracranial.affine, there, nearest=True) > 0) & covered
        brain = self.brain & covered
        return 2.0 * float((brain & inside).sum()) / max(1.0, float(brain.sum() + inside.sum()))

    def correlation(self, to_scan: Callable[[Array], Array]) -> float:
        """Of the two within the brain, without the worst tenth, where the scan covers it; 0 where that says nothing."""
        there = to_scan(self.points[self.inner])
        covered = sample_at(self.intracranial.covered, self.intracranial.affine, there, nearest=True) > 0
        if not covered.any():
            return 0.0
        scan = sample_at(self.smooth, self.intracranial.affine, there[covered])
        return _correlation(self.shown[self.inner][covered].astype(np.float64), scan, self.left_out)


def accept(
    matrix: Array, bend: Displacement, intracranial: RegistrationImage, template: RegistrationImage, limits: Limits
) -> Registration:
    """Correlation, overlap, stretch, rotation and bend against their limits, and the fit against its neighbours."""
    back, both = np.asarray(np.linalg.inv(matrix), dtype=np.float64), Comparison.of(intracranial, template, limits)
    overlap, correlation = both.overlap(partial(apply, back)), both.correlation(partial(apply, back))
    off_deg, off_mm = _off(both, back, correlation, limits)
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
        ("the brains' insides would agree better with the head turned", off_deg, limits["off_deg"], -1),
        ("the brains' insides would agree better with the head moved", off_mm, limits["off_mm"], -1),
        ("left and right would be swapped", handed, 0.0, 1),
    ]
    flags = tuple(
        Flag(code="registration_poor", message=what, value=round(float(value), 3), limit=float(limit))
        for what, value, limit, sign in checks
        if not sign * value >= sign * limit
    )
    return Registration(
        scan_to_atlas=matrix,
        displacement=bend,
        method="similarity from nine starts, affine on skull and brain, bend around the deep nuclei; "
        "metric: correlation inside the brain before the bend, without the worst tenth",
        metric=correlation,
        overlap=overlap,
        accepted=not flags,
        reason="; ".join(flag.message for flag in flags) or "within all limits",
        flags=flags,
    )


def _off(both: Comparison, back: Array, correlation: float, limits: Limits) -> tuple[float, float]:
    """How far from its best the fit is turned, in degrees, and moved, in mm: a parabola through its correlation and
    those on either side about or along each axis."""
    centre, turned, shifted = both.points[both.inner].mean(axis=0), [], []
    for axis in np.eye(3):
        at: dict[tuple[str, float], float] = {}
        for sign in (1.0, -1.0):
            turn, move = np.eye(4), np.eye(4)
            turn[:3, :3] = Rotation.from_rotvec(np.radians(sign * limits["nearby_deg"]) * axis).as_matrix()
            turn[:3, 3] = centre - turn[:3, :3] @ centre
            move[:3, 3] = sign * limits["nearby_mm"] * axis
            at["turn", sign] = both.correlation(partial(apply, back @ turn))
            at["move", sign] = both.correlation(partial(apply, back @ move))
        turned.append(_summit(at["turn", -1.0], correlation, at["turn", 1.0]) * limits["nearby_deg"])
        shifted.append(_summit(at["move", -1.0], correlation, at["move", 1.0]) * limits["nearby_mm"])
    return float(np.linalg.norm(turned)), float(np.linalg.norm(shifted))


def _summit(before: float, here: float, after: float) -> float:
    """Where the parabola through values at -1, 0 and 1 is highest, no further off than 2.

    >>> _summit(0.5, 0.875, 0.75)
    0.25
    """
    if 2.0 * here - before - after <= abs(after - before) / 4.0:
        return 2.0 * float(np.sign(after - before))
    return (after - before) / (2.0 * (2.0 * here - before - after))


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
