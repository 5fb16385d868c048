"""The surroundings of the deep nuclei, where the head is deformed: a box, and bias-corrected images on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.grid.geometry import Array, apply
from calcscan.grid.smooth import gaussian
from calcscan.knowledge.registration import RegistrationSettings
from calcscan.registration.preprocess import Field, Mask, RegistrationImage

GRID_MM = 2.0
"""Spacing of the images."""
NODE_STEP = 2
"""The displacement is sought at every second point along each axis."""
NODE_MM = GRID_MM * NODE_STEP


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Box:
    """An isotropic grid along the atlas's axes around its deep nuclei, with a margin for the bias field."""

    shape: tuple[int, int, int]
    affine: Array
    """(4, 4), from (k, j, i, 1) to LPS mm of the atlas."""
    nodes: npt.NDArray[np.int64]
    """(k, j, i) of the points at which the displacement is sought, those of the margin excluded: (K, J, I, 3)."""

    @classmethod
    def around_deep_nuclei(cls, settings: RegistrationSettings) -> Box:
        margin = int(np.ceil(2 * settings.bias_field_mm / NODE_MM)) * NODE_STEP
        low_mm, high_mm = np.array(settings.deep_nuclei.low_mm), np.array(settings.deep_nuclei.high_mm)
        columns, rows, slices = (int(n) for n in np.rint((high_mm - low_mm) / GRID_MM).astype(int) + 1 + 2 * margin)
        affine = np.zeros((4, 4))
        affine[0, 2] = affine[1, 1] = affine[2, 0] = GRID_MM
        affine[:3, 3], affine[3, 3] = low_mm - margin * GRID_MM, 1.0
        axes = [np.arange(margin, count - margin, NODE_STEP) for count in (slices, rows, columns)]
        nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        return cls(shape=(slices, rows, columns), affine=affine, nodes=nodes)

    @property
    def node_shape(self) -> tuple[int, int, int]:
        slices, rows, columns, _ = self.nodes.shape
        return slices, rows, columns

    @property
    def node_index(self) -> tuple[npt.NDArray[np.int64], ...]:
        """Index of an image on the box that takes its values at the nodes, (n,)."""
        return tuple(self.nodes.reshape(-1, 3).T)

    @property
    def node_points(self) -> Array:
        """The nodes in LPS mm of the atlas, (n, 3)."""
        return apply(self.affine, self.nodes.reshape(-1, 3))

    def resample(self, volume: npt.NDArray[np.generic], affine: Array, to_atlas: Array) -> Field:
        """A volume with its matrix to LPS mm on the box, through the matrix `to_atlas`; trilinear, 0 outside it."""
        to_index = np.linalg.inv(affine) @ np.linalg.inv(to_atlas) @ self.affine
        return np.asarray(
            ndimage.affine_transform(volume.astype(np.float32), to_index[:3, :3], to_index[:3, 3], self.shape, order=1)
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DeepImage:
    """A head or the template on a box (k, j, i)."""

    brain_hu: Field
    mask: Mask
    bias_field: Field
    """The slow change of the tissue's brightness, HU."""

    @classmethod
    def of(cls, image: RegistrationImage, box: Box, to_atlas: Array, settings: RegistrationSettings) -> DeepImage:
        """The image on the box, through the 4×4 matrix `to_atlas` from its LPS mm to the atlas's."""
        fluid_hu = np.float32(settings.fluid_hu)
        brain_hu = box.resample(image.brain_hu - fluid_hu, image.affine, to_atlas) + fluid_hu
        mask = box.resample(image.mask, image.affine, to_atlas) > 0.5
        return cls(brain_hu=brain_hu, mask=mask, bias_field=_bias_field(brain_hu, mask, settings))

    def bias_corrected(self, smoothing_mm: float, settings: RegistrationSettings) -> Field:
        """HU relative to the bias field, smoothed; fluid no further below it than `fluid_contrast_hu`."""
        relative_hu = gaussian(self.brain_hu, smoothing_mm / GRID_MM) - self.bias_field
        contrast_hu = settings.fluid_contrast_hu
        return np.asarray(np.clip(relative_hu, -contrast_hu, contrast_hu), dtype=np.float32)


def _bias_field(brain_hu: Field, mask: Mask, settings: RegistrationSettings) -> Field:
    is_tissue = (brain_hu > settings.tissue_low_hu) & (brain_hu < settings.tissue_high_hu) & mask
    tissue = is_tissue.astype(np.float32)
    sigma = settings.bias_field_mm / GRID_MM
    weight = gaussian(tissue, sigma)
    mean_hu = gaussian(brain_hu * tissue, sigma) / np.maximum(weight, 1e-3)
    return np.asarray(np.where(weight > 1e-2, mean_hu, settings.tissue_hu))
