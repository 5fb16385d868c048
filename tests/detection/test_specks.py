"""Specks too small to be counted: listed, so that their site is not called free of calcification; noise is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.heads import CLEAN, edited, sample, sample_head
from support.phantoms import Ball, Region, phantom, stack

from calcscan.detection import detect_lesions
from calcscan.knowledge.left_out import LeftOutReason
from calcscan.model import LesionMap

DOT_MM3 = np.pi / 6 * 1.5**3
DOTS = [(x, y, z) for x in (-4.2, 3.9) for y in (-3.8, 4.1) for z in (-4.0, 4.3)]


def specks(found: LesionMap) -> int:
    return sum(item.reason == LeftOutReason.BELOW_LIMIT for item in found.left_out)


@pytest.mark.parametrize("slice_mm", [0.7, 1.25, 2.0])
def test_dots_below_the_smallest_that_counts_are_listed(slice_mm: float) -> None:
    """Each of 1.5 mm, 14 mm3 in all."""
    dots = [Ball(centre_mm=centre, volume_mm3=DOT_MM3, hu=330.0) for centre in DOTS]
    found = detect_lesions(*phantom(dots, stack((slice_mm, 0.5, 0.5)), seed=3))
    assert len(found.lesions) < len(DOTS) / 2
    assert specks(found) >= len(DOTS) / 2
    for item in found.left_out:
        assert item.evidence["contrast_to_noise"] >= 7
        assert np.linalg.norm(np.subtract(DOTS, item.centroid_lps_mm), axis=1).min() < 2.0


@pytest.mark.parametrize(("hu", "seed"), [(190.0, 3), (200.0, 4), (215.0, 5)])
def test_dots_fainter_than_any_rim_are_listed_where_they_cluster(hu: float, seed: int) -> None:
    """Their blur hides their density: none reaches 100 HU, but eight near each other are no noise."""
    dots = [Ball(centre_mm=centre, volume_mm3=DOT_MM3, hu=hu) for centre in DOTS]
    scan, inside = phantom(dots, stack((1.25, 0.5, 0.5)), seed=seed)
    found = detect_lesions(scan, inside)
    assert found.lesions == ()
    assert specks(found) >= 4
    alone = [Ball(centre_mm=centre, volume_mm3=DOT_MM3, hu=hu) for centre in DOTS[:2]]
    assert specks(detect_lesions(*phantom(alone, stack((1.25, 0.5, 0.5)), seed=seed))) == 0


def test_a_vessel_or_blood_is_no_cluster_of_specks() -> None:
    blood = Ball(centre_mm=(0.0, 0.0, 0.0), volume_mm3=6000.0, hu=80.0)
    vessel = Region(test=lambda xyz: np.hypot(xyz[..., 0] - 3.0, xyz[..., 1]) < 1.6, hu=80.0)
    for thing in (blood, vessel):
        assert specks(detect_lesions(*phantom([thing], stack((1.25, 0.5, 0.5)), noise_hu=6.0, seed=3))) == 0


def test_a_faint_speck_alone_is_not_listed_but_one_that_reaches_the_threshold_is() -> None:
    faint, dense = (Ball(centre_mm=DOTS[0], volume_mm3=DOT_MM3, hu=hu) for hu in (270.0, 420.0))
    geometry = stack((1.25, 0.5, 0.5))
    assert specks(detect_lesions(*phantom([faint], geometry, seed=3))) == 0
    found = detect_lesions(*phantom([dense], geometry, seed=3))
    assert len(found.lesions) + specks(found) == 1


def test_a_lesion_that_counts_is_no_speck() -> None:
    found = detect_lesions(*phantom([Ball(centre_mm=DOTS[0], volume_mm3=40.0, hu=400.0)], stack(), seed=3))
    assert len(found.lesions) == 1
    assert specks(found) == 0


@pytest.mark.parametrize("noise_hu", [0.0, 10.0, 20.0])
def test_noise_is_no_speck(noise_hu: float) -> None:
    scan, head = sample(CLEAN), sample_head(CLEAN)
    noise = np.random.default_rng(7).normal(0.0, noise_hu, scan.hu.shape) if noise_hu else np.zeros(scan.hu.shape)
    noisy = edited(scan, np.rint(scan.hu + noise))
    sigma = float(np.hypot(head.noise_hu or 0.0, noise_hu))
    found = detect_lesions(noisy, replace(head, noise_hu=sigma))
    assert specks(found) <= 1
