"""Blood that lies as a layer under the inner table is told; sinuses, falx and gyri are none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.inspected import at_site, drawn, places, template_head

from calcscan.detection.layers import find_layers
from calcscan.detection.surround import measure_surround
from calcscan.grid.masks import distance_mm
from calcscan.knowledge.settings import load
from calcscan.knowledge.thresholds import ThresholdSettings

SETTINGS = load(ThresholdSettings)


def layers(where: np.ndarray, hu: float) -> list[float]:
    """The volumes of the layers that are seen, ml."""
    region, plain = drawn(where, hu), drawn(np.zeros(where.shape, bool), 0.0)
    coarse, above_hu = region.isotropic_hu, np.maximum(plain.isotropic_hu.values - 45.0, 0.0)
    brain = np.where(region.isotropic_mask, coarse.values - above_hu, coarse.values)  # the template's averaged bone
    region = replace(region, isotropic_hu=replace(coarse, values=brain.astype(np.float32)))
    surround = measure_surround(template_head()[0], region, SETTINGS)
    assert surround is not None
    return [found.ml for found in find_layers(region, surround, (), SETTINGS)]


def near(middle_mm: tuple[float, float, float], reach_mm: float) -> np.ndarray:
    return np.linalg.norm(places()[0] - middle_mm, axis=-1) < reach_mm


@pytest.mark.parametrize(
    "middle_mm", [(-60.0, 10.0, 30.0), (60.0, 10.0, 30.0), (30.0, -60.0, 25.0), (-25.0, 95.0, 10.0)]
)
@pytest.mark.parametrize("hu", [68.0, 90.0])
def test_a_layer_of_blood_is_seen_on_either_side(middle_mm: tuple[float, float, float], hu: float) -> None:
    depth_mm = places()[1]
    layer = (depth_mm > 0) & (depth_mm < 9) & near(middle_mm, 40.0)
    (ml,) = layers(layer, hu)
    assert ml == pytest.approx(layer.sum() * 1.5**3 / 1000.0, rel=0.6)


@pytest.mark.parametrize("hu", [70.0, 88.0])
def test_sinuses_and_falx_are_none(hu: float) -> None:
    at, depth_mm = places()
    sagittal = (np.abs(at[..., 0]) < 5.0) & (depth_mm > 0) & (depth_mm < 9) & (at[..., 2] > 5)
    transverse = (np.abs(at[..., 2] + 20) < 5.0) & (depth_mm > 0) & (depth_mm < 9) & (at[..., 1] > 20)
    for where in (sagittal, transverse, sagittal | transverse | at_site("falx")):
        assert layers(where, hu) == []


def test_a_thin_rind_is_not_judged_and_a_head_without_blood_raises_nothing() -> None:
    depth_mm = places()[1]
    assert layers(np.zeros(depth_mm.shape, bool), 80.0) == []
    gyri = (depth_mm > 3) & (depth_mm < 7) & (np.sin(places()[0][..., 1] / 2.0) > 0.2)
    assert layers(gyri & (distance_mm(gyri, 1.5) < 4), 60.0) == []
