"""Drawing a deposit, imaging it, and taking the image back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.patches import patch

from calcscan.knowledge.settings import load
from calcscan.knowledge.volume import VolumeSettings
from calcscan.measurement.alternatives import hidden_hollow
from calcscan.measurement.columns import Columns
from calcscan.measurement.extents import Extents, elongation
from calcscan.measurement.imaging import Imaging

SETTINGS = load(VolumeSettings)


def a_ball(imaging: Imaging, radius_mm: float) -> np.ndarray:
    shape = (len(imaging.layer_mm), *(imaging.finer * n for n in imaging.soft.shape[1:]))
    middle = [
        imaging.layer_mm.mean(),
        *((n - 1) / 2 * step for n, step in zip(shape[1:], imaging.step_mm[1:], strict=True)),
    ]
    k, j, i = np.ogrid[: shape[0], : shape[1], : shape[2]]
    away2 = (imaging.layer_mm[k] - middle[0]) ** 2 + (j * imaging.step_mm[1] - middle[1]) ** 2
    return (away2 + (i * imaging.step_mm[2] - middle[2]) ** 2 < radius_mm**2).astype(float)


@given(slab=st.floats(0.4, 4.0), across=st.floats(0.2, 1.8), psf=st.floats(0.2, 1.2), pixel=st.floats(0.3, 1.3))
def test_going_back_is_the_transpose_of_imaging(slab: float, across: float, psf: float, pixel: float) -> None:
    imaging = Imaging.of(patch(slab_mm=slab, across_mm=across, psf_mm=psf, pixel_mm=pixel), SETTINGS)
    rng = np.random.default_rng(1)
    layers = rng.random((len(imaging.layer_mm), *(imaging.finer * n for n in imaging.soft.shape[1:])))
    slices = rng.random(imaging.soft.shape)
    assert (imaging.imaged(layers) * slices).sum() == pytest.approx((layers * imaging.returned(slices)).sum())


@given(slab=st.floats(0.4, 2.0), across=st.floats(0.3, 1.5), psf=st.floats(0.2, 0.9))
def test_blur_loses_no_volume_within_a_patch(slab: float, across: float, psf: float) -> None:
    """Where slices lie no farther apart than their blur reaches, their sum is the deposit's volume."""
    slab = min(slab, 2.2 * across)
    imaging = Imaging.of(
        patch(slices=int(14 / slab) + 9, pixels=41, slab_mm=slab, across_mm=across, psf_mm=psf), SETTINGS
    )
    filled = a_ball(imaging, 2.5)
    seen_mm3 = (imaging.imaged(filled).sum(axis=(1, 2)) @ imaging.slab_mm) * imaging.pixel_mm2
    assert seen_mm3 == pytest.approx(filled.sum() * imaging.voxel_mm3, rel=0.01)


def test_the_image_has_the_blur_that_is_said() -> None:
    imaging = Imaging.of(patch(slices=31, pixels=41, slab_mm=0.5, across_mm=0.8, psf_mm=0.6), SETTINGS)
    filled = np.zeros((len(imaging.layer_mm), *imaging.soft.shape[1:]))
    assert imaging.finer == 1
    filled[len(filled) // 2, 22, 22] = 1.0
    shown = imaging.imaged(filled)
    across = shown.sum(axis=(1, 2)) / shown.sum()
    row = shown.sum(axis=(0, 2)) / shown.sum()
    at_mm, j_mm = imaging.slice_mm, np.arange(len(row)) * imaging.step_mm[1]
    assert across @ (at_mm - across @ at_mm) ** 2 == pytest.approx(0.8**2 + 0.5**2 / 12, rel=0.02)
    assert row @ (j_mm - row @ j_mm) ** 2 == pytest.approx(0.6**2 + SETTINGS.smooth_mm**2, rel=0.02)


def test_sharpening_brings_a_ball_back() -> None:
    empty = Imaging.of(patch(slices=21, pixels=33, slab_mm=0.6, across_mm=0.4, psf_mm=0.7), SETTINGS)
    filled = a_ball(empty, 3.0)
    imaging = replace(empty, soft=500.0 * empty.imaged(filled))
    few, many = imaging.sharpened((4, 40))
    wrong = [np.abs(one - 500.0 * filled).sum() / (500.0 * filled.sum()) for one in (few, many)]
    assert wrong[1] < wrong[0] < 0.6
    assert many.sum() == pytest.approx(500.0 * filled.sum(), rel=0.03)


def test_extents_grow_within_each_other_and_have_their_volume() -> None:
    imaging = Imaging.of(patch(slices=21, pixels=33, slab_mm=0.6), SETTINGS)
    extents = Extents.of(imaging.returned(imaging.imaged(a_ball(imaging, 3.0))), imaging)
    small, large = extents.of_volume(40.3), extents.of_volume(90.0)
    assert small is not None
    assert large is not None
    assert small.sum() * imaging.voxel_mm3 == pytest.approx(40.3)
    assert (large >= small).all()
    assert abs(elongation(large, imaging)) < 0.05
    assert extents.of_volume(1e9) is None
    assert extents.of_volume(0.01) is None


def test_a_large_patch_is_drawn_on_coarser_pixels() -> None:
    fine = patch(
        pixels=SETTINGS.patch_pixels + 11,
        signal=np.full((9, SETTINGS.patch_pixels + 11, SETTINGS.patch_pixels + 11), 50.0),
    )
    imaging = Imaging.of(fine, SETTINGS)
    assert imaging.step_mm[1] == 2 * fine.pixel_mm[0]
    inner = imaging.soft[:, 10:-10, 10:-10]
    assert np.allclose(inner, 50.0, rtol=0.01)
    assert max(imaging.soft.shape[1:]) <= SETTINGS.patch_pixels + 4


@given(across_mm=st.floats(0.8, 2.2), middle_mm=st.floats(14.0, 22.0), radius_mm=st.floats(1.6, 4.0))
def test_columns_lie_where_the_slices_show_them_and_have_their_volume(
    across_mm: float, middle_mm: float, radius_mm: float
) -> None:
    imaging = Imaging.of(patch(slab_mm=4.0, across_mm=across_mm), SETTINGS)
    rows, columns = ((np.arange(n) - (n - 1) / 2) * imaging.step_mm[1] for n in imaging.soft.shape[1:])
    away_mm2 = (imaging.layer_mm - middle_mm)[:, None, None] ** 2 + rows[:, None] ** 2 + columns**2
    ball = (away_mm2 < radius_mm**2).astype(np.float64)
    volume_mm3 = float(ball.sum()) * imaging.voxel_mm3
    filled = Columns.of(ball, imaging).of_volume(volume_mm3)
    assert filled is not None
    assert filled.sum() * imaging.voxel_mm3 == pytest.approx(volume_mm3, rel=0.02)
    shown, wanted = imaging.imaged(filled), imaging.imaged(ball)
    gaps = across_mm < 4.0 / np.sqrt(12.0)  # how high a column is that reaches into one is not shown
    assert np.abs(shown - wanted).max() < (0.5 if gaps else 0.1) * wanted.max()


def test_small_deposits_may_be_hollow_unseen_and_large_ones_not() -> None:
    lesion = patch()
    few, many = (hidden_hollow(mm3, lesion, SETTINGS) for mm3 in (8.0, 4000.0))
    assert few == SETTINGS.hollow_hidden
    assert many == 0.0
