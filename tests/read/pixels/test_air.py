"""Air that is not at -1000 HU: a slope that is wrong by a tenth."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from calcscan.knowledge.reading import ReadingSettings
from calcscan.knowledge.settings import load
from calcscan.read import read_scan
from calcscan.read.pixels.air import air_flags
from calcscan.read.pixels.picture_flags import picture_flags


def head(noise_hu: float = 8.0, filled_hu: float | None = None) -> np.ndarray:
    """A block of brain in air, (9, 64, 64), the corners of the picture filled."""
    hu = np.full((9, 64, 64), -1000.0)
    hu[:, 16:48, 16:48] = 35
    hu += np.random.default_rng(0).normal(0, noise_hu, hu.shape)
    if filled_hu is not None:
        hu[:, :12], hu[:, 52:] = filled_hu, filled_hu
    return hu


@pytest.mark.parametrize("filled_hu", [None, -1024.0, -2000.0, -3024.0])
@pytest.mark.parametrize(("factor", "odd"), [(0.85, True), (0.92, True), (0.98, False), (1.0, False), (1.08, True)])
def test_a_slope_that_is_wrong_by_a_tenth_is_seen_by_the_air(factor: float, odd: bool, filled_hu: float | None) -> None:
    flags = air_flags(np.rint(factor * head(filled_hu=filled_hu)), load(ReadingSettings))
    assert bool(flags) is odd
    for flag in flags:
        assert flag.code == "not_hounsfield"
        assert f"{-1000 * factor:.0f}"[:3] in flag.message


def test_where_the_surround_was_blanked_nothing_is_said_of_air() -> None:
    hu = head()
    hu[:, :15], hu[:, 49:], hu[:, :, :15], hu[:, :, 49:] = -1024, -1024, -1024, -1024
    hu[:, 30:34, 30:34] = np.random.default_rng(1).normal(-850, 60, (9, 4, 4))  # a sinus, averaged with its walls
    assert picture_flags(np.rint(hu).astype(np.int16), load(ReadingSettings)) == ()


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_a_nifti_of_scaled_values_is_told(tmp_path: Path, factor: float) -> None:
    """What is below air is cut off when it is read, and still tells."""
    stored = np.rint(factor * head()).astype(np.int16).transpose(2, 1, 0)
    nib.save(nib.Nifti1Image(stored, np.diag([3.0, 3.0, 5.0, 1.0])), tmp_path / "head.nii")
    (flag,) = (flag for flag in read_scan(tmp_path / "head.nii").flags if flag.code == "not_hounsfield")
    assert "Air around the head" in flag.message
