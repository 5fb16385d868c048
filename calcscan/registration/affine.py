"""The frame: an affine from the start, on the inside of the skull and the brain in it.

Two pictures steer: the brain in fluid, and the plain inside of the skull, which neither a shrunken brain nor an infarct
changes. What fits badly counts less and less (an infarct, a defect of the skull, the neck). How much taller, longer or
wider than the template a head may be is known beforehand, so that a part that misleads can't stretch it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from calcscan.grid.geometry import Array, apply
from calcscan.grid.isotropic import sample_at
from calcscan.registration.preprocess import Field, Limits, Mask, RegistrationImage

_STEP = 2
"""The template is looked at on every second voxel along each axis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    """One thing that both show: smooth fields, where the scan's can be seen, and how much it counts."""

    template: Field
    slope: tuple[Field, ...]
    """Of the template, along k, j and i, per voxel."""
    scan: Field
    seen: Field
    weight: float


def frame(intracranial: RegistrationImage, template: RegistrationImage, matrix: Array, limits: Limits) -> Array:
    """The 4×4 matrix from scan to atlas, LPS mm, refined from a start.

    Gauss-Newton with weights of Geman and McClure, on two grids.
    """
    template = template.thinned(_STEP)
    near = ndimage.distance_transform_edt(~template.mask) * template.spacing_mm <= limits["frame_margin_mm"]
    for spacing_mm, smooth_mm, rounds in (
        (limits["coarse_mm"], limits["coarse_mm"] * 0.8, 10),
        (limits["middle_mm"], limits["middle_mm"] * 0.8, 6),
    ):
        every = max(1, round(spacing_mm / template.spacing_mm))
        points = apply(template.affine, np.argwhere(near[::every, ::every, ::every]) * every)
        pictures = _pictures(intracranial, template, matrix, smooth_mm, limits)
        for _ in range(rounds):
            change = _step(matrix, points, pictures, intracranial, template, spacing_mm, limits)
            matrix = change @ matrix
            if np.abs(change - np.eye(4)).max() < limits["still"]:
                break
    return matrix


def _pictures(
    intracranial: RegistrationImage, template: RegistrationImage, matrix: Array, smooth_mm: float, limits: Limits
) -> tuple[_Picture, _Picture]:
    size = float(np.cbrt(np.linalg.det(matrix[:3, :3]))) * intracranial.spacing_mm

    def picture(one: Field, other: Field, smooth_mm: float, seen: Mask, weight: float) -> _Picture:
        smooth = ndimage.gaussian_filter(one, smooth_mm / template.spacing_mm)
        blurred = ndimage.gaussian_filter(other, smooth_mm / size)
        return _Picture(
            template=smooth, slope=tuple(np.gradient(smooth)), scan=blurred, seen=seen.astype(np.float32), weight=weight
        )

    level = np.float32(limits["outline_hu"])
    return (
        picture(template.calm, intracranial.calm, smooth_mm, intracranial.clear, 1.0),
        picture(
            level * template.mask,
            level * intracranial.mask,
            limits["outline_smooth_mm"],
            intracranial.covered,
            limits["outline_weight"],
        ),
    )


def _step(
    matrix: Array,
    points: Array,
    pictures: tuple[_Picture, ...],
    intracranial: RegistrationImage,
    template: RegistrationImage,
    spacing_mm: float,
    limits: Limits,
) -> Array:
    """The affine by which the scan's points in the atlas should move, 4×4."""
    there = apply(np.linalg.inv(matrix), points)
    centre = points.mean(axis=0)
    basis = np.concatenate([np.ones((len(points), 1)), points - centre], axis=1)
    to_index = np.linalg.inv(template.affine)[:3, :3]
    curvature, pull = np.zeros((12, 12)), np.zeros(12)
    for picture in pictures:
        use = sample_at(picture.seen, intracranial.affine, there) > 0.99
        gap = sample_at(picture.scan, intracranial.affine, there[use])
        gap -= sample_at(picture.template, template.affine, points[use])
        slope = np.stack([sample_at(part, template.affine, points[use]) for part in picture.slope], axis=-1) @ to_index
        counts = picture.weight * (spacing_mm / limits["middle_mm"]) ** 3 / limits["frame_sd_hu"] ** 2
        trust = counts / (1.0 + (gap / limits["forgive_hu"]) ** 2) ** 2
        design = (slope[:, :, None] * basis[use][:, None, :]).reshape(-1, 12)
        curvature += (design * trust[:, None]).T @ design
        pull += design.T @ (trust * gap)
    linear = [4 * a + 1 + m for a in range(3) for m in range(3)]
    precision = _precision(limits)
    curvature[np.ix_(linear, linear)] += precision
    pull[linear] -= precision @ _stretch(matrix).ravel()
    moved = np.linalg.solve(curvature, pull).reshape(3, 4)
    change = np.eye(4)
    change[:3, :3] += moved[:, 1:]
    change[:3, 3] = moved[:, 0] - moved[:, 1:] @ centre
    return change


def _stretch(matrix: Array) -> Array:
    """How far a matrix is from keeping shapes: its symmetric stretch in the atlas, less its mean."""
    u, s, _ = np.linalg.svd(matrix[:3, :3])
    return np.asarray(u @ np.diag(s / np.cbrt(s.prod())) @ u.T - np.eye(3))


def _precision(limits: Limits) -> Array:
    """(9, 9): how little is expected of each change of the linear part: of size, of proportions, of turning."""
    unit = np.eye(3)
    out = np.zeros((9, 9))

    def expect(change: Array, sd: float) -> None:
        way = change.ravel() / np.linalg.norm(change)
        out[:] += np.outer(way, way) / sd**2

    expect(np.eye(3), limits["size_sd"] * np.sqrt(3.0))
    for proportions in (np.diag([1.0, -1.0, 0.0]), np.diag([1.0, 1.0, -2.0])):
        expect(proportions, limits["proportion_sd"])
    for a, m in ((0, 1), (0, 2), (1, 2)):
        expect(np.outer(unit[a], unit[m]) + np.outer(unit[m], unit[a]), limits["shear_sd"])
        expect(np.outer(unit[a], unit[m]) - np.outer(unit[m], unit[a]), limits["turn_sd"])
    return out
