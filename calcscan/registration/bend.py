"""A fit that follows a shifted midline: the head is bent back so that its midline lies in the atlas's midplane, and the
deformation around the deep nuclei is fitted to the bent head."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from calcscan.grid.displacement import Displacement
from calcscan.grid.geometry import Array, apply
from calcscan.grid.midline import MidlineSurface
from calcscan.knowledge.registration import RegistrationSettings
from calcscan.registration.deformable import fit_deformable
from calcscan.registration.preprocess import Field, Mask, RegistrationImage

_GRID_MM, _NODE_MM = 2.0, 4.0
_INVERSION_ITERATIONS = 40


def fit_bent(
    head: RegistrationImage,
    template: RegistrationImage,
    scan_to_atlas: Array,
    midline: MidlineSurface,
    settings: RegistrationSettings,
) -> tuple[Array, Displacement]:
    """As `fit_deformable`, of a head whose midline was seen to lie elsewhere than the affine has it: the 4×4 matrix
    from scan to atlas, and the displacement in the atlas, of the bend and the deformation of the bent head together."""
    bent = _bent(head, scan_to_atlas, midline, settings)
    recentre, rest = fit_deformable(bent, template, np.eye(4), settings)
    shift_mm = recentre[:3, 3]
    low, high = _extent(settings)
    columns, rows, slices = (int(n) for n in np.rint((high - low) / _NODE_MM) + 1)
    affine = np.zeros((4, 4))
    affine[0, 2] = affine[1, 1] = affine[2, 0] = _NODE_MM
    affine[:3, 3], affine[3, 3] = low, 1.0
    nodes = apply(affine, np.moveaxis(np.indices((slices, rows, columns)), 0, -1).reshape(-1, 3))
    before = _straightened(nodes - shift_mm, midline, settings) + shift_mm
    total = before + rest.at(before) - nodes
    shift = np.round(total, 4).astype(np.float32).reshape(slices, rows, columns, 3)
    return recentre @ scan_to_atlas, Displacement(shift_mm=shift, affine=affine)


def _bent(
    head: RegistrationImage, scan_to_atlas: Array, midline: MidlineSurface, settings: RegistrationSettings
) -> RegistrationImage:
    """The head around its midline on a grid of the atlas, its midline in the midplane."""
    low, high = _extent(settings)
    columns, rows, slices = (int(n) for n in np.rint((high - low) / _GRID_MM) + 1)
    affine = np.zeros((4, 4))
    affine[0, 2] = affine[1, 1] = affine[2, 0] = _GRID_MM
    affine[:3, 3], affine[3, 3] = low, 1.0
    points = apply(affine, np.moveaxis(np.indices((slices, rows, columns)), 0, -1).reshape(-1, 3))
    points[:, 0] += _bend_mm(points, midline, settings)
    index = apply(np.linalg.inv(head.affine) @ np.linalg.inv(scan_to_atlas), points).T

    def sample(volume: Field | Mask, outside: float) -> Field:
        values = ndimage.map_coordinates(volume.astype(np.float32), index, order=1, cval=outside)
        return np.asarray(values, dtype=np.float32).reshape(slices, rows, columns)

    return RegistrationImage(
        brain_hu=sample(head.brain_hu, settings.fluid_hu),
        mask=np.asarray(sample(head.mask, 0.0) > 0.5),
        covered=np.asarray(sample(head.covered, 0.0) > 0.5),
        usable=np.asarray(sample(head.usable, 0.0) > 0.5),
        affine=affine,
        spacing_mm=_GRID_MM,
    )


def _extent(settings: RegistrationSettings) -> tuple[Array, Array]:
    """The box that is bent: the deep nuclei with the reach of their bias field, and the bend with its ends."""
    margin = 2 * settings.bias_field_mm
    low = np.array(settings.deep_nuclei.low_mm) - margin
    high = np.array(settings.deep_nuclei.high_mm) + margin
    return np.floor(low / _NODE_MM) * _NODE_MM, np.ceil(high / _NODE_MM) * _NODE_MM


def _bend_mm(points: Array, midline: MidlineSurface, settings: RegistrationSettings) -> Array:
    """How far along x the head lies from where it belongs, at points (n, 3) of the atlas: all of the midline's shift in
    the midplane, less beside it, and less beyond where the midline was measured."""
    fades_mm = settings.midline_fades_mm
    low, high = np.array(settings.midline_box.low_mm)[1:], np.array(settings.midline_box.high_mm)[1:]
    beyond = np.maximum(np.maximum(low - points[:, 1:], points[:, 1:] - high), 0.0).max(axis=1)
    size = _fading(points[:, 0], fades_mm) * _fading(beyond, 0.5 * fades_mm)
    return np.asarray(midline.at(points) * size)


def _fading(distance_mm: Array, to_mm: float) -> Array:
    """From 1 at 0 to 0 at `to_mm` and beyond, smoothly."""
    return np.asarray(np.cos(0.5 * np.pi * np.minimum(np.abs(distance_mm) / to_mm, 1.0)) ** 2)


def _straightened(points: Array, midline: MidlineSurface, settings: RegistrationSettings) -> Array:
    """Where points (n, 3) belong: the inverse of the bend."""
    out = points.copy()
    for _ in range(_INVERSION_ITERATIONS):
        out[:, 0] = points[:, 0] - _bend_mm(out, midline, settings)
    return out
