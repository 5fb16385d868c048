"""Similarity fits of a head to the template from given orientations: position, orientation and size.

Every fit is cheap: Gauss-Newton on seven parameters over a few thousand points of the template, first of all with the
inside of the skull and the brain in it as the affine uses them. Only the best few are followed on a finer grid.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.spatial.transform import Rotation

from calcscan.grid.geometry import Array, apply
from calcscan.grid.isotropic import sample_at
from calcscan.grid.masks import places, reached
from calcscan.grid.smooth import gaussian
from calcscan.knowledge.registration import RegistrationSettings
from calcscan.processors import at_once, both
from calcscan.registration.agreement import Agreement
from calcscan.registration.preprocess import Field, Mask, RegistrationImage

_STEP = 3
"""The template is used at every third voxel along each axis."""
_SMOOTHING_PER_GRID = 0.8
"""Standard deviation of the smoothing, in units of the grid's spacing."""
_SCORED = 5
"""Poses are ranked at every fifth point at which a registration is judged."""
_ITERATIONS = 10
_CONVERGED = 1e-3
_LARGEST_STEP = 0.35
"""Radians, and relative change of size, of one iteration."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Side:
    """One image of the template at the points."""

    values: Array
    """(n,)"""
    jacobian: Array
    """Change of the value by shift, rotation and size about the points' centre (n, 7)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TemplateLevel:
    """What one grid compares of the template: its brain, and its outline."""

    points: Array
    centre: Array
    brain: _Side
    outline: _Side


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pair:
    """One image of the template, and the scan's to compare it with."""

    template: _Side
    scan: Field
    valid: Mask
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Level:
    """What one grid compares."""

    points: Array
    centre: Array
    pairs: tuple[_Pair, ...]


def best_fits(
    head: RegistrationImage,
    template: RegistrationImage,
    rotations: Iterable[Array],
    size: float,
    levels: Iterable[tuple[float, int, float]],
    settings: RegistrationSettings,
) -> tuple[Array, ...]:
    """4×4 matrices from scan to atlas, LPS mm: the best of the fits from these rotations (3, 3), best first.

    Parameters
    ----------
    rotations
        From scan to atlas, about the centres of head and template, which are laid on each other.
    size
        Of the head relative to the template, to begin with.
    levels
        For each grid its spacing in mm, how many fits are followed further at most, and how many degrees apart in
        orientation these are at least.
    """
    agreement = Agreement.between(head, template, settings).thinned(_SCORED)
    template_centre, head_centre = _centre_of(template.mask, template.affine), _centre_of(head.mask, head.affine)

    def score(scan_to_atlas: Array) -> float:
        scale = 1.0 / float(np.cbrt(np.linalg.det(scan_to_atlas[:3, :3])))
        if not settings.scale_low <= scale <= settings.scale_high:
            return -1.0
        return agreement.both(partial(apply, np.linalg.inv(scan_to_atlas)))

    found = [_laid_on(template_centre, head_centre, rotation / size) for rotation in rotations]
    for grid_mm, kept, apart_deg in levels:
        level = _level(head, template, grid_mm, size, settings)
        found = at_once(partial(_fitted, head, level, matrix, settings) for matrix in found)
        scores = at_once(partial(score, matrix) for matrix in found)
        best = sorted(range(len(found)), key=lambda n: -scores[n])
        found = distinct([found[n] for n in best if scores[n] > 0.0], apart_deg)[:kept]
    return tuple(found)


def upright(head: RegistrationImage, template: RegistrationImage) -> Array:
    """The 4×4 matrix that only lays the head's centre on the template's."""
    return _laid_on(_centre_of(template.mask, template.affine), _centre_of(head.mask, head.affine), np.eye(3))


def _laid_on(template_centre: Array, head_centre: Array, linear: Array) -> Array:
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = template_centre - linear @ head_centre
    return matrix


def _centre_of(mask: Mask, affine: Array) -> Array:
    """The centre of mass, LPS mm (3,)."""
    others = ((1, 2), (0, 2), (0, 1))
    sums = [np.count_nonzero(mask, axis=axes) for axes in others]  # voxels at each place along an axis
    index = np.array([along @ np.arange(len(along)) / along.sum() for along in sums])
    return np.asarray(affine[:3, :3] @ index + affine[:3, 3])


def size_of(head: RegistrationImage, template: RegistrationImage, settings: RegistrationSettings) -> float:
    """How large the head is relative to the template, by the volume inside, within what heads may be."""
    size = np.cbrt(head.mask.sum() / template.mask.sum()) * head.spacing_mm / template.spacing_mm
    return float(np.clip(size, settings.scale_low, settings.scale_high))


def distinct(matrices: list[Array], apart_deg: float) -> list[Array]:
    """The 4×4 matrices without those that lie within `apart_deg` of an earlier one in rotation."""
    kept: list[Array] = []
    for matrix in matrices:
        if all(angle_between_deg(matrix, other) > apart_deg for other in kept):
            kept.append(matrix)
    return kept


def angle_between_deg(a: Array, b: Array) -> float:
    """How far two 4×4 matrices differ in rotation.

    >>> quarter = np.diag([1.0, 1.0, 1.0, 1.0])[[1, 0, 2, 3]] * [[-1], [1], [1], [1]]
    >>> round(angle_between_deg(np.eye(4), 2.0 * quarter), 3)
    90.0
    """
    turns = [u @ v for u, _, v in (np.linalg.svd(matrix[:3, :3]) for matrix in (a, b))]
    cosine = (np.trace(turns[0].T @ turns[1]) - 1.0) / 2.0
    return float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))


def template_level(template: RegistrationImage, grid_mm: float, settings: RegistrationSettings) -> TemplateLevel:
    """The template's images and their gradients at points about `grid_mm` apart."""
    template = template.thinned(_STEP)
    step = max(1, round(grid_mm / template.spacing_mm))
    near = reached(template.mask, template.spacing_mm, settings.affine_margin_mm)
    index = places(near[::step, ::step, ::step]) * step
    points = apply(template.affine, index)
    centre = points.mean(axis=0)
    offset = points - centre

    def side(image: Field) -> _Side:
        smooth = gaussian(image, _SMOOTHING_PER_GRID * grid_mm / template.spacing_mm)
        here = tuple(index.T)
        per_voxel = np.stack([np.asarray(along)[here] for along in np.gradient(smooth)], axis=-1)
        gradient = per_voxel @ np.linalg.inv(template.affine)[:3, :3]
        turn, grow = np.cross(offset, gradient), (offset * gradient).sum(axis=1)
        return _Side(
            values=smooth[here].astype(np.float64), jacobian=np.concatenate([gradient, turn, grow[:, None]], axis=1)
        )

    brain, outline = both(
        lambda: side(template.brain_hu), lambda: side(np.float32(settings.outline_hu) * template.mask)
    )
    return TemplateLevel(points=points, centre=centre, brain=brain, outline=outline)


def _level(
    head: RegistrationImage, template: RegistrationImage, grid_mm: float, size: float, settings: RegistrationSettings
) -> _Level:
    level = template.once(template_level, grid_mm, settings)
    sigma = _SMOOTHING_PER_GRID * grid_mm * size / head.spacing_mm
    brain, outline = both(
        lambda: gaussian(head.brain_hu, sigma), lambda: gaussian(np.float32(settings.outline_hu) * head.mask, sigma)
    )
    return _Level(
        points=level.points,
        centre=level.centre,
        pairs=(
            _Pair(template=level.brain, scan=brain, valid=head.usable, weight=1.0),
            _Pair(template=level.outline, scan=outline, valid=head.covered, weight=settings.outline_weight),
        ),
    )


def _fitted(head: RegistrationImage, level: _Level, scan_to_atlas: Array, settings: RegistrationSettings) -> Array:
    for _ in range(_ITERATIONS):
        in_scan = apply(np.linalg.inv(scan_to_atlas), level.points)
        hessian, gradient = np.diag([1e-6] * 3 + [1.0] * 4), np.zeros(7)
        for pair in level.pairs:
            valid = sample_at(pair.valid, head.affine, in_scan, nearest=True) > 0
            residual = sample_at(pair.scan, head.affine, in_scan[valid]) - pair.template.values[valid]
            jacobian = pair.template.jacobian[valid]
            weight = pair.weight / (1.0 + (residual / settings.affine_outlier_hu) ** 2)
            hessian += (jacobian * weight[:, None]).T @ jacobian
            gradient += jacobian.T @ (weight * residual)
        change = np.linalg.solve(hessian, gradient)
        change *= min(1.0, _LARGEST_STEP / max(float(np.abs(change[3:]).max()), 1e-9))
        update = np.eye(4)
        update[:3, :3] = np.exp(change[6]) * Rotation.from_rotvec(change[3:6]).as_matrix()
        update[:3, 3] = change[:3] + level.centre - update[:3, :3] @ level.centre
        scan_to_atlas = update @ scan_to_atlas
        if np.abs(change[3:]).max() < _CONVERGED:
            break
    return scan_to_atlas
