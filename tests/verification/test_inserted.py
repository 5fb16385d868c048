"""Inserted deposits: none of their signal is lost, and they lie where they were inserted, on any grid."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace
from support.heads import moved
from support.phantoms import stack

from calcscan.grid.geometry import Geometry
from calcscan.knowledge.settings import load
from calcscan.knowledge.verification import VerificationSettings
from calcscan.model import Acquisition, Scan
from calcscan.verification.blur import Blur
from calcscan.verification.deposits import SHAPES, make_deposit
from calcscan.verification.inserted import filled_share, insert

SETTINGS = load(VerificationSettings)
SOFT, SHARP = Blur(psf_mm=0.5), Blur(psf_mm=0.35, overshoot=0.25)
UNEVEN_MM = (*np.arange(-24.0, 0.0, 2.0), *np.arange(0.5, 30.0, 3.5))
GRIDS = {
    "thin": (stack((1.0, 0.5, 0.5)), None),
    "overlapping": (stack((0.5, 0.45, 0.45)), 1.0),
    "tilted": (stack((2.0, 0.45, 0.45), tilt_deg=18.5), None),
    "uneven": (stack((2.0, 0.5, 0.5), tilt_deg=10.0, positions_mm=UNEVEN_MM), None),
}


def brain(grid: Geometry, thickness_mm: float | None = None, hu: int = 34) -> Scan:
    made = Acquisition(slice_thickness_mm=thickness_mm)
    return Scan(hu=np.full(grid.shape, hu, np.int16), geometry=grid, acquisition=made)


def centroid_mm(share: np.ndarray, box: tuple[slice, ...], grid: Geometry) -> np.ndarray:
    """Of the signal, each slice weighing as much as it stands for."""
    kji = np.moveaxis(np.indices(share.shape), 0, -1) + [part.start for part in box]
    weight = share * grid.voxel_mm3[box[0]][:, None, None]
    return (grid.to_world(kji) * weight[..., None]).sum(axis=(0, 1, 2)) / weight.sum()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_deposit_has_the_volume_and_the_centroid_it_was_asked_for(shape):
    deposit = make_deposit(shape, (3.0, -2.0, 1.0), 200.0, 300.0, rng=np.random.default_rng(5))
    step = 0.15
    axis = np.arange(-deposit.reach_mm - 0.5, deposit.reach_mm + 0.5, step)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    held = points[deposit.holds(points)]
    assert len(held) * step**3 == pytest.approx(200.0, rel=0.01)
    assert held.mean(axis=0) == pytest.approx([0.0, 0.0, 0.0], abs=0.03)
    assert np.linalg.norm(held, axis=1).max() <= deposit.reach_mm


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("blur", [SOFT, SHARP], ids=["soft", "sharp"])
@pytest.mark.parametrize("shape", SHAPES)
def test_no_signal_is_lost_and_its_centroid_is_the_deposits(name, blur, shape):
    grid, thick_mm = GRIDS[name]
    # where slices of one thickness touch or overlap evenly, each point counts once
    centre = (1.3, -2.1, -9.0 if name == "uneven" else 0.7)
    deposit = make_deposit(shape, centre, 150.0, 400.0, rng=np.random.default_rng(2))
    thick = brain(grid, thick_mm).slice_thickness_mm
    box, share = filled_share(deposit, grid, thick, blur, SETTINGS)
    assert (share * grid.voxel_mm3[box[0]][:, None, None]).sum() == pytest.approx(150.0, rel=0.002)
    assert centroid_mm(share, box, grid) == pytest.approx(centre, abs=0.02)


def test_a_large_ball_is_full_in_the_middle_and_half_full_at_its_edge():
    grid = stack((0.5, 0.25, 0.25), (20.0, 20.0, 20.0))
    deposit = make_deposit("ball", grid.to_world([20, 40, 40]), 4.0 / 3.0 * np.pi * 6.0**3, 400.0)
    box, share = filled_share(deposit, grid, grid.slab_mm, Blur(psf_mm=0.4), SETTINGS)
    k, j, i = (at - part.start for at, part in zip((20, 40, 40), box, strict=True))
    assert share[k, j, i] == pytest.approx(1.0, abs=3e-3)
    assert share[k, j, i + 24] == pytest.approx(0.5, abs=0.04)
    assert share[k, j - 24, i] == pytest.approx(share[k, j, i + 24], abs=1e-6)
    assert share[k, j, i + 24 + 6] < 1e-3


def test_a_thick_slice_dilutes_by_its_own_thickness_not_by_the_increment():
    grid = stack((1.0, 0.5, 0.5))
    deposit = make_deposit("ball", tuple(grid.to_world([20, 44, 44])), 14.14, 300.0)
    peak = [filled_share(deposit, grid, np.full(grid.shape[0], t), SOFT, SETTINGS)[1].max() for t in (1.0, 5.0)]
    assert peak[0] / peak[1] == pytest.approx(5.0 / 3.0 / 0.95, rel=0.2)


def test_the_deposit_replaces_tissue_and_keeps_the_noise():
    grid = stack((1.0, 0.5, 0.5))
    noisy = np.random.default_rng(0).normal(34.0, 15.0, grid.shape)
    scan = Scan(hu=np.rint(noisy).astype(np.int16), geometry=grid)
    deposit = make_deposit("ball", (0.0, 0.0, 0.0), 900.0, 500.0)
    made = insert(scan, [deposit], SOFT)
    box, share = filled_share(deposit, grid, scan.slice_thickness_mm, SOFT, SETTINGS)
    full = share > 0.999
    assert full.sum() > 500
    assert made.hu[box][full].mean() == pytest.approx(500.0, abs=3.0)
    assert made.hu[box][full].std() == pytest.approx(15.0, rel=0.1)
    untouched = np.ones(grid.shape, np.bool_)
    untouched[box] = False
    assert np.array_equal(made.hu[untouched], scan.hu[untouched])
    assert np.array_equal(scan.hu, np.rint(noisy))
    assert not made.hu.flags.writeable


def test_rotating_the_scan_in_space_changes_nothing():
    grid = stack((2.0, 0.5, 0.5))
    scan, deposit = brain(grid), make_deposit("ball", (4.0, 2.0, 1.0), 80.0, 400.0)
    turned = moved(scan, angles_deg=(20.0, -35.0, 140.0), shift_mm=(10.0, 60.0, -30.0))
    centre_mm = turned.geometry.to_world(grid.to_index(deposit.centre_mm))
    same = insert(turned, [make_deposit("ball", centre_mm, 80.0, 400.0)], SOFT)
    assert np.abs(same.hu.astype(int) - insert(scan, [deposit], SOFT).hu).max() <= 1


def test_dense_deposits_are_clipped_to_the_range_that_scanners_store():
    scan = insert(brain(stack()), [make_deposit("ball", (0.0, 0.0, 0.0), 300.0, 9000.0)], SHARP)
    assert scan.hu.max() == 3071


def test_a_deposit_outside_the_scan_is_refused():
    with pytest.raises(ValueError, match="outside the scan"):
        insert(brain(stack()), [make_deposit("ball", (0.0, 90.0, 0.0), 10.0, 300.0)], SOFT)
    with pytest.raises(ValueError, match="outside the scan"):
        insert(brain(stack()), [make_deposit("ball", (0.0, 0.0, -90.0), 10.0, 300.0)], SOFT)


def test_one_stated_thickness_is_ignored_where_spacing_varies():
    uneven = brain(GRIDS["uneven"][0], 3.5)
    assert uneven.slice_thickness_mm[[0, -1]] == pytest.approx([2.0, 3.5])
    assert set(brain(stack((1.0, 0.5, 0.5)), 1.25).slice_thickness_mm) == {1.25}
    assert set(brain(stack((1.0, 0.5, 0.5)), 25.0).slice_thickness_mm) == {1.0}


def test_the_settings_handed_over_are_the_ones_used():
    # noise stays where the surround counts as tissue, and goes where none does
    grid = stack((1.0, 0.5, 0.5))
    noisy = np.random.default_rng(0).normal(-200.0, 15.0, grid.shape)
    fat = Scan(hu=np.rint(noisy).astype(np.int16), geometry=grid)
    deposit = make_deposit("ball", (0.0, 0.0, 0.0), 900.0, 500.0)
    box, share = filled_share(deposit, grid, fat.slice_thickness_mm, SOFT, SETTINGS)
    full = share > 0.999
    assert insert(fat, [deposit], SOFT).hu[box][full].std() < 1.0
    as_tissue = insert(fat, [deposit], SOFT, settings=replace(SETTINGS, tissue_low_hu=-300))
    assert as_tissue.hu[box][full].std() == pytest.approx(15.0, rel=0.1)


def test_a_thin_slice_out_of_reach_between_thick_ones_stays_empty():
    grid = stack((1.0, 0.5, 0.5), positions_mm=[-9.0, -8.0, -7.0, 0.0, 7.0, 8.0])
    thick_mm = np.array([1.0, 1.0, 22.0, 1.0, 7.0, 1.0])
    deposit = make_deposit("ball", (0.0, 0.0, 3.0), 20.0, 400.0, rng=np.random.default_rng(3))
    box, share = filled_share(deposit, grid, thick_mm, SOFT, SETTINGS)
    assert box[0] == slice(2, 5)
    reached = share.sum(axis=(1, 2)) > 0
    assert reached.tolist() == [True, False, True]
