"""The prior of the displacement: the modes of a Gaussian process around the deep nuclei, and their variance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calcscan.grid.geometry import Array
from calcscan.knowledge.registration import RegistrationSettings
from calcscan.registration.deep_nuclei import NODE_MM, Box


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DisplacementModes:
    """A displacement at the nodes of a box is `values` @ coefficients (modes, 3), in mm along x, y and z."""

    values: Array
    """(nodes, modes): first a constant, then the linear ones along x, y and z, then those of the Gaussian process."""
    variance: Array
    """Prior variance of each mode's coefficients, mm², (modes,)."""


def displacement_modes(box: Box, settings: RegistrationSettings) -> DisplacementModes:
    """The modes of a displacement: a shift of the whole head; scaling, rotation and shear of its deep nuclei; and a
    Gaussian process. All but the first fade towards the faces of the box."""
    taper = np.einsum("k,j,i->kji", *(_taper(count, settings) for count in box.node_shape)).reshape(-1, 1)
    points, radius_mm = box.node_points, settings.recentre_radius_mm
    linear = (points - points.mean(axis=0)) / radius_mm
    process, process_variance = _gaussian_process(box.node_shape, settings)
    recentre_variance = [settings.recentre_sd_mm**2, *[(settings.recentre_linear_sd * radius_mm) ** 2] * 3]
    return DisplacementModes(
        values=np.concatenate([np.ones_like(taper), linear * taper, process * taper], axis=1),
        variance=np.concatenate([recentre_variance, process_variance]),
    )


def _taper(count: int, settings: RegistrationSettings) -> Array:
    """From 0 outside an axis of nodes to 1 inside, so that the displacement ends without a step."""
    to_edge_mm = NODE_MM * (1.0 + np.minimum(np.arange(count), np.arange(count)[::-1]))
    return np.sin(0.5 * np.pi * np.minimum(to_edge_mm / settings.displacement_taper_mm, 1.0)) ** 2


def _gaussian_process(shape: tuple[int, ...], settings: RegistrationSettings) -> tuple[Array, Array]:
    """The modes with most variance (nodes, modes) of a process with a squared exponential kernel, and their variance
    (modes,). The kernel is separable: a mode is the product of one eigenvector along each axis."""
    eigenvalues, eigenvectors = [], []
    for count in shape:
        apart_mm = NODE_MM * np.subtract.outer(np.arange(count), np.arange(count))
        kernel = np.exp(-0.5 * (apart_mm / settings.displacement_length_scale_mm) ** 2)
        value, vector = np.linalg.eigh(kernel)
        # An eigenvector's sign is the library's choice; the displacement doesn't depend on it.
        eigenvalues.append(value[::-1])
        eigenvectors.append(vector[:, ::-1])
    product = np.einsum("k,j,i->kji", *eigenvalues)
    kept = np.argwhere(product > settings.mode_variance_cutoff * product.max())
    factors = [vector[:, kept[:, axis]] for axis, vector in enumerate(eigenvectors)]
    modes = np.einsum("km,jm,im->kjim", *factors).reshape(-1, len(kept))
    return modes, settings.displacement_sd_mm**2 * product[tuple(kept.T)]
