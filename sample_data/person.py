"""One person: pose, size and shape, as a map from the scanner's LPS millimetres to the template's MNI millimetres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from anatomy import GRID_ORIGIN_MM, GRID_SHAPE
from numpy.typing import NDArray
from scipy import ndimage as ndi
from scipy.spatial.transform import Rotation
from shapes import Field

RAS_LPS = np.diag([-1.0, -1.0, 1.0])
CONTROL_SPACING_MM = 4.0
TEMPLATE_CENTRE_MM = np.array([0.0, -20.0, 5.0])
VENTRICLE_CENTRES_MM = ((14, -2, 18), (18, -25, 20), (26, -42, 8))


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """How a person differs from the template and lies in the scanner."""

    seed: int
    rotation_deg: tuple[float, float, float]
    offset_lps_mm: tuple[float, float, float]
    scale: tuple[float, float, float]
    wobble_mm: float
    ventricle_mm: float


class Warp:
    """Scanner LPS mm → template RAS mm: a rigid pose, three scales, and a smooth displacement on a 4 mm grid."""

    def __init__(self, build: Build) -> None:
        rotation = Rotation.from_euler("xyz", build.rotation_deg, degrees=True).as_matrix()
        self._matrix = np.diag(1 / np.asarray(build.scale)) @ RAS_LPS @ rotation.T
        self._offset = np.asarray(build.offset_lps_mm)
        self._field = _displacement(build)

    def to_template(self, lps_mm: NDArray[np.float64]) -> Field:
        """Template coordinates of points (…, 3)."""
        flat = np.asarray(lps_mm, dtype=np.float64).reshape(-1, 3)
        ras = (flat - self._offset) @ self._matrix.T + TEMPLATE_CENTRE_MM
        index = ((ras - GRID_ORIGIN_MM) / CONTROL_SPACING_MM).T
        moved = ras + np.stack([ndi.map_coordinates(c, index, order=1, mode="nearest") for c in self._field], axis=-1)
        return moved.reshape(np.shape(lps_mm)).astype(np.float32)

    def to_scanner(self, mni_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scanner coordinates of template points (n, 3), by fixed-point iteration of `to_template`."""
        target = np.asarray(mni_mm, dtype=np.float64)
        inverse = np.linalg.inv(self._matrix)
        guess = (target - TEMPLATE_CENTRE_MM) @ inverse.T + self._offset
        for _ in range(30):
            guess = guess - (self.to_template(guess) - target) @ inverse.T
        return guess


def _displacement(build: Build) -> list[Field]:
    """Two octaves of smooth noise; the tissue around the ventricles pushed outwards, or inwards if negative."""
    rng = np.random.default_rng(build.seed)
    shape = tuple(int(np.ceil(n / CONTROL_SPACING_MM)) + 1 for n in GRID_SHAPE)
    axes = [np.arange(n) * CONTROL_SPACING_MM + o for n, o in zip(shape, GRID_ORIGIN_MM, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    field = np.zeros((3, *shape))
    for sigma_mm, share in ((28.0, 1.0), (11.0, 0.4)):
        for component in field:
            noise = ndi.gaussian_filter(rng.standard_normal(shape), sigma_mm / CONTROL_SPACING_MM, mode="wrap")
            component += build.wobble_mm * share * noise / noise.std()
    for x, y, z in VENTRICLE_CENTRES_MM:
        for side in (-1, 1):
            away = points - (side * x, y, z)
            push = build.ventricle_mm * np.exp(-np.sum(away**2, axis=-1) / (2 * 13.0**2)) / 13.0
            field -= np.moveaxis(away * push[..., None], -1, 0)
    return [component.astype(np.float32) for component in field]
