"""Whether a dense middle shows within thick slices, wherever they meet."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.patches import patch

from calcscan.knowledge.settings import load
from calcscan.knowledge.volume import VolumeSettings
from calcscan.measurement.imaging import Imaging
from calcscan.measurement.profile import peakedness

SETTINGS = load(VolumeSettings)


def ball(imaging: Imaging, middle_mm: float, radius_mm: float) -> np.ndarray:
    """A ball drawn into the layers, its middle at this place along the normal."""
    _, rows, columns = (len(imaging.layer_mm), *(imaging.finer * n for n in imaging.soft.shape[1:]))
    k, j, i = np.ogrid[: len(imaging.layer_mm), :rows, :columns]
    across = imaging.layer_mm[k] - middle_mm
    away2 = ((j - rows / 2) * imaging.step_mm[1]) ** 2 + ((i - columns / 2) * imaging.step_mm[2]) ** 2
    return (across**2 + away2 < radius_mm**2).astype(float)


def found(place: float, *, core_hu: float, noise_hu: float = 4.0) -> float:
    """Of a ball of 4.5 mm radius and 250 HU in slices of 5 mm, at this place between the third and the fourth."""
    thick = {"slices": 6, "pixels": 40, "slab_mm": 5.0, "across_mm": 5.0 / np.sqrt(12)}
    empty = Imaging.of(patch(**thick), SETTINGS)
    middle_mm = empty.slice_mm[2] + 5.0 * place
    filled = 250.0 * ball(empty, middle_mm, 4.5) + core_hu * ball(empty, middle_mm, 2.5)
    shown = empty.imaged(filled)[:, 2:-2, 2:-2]
    shown = shown + np.random.default_rng(3).normal(0.0, noise_hu, shown.shape)
    j, i = np.ogrid[:40, :40]
    near = np.broadcast_to((j - 20) ** 2 + (i - 20) ** 2 < (6.2 / 0.5) ** 2, shown.shape)
    imaging = Imaging.of(replace(patch(**thick, signal=np.where(near, shown, 0.0)), near=near), SETTINGS)
    return peakedness(imaging, imaging.sharpened(SETTINGS.sharpened_rounds), noise_hu, SETTINGS)


@pytest.mark.parametrize("place", [0.0, 0.25, 0.5])
def test_only_a_dense_middle_stands_out_wherever_slices_meet(place: float) -> None:
    even, dense = (found(place, core_hu=hu) for hu in (0.0, 500.0))
    assert even < 0.2
    assert dense > max(0.5, 3.0 * even)
