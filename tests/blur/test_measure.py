"""The blur of a scan, measured at its skin, against heads of known blur."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from scipy import ndimage
from support.blurred_head import blurred_head, profile_sd_mm
from support.phantoms import phantom, stack

from calcscan.blur import measure_blur
from calcscan.grid.geometry import Geometry
from calcscan.knowledge.blur import BlurSettings
from calcscan.knowledge.reading import ReadingSettings
from calcscan.knowledge.settings import load
from calcscan.model import Acquisition, Scan
from calcscan.read import read_scan
from calcscan.verification.blur import find_blur

SETTINGS = load(BlurSettings)
TOP = (30.0, 80.0)


def cylinder(psf_mm: float, *, overshoot: float = 0.0, noise_hu: float = 8.0, seed: int = 1) -> Scan:
    """Skin of 1.8 mm over fat over bone, upright in air, as a scanner with this blur shows it."""
    parts, pixel_mm = 5, 0.5
    axis = (np.arange(200 * parts) - 100 * parts + 0.5) * pixel_mm / parts
    x, y = np.meshgrid(axis, axis)
    depth_mm = 42.0 - np.hypot(x, y * 0.9) - 0.5 * np.sin(5 * np.arctan2(y, x))
    fine = np.select([depth_mm > 6.0, depth_mm > 1.8, depth_mm > 0.0], [900.0, -90.0, 45.0], -1000.0)
    soft, wide = (ndimage.gaussian_filter(fine, s * psf_mm * parts / pixel_mm) for s in (1, 2))
    seen = ((1 + overshoot) * soft - overshoot * wide)[parts // 2 :: parts, parts // 2 :: parts]
    white = np.random.default_rng(seed).standard_normal((6, *seen.shape))
    grain = ndimage.gaussian_filter(white, (0, 0.8, 0.8))
    hu = np.clip(seen + grain / grain.std() * noise_hu, -1024, 3071)
    return Scan(
        hu=np.rint(hu).astype(np.int16),
        geometry=Geometry.regular(shape=hu.shape, spacing_mm=(2.0, pixel_mm, pixel_mm)),
        acquisition=Acquisition(sharp_kernel=overshoot > 0),
    )


@pytest.mark.parametrize("psf_mm", [0.35, 0.5, 0.8])
def test_the_blur_is_measured_at_the_edge_of_the_skin(psf_mm):
    blur = find_blur(cylinder(psf_mm))
    assert blur.measured
    assert blur.psf_mm == pytest.approx(psf_mm, rel=0.1)


def test_the_blur_of_a_sharp_kernel_is_measured_with_its_overshoot():
    blur = find_blur(cylinder(0.35, overshoot=0.25, noise_hu=20.0))
    assert blur.measured
    assert blur.overshoot > 0
    assert blur.psf_mm == pytest.approx(0.35, rel=0.15)


def test_where_air_was_masked_out_the_blur_is_assumed_and_says_so():
    scan = cylinder(0.5)
    masked = Scan(hu=np.where(scan.hu < -500, -1024, scan.hu).astype(np.int16), geometry=scan.geometry)
    blur = find_blur(masked)
    assert not blur.measured
    assert blur.why.startswith("assumed for a soft kernel")
    assert not find_blur(phantom(grid=stack())[0]).measured


def test_an_assumed_blur_says_which_limit_the_measured_one_failed():
    scan = cylinder(0.5)
    assert "outside the 0.70 to 1.60 mm" in find_blur(scan, settings=replace(SETTINGS, least_psf_mm=0.7)).why
    assert "but varied by" in find_blur(scan, settings=replace(SETTINGS, most_spread=0.0)).why


def test_too_few_edges_are_not_trusted():
    assert not find_blur(cylinder(0.5), settings=replace(SETTINGS, fewest_edges=10**6)).measured


@pytest.mark.parametrize(("psf_mm", "pixel_mm"), [(0.3, 0.6), (0.6, 0.9), (1.0, 0.6), (1.4, 0.9)])
def test_the_blur_in_the_plane_is_right_from_sharp_to_blurred(psf_mm, pixel_mm):
    blur = measure_blur(blurred_head((2.5, pixel_mm, pixel_mm), psf_mm=psf_mm, heights_mm=(0.0, 40.0))).blur
    assert blur.in_plane_measured
    assert blur.in_plane_mm == pytest.approx(psf_mm, rel=0.1)
    assert blur.in_plane_error < 0.1


@pytest.mark.parametrize("kind", ["box", "gaussian", "trapezoid"])
@pytest.mark.parametrize("thickness_mm", [1.25, 2.5, 5.0])
def test_the_blur_across_is_right_for_every_slice_profile(kind, thickness_mm):
    scan = blurred_head((2.5, 0.6, 0.6), thickness_mm=thickness_mm, kind=kind, heights_mm=TOP)
    blur = measure_blur(scan).blur
    assert blur.across_measured
    true_mm = profile_sd_mm(kind, thickness_mm)
    assert np.median(blur.across_mm) == pytest.approx(true_mm, rel=0.15)
    assert abs(np.log(np.median(blur.across_mm) / true_mm)) < 2.5 * blur.across_error


def flipped(scan: Scan, axes: tuple[int, int]) -> Scan:
    """The same voxels at the same places, two axes run the other way."""
    affine = scan.geometry.affine()
    for axis in axes:
        affine[:3, 3] += affine[:3, axis] * (scan.hu.shape[axis] - 1)
        affine[:3, axis] *= -1
    hu = np.ascontiguousarray(np.flip(scan.hu, axes))
    return Scan(hu=hu, geometry=Geometry.from_affine(affine, hu.shape), acquisition=scan.acquisition)


@pytest.mark.parametrize("axes", [(0, 1), (1, 2), (0, 2)])
def test_the_blur_does_not_depend_on_which_way_the_axes_run(axes):
    scan = blurred_head()
    one, other = measure_blur(scan), measure_blur(flipped(scan, axes))
    assert one.edges == other.edges > 100
    assert one.blur.in_plane_mm == pytest.approx(other.blur.in_plane_mm, rel=1e-6)
    assert one.blur.across_mm[0] == pytest.approx(other.blur.across_mm[0], rel=1e-6)


def test_a_header_does_not_change_what_is_measured():
    plain, stated = (
        measure_blur(blurred_head((2.5, 0.6, 0.6), thickness_mm=5.0, stated_mm=mm, heights_mm=TOP)).blur
        for mm in (None, 2.5)
    )
    assert np.median(stated.across_mm) == pytest.approx(np.median(plain.across_mm), rel=0.02)


def test_the_slices_of_a_tilted_stack_are_seen_upright():
    upright, tilted = (
        measure_blur(blurred_head((2.5, 0.6, 0.6), tilt_deg=deg, heights_mm=TOP)).blur for deg in (0.0, 18.0)
    )
    assert np.median(tilted.across_mm) == pytest.approx(np.median(upright.across_mm), rel=0.1)
    assert tilted.in_plane_mm == pytest.approx(upright.in_plane_mm, rel=0.05)


def test_without_slanting_skin_the_header_tells_the_blur_across():
    blur = measure_blur(cylinder(0.5)).blur
    assert blur.in_plane_measured
    assert not blur.across_measured
    assert "across the slices assumed" in blur.why
    assert blur.thickness_mm == pytest.approx(2.0)
    assert blur.across_error == SETTINGS.across_error_unknown


def test_a_real_scan_blurred_further_shows_what_was_added(real_scans):
    scan = read_scan(Path(real_scans) / "thin_pineal_choroid", settings=load(ReadingSettings))
    before = measure_blur(scan).blur
    hu = ndimage.gaussian_filter(scan.hu.astype(np.float32), (0.0, *(0.8 / np.array(scan.geometry.spacing_mm[1:]))))
    hu = ndimage.uniform_filter1d(hu, 3, axis=0)
    after = measure_blur(Scan(hu=np.rint(hu).astype(np.int16), geometry=scan.geometry)).blur
    assert after.in_plane_mm == pytest.approx(np.hypot(before.in_plane_mm, 0.8), rel=0.06)
    added_mm = scan.geometry.spacing_mm[0] * np.sqrt((3**2 - 1) / 12)
    assert np.median(after.across_mm) == pytest.approx(np.hypot(np.median(before.across_mm), added_mm), rel=0.1)
