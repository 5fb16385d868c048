"""Two passes of one series whose slices lie between each other's, and slices of one series that are turned round."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.ball_phantom import BALL_HU, HEAD_MM
from support.dicom_faults import Series, in_series_of, series, set_stored, stored_of, with_tags, write
from support.reading_case import read_by_calcscan

from calcscan.read import read_scan

BRIGHTER_HU = BALL_HU + 400.0
TABLE_MM = (np.arange(28) - 13.5) * 5.0


def codes(folder: Path) -> list[str]:
    return [str(flag.code) for flag in read_scan(folder).flags]


def numbered_alike(first: Series, second: Series) -> Series:
    for one, other in zip(first, second, strict=True):
        other.InstanceNumber = one.InstanceNumber
    return [*first, *second]


@pytest.mark.parametrize("alike", [False, True], ids=["numbers go on", "numbers repeat"])
def test_passes_at_uneven_distances_are_told_by_their_numbers(tmp_path: Path, alike: bool) -> None:
    first = series()
    both = in_series_of(first, series(positions_mm=TABLE_MM + 1.5, ball_hu=BRIGHTER_HU))
    write(numbered_alike(first, both[28:]) if alike else both, tmp_path)
    assert read_by_calcscan(tmp_path).verdict == "right"
    assert len(read_scan(tmp_path).hu) == 28


@pytest.mark.parametrize("tags", [{"AcquisitionNumber": 2}, {}], ids=["acquisition", "numbers"])
def test_a_pass_half_a_step_on_after_contrast_leaves_the_native_one(tmp_path: Path, tags: dict[str, int]) -> None:
    first = series(AcquisitionNumber=1) if tags else series()
    second = series(positions_mm=TABLE_MM + 2.5, ball_hu=BRIGHTER_HU, ContrastBolusAgent="Iomeprol", **tags)
    write(in_series_of(first, second), tmp_path)
    assert read_by_calcscan(tmp_path).verdict == "right"
    assert codes(tmp_path) == []


def test_an_agent_in_every_second_header_is_contrast_all_the_same(tmp_path: Path) -> None:
    images = series()
    with_tags(images[1::2], ContrastBolusAgent="Iomeprol")
    write(images, tmp_path)
    assert codes(tmp_path) == ["contrast"]


def with_vessels(images: Series) -> Series:
    """Four vessels of 9 mm through the slices, beside the ball."""
    for image in images:
        stored = stored_of(image).copy()
        for x, y in ((-30, -20), (-30, 30), (30, 30), (-10, 40)):
            j, i = int(image.Rows / 2 + y / 2.0), int(image.Columns / 2 + x / 2.0)
            stored[j : j + 4, i : i + 4] = 1024 + 300
        set_stored(image, stored)
    return images


def noisy(images: Series) -> Series:
    rng = np.random.default_rng(0)
    for image in images:
        set_stored(image, np.rint(stored_of(image) + rng.normal(0, 4, stored_of(image).shape)))
    return images


@pytest.mark.parametrize("native_first", [True, False])
def test_a_pass_half_a_step_on_is_told_by_its_vessels(tmp_path: Path, native_first: bool) -> None:
    """No header says contrast; the acquisitions are numbered."""
    size = {"rows": 96, "columns": 88, "pixel_mm": (2.0, 2.0)}
    count = int(HEAD_MM[2] // 2.5)
    at = (np.arange(count) - count / 2) * 5.0
    first = series(positions_mm=at, AcquisitionNumber=1, **size)
    second = series(positions_mm=at + 2.5, AcquisitionNumber=2, **size)
    with_vessels(second if native_first else first)
    write(noisy(in_series_of(first, second)), tmp_path)
    scan = read_scan(tmp_path)
    assert len(scan.hu) == count
    wanted = first if native_first else second
    assert scan.geometry.origins_mm[0][2] == pytest.approx(float(wanted[0].ImagePositionPatient[2]))


def test_halves_of_which_no_picture_differs_stay_together(tmp_path: Path) -> None:
    images = series()
    with_tags(images[1::2], AcquisitionNumber=2)
    for number, image in enumerate([*images[::2], *images[1::2]]):
        image.InstanceNumber = number + 1
    write(images, tmp_path)
    assert len(read_scan(tmp_path).hu) == 28


def mirrored(images: Series) -> Series:
    """Stored from right to left, as their cosines say."""
    for image in images:
        set_stored(image, stored_of(image)[:, ::-1])
        x, y, z = (float(value) for value in image.ImagePositionPatient)
        wide = float(image.PixelSpacing[1]) * (image.Columns - 1)
        image.ImagePositionPatient, image.ImageOrientationPatient = [x + wide, y, z], [-1, 0, 0, 0, 1, 0]
    return images


def test_a_half_that_is_stored_the_other_way_round_is_not_lost_in_silence(tmp_path: Path) -> None:
    images = series()
    mirrored(images[14:])
    write(images, tmp_path)
    (flag,) = read_scan(tmp_path).flags
    assert str(flag.code) == "missing_slices"
    assert "another direction" in flag.message


def test_a_kernels_values_come_in_any_order(tmp_path: Path) -> None:
    images = series(ConvolutionKernel=["H31s", "3"])
    with_tags(images[1::2], ConvolutionKernel=["3", "H31s"])
    write(images, tmp_path)
    assert read_by_calcscan(tmp_path).verdict == "right"
    assert codes(tmp_path) == []
