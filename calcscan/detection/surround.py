"""What calcification would have to stand out from: the density of soft tissue around each place, noise averaged out.

Brain is about 30 HU everywhere, but fresh blood, and brain stained by contrast medium, are two to four times as dense.
Noise then lifts many of their voxels over the threshold of calcium, and so do their own uneven parts. So the threshold
rises with the surround: what lies in blood is calcification only if it stands out from blood.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.detection.threshold import Thresholds
from calcscan.grid.geometry import Array
from calcscan.grid.isotropic import sample_at
from calcscan.grid.masks import box_of
from calcscan.grid.smooth import gaussian
from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.model import Intracranial, Scan

Field = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surround:
    """On the isotropic grid of the intracranial space: `tissue_hu` is soft tissue with its noise averaged out, and with
    what lies around put in for bone, calcium and their blur (all but `clear`); `around_hu` the same without anything
    bright that is narrower than `narrow_mm`."""

    tissue_hu: Field
    around_hu: Field
    clear: Mask
    affine: Array
    brain_hu: float
    noise_hu: float

    def limits_hu(
        self, scan: Scan, kji: npt.NDArray[np.int64], levels: Thresholds, settings: ThresholdSettings
    ) -> tuple[Array, Array]:
        """The thresholds at voxels (n, 3): of the rim, and what a calcification must reach. Never below those of their
        slices."""
        world_mm = scan.geometry.to_world(kji)
        around = np.maximum(sample_at(self.around_hu, self.affine, world_mm), self.brain_hu)
        rim, found = self._above(around, levels, settings)
        return rim, np.maximum(found, levels.found_in(kji[:, 0]))

    def raises(self, levels: Thresholds, settings: ThresholdSettings) -> bool:
        """Whether a threshold anywhere is higher than that of the whole scan."""
        rim, found = self._above(np.asarray(self.around_hu.max(initial=self.brain_hu)), levels, settings)
        return bool(rim > levels.rim_hu or found > levels.found_hu)

    def _above(self, around: Array, levels: Thresholds, settings: ThresholdSettings) -> tuple[Array, Array]:
        excess = around - self.brain_hu
        rim = np.maximum(settings.rim_noise_factor * self.noise_hu, settings.rim_excess * excess)
        found = np.maximum(settings.noise_factor * self.noise_hu, settings.found_excess * excess)
        return np.maximum(levels.rim_hu, around + rim), np.maximum(levels.found_hu, around + found)


def measure_surround(scan: Scan, intracranial: Intracranial, settings: ThresholdSettings) -> Surround | None:
    """None where brain or noise could not be measured."""
    if intracranial.brain_hu is None or intracranial.noise_hu is None:
        return None
    volume, brain_hu = intracranial.isotropic_hu, float(intracranial.brain_hu)
    hu = np.clip(volume.values, settings.surround_low_hu, settings.dense_hu)
    dense = _dense(_smoothed(volume.values, settings.dense_smoothing_mm / volume.spacing_mm), settings)
    clear = _away(dense, intracranial.isotropic_mask & volume.covered, scan, volume.spacing_mm, settings)
    fine, coarse = (_mean(hu, clear, mm / volume.spacing_mm, brain_hu) for mm in (settings.fine_mm, settings.coarse_mm))
    tissue_hu = np.where(clear, fine, coarse)
    voxels = 2 * round(settings.narrow_mm / volume.spacing_mm / 2.0) + 1
    return Surround(
        tissue_hu=tissue_hu,
        around_hu=np.asarray(ndimage.grey_opening(tissue_hu, size=(voxels,) * 3)),
        clear=clear,
        affine=volume.affine,
        brain_hu=brain_hu,
        noise_hu=float(intracranial.noise_hu),
    )


def _dense(averaged_hu: Field, settings: ThresholdSettings) -> Mask:
    """Pieces of bone and calcium: dense, with a peak that nothing else reaches."""
    pieces, _ = ndimage.label(averaged_hu >= settings.dense_hu)
    peaks = np.unique(pieces[averaged_hu >= settings.dense_peak_hu])
    known = np.zeros(int(pieces.max(initial=0)) + 1, np.bool_)
    known[peaks] = True
    known[0] = False
    return np.asarray(known[pieces])


def _away(dense: Mask, within: Mask, scan: Scan, spacing_mm: float, settings: ThresholdSettings) -> Mask:
    """What of a mask lies away from dense voxels: farther across the slices, where a thick slice smears them."""
    steps = across_slices(scan, settings.clear_mm, spacing_mm, settings)
    box = box_of(within, int(np.ceil(settings.clear_mm / float(steps.min()))))
    away = within.copy()
    if dense[box].any():
        away[box] &= ndimage.distance_transform_edt(~dense[box], sampling=steps) > settings.clear_mm
    return away


def across_slices(scan: Scan, reach_mm: float, spacing_mm: float, settings: ThresholdSettings) -> Array:
    """Steps of the isotropic grid (k, j, i) with which `reach_mm` reaches farther across the slices, by as much as a
    thick slice smears."""
    across_mm = reach_mm + float(np.max(scan.slice_reach_mm)) * settings.clear_slices
    along = np.abs(scan.geometry.normal[::-1])
    return np.asarray(spacing_mm * (1.0 - along * (1.0 - reach_mm / across_mm)))


def _mean(hu: Field, where: Mask, sigma: float, brain_hu: float) -> Field:
    """The local mean over `where`, weighted by a Gaussian; brain where there is too little of it."""
    excess = _smoothed(np.where(where, hu - brain_hu, 0.0).astype(np.float32), sigma)
    weight = _smoothed(where.astype(np.float32), sigma)
    least = 0.02
    return np.asarray(brain_hu + excess / np.maximum(weight, least), dtype=np.float32)


def _smoothed(field: Field, sigma: float) -> Field:
    return gaussian(field, sigma, mode="nearest", truncate=3.0)
