"""A smooth deformation around the ventricles and deep nuclei, after the affine.

Ventricles widen with age and push the nuclei aside; an affine can't follow. A free deformation follows noise, gyri and
the brightness near the skull instead (measured: worse than the affine). So the displacement is a Gaussian process: its
standard deviation is a few millimetres, it is smooth over centimetres, and zero where the images say nothing. The
images are bias-corrected first, and points that fit badly count little.

The outline of a head leaves its deep nuclei off by a few millimetres as a whole. They are recentred together with the
deformation: recentring first would mistake widening for a shift.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy import linalg

from calcscan.grid.displacement import Displacement
from calcscan.grid.geometry import Array
from calcscan.grid.isotropic import sample_at
from calcscan.grid.masks import distance_mm
from calcscan.knowledge.registration import RegistrationSettings
from calcscan.processors import both
from calcscan.registration.deep_nuclei import GRID_MM, NODE_STEP, Box, DeepImage
from calcscan.registration.displacement_modes import DisplacementModes, displacement_modes
from calcscan.registration.preprocess import Field, Mask, RegistrationImage

_ITERATIONS_COARSE, _ITERATIONS_FINE = 1, 4
_FULLY_USABLE = 0.99
"""An interpolated mask above this lies within it with all neighbours."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DeepTemplate:
    """What is compared of the template, and how it may be displaced."""

    box: Box
    modes: DisplacementModes
    levels: tuple[tuple[Field, Field], ...]
    """The image and its gradient, first smoother ones; both on the box."""
    depth_mm: Field
    """How deep in the brain, on the box."""


def deep_template(template: RegistrationImage, settings: RegistrationSettings) -> DeepTemplate:
    """The template around its deep nuclei."""
    box = Box.around_deep_nuclei(settings)
    image = DeepImage.of(template, box, np.eye(4), settings)
    smoothed = [image.bias_corrected(sigma_mm, settings) for sigma_mm in _sigmas_mm(settings)]
    return DeepTemplate(
        box=box,
        modes=displacement_modes(box, settings),
        levels=tuple((hu, _image_gradient(hu)) for hu in smoothed),
        depth_mm=distance_mm(~np.pad(image.mask, 1), GRID_MM)[1:-1, 1:-1, 1:-1],
    )


def _sigmas_mm(settings: RegistrationSettings) -> tuple[float, float]:
    """How much both images are smoothed: more at first."""
    return 2 * settings.deformable_smoothing_mm, settings.deformable_smoothing_mm


def fit_deformable(
    head: RegistrationImage, template: RegistrationImage, scan_to_atlas: Array, settings: RegistrationSettings
) -> tuple[Array, Displacement]:
    """The 4×4 matrix from scan to atlas, LPS mm, recentred on the deep nuclei, and the displacement of points in the
    atlas (those of the scan after that matrix) that brings the scan onto the template; zero away from the deep nuclei.
    """
    deep = template.once(deep_template, settings)
    box, modes = deep.box, deep.modes
    coefficients = _fit_coefficients(head, deep, scan_to_atlas, settings)
    shift_mm = coefficients[0]
    recentre = np.eye(4)
    recentre[:3, 3] = shift_mm
    return recentre @ scan_to_atlas, _displacement(modes.values[:, 1:] @ coefficients[1:], shift_mm, box)


def _fit_coefficients(
    head: RegistrationImage, deep: DeepTemplate, scan_to_atlas: Array, settings: RegistrationSettings
) -> Array:
    """The coefficients (modes, 3), in mm, that bring the scan onto the template.

    Gauss-Newton with weights of Geman and McClure, first on smoother images.
    """
    box = deep.box
    on_scan = DeepImage.of(head, box, scan_to_atlas, settings)
    use = _usable_nodes(head, deep, scan_to_atlas, settings)
    points, modes = box.node_points[use], replace(deep.modes, values=deep.modes.values[use])
    coefficients = np.zeros((len(modes.variance), 3))
    for (template_hu, image_gradient), sigma_mm, iterations in zip(
        deep.levels, _sigmas_mm(settings), (_ITERATIONS_COARSE, _ITERATIONS_FINE), strict=True
    ):
        scan_hu = on_scan.bias_corrected(sigma_mm, settings)
        target_hu = _contrast_matched(scan_hu[box.node_index][use], template_hu[box.node_index][use], settings)
        for _ in range(iterations):
            coefficients += _update(coefficients, target_hu, template_hu, image_gradient, points, modes, box, settings)
    return coefficients


def _usable_nodes(
    head: RegistrationImage, deep: DeepTemplate, scan_to_atlas: Array, settings: RegistrationSettings
) -> Mask:
    """Which nodes lie in the scan, away from calcium and blood, and deep enough in the template's brain, (n,)."""
    box = deep.box
    usable = box.resample(head.usable & head.mask, head.affine, scan_to_atlas) > _FULLY_USABLE
    return np.asarray(usable[box.node_index] & (deep.depth_mm[box.node_index] > settings.surface_margin_mm))


def _contrast_matched(scan_hu: Field, template_hu: Field, settings: RegistrationSettings) -> Array:
    """The scan with the template's contrast between grey and white matter."""
    above_fluid_hu = -settings.fluid_contrast_hu / 2
    in_both = np.minimum(scan_hu, template_hu) > above_fluid_hu
    if not in_both.any():
        return np.asarray(scan_hu, dtype=np.float64)
    gain = float(template_hu[in_both].std()) / max(float(scan_hu[in_both].std()), 1e-3)
    gain = float(np.clip(gain, settings.contrast_gain_low, settings.contrast_gain_high))
    return np.where(scan_hu > above_fluid_hu, scan_hu * gain, scan_hu).astype(np.float64)


def _image_gradient(template_hu: Field) -> Field:
    """(3, k, j, i): along x, y and z, HU per mm."""
    along_k, along_j, along_i = np.gradient(template_hu, GRID_MM)
    return np.stack([along_i, along_j, along_k])


def _update(
    coefficients: Array,
    target_hu: Array,
    template_hu: Field,
    image_gradient: Field,
    points: Array,
    modes: DisplacementModes,
    box: Box,
    settings: RegistrationSettings,
) -> Array:
    """The change of the coefficients (modes, 3) in one Gauss-Newton step.

    `target_hu` (n,) is the scan at `points` (n, 3), which the template should show where the displacement puts them.
    """
    outlier_hu, sd_hu = settings.deformable_outlier_hu, settings.deformable_residual_sd_hu

    def summed(first: int, last: int) -> tuple[Array, Array]:
        """Hessian and gradient of some of the points."""
        values = modes.values[first:last]
        displaced = points[first:last] + values @ coefficients
        residual = target_hu[first:last] - sample_at(template_hu, box.affine, displaced)
        along = np.stack([sample_at(part, box.affine, displaced) for part in image_gradient], axis=-1)
        root_weight = 1.0 / (1.0 + (residual / outlier_hu) ** 2) / sd_hu
        along *= root_weight[:, None]
        jacobian = np.concatenate([values * along[:, axis : axis + 1] for axis in range(3)], axis=1)
        return jacobian.T @ jacobian, jacobian.T @ (root_weight * residual)

    half = len(points) // 2  # always in halves, so that the sums are the same on one processor
    (hessian, gradient), (more, steeper) = both(partial(summed, 0, half), partial(summed, half, len(points)))
    prior = np.tile(1.0 / modes.variance, 3)
    hessian += more
    hessian[np.diag_indices_from(hessian)] += prior
    gradient = gradient + steeper - prior * coefficients.T.ravel()
    return np.asarray(linalg.cho_solve(linalg.cho_factor(hessian), gradient).reshape(3, -1).T)


def _displacement(at_nodes: Array, shift_mm: Array, box: Box) -> Displacement:
    """The displacement (nodes, 3), sought before the head was shifted, after that shift."""
    shape = (*box.node_shape, 3)
    affine = box.affine @ np.diag([NODE_STEP, NODE_STEP, NODE_STEP, 1.0])
    affine[:3, 3] = box.node_points[0]
    before = np.moveaxis(at_nodes.reshape(shape), -1, 0)
    after = np.stack([sample_at(part, affine, box.node_points - shift_mm) for part in before], axis=-1)
    return Displacement(shift_mm=np.round(after, 4).astype(np.float32).reshape(shape), affine=affine)
