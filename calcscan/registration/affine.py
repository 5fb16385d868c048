"""An affine from the initial alignment, fitted to the intracranial space and the brain in it.

Two images steer: the brain within fluid, and the plain intracranial space, which neither atrophy nor an infarct
changes. Points that fit badly count less and less (an infarct, a defect of the skull, the neck). A prior on how much
taller, longer or wider than the template a head may be keeps misleading parts from stretching it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from calcscan.grid.geometry import Array, apply
from calcscan.grid.isotropic import sample_at
from calcscan.grid.masks import places, reached
from calcscan.grid.smooth import gaussian
from calcscan.knowledge.registration import RegistrationSettings
from calcscan.processors import both
from calcscan.registration.preprocess import Field, Mask, RegistrationImage

_STEP = 2
"""The template is used at every second voxel along each axis."""
_ITERATIONS_COARSE, _ITERATIONS_FINE = 10, 6
_SMOOTHING_PER_GRID = 0.8
"""Standard deviation of the smoothing, in units of the grid's spacing."""
_FULLY_VALID = 0.99
"""An interpolated mask above this lies within it with all neighbours."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Side:
    """One image of the template, smoothed."""

    values: Field
    gradient: tuple[Field, ...]
    """Along k, j and i, per voxel."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TemplateGrid:
    """What one grid compares of the template: its brain, and its outline, at points (n, 3)."""

    affine: Array
    points: Array
    brain: _Side
    outline: _Side


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Channel:
    """One image pair to compare, smoothed, and its weight."""

    template: _Side
    scan: Field
    valid: Field
    """1 where the scan's image can be compared, else 0."""
    weight: float


def fit_affine(
    head: RegistrationImage, template: RegistrationImage, scan_to_atlas: Array, settings: RegistrationSettings
) -> Array:
    """The 4×4 matrix from scan to atlas, LPS mm, refined from an initial one.

    Gauss-Newton with weights of Geman and McClure, on two grids.
    """
    for grid_mm, iterations in zip(grids_mm(settings), (_ITERATIONS_COARSE, _ITERATIONS_FINE), strict=True):
        grid = template.once(template_grid, grid_mm, settings)
        channels = _channels(head, grid, scan_to_atlas, grid_mm * _SMOOTHING_PER_GRID, settings)
        for _ in range(iterations):
            update = _update(head, grid, scan_to_atlas, channels, grid_mm, settings)
            scan_to_atlas = update @ scan_to_atlas
            if np.abs(update - np.eye(4)).max() < settings.affine_tolerance_mm:
                break
    return scan_to_atlas


def grids_mm(settings: RegistrationSettings) -> tuple[float, float]:
    """The grids that a head and the template are compared on, the coarse one first."""
    return settings.coarse_grid_mm, settings.fine_grid_mm


def template_grid(template: RegistrationImage, grid_mm: float, settings: RegistrationSettings) -> TemplateGrid:
    """The template's images and their gradients, and points about `grid_mm` apart."""
    template = template.thinned(_STEP)
    near = reached(template.mask, template.spacing_mm, settings.affine_margin_mm)
    step = max(1, round(grid_mm / template.spacing_mm))

    def side(image: Field, smoothing_mm: float) -> _Side:
        smooth = gaussian(image, smoothing_mm / template.spacing_mm)
        return _Side(values=smooth, gradient=tuple(np.gradient(smooth)))

    brain, outline = both(
        lambda: side(template.brain_hu, grid_mm * _SMOOTHING_PER_GRID),
        lambda: side(np.float32(settings.outline_hu) * template.mask, settings.outline_smoothing_mm),
    )
    points = apply(template.affine, places(near[::step, ::step, ::step]) * step)
    return TemplateGrid(affine=template.affine, points=points, brain=brain, outline=outline)


def _channels(
    head: RegistrationImage,
    grid: TemplateGrid,
    scan_to_atlas: Array,
    smoothing_mm: float,
    settings: RegistrationSettings,
) -> tuple[_Channel, _Channel]:
    """The brain within fluid, and the intracranial space."""
    scan_voxel_mm = float(np.cbrt(np.linalg.det(scan_to_atlas[:3, :3]))) * head.spacing_mm  # in the atlas

    def channel(template: _Side, on_scan: Field, smoothing_mm: float, valid: Mask, weight: float) -> _Channel:
        return _Channel(
            template=template,
            scan=gaussian(on_scan, smoothing_mm / scan_voxel_mm),
            valid=valid.astype(np.float32),
            weight=weight,
        )

    outline_hu = np.float32(settings.outline_hu)
    return both(
        lambda: channel(grid.brain, head.brain_hu, smoothing_mm, head.usable, 1.0),
        lambda: channel(
            grid.outline, outline_hu * head.mask, settings.outline_smoothing_mm, head.covered, settings.outline_weight
        ),
    )


def _update(
    head: RegistrationImage,
    grid: TemplateGrid,
    scan_to_atlas: Array,
    channels: tuple[_Channel, _Channel],
    grid_mm: float,
    settings: RegistrationSettings,
) -> Array:
    """The 4×4 affine to apply after `scan_to_atlas`, from one Gauss-Newton step over the grid's points."""
    points = grid.points
    in_scan = apply(np.linalg.inv(scan_to_atlas), points)
    centre = points.mean(axis=0)
    basis = np.concatenate([np.ones((len(points), 1)), points - centre], axis=1)

    def summed(channel: _Channel) -> tuple[Array, Array]:
        """Hessian and gradient of one image pair."""
        valid = sample_at(channel.valid, head.affine, in_scan) > _FULLY_VALID
        residual = sample_at(channel.scan, head.affine, in_scan[valid])
        residual -= sample_at(channel.template.values, grid.affine, points[valid])
        image_gradient = _gradient_at(channel.template, grid.affine, points[valid])
        precision = channel.weight * (grid_mm / settings.fine_grid_mm) ** 3 / settings.affine_residual_sd_hu**2
        weight = precision / (1.0 + (residual / settings.affine_outlier_hu) ** 2) ** 2
        jacobian = (image_gradient[:, :, None] * basis[valid][:, None, :]).reshape(-1, 12)
        return (jacobian * weight[:, None]).T @ jacobian, jacobian.T @ (weight * residual)

    (hessian, gradient), (more, steeper) = both(partial(summed, channels[0]), partial(summed, channels[1]))
    hessian, gradient = hessian + more, gradient + steeper
    linear = [4 * row + 1 + column for row in range(3) for column in range(3)]
    prior = _prior_precision(settings)
    hessian[np.ix_(linear, linear)] += prior
    gradient[linear] -= prior @ _stretch(scan_to_atlas).ravel()
    solution = np.linalg.solve(hessian, gradient).reshape(3, 4)
    update = np.eye(4)
    update[:3, :3] += solution[:, 1:]
    update[:3, 3] = solution[:, 0] - solution[:, 1:] @ centre
    return update


def _gradient_at(template: _Side, affine: Array, points: Array) -> Array:
    """The template's image gradient at points (n, 3), along x, y and z, per mm."""
    per_voxel = np.stack([sample_at(part, affine, points) for part in template.gradient], axis=-1)
    return np.asarray(per_voxel @ np.linalg.inv(affine)[:3, :3])


def _stretch(scan_to_atlas: Array) -> Array:
    """How far a matrix is from preserving shapes: its symmetric stretch in the atlas, divided by its mean, minus 1."""
    u, s, _ = np.linalg.svd(scan_to_atlas[:3, :3])
    return np.asarray(u @ np.diag(s / np.cbrt(s.prod())) @ u.T - np.eye(3))


def _prior_precision(settings: RegistrationSettings) -> Array:
    """(9, 9): the prior's inverse covariance of the linear part, from size, proportions, shear and rotation."""
    unit = np.eye(3)
    precision = np.zeros((9, 9))

    def expect(change: Array, sd: float) -> None:
        direction = change.ravel() / np.linalg.norm(change)
        precision[:] += np.outer(direction, direction) / sd**2

    expect(np.eye(3), settings.size_sd * np.sqrt(3.0))
    for proportions in (np.diag([1.0, -1.0, 0.0]), np.diag([1.0, 1.0, -2.0])):
        expect(proportions, settings.proportion_sd)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        expect(np.outer(unit[a], unit[b]) + np.outer(unit[b], unit[a]), settings.shear_sd)
        expect(np.outer(unit[a], unit[b]) - np.outer(unit[b], unit[a]), settings.rotation_sd)
    return precision
