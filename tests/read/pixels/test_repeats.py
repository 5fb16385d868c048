"""Slices that repeat each other: projections over slabs, whatever their header says, and copies of slices."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from scipy import ndimage
from support import dicom_faults as faults
from support.dicom_faults import Series
from support.noisy_series import noisy

from calcscan.knowledge.reading import ReadingSettings
from calcscan.knowledge.settings import load
from calcscan.model import Scan
from calcscan.read import read_scan
from calcscan.read.pixels.repeats import repeat_flags

SETTINGS = load(ReadingSettings)


def over_slabs(images: Series, share: object, count: int) -> Series:
    """Each slice as the greatest, least or mean value of `count` slices about it; the header says nothing of it."""
    stored = np.stack([faults.stored_of(image) for image in images]).astype(np.float64)
    changed = share(stored, count, axis=0)  # type: ignore[operator]
    for image, values in zip(images, np.rint(changed), strict=True):
        faults.set_stored(image, values)
    return images


def read(images: Series, folder: Path) -> Scan:
    faults.write(images, folder)
    return read_scan(folder)


def codes(scan: Scan) -> list[str]:
    return [str(flag.code) for flag in scan.flags]


@pytest.mark.parametrize("share", [ndimage.maximum_filter1d, ndimage.minimum_filter1d])
@pytest.mark.parametrize("count", [3, 5, 8])
def test_a_projection_that_is_called_original_is_recognised(tmp_path: Path, share: object, count: int) -> None:
    scan = read(over_slabs(noisy(), share, count), tmp_path)
    assert codes(scan) == ["not_hounsfield"]
    assert "to the last digit" in scan.flags[0].message


def test_averages_smooth_and_overlapping_slices_are_no_projections(tmp_path: Path) -> None:
    assert codes(read(noisy(), tmp_path / "a")) == []
    assert codes(read(over_slabs(noisy(), ndimage.uniform_filter1d, 5), tmp_path / "b")) == []
    hu = read(noisy(), tmp_path / "c").hu.astype(np.float64)
    for sigma in ((1.0, 1.5, 1.5), (2.0, 0.0, 0.0), (0.0, 2.0, 2.0)):
        assert repeat_flags(np.rint(ndimage.gaussian_filter(hu, sigma)).astype(np.int16), SETTINGS) == ()
    assert repeat_flags((np.rint(hu / 5) * 5).astype(np.int16), SETTINGS) == ()


def test_a_head_without_noise_says_nothing(tmp_path: Path) -> None:
    assert codes(read(faults.series(), tmp_path)) == []


@pytest.mark.parametrize("times", [2, 3])
def test_slices_repeated_at_places_of_their_own_are_recognised(tmp_path: Path, times: int) -> None:
    images = noisy(slices=42)
    for number, image in enumerate(images):
        image.PixelData = images[number // times * times].PixelData
    scan = read(images, tmp_path / "in")
    assert "resampled" in codes(scan)
    assert "are the same picture" in next(flag.message for flag in scan.flags if flag.code == "resampled")
    nifti = nibabel.Nifti1Image(scan.hu.transpose(2, 1, 0), np.diag([-2.1, -2.25, 3.0, 1.0]))
    nifti.to_filename(tmp_path / "head.nii.gz")
    assert "resampled" in codes(read_scan(tmp_path / "head.nii.gz"))


@pytest.mark.parametrize("blank", [0, 1, 2])
def test_copies_beyond_the_end_of_a_scan_fill_no_gap(tmp_path: Path, blank: int) -> None:
    """As edges are filled when a scan is resampled onto a longer grid: with copies, and beyond them with nothing."""
    images = noisy(slices=24 + blank)
    for number, like in ((0, 1), (22, 21), (23, 21), (10, 9)):
        images[number].PixelData = images[like].PixelData
    for image in images[24:]:
        faults.set_stored(image, np.zeros_like(faults.stored_of(image)))
    flags = {str(flag.code): flag for flag in read(images, tmp_path).flags}
    assert "(11) is the same picture" in flags["missing_slices"].message
    assert flags["missing_slices"].value == 1.0
    assert flags["resampled"].message.startswith("3 slices at the ends of the stack repeat the last true one")
