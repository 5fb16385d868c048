"""Slices taken at different tube voltages: each has the threshold of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.phantoms import Ball, phantom, stack

from calcscan.detection import detect_lesions
from calcscan.detection.threshold import choose_thresholds
from calcscan.knowledge.settings import load
from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.model import Intracranial, Scan

FAINT_HU = 155
"""Calcium at 120 kV and more, too faint for it at 80 kV."""


def head(noise_hu: float = 1.0, hu: float = FAINT_HU) -> tuple[Scan, Intracranial]:
    """Two balls, one in the lower and one in the upper half of 40 slices."""
    balls = [Ball(centre_mm=(0.0, 0.0, z), volume_mm3=100.0, hu=hu) for z in (-9.0, 9.0)]
    return phantom(balls, stack((1.0, 0.5, 0.5)), noise_hu=noise_hu, kvp_kv=None)


def at_voltages(scan: Scan, low: float | None, high: float | None) -> Scan:
    half = len(scan.hu) // 2
    return replace(scan, slice_kvp_kv=(low,) * half + (high,) * (len(scan.hu) - half))


@pytest.mark.parametrize(
    ("low", "high", "found_low", "found_high"),
    [(140.0, 80.0, True, False), (80.0, 140.0, False, True), (None, 80.0, True, False), (140.0, 100.0, True, True)],
)
def test_a_faint_ball_counts_only_where_its_own_voltage_makes_it_calcium(low, high, found_low, found_high):
    scan, intracranial = head()
    heights = [
        lesion.centroid_lps_mm[2] for lesion in detect_lesions(at_voltages(scan, low, high), intracranial).lesions
    ]
    assert [any(z < 0 for z in heights), any(z > 0 for z in heights)] == [found_low, found_high]


def test_a_dense_ball_measures_the_same_at_any_voltage_of_its_neighbours():
    scan, intracranial = head(hu=450.0)
    plain = detect_lesions(replace(scan, acquisition=replace(scan.acquisition, kvp_kv=140.0)), intracranial)
    mixed = detect_lesions(at_voltages(scan, 140.0, 80.0), intracranial)
    assert len(mixed.lesions) == len(plain.lesions) == 2
    low = next(lesion for lesion in mixed.lesions if lesion.centroid_lps_mm[2] < 0)
    assert low in [replace(lesion, id=low.id) for lesion in plain.lesions]


def test_the_settings_say_the_threshold_of_each_voltage():
    scan, intracranial = head()
    found = detect_lesions(at_voltages(scan, 140.0, 80.0), intracranial)
    half = len(scan.hu) // 2
    assert found.settings["threshold_by_kvp"] == [
        {"kvp_kv": 80.0, "slices": len(scan.hu) - half, "threshold_hu": 167.0},
        {"kvp_kv": 140.0, "slices": half, "threshold_hu": 130.0},
    ]
    assert found.threshold_hu == found.settings["threshold_hu"] == found.settings["nominal_threshold_hu"] == 167.0


def test_slices_of_one_threshold_are_as_one_voltage():
    scan, intracranial = head()
    found = detect_lesions(at_voltages(scan, 140.0, 120.0), intracranial)
    plain = detect_lesions(scan, intracranial)
    assert found.lesions == plain.lesions
    assert found.settings == plain.settings
    assert "threshold_by_kvp" not in found.settings


def test_noise_raises_the_threshold_only_where_it_is_above_that_of_the_voltage():
    scan, intracranial = head()
    scan, noisy = at_voltages(scan, 140.0, 80.0), replace(intracranial, noise_hu=25.0)
    levels = choose_thresholds(scan, noisy, None, load(ThresholdSettings))
    assert levels.slice_found_hu is not None
    assert sorted(set(levels.slice_found_hu.tolist())) == [146.5, 167.0]
    assert levels.flags[0].message == "noise of 25 HU raises the threshold from 130 to 146 HU in 20 of 40 slices"


def test_a_threshold_asked_for_holds_in_all_slices():
    scan, intracranial = head()
    found = detect_lesions(at_voltages(scan, 140.0, 80.0), intracranial, threshold_hu=150.0)
    assert len(found.lesions) == 2
    assert found.threshold_hu == 150.0
    assert "threshold_by_kvp" not in found.settings


def test_a_surround_that_is_brighter_never_lowers_a_slice_below_its_voltage():
    scan, intracranial = head()
    hu = np.array(scan.hu)
    hu[:2] += 40  # a bright layer far from both balls: thresholds rise there, and the way by the surround is taken
    bright = Scan(hu=hu, geometry=scan.geometry)
    found = detect_lesions(at_voltages(bright, 140.0, 80.0), intracranial)
    assert [lesion.centroid_lps_mm[2] < 0 for lesion in found.lesions] == [True]


def test_voltages_are_one_a_slice():
    scan, _ = head()
    with pytest.raises(ValueError, match="slice_kvp_kv must be empty or hold one value for each of the"):
        replace(scan, slice_kvp_kv=(120.0, 80.0))
