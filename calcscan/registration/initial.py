"""The initial alignment: position, orientation and size of the head, whatever its position in the scanner."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy import ndimage

from calcscan.grid.geometry import Array
from calcscan.knowledge.registration import RegistrationSettings
from calcscan.processors import at_once
from calcscan.registration.preprocess import Mask, RegistrationImage

_MASK_MARGIN = 6
"""Voxels around the template's brain in which the images are compared: its outline counts too."""


def initial_similarity(head: RegistrationImage, template: RegistrationImage, settings: RegistrationSettings) -> Array:
    """The 4×4 matrix from scan to atlas, LPS mm, of the best of several short similarity fits on a coarse grid.

    Notes
    -----
    Mean squares, regular step gradient descent, scales from physical shift (SimpleITK 2), on one thread.
    """
    with _one_thread():
        fits = _similarity_fits(head, template, settings)
    # A fit that shrinks the head until hardly anything of it lies in the scan has a low metric too.
    plausible = [fit for fit in fits if settings.scale_low <= fit[2].GetScale() <= settings.scale_high]
    _, _, atlas_to_scan = min(plausible or fits)
    return np.asarray(np.linalg.inv(_matrix(atlas_to_scan)), dtype=np.float64)


@contextmanager
def _one_thread() -> Iterator[None]:
    """ITK's metrics sum in another order with every number of threads."""
    threads = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)


def _similarity_fits(
    head: RegistrationImage, template: RegistrationImage, settings: RegistrationSettings
) -> list[tuple[float, int, sitk.Similarity3DTransform]]:
    """From each initial orientation: the metric, the orientation's number, and the transform from atlas to scan."""
    spacing_mm = settings.coarse_grid_mm
    margin = ndimage.binary_dilation(template.mask, iterations=_MASK_MARGIN)
    fixed = _coarse_image(template.brain_hu, template.affine, spacing_mm)
    fixed_mask = _coarse_mask(margin, template.affine, spacing_mm)
    moving = _coarse_image(head.brain_hu, head.affine, spacing_mm)
    moving_mask = _coarse_mask(head.covered, head.affine, spacing_mm)
    template_centre, head_centre = centre_of(template.mask, template.affine), centre_of(head.mask, head.affine)

    def fit(number: int, angles: tuple[float, float, float]) -> tuple[float, int, sitk.Similarity3DTransform]:
        rotation = sitk.Euler3DTransform()
        rotation.SetRotation(*angles)
        similarity = sitk.Similarity3DTransform()
        similarity.SetCenter(template_centre.tolist())
        similarity.SetMatrix(rotation.GetMatrix())
        similarity.SetTranslation((head_centre - template_centre).tolist())
        # Copies, since ITK notes in an image which part of it is asked for.
        method = _method(copy.deepcopy(fixed_mask), copy.deepcopy(moving_mask), similarity)
        method.Execute(copy.deepcopy(fixed), copy.deepcopy(moving))
        return method.GetMetricValue(), number, sitk.Similarity3DTransform(similarity)

    angles = _initial_angles(np.radians(settings.initial_angle_deg))
    return at_once(partial(fit, number, orientation) for number, orientation in enumerate(angles))


def _coarse_image(volume: npt.NDArray[np.float32], affine: Array, spacing_mm: float) -> sitk.Image:
    """A volume averaged onto a grid of about `spacing_mm` and lightly smoothed."""
    image = _image(volume, affine)
    averaged = sitk.BinShrink(image, _shrink_factors(image, spacing_mm))
    smooth: sitk.Image = sitk.SmoothingRecursiveGaussian(averaged, spacing_mm * 0.5)
    return smooth


def _coarse_mask(mask: Mask, affine: Array, spacing_mm: float) -> sitk.Image:
    """A mask on a grid of about `spacing_mm`: where more than half of a block is set."""
    image = sitk.Cast(_image(mask.astype(np.uint8), affine), sitk.sitkFloat32)
    averaged = sitk.BinShrink(image, _shrink_factors(image, spacing_mm))
    coarse: sitk.Image = sitk.Cast(averaged > 0.5, sitk.sitkUInt8)
    return coarse


def _image(volume: npt.NDArray[Any], affine: Array) -> sitk.Image:
    """A (k, j, i) volume with its matrix to LPS mm as a SimpleITK image."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(volume))
    steps = affine[:3, [2, 1, 0]]
    spacing = np.linalg.norm(steps, axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((steps / spacing).ravel().tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    return image


def _shrink_factors(image: sitk.Image, spacing_mm: float) -> list[int]:
    return [max(1, round(spacing_mm / voxel_mm)) for voxel_mm in image.GetSpacing()]


def centre_of(mask: Mask, affine: Array) -> Array:
    """The centre of mass, LPS mm (3,)."""
    others = ((1, 2), (0, 2), (0, 1))
    sums = [np.count_nonzero(mask, axis=axes) for axes in others]  # voxels at each place along an axis
    index = np.array([along @ np.arange(len(along)) / along.sum() for along in sums])
    return np.asarray(affine[:3, :3] @ index + affine[:3, 3])


def _initial_angles(angle: float) -> list[tuple[float, float, float]]:
    """Pitch, roll and yaw in radians: upright, then one axis at a time; pitch, which varies most between scanners, also
    twice as far.

    >>> _initial_angles(0.5)[:3]
    [(0.0, 0.0, 0.0), (0.5, 0.0, 0.0), (-0.5, 0.0, 0.0)]
    """
    single = [
        [sign * angle if axis == turned else 0.0 for axis in range(3)] for turned, sign in product(range(3), (1, -1))
    ]
    return [
        (0.0, 0.0, 0.0),
        *((pitch, roll, yaw) for pitch, roll, yaw in single),
        (2 * angle, 0.0, 0.0),
        (-2 * angle, 0.0, 0.0),
    ]


def _method(fixed_mask: sitk.Image, moving_mask: sitk.Image, transform: sitk.Transform) -> sitk.ImageRegistrationMethod:
    """Optimises `transform` in place."""
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMeanSquares()
    method.SetMetricFixedMask(fixed_mask)
    method.SetMetricMovingMask(moving_mask)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=4.0, minStep=0.005, numberOfIterations=40, relaxationFactor=0.6
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(transform, inPlace=True)
    return method


def _matrix(transform: sitk.Similarity3DTransform) -> Array:
    """The 4×4 matrix of an ITK transform, atlas LPS mm to scan LPS mm."""
    linear = np.array(transform.GetMatrix()).reshape(3, 3)
    centre, translation = np.array(transform.GetCenter()), np.array(transform.GetTranslation())
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = centre + translation - linear @ centre
    return matrix
