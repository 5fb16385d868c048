"""Calcification attached to the vault, told from its bone."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from support.heads import (
    CLEAN,
    FALX,
    PALLIDUM,
    averaged,
    away_mm,
    box_scan,
    cropped,
    dense_ml,
    edited,
    egg,
    moved,
    sample,
    sample_head,
    sample_registration,
    to_bone_mm,
    vault_point,
    with_hyperostosis,
    with_plaque,
    without_a_piece_of_vault,
)

from calcscan.atlas import load_atlas
from calcscan.bone_contact import recover_bone_contact
from calcscan.bone_contact.cut_off import dense_inside
from calcscan.bone_contact.rays import Rays, cast
from calcscan.grid.isotropic import sample_at
from calcscan.intracranial import segment_intracranial
from calcscan.knowledge.bone_contact import BoneContactSettings
from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.knowledge.settings import load
from calcscan.model import Scan, SearchRegion
from calcscan.registration import register_atlas


def recovered(scan: Scan) -> SearchRegion:
    """The scan's own segmentation and registration, and what lies in contact with bone."""
    intracranial, atlas = segment_intracranial(scan), load_atlas()
    return recover_bone_contact(scan, intracranial, register_atlas(intracranial, atlas), atlas)


def recovered_in_place(scan: Scan) -> SearchRegion:
    """The same for a copy of the sample PALLIDUM that was edited where it lies: its registration is known."""
    return recover_bone_contact(scan, segment_intracranial(scan), sample_registration(PALLIDUM), load_atlas())


@cache
def sample_recovered(name: str, slices: int = 1) -> SearchRegion:
    return recovered(averaged(sample(name), slices))


@pytest.mark.parametrize(("hu", "side"), [(600, 1.0), (350, -1.0)])
def test_a_plaque_on_the_vault_is_inside_as_far_as_the_tables_blur(hu: int, side: float) -> None:
    whole = sample_recovered(PALLIDUM)
    scan, plaque = with_plaque(sample(PALLIDUM), whole, hu=hu, side=side)
    intracranial = recovered_in_place(scan)
    assert intracranial.mask[plaque].mean() > 0.8
    added = intracranial.mask & ~whole.mask
    assert (added & ~plaque).sum() < 0.2 * plaque.sum()
    assert len(intracranial.vault_plaques_kji) > 0


def test_bumps_of_cortical_bone_and_a_plaque_as_dense_as_that_stay_bone() -> None:
    whole = sample_head(PALLIDUM)
    for scan in (
        with_hyperostosis(sample(PALLIDUM), whole),
        with_plaque(sample(PALLIDUM), whole, hu=1250)[0],
    ):
        intracranial = recovered_in_place(scan)
        assert len(intracranial.vault_plaques_kji) == 0
        assert dense_ml(scan, intracranial) == pytest.approx(dense_ml(sample(PALLIDUM), whole), abs=0.02)


@pytest.mark.parametrize("slices", [2, 3], ids=["4 mm", "6 mm"])
@pytest.mark.parametrize("side", [1.0, -1.0])
def test_thick_slices_show_a_plaque_where_the_table_stands_upright(slices: int, side: float) -> None:
    scan, plaque = with_plaque(sample(PALLIDUM), sample_head(PALLIDUM), hu=600, side=side, up=0.2)
    thick = averaged(scan, slices)
    whole = averaged(edited(scan, np.where(plaque, 1000, 0)), slices).hu > 900
    intracranial = recovered_in_place(thick)
    assert whole.any()
    assert intracranial.mask[whole].mean() > 0.9
    assert len(sample_recovered(PALLIDUM, slices).vault_plaques_kji) == 0


def test_thick_slices_tell_nothing_where_their_slab_smears_the_table() -> None:
    scan, plaque = with_plaque(sample(PALLIDUM), sample_head(PALLIDUM), hu=600, up=1.2)
    assert plaque.any()
    assert len(recovered_in_place(averaged(scan, 3)).vault_plaques_kji) == 0


@pytest.mark.parametrize("slices", [1, 2, 3])
@pytest.mark.parametrize("name", [PALLIDUM, FALX, CLEAN])
def test_a_head_without_plaques_shows_none_in_slices_of_any_thickness(name: str, slices: int) -> None:
    assert len(sample_recovered(name, slices).vault_plaques_kji) == 0


def test_nothing_dense_deep_inside_the_skull_vanishes_without_a_line() -> None:
    scan, region = sample(PALLIDUM), sample_recovered(PALLIDUM)
    settings, space = load(BoneContactSettings), load(IntracranialSettings)
    kji = dense_inside(scan, region, space)
    depth_mm = sample_at(region.depth_mm, region.isotropic_hu.affine, scan.geometry.to_world(kji))
    known = np.array(region.mask)
    for item in region.left_out:
        known[tuple(item.kji.T)] = True
    blur_mm = space.blur_share * scan.slice_reach_mm[kji[:, 0]]
    lost = kji[(depth_mm > np.maximum(space.edge_mm + blur_mm, space.root_mm)) & ~known[tuple(kji.T)]]
    assert scan.geometry.voxel_mm3[lost[:, 0]].sum() < 2 * settings.bone_listed_mm3


def of_an_egg(spacing_mm: float) -> tuple[Scan, Rays]:
    scan = averaged(box_scan(egg()), round(spacing_mm / 2.0))
    intracranial = segment_intracranial(scan)
    middle = scan.geometry.to_world((np.array(scan.hu.shape) - 1) / 2)
    return scan, cast(
        scan, intracranial, lambda points: points - middle, load(BoneContactSettings), load(IntracranialSettings)
    )


def test_in_fine_slices_rays_meet_the_table_of_an_egg_everywhere() -> None:
    scan, rays = of_an_egg(2.0)
    assert rays.radial
    assert rays.seen.all()
    assert np.abs(rays.dense_mm - 74.0).max() < 2.5
    assert (rays.table_mm >= rays.dense_mm).all()
    assert rays.ways[:, 2].max() > 0.999
    kji = np.array([[80, 46, 46], [46, 46, 80], [75, 75, 46]])
    far_mm, places = rays.along(scan.geometry, kji)
    ways = places[:, :3] / np.linalg.norm(places[:, :3], axis=1)[:, None]
    assert np.abs(rays.centres[kji[:, 0]] + far_mm[:, None] * ways - scan.geometry.to_world(kji)).max() < 1e-6


def test_in_thick_slices_rays_meet_the_table_of_an_egg_within_their_slice() -> None:
    scan, rays = of_an_egg(4.0)
    assert not rays.radial
    assert np.abs(rays.ways @ scan.geometry.normal).max() < 1e-9
    height_mm = scan.geometry.positions_mm[rays.slices] - rays.centres.mean(axis=0) @ scan.geometry.normal
    wide = np.abs(height_mm) < 50.0
    assert rays.seen[wide].all()
    assert np.abs(rays.dense_mm[wide] - np.sqrt(74.0**2 - height_mm[wide] ** 2)).max() < 3.5
    assert set(np.abs(rays.slices[rays.around] - rays.slices[:, None])[wide].ravel()) == {0, 1}
    assert (rays.slices[rays.beside] == rays.slices[:, None]).all()


@pytest.mark.parametrize(("forward", "up", "side"), [(0.3, 2.0, 0.6), (-0.8, 1.0, 0.4), (-0.2, 0.4, 1.0)])
def test_a_small_plaque_is_told_wherever_it_hangs_on_the_vault(forward: float, up: float, side: float) -> None:
    scan, whole = sample(PALLIDUM), sample_head(PALLIDUM)
    point = vault_point(scan, whole, forward=forward, up=up, side=side)
    plaque = whole.mask & (to_bone_mm(scan) <= 4.0) & (away_mm(scan, point) < 5.5)
    intracranial = recovered_in_place(edited(scan, np.where(plaque, np.maximum(scan.hu, 500), scan.hu)))
    assert plaque.sum() * scan.geometry.voxel_mm3[0] < 300.0
    assert intracranial.mask[plaque].mean() > 0.6
    assert (intracranial.mask & ~sample_recovered(PALLIDUM).mask & ~plaque).sum() < 0.5 * plaque.sum()


def test_a_step_of_bone_that_its_slab_smears_is_no_plaque() -> None:
    scan, whole = sample(PALLIDUM), sample_head(PALLIDUM)
    point = vault_point(scan, whole, forward=-0.2, up=0.2, side=1.0)
    k = np.arange(scan.hu.shape[0])[:, None, None]
    lowest = round(float(scan.geometry.to_index(point)[0]))
    ledge = whole.mask & (to_bone_mm(scan) <= 3.5) & (away_mm(scan, point) < 9.0) & (k >= lowest)
    hu = np.where(ledge, np.where(k == lowest, 600, 1250), scan.hu)
    assert (ledge & (k == lowest)).any()
    assert len(recovered_in_place(edited(scan, hu)).vault_plaques_kji) == 0


@pytest.mark.parametrize(("side", "told"), [(0.0, False), (0.8, True)])
def test_low_in_the_midline_where_the_crests_stand_up_nothing_is_told(side: float, told: bool) -> None:
    scan, whole = sample(PALLIDUM), sample_head(PALLIDUM)
    point = vault_point(scan, whole, forward=1.0, up=0.15, side=side)
    ridge = whole.mask & (to_bone_mm(scan) <= 4.0) & (away_mm(scan, point) < 5.5)
    intracranial = recovered_in_place(edited(scan, np.where(ridge, np.maximum(scan.hu, 500), scan.hu)))
    assert (len(intracranial.vault_plaques_kji) > 0) is told


@pytest.mark.parametrize(("slices", "least", "most"), [(1, 0.95, 1.0), (2, 0.5, 0.9), (3, 0.2, 0.7)])
def test_how_much_of_the_vault_was_judged_is_told(slices: int, least: float, most: float) -> None:
    judged = sample_recovered(PALLIDUM, slices).vault_assessable
    assert set(judged) == {"left", "right"}
    assert all(least <= share <= most for share in judged.values())


def test_what_was_cut_off_or_cut_out_was_not_judged() -> None:
    scan = sample(PALLIDUM)
    top = cropped(scan, 0, len(scan.hu) - 16)
    assert max(recovered(top).vault_assessable.values()) < 0.9
    hole = recovered_in_place(without_a_piece_of_vault(scan, sample_head(PALLIDUM), flap=False)).vault_assessable
    assert hole["left"] < 0.95
    assert hole["right"] > 0.98


def test_where_the_vault_ends_is_known_in_a_turned_head_too() -> None:
    scan, plaque = with_plaque(sample(PALLIDUM), sample_head(PALLIDUM), hu=600)
    turned = moved(scan, angles_deg=(25.0, -28.0, 20.0), shift_mm=(30.0, -20.0, 50.0))
    upright, leaning = recovered_in_place(scan), recovered(turned)
    assert upright.mask[plaque].mean() > 0.8
    assert leaning.mask[plaque].mean() > 0.8
    assert (
        len(recovered(moved(sample(PALLIDUM), angles_deg=(25.0, -28.0, 20.0), shift_mm=(0, 0, 0))).vault_plaques_kji)
        == 0
    )


def test_a_fit_that_is_not_believed_adds_nothing() -> None:
    scan, _ = with_plaque(sample(PALLIDUM), sample_head(PALLIDUM), hu=600)
    intracranial, atlas = segment_intracranial(scan), load_atlas()
    registration = replace(sample_registration(PALLIDUM), accepted=False)
    region = recover_bone_contact(scan, intracranial, registration, atlas)
    assert region.mask is intracranial.mask
    assert not region.vault_assessable


def test_a_falx_calcified_from_the_bone_on_is_inside_but_for_a_millimetre() -> None:
    scan, whole = sample(PALLIDUM), sample_head(PALLIDUM)
    point = vault_point(scan, whole, forward=1.0, up=0.8, side=0.0)
    across_mm = np.abs(scan.geometry.to_world(np.indices((1, 1, scan.hu.shape[2])).reshape(3, -1).T)[:, 0] - point[0])
    falx = whole.mask & (away_mm(scan, point) < 16.0) & (across_mm < 1.6)
    intracranial = recovered_in_place(edited(scan, np.where(falx, np.maximum(scan.hu, 500), scan.hu)))
    assert intracranial.mask[falx].mean() > 0.9
