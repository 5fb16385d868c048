"""Where the brain's midline is seen, and how far it lies from the skull's.

A registration fits brain and skull as a whole; where a mass pushes the brain aside it stays behind, or takes the wrong
structure for the right one. But the brain beside its midline stays nearly its own mirror image, however far it is
pushed: at each height and depth the place is sought about which the picture is most symmetric, and where its profile
looks most like the template's beside the midline (third ventricle, septum, falx). Neighbouring places are sought
together, and a small shift is likelier than a large one.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from calcscan.grid.geometry import Array, apply
from calcscan.grid.masks import distance_mm, largest_piece
from calcscan.grid.midline import MidlineSurface
from calcscan.knowledge.registration import RegistrationSettings
from calcscan.measurement.mirror import fit_mirror_plane
from calcscan.model import Intracranial
from calcscan.registration.preprocess import Field, RegistrationImage

STEP_MM = 4.0
"""Of the lattice along y and z; across the midline the picture is sampled every millimetre."""
_FINE = 2
"""The picture is sampled this much more finely along y and z, and averaged."""
_MEDIAN = 5


def measure_midline(
    head: RegistrationImage, template: RegistrationImage, scan_to_atlas: Array, settings: RegistrationSettings
) -> MidlineSurface:
    """The midline of a head, in the frame of the atlas that its affine leads to."""
    scan = _strips(head, scan_to_atlas, settings)
    atlas = _strips(template, np.eye(4), settings)
    shifts_mm = np.arange(-settings.midline_most_mm, settings.midline_most_mm + 1)
    cost = np.stack([_cost(scan, atlas, int(shift), settings) for shift in shifts_mm])
    smooth = settings.midline_smoothing_mm / STEP_MM
    cost = ndimage.gaussian_filter(cost, (0.7, smooth, smooth), mode="nearest")
    cost += settings.midline_prior_hu2 * (shifts_mm[:, None, None] / 10.0) ** 2
    x_mm = ndimage.median_filter(shifts_mm[cost.argmin(axis=0)].astype(np.float64), _MEDIAN, mode="nearest")
    _, back_mm, up_mm = settings.midline_box.low_mm
    return MidlineSurface(
        x_mm=np.asarray(ndimage.gaussian_filter(x_mm, 1.0, mode="nearest")), from_mm=(up_mm, back_mm), step_mm=STEP_MM
    )


def midline_shift_mm(
    midline: MidlineSurface, intracranial: Intracranial, scan_to_atlas: Array, settings: RegistrationSettings
) -> float:
    """How far the midline lies from the plane of the skull's symmetry where it lies farthest, all but a tenth of it
    left aside; positive to the left.

    The atlas's midplane, to which the affine brings the skull and half of a shift, stands in for a skull that shows no
    plane, and for any skull as long as the midline lies close to it."""
    points = midline.points
    low, high = np.array(settings.midline_core.low_mm), np.array(settings.midline_core.high_mm)
    core = points[((points >= low) & (points <= high))[..., 1:].all(axis=-1)]
    shift_mm = _farthest(core[:, 0])
    if abs(shift_mm) <= settings.midline_affine_mm:
        return shift_mm
    coarse = intracranial.isotropic_hu
    skull = largest_piece(coarse.values > settings.skull_hu)
    away_mm = distance_mm(skull, coarse.spacing_mm)
    plane = fit_mirror_plane(skull, away_mm, coarse.affine, scan_to_atlas, settings.mirror_most_mm)
    if plane.off_mm > settings.mirror_off_mm:
        return shift_mm
    return _farthest(plane.from_plane_mm(apply(np.linalg.inv(scan_to_atlas), core)))


def _farthest(beside_mm: Array) -> float:
    """The greatest distance to either side, a tenth of the places to that side left aside."""
    to_right, to_left = (float(value) for value in np.quantile(beside_mm, (0.1, 0.9)))
    return to_left if abs(to_left) >= abs(to_right) else to_right


def _strips(image: RegistrationImage, to_atlas: Array, settings: RegistrationSettings) -> Field:
    """Brain HU around the atlas's midplane, (z, y, x): every STEP_MM along z and y, every millimetre along x."""
    low, high = np.array(settings.midline_box.low_mm), np.array(settings.midline_box.high_mm)
    steps = np.array([1.0, STEP_MM / _FINE, STEP_MM / _FINE])
    columns, rows, slices = (int(n) for n in np.rint((high - low) / steps) + 1)
    slices, rows = slices // _FINE * _FINE, rows // _FINE * _FINE
    grid = np.zeros((4, 4))
    grid[0, 2], grid[1, 1], grid[2, 0] = steps
    grid[:3, 3], grid[3, 3] = low - np.array([0.0, 0.5, 0.5]) * steps, 1.0
    index = np.linalg.inv(image.affine) @ np.linalg.inv(to_atlas) @ grid
    strips = ndimage.affine_transform(
        image.brain_hu, index[:3, :3], index[:3, 3], (slices, rows, columns), order=1, mode="nearest"
    )
    strips = ndimage.gaussian_filter(strips, (0.0, 0.0, settings.midline_blur_mm))
    return np.asarray(strips.reshape(slices // _FINE, _FINE, rows // _FINE, _FINE, columns).mean(axis=(1, 3)))


def _cost(scan: Field, atlas: Field, shift: int, settings: RegistrationSettings) -> Array:
    """How badly the scan is symmetric about x = shift, and like the template about x = 0; HU², (z, y)."""
    middle, half, near = scan.shape[-1] // 2, settings.midline_half_mm, settings.midline_near_mm
    here = middle + shift
    left, right = scan[..., here + 1 : here + 1 + half], scan[..., here - half : here][..., ::-1]
    profile = scan[..., here - near : here + near + 1]
    expected = atlas[..., middle - near : middle + near + 1]
    profile, expected = (part - part.mean(axis=-1, keepdims=True) for part in (profile, expected))
    unlike = _robust((left - right) ** 2, settings) + settings.midline_template_weight * _robust(
        (profile - expected) ** 2, settings
    )
    return np.asarray(unlike, dtype=np.float64)


def _robust(squared: Field, settings: RegistrationSettings) -> Field:
    """The mean along x of squared differences, those far above the outliers' scale counting as that."""
    return np.asarray((squared / (1.0 + squared / settings.midline_outlier_hu**2)).mean(axis=-1))
