"""Gaps that were filled with empty slices, half slices or copies of the slice before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.dicom_faults import Series, set_stored, stored_of, write
from support.noisy_series import noisy

from calcscan.read import read_scan


def told(images: Series, folder: Path) -> list[tuple[str, float]]:
    write(images, folder)
    return [(str(flag.code), flag.value) for flag in read_scan(folder).flags]  # type: ignore[misc]


@pytest.mark.parametrize("filling", [0, 24])
def test_empty_slices_within_the_head_are_missing_ones(tmp_path: Path, filling: int) -> None:
    images = noisy()
    for number in (20, 21):
        set_stored(images[number], np.full_like(stored_of(images[number]), filling))
    assert told(images, tmp_path) == [("missing_slices", 2.0)]


def test_empty_slices_beyond_the_head_are_fine(tmp_path: Path) -> None:
    images = noisy()
    for number in (0, 1, 40, 41):
        set_stored(images[number], np.zeros_like(stored_of(images[number])))
    assert told(images, tmp_path) == []


def test_a_slice_that_was_cut_short_is_told(tmp_path: Path) -> None:
    images = noisy()
    stored = stored_of(images[18]).copy()
    stored[len(stored) // 2 :] = 0
    set_stored(images[18], stored)
    assert told(images, tmp_path) == [("missing_slices", 1.0)]


def test_a_gap_filled_with_copies_is_told_with_their_numbers(tmp_path: Path) -> None:
    images = noisy()
    for number in (16, 17):
        images[number].PixelData = images[15].PixelData
    write(images, tmp_path)
    (flag,) = read_scan(tmp_path).flags
    assert (str(flag.code), flag.value) == ("missing_slices", 2.0)
    assert "(17, 18)" in flag.message
