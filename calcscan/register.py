"""Bring the atlas onto the head: Head, Atlas → AtlasFit.

Least squares between the template and the scan, both as brain in fluid: calcium and blood are replaced by grey matter
and everything outside the brain by fluid, so that neither bone nor calcification steers. Several starts at a coarse
grid, then an affine on finer ones. No free deformation: it was measured to be worse than the affine on real heads.

ITK's metrics sum in another order with every number of threads, so this runs on one: the same scan gives the same
transform, to the last bit.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy import ndimage

from calcscan.coarse import sample_at
from calcscan.geometry import Array, apply
from calcscan.knowledge import values
from calcscan.model import Atlas, AtlasFit, Flag, Head

BRAIN = 1
"""The bit of `Atlas.zones` that marks the template's brain."""


def register(head: Head, atlas: Atlas) -> AtlasFit:
    """Fit the atlas to a head by an affine, and judge the fit.

    A fit that is not believed comes back with `accepted` False, the reason, and the flag `registration_poor`.

    Notes
    -----
    Mean squares, regular step gradient descent (SimpleITK 2), scales from physical shift.
    """
    limits = values("registration")
    threads = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        template, brain = _template(atlas, limits)
        scan, covered = _scan(head, limits)
        start = _best_start(template, brain, scan, covered, head, atlas, limits)
        first = _affine(template, brain, scan, covered, start, float(limits["middle_mm"]), limits)
        last = _affine(template, brain, scan, covered, first, float(limits["fine_mm"]), limits)
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
    matrix = _matrix(last)
    return _judge(matrix, head, atlas, limits)


def _template(atlas: Atlas, limits: Any) -> tuple[sitk.Image, sitk.Image]:
    """The template in fluid, and its brain with a margin."""
    brain = (atlas.zones & BRAIN) > 0
    seen = in_fluid(atlas.template_hu, brain, limits)
    margin = ndimage.binary_dilation(brain, iterations=6)
    return _image(seen, atlas.affine), _image(margin.astype(np.uint8), atlas.affine)


def _scan(head: Head, limits: Any) -> tuple[sitk.Image, sitk.Image]:
    coarse = head.coarse_hu
    seen = in_fluid(coarse.values, head.coarse_inside, limits)
    return _image(seen, coarse.affine), _image(coarse.covered.astype(np.uint8), coarse.affine)


def in_fluid(hu: npt.NDArray[np.float32], inside: npt.NDArray[np.bool_], limits: Any) -> npt.NDArray[np.float32]:
    calm = np.where(hu > limits["high_hu"], limits["replacement_hu"], np.maximum(hu, limits["low_hu"]))
    return np.asarray(np.where(inside, calm, limits["low_hu"]), dtype=np.float32)


def _image(volume: npt.NDArray[Any], affine: Array) -> sitk.Image:
    """A (k, j, i) volume with its matrix to LPS mm as a SimpleITK image."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(volume))
    steps = affine[:3, [2, 1, 0]]
    spacing = np.linalg.norm(steps, axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((steps / spacing).ravel().tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    return image


def _at(image: sitk.Image, spacing_mm: float, *, mask: bool = False) -> sitk.Image:
    """The image on a grid of about `spacing_mm`, averaged onto it and lightly smoothed."""
    factor = [max(1, round(spacing_mm / s)) for s in image.GetSpacing()]
    if mask:
        return sitk.Cast(sitk.BinShrink(sitk.Cast(image, sitk.sitkFloat32), factor) > 0.5, sitk.sitkUInt8)
    return sitk.SmoothingRecursiveGaussian(sitk.BinShrink(image, factor), spacing_mm * 0.5)


def _centre(mask: npt.NDArray[np.bool_], affine: Array) -> Array:
    return np.asarray(affine[:3, :3] @ np.array(ndimage.center_of_mass(mask)) + affine[:3, 3])


def _best_start(
    template: sitk.Image,
    brain: sitk.Image,
    scan: sitk.Image,
    covered: sitk.Image,
    head: Head,
    atlas: Atlas,
    limits: Any,
) -> sitk.AffineTransform:
    """The best of several short rigid fits from different angles, on the coarsest grid."""
    spacing_mm = float(limits["coarse_mm"])
    fixed, moving = _at(template, spacing_mm), _at(scan, spacing_mm)
    within, reach = _at(brain, spacing_mm, mask=True), _at(covered, spacing_mm, mask=True)
    here = _centre((atlas.zones & BRAIN) > 0, atlas.affine)
    there = _centre(head.coarse_inside, head.coarse_hu.affine)
    angle = np.radians(limits["start_deg"])
    found: list[tuple[float, int, sitk.Similarity3DTransform]] = []
    for pitch, roll, yaw in _angles(angle):
        motion = sitk.Similarity3DTransform()
        motion.SetCenter(here.tolist())
        rotation = sitk.Euler3DTransform()
        rotation.SetRotation(pitch, roll, yaw)
        motion.SetMatrix(rotation.GetMatrix())
        motion.SetTranslation((there - here).tolist())
        method = _method(within, reach, motion, steps=40, step_mm=4.0)
        method.Execute(fixed, moving)
        found.append((method.GetMetricValue(), len(found), sitk.Similarity3DTransform(motion)))
    best = min(found)[2]
    out = sitk.AffineTransform(3)
    out.SetCenter(best.GetCenter())
    out.SetMatrix(best.GetMatrix())
    out.SetTranslation(best.GetTranslation())
    return out


def _angles(angle: float) -> list[tuple[float, float, float]]:
    """Upright first, then one axis at a time; pitch (about x), which varies most between scanners, twice as far."""
    single = [tuple(sign * angle if axis == a else 0.0 for a in range(3)) for axis, sign in product(range(3), (1, -1))]
    return [(0.0, 0.0, 0.0), *single, (2 * angle, 0.0, 0.0), (-2 * angle, 0.0, 0.0)]  # type: ignore[list-item]


def _affine(
    template: sitk.Image,
    brain: sitk.Image,
    scan: sitk.Image,
    covered: sitk.Image,
    start: sitk.AffineTransform,
    spacing_mm: float,
    limits: Any,
) -> sitk.AffineTransform:
    transform = sitk.AffineTransform(start)
    within, reach = _at(brain, spacing_mm, mask=True), _at(covered, spacing_mm, mask=True)
    method = _method(within, reach, transform, steps=120, step_mm=spacing_mm / 2)
    method.Execute(_at(template, spacing_mm), _at(scan, spacing_mm))
    return transform


def _method(
    within: sitk.Image, reach: sitk.Image, transform: sitk.Transform, *, steps: int, step_mm: float
) -> sitk.ImageRegistrationMethod:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMeanSquares()
    method.SetMetricFixedMask(within)
    method.SetMetricMovingMask(reach)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(step_mm, 0.005, steps, relaxationFactor=0.6)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(transform, inPlace=True)
    return method


def _matrix(transform: sitk.AffineTransform) -> Array:
    """4×4 of an ITK affine, atlas LPS mm to scan LPS mm."""
    linear = np.array(transform.GetMatrix()).reshape(3, 3)
    centre, shift = np.array(transform.GetCenter()), np.array(transform.GetTranslation())
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = centre + shift - linear @ centre
    return matrix


def _judge(matrix: Array, head: Head, atlas: Atlas, limits: Any) -> AtlasFit:
    """Correlation, overlap, stretch and rotation against their limits."""
    overlap, correlation = agreement(matrix, head, atlas, limits)
    u, stretch, v = np.linalg.svd(matrix[:3, :3])
    turn = np.degrees(np.arccos(np.clip((np.trace(u @ v) - 1.0) / 2.0, -1.0, 1.0)))
    handed = np.linalg.det(matrix[:3, :3])
    checks = [
        (
            "the brains' insides agree too little",
            correlation,
            limits["correlation"],
            correlation >= limits["correlation"],
        ),
        ("the brains' outlines overlap too little", overlap, limits["overlap"], overlap >= limits["overlap"]),
        ("the head would be too small", stretch.min(), limits["stretch_low"], stretch.min() >= limits["stretch_low"]),
        ("the head would be too large", stretch.max(), limits["stretch_high"], stretch.max() <= limits["stretch_high"]),
        ("the head would be turned too far", turn, limits["rotation_deg"], turn <= limits["rotation_deg"]),
        ("left and right would be swapped", handed, 0.0, handed > 0),
    ]
    flags = tuple(
        Flag(code="registration_poor", message=what, value=round(float(value), 3), limit=float(limit))
        for what, value, limit, good in checks
        if not good
    )
    return AtlasFit(
        scan_to_atlas=np.asarray(np.linalg.inv(matrix), dtype=np.float64),
        method="affine, mean squares of brain in fluid, one thread; metric: correlation inside the brain",
        metric=correlation,
        overlap=overlap,
        accepted=not flags,
        reason="; ".join(flag.message for flag in flags) or "within all limits",
        flags=flags,
    )


def agreement(matrix: Array, head: Head, atlas: Atlas, limits: Any) -> tuple[float, float]:
    """Dice of the template's brain with the inside of the skull, and the correlation of the two within the brain, away
    from its edge, on every third atlas voxel that the scan covers; (0, 0) where that says nothing."""
    step = 3
    whole = (atlas.zones & BRAIN) > 0
    inner = ndimage.binary_erosion(whole, iterations=round(limits["inner_mm"]))[::step, ::step, ::step]
    brain = whole[::step, ::step, ::step]
    kji = np.stack(np.meshgrid(*[np.arange(0, n, step) for n in whole.shape], indexing="ij"), axis=-1)
    there = apply(matrix, apply(atlas.affine, kji)).reshape(-1, 3)

    def sampled(volume: npt.NDArray[Any], *, nearest: bool) -> Array:
        return sample_at(volume, head.coarse_hu.affine, there, nearest=nearest).reshape(brain.shape)

    covered = sampled(head.coarse_hu.covered.astype(np.uint8), nearest=True) > 0
    inside = (sampled(head.coarse_inside.astype(np.uint8), nearest=True) > 0) & covered
    brain, inner = brain & covered, inner & covered
    if not inner.any():
        return 0.0, 0.0
    overlap = 2.0 * float((brain & inside).sum()) / float(brain.sum() + inside.sum())
    smooth_mm = float(limits["smooth_mm"])
    scan = in_fluid(head.coarse_hu.values, head.coarse_inside, limits)
    scan = sampled(ndimage.gaussian_filter(scan, smooth_mm / head.coarse_hu.spacing_mm), nearest=False)[inner]
    template = ndimage.gaussian_filter(in_fluid(atlas.template_hu, whole, limits), smooth_mm)
    template = template[::step, ::step, ::step][inner]
    spread = float(scan.std() * template.std())
    correlation = float(np.mean((scan - scan.mean()) * (template - template.mean()))) / spread if spread > 0 else 0.0
    return overlap, correlation
