"""Slices of a copy that lie across those of its original are told."""

from __future__ import annotations

import numpy as np
import pytest
from support.blurred_head import blurred_head

from calcscan.blur import measure_blur
from calcscan.grid.geometry import Geometry
from calcscan.model import Flag, Scan
from calcscan.quality import judge_quality

from .test_resampled import TOP, on_cubes


def across(scan: Scan) -> Scan:
    """The same voxels in coronal slices."""
    affine = scan.geometry.affine()[:, [1, 0, 2, 3]] * (-1.0, 1.0, 1.0, 1.0)
    affine[:3, 3] = scan.geometry.affine()[:3] @ (0.0, scan.hu.shape[1] - 1, 0.0, 1.0)
    hu = np.ascontiguousarray(scan.hu.transpose(1, 0, 2)[::-1])
    return Scan(hu=hu, geometry=Geometry.from_affine(affine, hu.shape))


@pytest.mark.parametrize("thickness_mm", [3.0, 5.0])
def test_coronal_slices_of_a_copy_of_thicker_ones_are_told(thickness_mm):
    original = blurred_head((thickness_mm, 0.8, 0.8), heights_mm=TOP, noise_hu=8.0)
    measured = measure_blur(across(on_cubes(original, 1.0)))
    (flag,) = [flag for flag in measured.flags if flag.code == "reformatted"]
    assert 0.7 * thickness_mm < flag.value < 2.0 * thickness_mm
    assert measured.blur.across_error >= 0.3


def test_coronal_slices_of_fine_cubes_are_taken_as_they_are():
    fine = blurred_head((1.0, 0.8, 0.8), heights_mm=TOP, noise_hu=8.0)
    assert all(flag.code not in ("resampled", "reformatted") for flag in measure_blur(across(fine)).flags)


def test_masked_air_makes_no_copy():
    scan = blurred_head((2.5, 0.7, 0.7), heights_mm=TOP, noise_hu=4.0)
    hu = np.array(scan.hu)
    hu[hu < -700] = -1024
    masked = Scan(hu=hu, geometry=scan.geometry)
    assert all(flag.code not in ("resampled", "reformatted") for flag in measure_blur(masked).flags)


def test_a_face_that_was_cut_away_makes_no_copy():
    scan = blurred_head((2.5, 0.7, 0.7), heights_mm=TOP, noise_hu=4.0)
    hu = np.array(scan.hu)
    rows = np.flatnonzero((hu > -300).any(axis=(0, 2)))
    hu[:, : rows[len(rows) // 8]] = -1024
    measured = measure_blur(Scan(hu=hu, geometry=scan.geometry))
    assert all(flag.code not in ("resampled", "reformatted") for flag in measured.flags)
    assert measured.blur.in_plane_mm == pytest.approx(0.5, rel=0.1)


def test_a_reformat_of_thick_slices_is_not_attributed_to_sites():
    flags = [Flag(code="reformatted", message="", value=mm) for mm in (3.0, 5.0)]
    assert [judge_quality([flag]).state for flag in flags] == ["caution", "abstain"]
