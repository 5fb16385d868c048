"""Sharpness is seen in the picture; noise, fluid and soft kernels are not taken for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from support.heads import CLEAN, edited, sample, sample_head

from calcscan.inspection.sharpness import sharpness_flags
from calcscan.knowledge.inspection import InspectionSettings
from calcscan.knowledge.settings import load
from calcscan.model import Flag, Scan

SETTINGS = load(InspectionSettings)


def flags(hu: np.ndarray) -> tuple[Flag, ...]:
    scan = edited(sample(CLEAN), np.rint(hu).clip(-1024, 3071))
    nameless = Scan(
        hu=scan.hu, geometry=scan.geometry, acquisition=replace(scan.acquisition, kernel=None), study=scan.study
    )
    return sharpness_flags(nameless, sample_head(CLEAN), SETTINGS)


@pytest.mark.parametrize(("amount", "width_mm"), [(1.0, 0.9), (2.0, 0.6)])
def test_a_sharp_picture_is_flagged_though_no_kernel_is_named(amount, width_mm):
    hu = sample(CLEAN).hu.astype(np.float32)
    width = width_mm / sample(CLEAN).geometry.spacing_mm[1]
    (flag,) = flags(hu + amount * (hu - ndimage.gaussian_filter(hu, (0, width, width))))
    assert flag.code == "sharp_kernel"
    assert flag.value < -12


@pytest.mark.parametrize(("amount", "width_mm", "slices"), [(0.8, 0.7, 1), (1.0, 0.7, 2)])
def test_a_slight_overshoot_is_flagged_by_its_dip_beside_the_table_in_thick_slices_too(amount, width_mm, slices):
    hu = ndimage.uniform_filter1d(sample(CLEAN).hu.astype(np.float32), slices, axis=0)
    width = width_mm / sample(CLEAN).geometry.spacing_mm[1]
    (flag,) = flags(hu + amount * (hu - ndimage.gaussian_filter(hu, (0, width, width))))
    assert abs(float(flag.value or 0.0)) >= abs(float(flag.limit or 0.0))


def test_a_soft_or_noisy_picture_is_not():
    hu = sample(CLEAN).hu.astype(np.float32)
    assert flags(hu) == ()
    assert flags(hu + np.random.default_rng(0).normal(0, 20, hu.shape)) == ()
    assert flags(ndimage.gaussian_filter(hu, (0, 0.8, 0.8))) == ()


def test_fluid_below_the_table_is_not():
    hu = sample(CLEAN).hu.astype(np.float32)
    below = sample_head(CLEAN).mask & (ndimage.distance_transform_edt(sample_head(CLEAN).mask) < 3)
    assert flags(np.where(below & (hu < 150), 2.0, hu)) == ()
