"""Copies resampled from thicker slices are told; originals are not taken for copies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage
from support.blurred_head import blurred_head

from calcscan.blur import measure_blur
from calcscan.grid.geometry import Geometry
from calcscan.knowledge.reading import ReadingSettings
from calcscan.knowledge.settings import load
from calcscan.model import Scan
from calcscan.read import read_scan

TOP = (0.0, 80.0)


def on_cubes(scan: Scan, mm: float, *, spline: bool = False) -> Scan:
    """The scan resampled to cubes, as many do before they measure."""
    image = sitk.GetImageFromArray(scan.hu)
    spacing = scan.geometry.spacing_mm[::-1]
    image.SetSpacing(spacing)
    size = [int(n * one / mm) for n, one in zip(image.GetSize(), spacing, strict=True)]
    how = sitk.sitkBSpline if spline else sitk.sitkLinear
    copy = sitk.Resample(image, size, sitk.Transform(), how, image.GetOrigin(), [mm] * 3, image.GetDirection(), -1024.0)
    hu = sitk.GetArrayFromImage(copy).clip(-1024, 3071).astype(np.int16)
    return Scan(hu=hu, geometry=Geometry.regular(shape=hu.shape, spacing_mm=(mm, mm, mm)))


@pytest.mark.parametrize(("thickness_mm", "mm"), [(5.0, 1.0), (2.5, 0.8), (5.0, 2.0)])
@pytest.mark.parametrize("spline", [False, True])
def test_a_copy_of_thicker_slices_is_told(thickness_mm, mm, spline):
    original = blurred_head((thickness_mm, 0.8, 0.8), heights_mm=TOP, noise_hu=8.0)
    assert measure_blur(original).flags == ()
    flag, *_ = measure_blur(on_cubes(original, mm, spline=spline)).flags
    assert flag.code == "resampled"
    assert 0.8 * thickness_mm < flag.value < 2.2 * thickness_mm
    assert f"{mm:.2g} mm apart" in flag.message


@pytest.mark.parametrize(
    ("between_mm", "thickness_mm", "stated_mm", "grain_mm"),
    [
        (2.0, 4.0, 4.0, (0.0, 0.5, 0.5)),  # overlapping by half
        (2.0, 10.0, 10.0, (0.0, 0.5, 0.5)),  # by four fifths, and the header says so
        (1.0, 2.0, None, (0.0, 0.5, 0.5)),  # by half, and no header
        (2.0, 2.0, 2.0, (2.0, 0.8, 0.8)),  # noise alike from slice to slice, as iterative reconstruction leaves it
    ],
)
def test_an_original_is_not_taken_for_a_copy(between_mm, thickness_mm, stated_mm, grain_mm):
    scan = blurred_head(
        (between_mm, 0.8, 0.8), thickness_mm=thickness_mm, stated_mm=stated_mm, grain_mm=grain_mm, heights_mm=TOP
    )
    measured = measure_blur(scan)
    assert measured.blur.across_measured
    assert np.median(measured.blur.thickness_mm) == pytest.approx(thickness_mm, rel=0.15)
    assert measured.flags == ()


@pytest.mark.parametrize("name", ["thin_pineal_choroid", "tilted_variable_spacing", "mixed_folder"])
def test_real_originals_are_not_taken_for_copies(real_scans, name):
    scan = read_scan(Path(real_scans) / name, settings=load(ReadingSettings))
    assert measure_blur(scan).flags == ()


def test_a_real_scan_in_thick_overlapping_slices_follows_its_thickness(real_scans):
    scan = read_scan(Path(real_scans) / "thin_pineal_choroid", settings=load(ReadingSettings))
    hu = np.rint(ndimage.uniform_filter1d(scan.hu.astype(np.float32), 5, axis=0)).astype(np.int16)
    thick = replace(scan, hu=hu, acquisition=replace(scan.acquisition, slice_thickness_mm=5.0))
    measured = measure_blur(thick)
    assert measured.flags == ()
    assert np.median(measured.blur.thickness_mm) == pytest.approx(5.3, rel=0.1)
    (flag,) = measure_blur(Scan(hu=hu, geometry=scan.geometry)).flags  # no header, no origin but a thicker slice
    assert "each shows what one of about 5.4 mm would" in flag.message


def test_pixels_coarser_than_a_scanners_are_told_and_widen_the_error():
    fine = blurred_head((2.0, 0.8, 0.8), psf_mm=0.5, heights_mm=TOP, noise_hu=4.0)
    plain, coarse = (measure_blur(one) for one in (fine, on_cubes(fine, 2.0)))
    assert plain.flags == ()
    assert coarse.blur.in_plane_error > plain.blur.in_plane_error + 0.1
    (flag,) = [flag for flag in coarse.flags if flag.code == "resampled"]
    assert "pixels are 2 mm wide" in flag.message
