"""The start: where the head lies, how it is turned and how large it is, from any position."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy import ndimage

from calcscan.grid.geometry import Array
from calcscan.registration.preprocess import Limits, Mask, RegistrationImage


def start(intracranial: RegistrationImage, template: RegistrationImage, limits: Limits) -> Array:
    """The 4×4 matrix from scan to atlas, LPS mm, of the best of several short similarity fits on a coarse grid.

    Notes
    -----
    Mean squares, regular step gradient descent, scales from physical shift (SimpleITK 2), on one thread.
    """
    threads = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        return np.asarray(np.linalg.inv(_best(intracranial, template, limits)), dtype=np.float64)
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)


def _best(intracranial: RegistrationImage, template: RegistrationImage, limits: Limits) -> Array:
    spacing_mm = float(limits["coarse_mm"])
    fixed = _at(_image(template.calm, template.affine), spacing_mm)
    moving = _at(_image(intracranial.calm, intracranial.affine), spacing_mm)
    margin = ndimage.binary_dilation(template.mask, iterations=6).astype(np.uint8)
    within = _at(_image(margin, template.affine), spacing_mm, mask=True)
    reach = _at(_image(intracranial.covered.astype(np.uint8), intracranial.affine), spacing_mm, mask=True)
    here, there = _centre(template.mask, template.affine), _centre(intracranial.mask, intracranial.affine)
    found: list[tuple[float, int, sitk.Similarity3DTransform]] = []
    for pitch, roll, yaw in _angles(np.radians(limits["start_deg"])):
        motion = sitk.Similarity3DTransform()
        motion.SetCenter(here.tolist())
        rotation = sitk.Euler3DTransform()
        rotation.SetRotation(pitch, roll, yaw)
        motion.SetMatrix(rotation.GetMatrix())
        motion.SetTranslation((there - here).tolist())
        method = _method(within, reach, motion)
        method.Execute(fixed, moving)
        found.append((method.GetMetricValue(), len(found), sitk.Similarity3DTransform(motion)))
    # one that shrinks the head until hardly anything lies in the scan has a low metric too
    likely = [one for one in found if limits["size_low"] <= one[2].GetScale() <= limits["size_high"]]
    return _matrix(min(likely or found)[2])


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


def _centre(mask: Mask, affine: Array) -> Array:
    return np.asarray(affine[:3, :3] @ np.array(ndimage.center_of_mass(mask)) + affine[:3, 3])


def _angles(angle: float) -> list[tuple[float, float, float]]:
    """Upright first, then one axis at a time; pitch (about x), which varies most between scanners, twice as far."""
    single = [tuple(sign * angle if axis == a else 0.0 for a in range(3)) for axis, sign in product(range(3), (1, -1))]
    return [(0.0, 0.0, 0.0), *single, (2 * angle, 0.0, 0.0), (-2 * angle, 0.0, 0.0)]  # type: ignore[list-item]


def _method(within: sitk.Image, reach: sitk.Image, motion: sitk.Transform) -> sitk.ImageRegistrationMethod:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMeanSquares()
    method.SetMetricFixedMask(within)
    method.SetMetricMovingMask(reach)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(4.0, 0.005, 40, relaxationFactor=0.6)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(motion, inPlace=True)
    return method


def _matrix(motion: sitk.Similarity3DTransform) -> Array:
    """4×4 of an ITK transform, atlas LPS mm to scan LPS mm."""
    linear = np.array(motion.GetMatrix()).reshape(3, 3)
    centre, shift = np.array(motion.GetCenter()), np.array(motion.GetTranslation())
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = centre + shift - linear @ centre
    return matrix
