"""What noise tells of the blur where no edge of skin and air does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from support.blurred_head import blurred_head

from calcscan.blur import measure_blur
from calcscan.blur.interpolated import find_interpolation
from calcscan.blur.noise import find_noise_blur
from calcscan.grid.geometry import Geometry
from calcscan.knowledge.blur import BlurSettings
from calcscan.knowledge.settings import load
from calcscan.model import Acquisition, Scan

SETTINGS = load(BlurSettings)
TOP = (0.0, 80.0)


def grey(noise: np.ndarray, spacing_mm: tuple[float, float, float], *, sd_hu: float = 6.0) -> Scan:
    """Even brain with this noise."""
    hu = np.rint(30.0 + noise * (sd_hu / noise.std())).astype(np.int16)
    return Scan(hu=hu, geometry=Geometry.regular(shape=hu.shape, spacing_mm=spacing_mm))


def filtered_noise(shape: tuple[int, int, int], pixel_mm: float, psf_mm: float, seed: int = 1) -> np.ndarray:
    """Noise as filtered backprojection leaves it, under a Gaussian kernel."""
    white = np.random.default_rng(seed).standard_normal(shape)
    frequency = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n, pixel_mm) for n in shape[1:]), indexing="ij"))
    passed = np.sqrt(frequency) * np.exp(-2.0 * (np.pi * psf_mm * frequency) ** 2)
    return np.fft.ifft2(np.fft.fft2(white, axes=(1, 2)) * passed, axes=(1, 2)).real


@pytest.mark.parametrize("sd_mm", [0.7, 1.0, 1.5])
def test_noise_alike_from_slice_to_slice_tells_how_thick_slices_are(sd_mm):
    noise = ndimage.gaussian_filter1d(filtered_noise((40, 120, 120), 0.5, 0.5), sd_mm, axis=0)
    scan = grey(noise, (1.0, 0.5, 0.5))
    found = find_noise_blur(scan, scan.expected_thickness_mm, SETTINGS)
    assert found.across == pytest.approx(sd_mm * np.sqrt(12.0), rel=0.08)


def test_slices_that_share_nothing_tell_no_thickness():
    scan = grey(filtered_noise((40, 120, 120), 0.5, 0.5), (1.0, 0.5, 0.5))
    found = find_noise_blur(scan, scan.expected_thickness_mm, SETTINGS)
    assert found.across is None
    assert found.correlation == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize("psf_mm", [0.4, 0.6, 0.9])
def test_the_finest_noise_tells_the_blur_within_the_slices(psf_mm):
    scan = grey(filtered_noise((40, 120, 120), 0.5, psf_mm), (1.0, 0.5, 0.5))
    found = find_noise_blur(scan, scan.expected_thickness_mm, SETTINGS)
    assert found.in_plane_mm == pytest.approx(psf_mm * SETTINGS.noise_in_plane_share, rel=0.08)


def test_too_little_tissue_and_no_noise_tell_nothing():
    flat = Scan(
        hu=np.full((30, 100, 100), 30, np.int16),
        geometry=Geometry.regular(shape=(30, 100, 100), spacing_mm=(1.0, 0.5, 0.5)),
    )
    assert find_noise_blur(flat, flat.expected_thickness_mm, SETTINGS).in_plane_mm is None
    air = replace(flat, hu=np.full((30, 100, 100), -1000, np.int16))
    found = find_noise_blur(air, air.expected_thickness_mm, SETTINGS)
    assert (found.in_plane_mm, found.across, found.correlation) == (None, None, None)


def without_air(scan: Scan) -> Scan:
    """Air set to what pads, as masks of it do."""
    return replace(scan, hu=np.where(scan.hu < -300, -1024, scan.hu).astype(np.int16))


def test_where_air_was_cut_away_noise_tells_that_slices_are_thicker_than_stated():
    scan = blurred_head(
        (1.0, 0.7, 0.7), thickness_mm=2.2, stated_mm=1.25, heights_mm=TOP, grain_mm=(0.63, 0.5, 0.5), noise_hu=6.0
    )
    measured = measure_blur(without_air(scan))
    assert not measured.blur.in_plane_measured
    assert not measured.blur.across_measured
    assert np.median(measured.blur.thickness_mm) == pytest.approx(2.2, rel=0.2)
    assert measured.blur.across_error == SETTINGS.noise_across_error
    assert [flag.code for flag in measured.flags] == ["blur_unmeasured"]
    assert "the noise of neighbouring slices is alike" in measured.flags[0].message


def test_what_is_assumed_is_wide_unless_slices_share_nothing():
    scan = blurred_head((2.5, 0.7, 0.7), stated_mm=2.5, heights_mm=TOP, noise_hu=6.0)
    assert measure_blur(without_air(scan)).blur.across_error == SETTINGS.across_error_alone
    quiet = blurred_head((2.5, 0.7, 0.7), stated_mm=2.5, heights_mm=TOP, noise_hu=0.0)
    blur = measure_blur(without_air(quiet)).blur
    assert blur.in_plane_error == SETTINGS.psf_error


@pytest.mark.parametrize(("grain_mm", "doubted"), [(0.0, True), (1.8, False)])
def test_slices_thicker_than_stated_are_doubted_unless_their_noise_is_alike(grain_mm, doubted):
    scan = blurred_head(
        (3.0, 0.7, 0.7), thickness_mm=4.5, stated_mm=3.0, kind="gaussian", heights_mm=TOP,
        grain_mm=(grain_mm, 0.5, 0.5), noise_hu=6.0,
    )  # fmt: skip
    measured = measure_blur(scan)
    assert measured.blur.across_measured
    assert (measured.blur.across_error > 0.2) is doubted


def test_slices_that_bend_ever_more_towards_the_base_are_no_copy():
    steep = 1.0 + 12.0 * np.exp(-np.arange(44) / 2.0) + 8.0 * np.exp(-np.arange(44)[::-1] / 1.5)
    noise = filtered_noise((44, 154, 125), 1.0, 0.6) * steep[:, None, None]
    scan = grey(noise.clip(-8.0 * noise.std(), 8.0 * noise.std()), (3.0, 1.0, 1.0), sd_hu=12.0)
    assert find_interpolation(scan, SETTINGS) is None
    assert find_interpolation(replace(scan, acquisition=Acquisition(slice_thickness_mm=3.0)), SETTINGS) is None


def test_where_air_was_cut_off_above_its_density_the_edges_are_not_believed():
    scan = blurred_head((2.5, 0.7, 0.7), heights_mm=TOP, noise_hu=4.0)
    cut = replace(scan, hu=np.maximum(scan.hu, -900).astype(np.int16))
    measured = measure_blur(cut)
    assert not measured.blur.in_plane_measured
    assert "air is -900 HU" in measured.blur.why
    assert measure_blur(scan).blur.in_plane_measured
