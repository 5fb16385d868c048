"""Nothing of the scan is on the page but the inside of the skull."""

from __future__ import annotations

import gzip
import io
import re
from base64 import b64decode
from dataclasses import replace
from functools import cache

import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from scipy.spatial import cKDTree
from support.grids import GRIDS
from support.results import BALLS, BRAIN_MM, SKULL_MM, Ball, grid, make_result

from calcscan.grid.masks import places
from calcscan.knowledge.html_page import HtmlPageSettings
from calcscan.knowledge.settings import load
from calcscan.model import AIR_HU, Result
from calcscan.report.build import build_report
from calcscan.report.html import page_html
from calcscan.report.html.inside import inside_of
from calcscan.report.html.volume import ViewerVolumes, rounded, viewer_volumes
from calcscan.report.slices import numbered_voxels

SETTINGS = load(HtmlPageSettings)
CASES = ("axes 0", "axes 3", "axes 7", "tilted", "uneven and tilted")


def viewed(result: Result) -> ViewerVolumes:
    return viewer_volumes(inside_of(result, SETTINGS), result.scan.geometry, numbered_voxels(result.lesions), SETTINGS)


@cache
def volumes(name: str) -> tuple[nib.Nifti1Image, nib.Nifti1Image]:
    result = make_result(GRIDS[name])
    made = viewed(result)
    return tuple(nib.Nifti1Image.from_bytes(gzip.decompress(part)) for part in (made.scan, made.labels))


def lps(image: nib.Nifti1Image) -> np.ndarray:
    """LPS mm of each voxel (i, j, k, 3)."""
    index = np.moveaxis(np.indices(image.shape), 0, -1)
    return nib.affines.apply_affine(image.affine, index) * [-1, -1, 1]


@pytest.mark.parametrize("name", CASES)
def test_the_viewers_copy_is_blank_outside_the_skull(name: str) -> None:
    scan, _ = volumes(name)
    hu, at = np.asarray(scan.dataobj), lps(scan)
    limit_mm = SETTINGS.shown_beyond_mm + 2.0 * max(scan.header.get_zooms()) + max(GRIDS[name].spacing_mm) / 2
    outside = ((at / (BRAIN_MM + limit_mm)) ** 2).sum(axis=-1) > 1
    assert outside.any()
    assert (hu[outside] == AIR_HU).all()
    inside = ((at / (BRAIN_MM - 4)) ** 2).sum(axis=-1) < 1
    assert (hu[inside] > -200).mean() > 0.97
    assert ((at / SKULL_MM) ** 2).sum(axis=-1)[hu > -500].max() < 1.25  # no skin


@pytest.mark.parametrize("name", CASES)
def test_lesions_lie_in_the_viewer_where_they_lie_in_the_person(name: str) -> None:
    scan, labels = volumes(name)
    hu, numbers, at = np.asarray(scan.dataobj), np.asarray(labels.dataobj), lps(labels)
    assert scan.shape == labels.shape
    assert np.allclose(scan.affine, labels.affine)
    for number, ball in enumerate(BALLS, start=1):
        held = numbers == number
        assert at[held].mean(axis=0) == pytest.approx(ball.centre_mm, abs=2.5)
        assert np.median(hu[held]) > 150


def test_a_small_deposit_is_not_lost_between_the_viewers_voxels() -> None:
    balls = (Ball(site="putamen", side="left", centre_mm=(30.2, -30.2, 2.3), radius_mm=0.45, hu=900),)
    result = make_result(grid(spacing_mm=(0.6, 0.6, 0.6), half_mm=80.0), balls=balls)
    made = viewed(result)
    assert made.labels is not None
    labels = nib.Nifti1Image.from_bytes(gzip.decompress(made.labels))
    assert np.asarray(labels.dataobj).any()


def test_rounding_stays_within_half_a_step() -> None:
    hu = np.linspace(-1024, 3071, 5000, dtype=np.float32)
    off = np.abs(rounded(hu, SETTINGS) - hu)
    fine = hu < SETTINGS.coarse_from_hu
    assert off[fine].max() <= SETTINGS.fine_step_hu / 2
    assert off[~fine].max() <= SETTINGS.coarse_step_hu / 2


def test_every_picture_on_the_page_is_black_outside_the_skull() -> None:
    """A head within tissue, and the same within something as bright as bone: none of it is seen in the slices or in a
    lesion's picture."""
    result = make_result(GRIDS["axes 0"])
    at = result.scan.geometry.to_world(np.moveaxis(np.indices(result.scan.hu.shape), 0, -1))
    around = ((at / (BRAIN_MM + SETTINGS.shown_beyond_mm + 6.0)) ** 2).sum(axis=-1) > 1
    heads = []
    for value in (40, 3000):
        hu = result.scan.hu.copy()
        hu[around] = value
        heads.append(replace(result, scan=replace(result.scan, hu=hu)))
    pages = [page_html(each, build_report(each), "0" * 64) for each in heads]
    pictures = [re.findall(r'<img[^>]* src="data:image/png;base64,([A-Za-z0-9+/=]+)"', page) for page in pages]
    assert len(pictures[0]) == len(pictures[1]) == 1 + 3 * len(BALLS)
    for clean, other in zip(*pictures, strict=True):
        first, second = (np.asarray(Image.open(io.BytesIO(b64decode(text)))).astype(int) for text in (clean, other))
        assert first.shape == second.shape
        assert np.abs(first - second).max() == 0


def test_where_the_skull_is_gone_the_skin_is_hidden_and_at_a_cut_nothing_is(sample_result: Result) -> None:
    """A mask that reaches the skin, as over a craniectomy; the sample head is cut at its lowest slice."""
    hu = sample_result.scan.hu
    body = np.zeros(hu.shape, dtype=np.bool_)
    middle = hu.shape[0] // 2
    body[middle:] = hu[middle:] > -300
    assert sample_result.intracranial is not None
    leaking = replace(sample_result.intracranial, mask=body | sample_result.intracranial.mask)
    shown = inside_of(replace(sample_result, intracranial=leaking), SETTINGS)
    assert shown is not None
    geometry = sample_result.scan.geometry
    air = np.zeros(hu.shape, dtype=np.bool_)
    for axis in (1, 2):
        air |= np.logical_and.accumulate(hu < -500, axis=axis)
        air |= np.flip(np.logical_and.accumulate(np.flip(hu < -500, axis), axis=axis), axis)
    outside = cKDTree(geometry.to_world(places(air[:, ::2, ::2]) * [1, 2, 2]))
    seen = geometry.to_world(places(body[:, ::3, ::3]) * [1, 3, 3])
    seen = seen[shown.at(seen)]
    away_mm, _ = outside.query(seen, workers=1)
    assert len(seen) > 1000
    assert away_mm.min() > 1.0
    assert (away_mm < SETTINGS.skin_mm - 1.0).mean() < 0.01
    whole = inside_of(sample_result, SETTINGS)
    assert whole is not None
    brain = geometry.to_world(places(sample_result.intracranial.mask[:, ::5, ::5]) * [1, 5, 5])
    assert whole.at(brain).mean() > 0.999


def test_where_the_skull_was_not_found_nothing_is_shown() -> None:
    result = make_result(refused=True)
    assert inside_of(result, SETTINGS) is None
    page = page_html(result, build_report(result), "0" * 64)
    assert "data:image" not in page
    assert 'id="scan"' not in page
    assert "could show a face" in page


def test_of_a_whole_head_only_the_inside_of_the_skull_is_shown(sample_result: Result) -> None:
    """Measured against the mask itself, on the sample head, which has a face."""
    made = viewed(sample_result)
    scan = nib.Nifti1Image.from_bytes(gzip.decompress(made.scan))
    shown = lps(scan)[np.asarray(scan.dataobj) > AIR_HU + 100][::17]
    mask = places(sample_result.intracranial.mask[:, ::2, ::2]) * [1, 2, 2]
    away_mm, _ = cKDTree(sample_result.scan.geometry.to_world(mask)).query(shown, workers=1)
    assert len(shown) > 10_000
    assert away_mm.max() <= SETTINGS.shown_beyond_mm + 3.5  # half a voxel of either grid, and of the thinned mask
    head = sample_result.scan.geometry.to_world(places(sample_result.scan.hu > -300))
    assert head[:, 1].min() < shown[:, 1].min() - 10.0  # the nose lies before all that is shown


def test_the_page_of_a_whole_head_is_small(sample_result: Result) -> None:
    page = page_html(sample_result, build_report(sample_result), "0" * 64)
    assert len(page.encode()) < 8e6
