"""What stands out from the bones of the base."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from scipy import ndimage
from support.heads import ball, box_scan, edited, moved
from support.naive import stands_out as naive_stands_out

from calcscan._kernels.prominence import stands_out
from calcscan.atlas import load_atlas
from calcscan.bone_contact import recover_bone_contact
from calcscan.bone_contact.skull_base import with_skull_base_peaks
from calcscan.grid.isotropic import IsotropicVolume
from calcscan.intracranial import segment_intracranial
from calcscan.knowledge.air_contact import AirContactSettings
from calcscan.knowledge.bone_contact import BoneContactSettings
from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.knowledge.settings import load
from calcscan.model import Intracranial, Scan
from calcscan.read import read_scan
from calcscan.registration import register_atlas

REAL = Path(os.environ.get("CALCSCAN_REAL_SCANS", "nowhere"))
BRAIN_HU = 32.0
RADIUS_MM = 74.0


@pytest.mark.parametrize("seed", range(12))
def test_the_flood_against_its_naive_twin(seed: int) -> None:
    random = np.random.default_rng(seed)
    rough = ndimage.gaussian_filter(random.normal(size=(5, 9, 9)), 0.9)
    # no two voxels alike, so that no tie is left to chance
    rank = np.argsort(np.argsort(rough.ravel())).reshape(rough.shape)
    hu = (rank * 2).astype(np.int16)
    kji = np.argwhere(hu >= 100)
    order = np.ascontiguousarray(kji[np.argsort(-hu[tuple(kji.T)].astype(int), kind="stable")])
    bone = (order[:, 2] == 0) & (order[:, 0] < 4)
    out = np.zeros(len(order), np.int32)
    stands_out(hu, order, bone, BRAIN_HU, 0.7, 100.0, np.zeros(hu.shape, np.int32), out)
    slow = np.array(naive_stands_out(hu, order, bone, BRAIN_HU, 0.7, 100.0))
    np.testing.assert_array_equal(out > 0, slow > 0)
    pairs = set(zip(out.tolist(), slow.tolist(), strict=True))
    assert len(pairs) == len(set(out.tolist())) == len(set(slow.tolist()))


SETTINGS = replace(load(BoneContactSettings), base_below_mm=0.0)
SPACE = replace(load(IntracranialSettings), grid_mm=1.0)
AIR = load(AirContactSettings)


def from_middle(points: np.ndarray) -> np.ndarray:
    return points - np.array([30.0, 30.0, 76.0])


def head_with(thing: str) -> tuple[Scan, np.ndarray, Intracranial]:
    """A ball of brain in bone with something at its base, where that is, and the head without it.

    One millimetre voxels; only the lower part of the head is there.
    """
    shape = (70, 61, 61)
    middle = np.array([76.0, 30.0, 30.0])  # k, j, i; above the last slice, so the base lies at k = 2
    grid = np.indices(shape, dtype=np.float64)
    far = np.sqrt(sum((g - m) ** 2 for g, m in zip(grid, middle, strict=True)))
    depth = RADIUS_MM - far
    hu = np.where(depth > 0, BRAIN_HU, 1000.0)
    across = np.hypot(grid[1] - 30, grid[2] - 30)
    place = ball(shape, {"large": 7.5}.get(thing, 1.9), (2 + {"large": 9.0}.get(thing, 3.6), 30.0, 30.0))
    if thing == "spur":
        place = (depth > 0) & (depth < 5.5) & (across < 2.2)
        hu = np.where(place, 1000.0 - 150.0 * depth, hu)
    else:
        hu = np.where(place, 650.0, hu)
    hu = ndimage.gaussian_filter(hu, 0.6)
    if thing == "beside air":
        hu = np.where(ball(shape, 2.5, (5.6, 30.0, 35.0)), -1000.0, hu)
    scan = box_scan(np.rint(hu), 1.0)
    within = depth > 0
    coarse = IsotropicVolume(
        values=hu.astype(np.float32),
        covered=np.ones(shape, np.bool_),
        affine=np.eye(4)[[2, 1, 0, 3]],
        spacing_mm=1.0,
    )
    intracranial = Intracranial(
        mask=within & (hu < 130),
        isotropic_hu=coarse,
        isotropic_mask=within,
        depth_mm=depth.astype(np.float32),
        intracranial_ml=1500.0,
        noise_hu=4.0,
        brain_hu=BRAIN_HU,
    )
    return scan, place, intracranial


@pytest.mark.parametrize(
    ("thing", "kept"), [("deposit", True), ("spur", False), ("beside air", False), ("large", False)]
)
def test_a_deposit_is_told_from_a_spur_the_wall_of_a_sinus_and_a_bone(thing: str, kept: bool) -> None:
    scan, place, intracranial = head_with(thing)
    dense = place & (scan.hu >= 130)
    assert not intracranial.mask[dense].any()
    out, knots = with_skull_base_peaks(scan, intracranial, from_middle, SETTINGS, SPACE, AIR)
    assert out[dense].mean() > 0.9 if kept else not out[dense].any()
    assert len(knots) > 0.9 * dense.sum() if kept else len(knots) == 0
    assert not (out & ~intracranial.mask & ~ndimage.binary_dilation(place, iterations=2)).any()


def test_a_deposit_as_near_to_bone_as_that_is_parted_from_it_by_a_voxel() -> None:
    scan, _, intracranial = head_with("deposit")
    out, knots = with_skull_base_peaks(scan, intracranial, from_middle, SETTINGS, SPACE, AIR)
    alone = np.zeros(out.shape, np.bool_)
    alone[tuple(knots.T)] = True
    around = ndimage.binary_dilation(alone, np.ones((3, 3, 3), np.bool_)) & ~alone
    assert not (out & around & (scan.hu >= 100)).any()


def test_a_scan_without_the_base_has_no_knots() -> None:
    scan, _, intracranial = head_with("deposit")
    out, knots = with_skull_base_peaks(
        scan, intracranial, from_middle, replace(SETTINGS, base_below_mm=200.0), SPACE, AIR
    )
    assert len(knots) == 0
    np.testing.assert_array_equal(out, intracranial.mask)


@pytest.mark.skipif(not (REAL / "thin_pineal_choroid").exists(), reason="no real scans")
def test_a_deposit_in_the_cavernous_sinus_of_a_real_scan_is_inside() -> None:
    scan = read_scan(REAL / "thin_pineal_choroid")
    hu = np.array(scan.hu)
    centre = np.rint(scan.geometry.to_index(np.array([3.4, -19.6, 18.2]))).astype(int)
    box = tuple(slice(c - 8, c + 9) for c in centre)
    steps = np.indices((17, 17, 17)) - 8
    deposit = sum((s * mm) ** 2 for s, mm in zip(steps, scan.geometry.spacing_mm, strict=True)) <= 1.9**2
    share = ndimage.gaussian_filter(deposit.astype(np.float64), (0.0, 1.2, 1.2))
    hu[box] += np.rint(share * np.maximum(600 - hu[box], 0)).astype(np.int16)
    turned = moved(edited(scan, hu), angles_deg=(25.0, -20.0, 15.0), shift_mm=(10.0, 0.0, -30.0))
    bare, atlas = segment_intracranial(turned), load_atlas()
    intracranial = recover_bone_contact(turned, bare, register_atlas(bare, atlas), atlas)
    assert intracranial.mask[box][deposit].all()
    assert len(intracranial.base_peaks_kji) >= deposit.sum(), "it was there without being told from bone"
