"""What lesions hold in regions of the user's own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.phantoms import Ball, phantom, stack

from calcscan.detection import detect_lesions
from calcscan.model import OwnLabels
from calcscan.summary import divide_by_regions

BALLS = [
    Ball(centre_mm=(-9.0, -8.0, 1.0), volume_mm3=150.0, hu=500.0),
    Ball(centre_mm=(9.0, 7.0, -2.0), volume_mm3=400.0, hu=700.0),
]
SCAN, SPACE = phantom(BALLS, stack((1.25, 0.5, 0.5)), seed=5)
FOUND = detect_lesions(SCAN, SPACE)
COLUMNS = ("volume_mm3", "volume_130_mm3")


def own(values, **names) -> OwnLabels:
    return OwnLabels(values=np.asarray(values, dtype=np.int32), **names)


def whole(column):
    return sum(getattr(lesion, column) for lesion in FOUND.lesions)


@settings(max_examples=60)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 30), grain=st.integers(1, 12), part=st.floats(0, 1))
def test_the_rows_are_the_whole_whatever_the_regions(seed, count, grain, part):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(1, count + 1, [-(-n // grain) for n in SCAN.hu.shape])
    coarse[rng.random(coarse.shape) > part] = 0
    values = coarse.repeat(grain, 0).repeat(grain, 1).repeat(grain, 2)[tuple(map(slice, SCAN.hu.shape))]
    rows = divide_by_regions(FOUND, SCAN, own(values))
    assert [row.label for row in rows] == [*np.unique(values[values > 0]).tolist(), 0]
    for column in COLUMNS:
        assert sum(getattr(row, column) for row in rows) == pytest.approx(whole(column), abs=1e-6)
    for row in rows:
        assert 0 <= row.volume_low_mm3 <= row.volume_mm3 + 1e-9 <= row.volume_high_mm3 + 2e-9


def test_a_lesion_within_one_region_is_all_of_it_with_its_interval():
    values = np.where(FOUND.labels == 1, 4, 9)
    rows = {row.label: row for row in divide_by_regions(FOUND, SCAN, own(values, names={4: "mine"}))}
    first, second = FOUND.lesions
    for row, lesion in ((rows[4], first), (rows[9], second)):
        for column in (*COLUMNS, "volume_low_mm3", "volume_high_mm3"):
            assert getattr(row, column) == pytest.approx(getattr(lesion, column))
    assert rows[4].name == "mine"
    assert rows[9].name is None
    assert (rows[0].name, rows[0].volume_mm3) == ("elsewhere", 0.0)


def test_a_ball_cut_through_its_middle_is_halved_and_its_parts_are_less_sure():
    large = max(FOUND.lesions, key=lambda lesion: lesion.volume_mm3)
    columns = np.arange(SCAN.hu.shape[2])
    values = np.broadcast_to(np.where(columns < large.centroid_kji[2], 1, 2), SCAN.hu.shape) * (
        FOUND.labels == large.id
    )
    rows = {row.label: row for row in divide_by_regions(FOUND, SCAN, own(values))}
    for label in (1, 2):
        row = rows[label]
        assert row.volume_mm3 == pytest.approx(large.volume_mm3 / 2, rel=0.1)
        assert row.volume_low_mm3 / row.volume_mm3 < large.volume_low_mm3 / large.volume_mm3
        assert row.volume_high_mm3 / row.volume_mm3 > large.volume_high_mm3 / large.volume_mm3
    assert rows[1].volume_mm3 + rows[2].volume_mm3 == pytest.approx(large.volume_mm3)


def test_names_given_go_before_names_told():
    rows = divide_by_regions(FOUND, SCAN, own(FOUND.labels, names={1: "of the file", 2: "kept"}), {1: "given"})
    assert [row.name for row in rows] == ["given", "kept", "elsewhere"]


def test_without_lesions_every_row_is_empty():
    scan, space = phantom([], stack((2.5, 1.0, 1.0)))
    rows = divide_by_regions(detect_lesions(scan, space), scan, own(np.ones(scan.hu.shape)))
    assert [(row.label, row.volume_mm3, row.volume_high_mm3) for row in rows] == [(1, 0.0, 0.0), (0, 0.0, 0.0)]
