"""Fits that follow a brain which has moved farther than the prior of the deformation expects: over the midline, or
aside for wide ventricles. The head is bent back by what is known, and the deformation fitted to the bent head."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.grid.displacement import Displacement
from calcscan.grid.geometry import Array, apply
from calcscan.grid.midline import MidlineSurface
from calcscan.knowledge.registration import RegistrationSettings
from calcscan.registration.deformable import fit_deformable
from calcscan.registration.preprocess import Field, RegistrationImage

_GRID_MM, _NODE_MM = 2.0, 4.0
_INVERSION_ITERATIONS = 20
_DECIMALS = 9
"""As of `register_atlas`."""


def straightening(midline: MidlineSurface, settings: RegistrationSettings) -> Displacement:
    """The displacement that brings a midline into the atlas's midplane: all of its shift there, less beside it, and
    less beyond where it was measured."""
    affine, shape = _grid(_NODE_MM, settings)
    points = _points(affine, shape)
    out = points.copy()
    for _ in range(_INVERSION_ITERATIONS):
        out[:, 0] = points[:, 0] - _bend_mm(out, midline, settings)
    return _displacement(out - points, affine, shape)


def fit_again(
    head: RegistrationImage,
    template: RegistrationImage,
    scan_to_atlas: Array,
    displacement: Displacement,
    settings: RegistrationSettings,
) -> tuple[Array, Displacement]:
    """The deformation fitted anew, with its whole prior, from where a displacement has brought the head: the 4×4 matrix
    from scan to atlas, recentred again, and the displacement of both together."""
    recentre, rest = fit_deformable(_bent(head, scan_to_atlas, displacement, settings), template, np.eye(4), settings)
    shift_mm = recentre[:3, 3]
    affine, shape = _grid(_NODE_MM, settings)
    points = _points(affine, shape)
    between = points + displacement.at(points - shift_mm)
    total = _displacement(between + rest.at(between) - points, affine, shape)
    return np.round(recentre @ scan_to_atlas, _DECIMALS), total


def _bent(
    head: RegistrationImage, scan_to_atlas: Array, displacement: Displacement, settings: RegistrationSettings
) -> RegistrationImage:
    """The head around its deep nuclei, on a grid of the atlas, as the displacement shows it."""
    affine, shape = _grid(_GRID_MM, settings)
    target = _points(affine, shape)
    nodes_affine, nodes_shape = _grid(_NODE_MM, settings)
    nodes = _points(nodes_affine, nodes_shape)
    points = target + _displacement(displacement.inverse(nodes) - nodes, nodes_affine, nodes_shape).at(target)
    index = apply(np.linalg.inv(head.affine) @ np.linalg.inv(scan_to_atlas), points).T

    def sample(volume: npt.NDArray[np.generic], outside: float) -> Field:
        values = ndimage.map_coordinates(volume.astype(np.float32), index, order=1, cval=outside)
        return np.asarray(values, dtype=np.float32).reshape(shape)

    return RegistrationImage(
        brain_hu=sample(head.brain_hu, settings.fluid_hu),
        mask=np.asarray(sample(head.mask, 0.0) > 0.5),
        covered=np.asarray(sample(head.covered, 0.0) > 0.5),
        usable=np.asarray(sample(head.usable, 0.0) > 0.5),
        affine=affine,
        spacing_mm=_GRID_MM,
    )


def _grid(spacing_mm: float, settings: RegistrationSettings) -> tuple[Array, tuple[int, int, int]]:
    """A grid over the box of the deformation and the reach of its bias field: its matrix to LPS mm and its shape."""
    margin_mm = 2 * settings.bias_field_mm
    low = np.floor((np.array(settings.deep_nuclei.low_mm) - margin_mm) / _NODE_MM) * _NODE_MM
    high = np.ceil((np.array(settings.deep_nuclei.high_mm) + margin_mm) / _NODE_MM) * _NODE_MM
    columns, rows, slices = (int(n) for n in np.rint((high - low) / spacing_mm) + 1)
    affine = np.zeros((4, 4))
    affine[0, 2] = affine[1, 1] = affine[2, 0] = spacing_mm
    affine[:3, 3], affine[3, 3] = low, 1.0
    return affine, (slices, rows, columns)


def _points(affine: Array, shape: tuple[int, int, int]) -> Array:
    return apply(affine, np.moveaxis(np.indices(shape), 0, -1).reshape(-1, 3))


def _displacement(shift_mm: Array, affine: Array, shape: tuple[int, int, int]) -> Displacement:
    return Displacement(shift_mm=np.round(shift_mm, 4).astype(np.float32).reshape(*shape, 3), affine=affine)


def _bend_mm(points: Array, midline: MidlineSurface, settings: RegistrationSettings) -> Array:
    """How far along x the head lies from where it belongs, at points (n, 3) of the atlas."""
    fades_mm = settings.midline_fades_mm
    low, high = np.array(settings.midline_box.low_mm)[1:], np.array(settings.midline_box.high_mm)[1:]
    beyond = np.maximum(np.maximum(low - points[:, 1:], points[:, 1:] - high), 0.0).max(axis=1)
    return np.asarray(midline.at(points) * _fading(points[:, 0], fades_mm) * _fading(beyond, 0.5 * fades_mm))


def _fading(distance_mm: Array, to_mm: float) -> Array:
    """From 1 at 0 to 0 at `to_mm` and beyond, smoothly."""
    return np.asarray(np.cos(0.5 * np.pi * np.minimum(np.abs(distance_mm) / to_mm, 1.0)) ** 2)
