"""Segmentations of the user's own, on deposits of known volume."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from support.phantoms import Ball, phantom, stack

from calcscan.detection import detect_lesions, measure_labels
from calcscan.model import OwnLabels

PLACES = [(-9.0, -8.0, 1.0), (9.0, 7.0, -2.0), (8.0, -9.0, 9.0)]
VOLUMES = [150.0, 60.0, 300.0]


def scene(spacing_mm=(1.25, 0.5, 0.5), hu=500.0):
    balls = [Ball(centre_mm=at, volume_mm3=mm3, hu=hu) for at, mm3 in zip(PLACES, VOLUMES, strict=True)]
    return phantom(balls, stack(spacing_mm), seed=3)


def own(values) -> OwnLabels:
    return OwnLabels(values=np.asarray(values, dtype=np.int32))


@pytest.mark.parametrize("spacing_mm", [(0.7, 0.5, 0.5), (1.25, 0.45, 0.45), (2.5, 0.5, 0.5)])
def test_what_was_detected_measures_the_same_when_it_is_given(spacing_mm):
    scan, intracranial = scene(spacing_mm)
    found = detect_lesions(scan, intracranial)
    given = measure_labels(scan, intracranial, own(found.labels))
    assert len(given.lesions) == len(found.lesions) == 3
    for one, other in zip(given.lesions, found.lesions, strict=True):
        assert one.volume_mm3 == pytest.approx(other.volume_mm3, rel=1e-6)
        assert (one.volume_low_mm3, one.volume_high_mm3) == pytest.approx(
            (other.volume_low_mm3, other.volume_high_mm3), rel=1e-6
        )
        assert one.volume_130_mm3 == other.volume_130_mm3
        assert one.centroid_lps_mm == other.centroid_lps_mm
    assert np.array_equal(given.labels, found.labels)


@pytest.mark.parametrize("level_hu", [90, 130, 200, 260])
def test_the_volume_does_not_depend_on_the_level_that_an_outline_follows(level_hu):
    """A plain count does: it differs by half and more."""
    scan, intracranial = scene()
    given = measure_labels(scan, intracranial, own(scan.hu >= level_hu))
    by_place = sorted(given.lesions, key=lambda lesion: lesion.centroid_lps_mm[2])
    for lesion, volume_mm3 in zip(by_place, np.array(VOLUMES)[[1, 0, 2]], strict=True):
        assert lesion.volume_mm3 == pytest.approx(volume_mm3, rel=0.2)
        assert lesion.volume_low_mm3 <= volume_mm3 <= lesion.volume_high_mm3


@pytest.mark.parametrize("wider", [1, 3])
def test_a_generous_outline_gives_the_same_volume(wider):
    scan, intracranial = scene()
    found = detect_lesions(scan, intracranial)
    loose = ndimage.grey_dilation(found.labels, footprint=ndimage.generate_binary_structure(3, 1), mode="constant")
    for _ in range(wider - 1):
        loose = ndimage.grey_dilation(loose, footprint=ndimage.generate_binary_structure(3, 1), mode="constant")
    given = measure_labels(scan, intracranial, own(loose))
    for one, other in zip(given.lesions, found.lesions, strict=True):
        assert one.voxels > 1.3 * other.voxels
        assert one.volume_mm3 == pytest.approx(other.volume_mm3, rel=0.02)


def test_a_map_of_one_label_is_a_mask_and_one_of_several_is_taken_by_label():
    scan, intracranial = scene()
    found = detect_lesions(scan, intracranial)
    pieces = measure_labels(scan, intracranial, own(7 * (found.labels > 0)))
    assert len(pieces.lesions) == 3
    assert pieces.settings["label_values"] == [7]
    assert pieces.settings["lesions_given"] == "connected pieces of a mask"
    by_label = np.choose(found.labels, [0, 12, 5, 12])
    labels = measure_labels(scan, intracranial, own(by_label))
    assert labels.settings["label_values"] == [5, 12]
    assert labels.settings["lesions_given"] == "one for each label"
    assert [lesion.id for lesion in labels.lesions] == [1, 2]
    first, second = labels.lesions
    whole = {lesion.id: lesion for lesion in found.lesions}
    assert first.volume_mm3 == pytest.approx(whole[2].volume_mm3, rel=1e-6)
    assert second.volume_mm3 == pytest.approx(whole[1].volume_mm3 + whole[3].volume_mm3, rel=0.1)
    assert np.array_equal(labels.labels, np.choose(found.labels, [0, 2, 1, 2]))


def test_half_a_deposit_is_about_half_of_it_and_both_halves_the_whole():
    scan, intracranial = scene((0.7, 0.5, 0.5))
    found = detect_lesions(scan, intracranial)
    largest = max(found.lesions, key=lambda lesion: lesion.volume_mm3)
    kji = found.voxels_kji(largest.id)
    left = np.zeros(found.labels.shape, np.int32)
    left[tuple(kji[kji[:, 2] < largest.centroid_kji[2]].T)] = 1
    (half,) = measure_labels(scan, intracranial, own(left)).lesions
    assert half.volume_mm3 == pytest.approx(largest.volume_mm3 / 2, rel=0.25)
    both = left.copy()
    both[tuple(kji[kji[:, 2] >= largest.centroid_kji[2]].T)] = 2
    one, other = measure_labels(scan, intracranial, own(both)).lesions
    assert one.volume_mm3 + other.volume_mm3 == pytest.approx(largest.volume_mm3, rel=0.25)


def test_what_is_not_outlined_is_not_measured():
    scan, intracranial = scene()
    found = detect_lesions(scan, intracranial)
    (only,) = measure_labels(scan, intracranial, own(found.labels == 2)).lesions
    assert only.volume_mm3 == pytest.approx(found.lesions[1].volume_mm3, rel=1e-6)


def test_an_outline_without_calcification_holds_none_and_is_kept():
    scan, intracranial = scene()
    labels = np.zeros(scan.hu.shape, np.int32)
    labels[10:13, 2:6, 2:6] = 1
    assert scan.hu[labels > 0].max() < 90
    (lesion,) = measure_labels(scan, intracranial, own(labels)).lesions
    assert (lesion.volume_mm3, lesion.volume_low_mm3, lesion.volume_high_mm3) == (0.0, 0.0, 0.0)
    assert lesion.volume_130_mm3 == 0.0
    assert lesion.voxels == 48


def test_an_outline_beyond_the_inside_of_the_skull_is_measured_too():
    scan, intracranial = scene()
    found = detect_lesions(scan, intracranial)
    nowhere = replace(intracranial, mask=np.zeros_like(intracranial.mask))
    given = measure_labels(scan, nowhere, own(scan.hu >= 100))
    assert sum(lesion.volume_mm3 for lesion in given.lesions) == pytest.approx(
        sum(lesion.volume_mm3 for lesion in found.lesions), rel=0.1
    )


def test_no_label_is_no_lesion():
    scan, intracranial = scene()
    given = measure_labels(scan, intracranial, own(np.zeros(scan.hu.shape)))
    assert given.lesions == ()
    assert not given.searched
    assert given.settings["detection_floor_mm3"] is None
