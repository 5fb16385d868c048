"""Calcification attached to the vault, told from its bone."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from heads import (
    CLEAN,
    FALX,
    PALLIDUM,
    averaged,
    away_mm,
    box_scan,
    dense_ml,
    edited,
    egg,
    moved,
    sample,
    sample_head,
    vault_point,
    with_hyperostosis,
    with_plaque,
)

from calcscan.atlas import load_atlas
from calcscan.attached import find_attached
from calcscan.attached.rays import cast
from calcscan.knowledge import values
from calcscan.model import Head, Scan
from calcscan.register import register
from calcscan.skull import find_skull


def attached(scan: Scan) -> Head:
    head, atlas = find_skull(scan), load_atlas()
    return find_attached(scan, head, register(head, atlas), atlas)


@cache
def sample_attached(name: str) -> Head:
    return attached(sample(name))


@pytest.mark.parametrize(("hu", "side"), [(600, 1.0), (350, -1.0)])
def test_a_plaque_on_the_vault_is_inside_as_far_as_the_tables_blur(hu: int, side: float) -> None:
    whole = sample_attached(PALLIDUM)
    scan, plaque = with_plaque(sample(PALLIDUM), whole, hu=hu, side=side)
    head = attached(scan)
    assert head.inside[plaque].mean() > 0.8
    added = head.inside & ~whole.inside
    assert (added & ~plaque).sum() < 0.2 * plaque.sum()
    assert len(head.plaques_kji) > 0


def test_bumps_of_cortical_bone_and_a_plaque_as_dense_as_that_stay_bone() -> None:
    whole = sample_head(PALLIDUM)
    for scan in (
        with_hyperostosis(sample(PALLIDUM), whole),
        with_plaque(sample(PALLIDUM), whole, hu=1250)[0],
    ):
        head = attached(scan)
        assert len(head.plaques_kji) == 0
        assert dense_ml(scan, head) == pytest.approx(dense_ml(sample(PALLIDUM), whole), abs=0.02)


@pytest.mark.parametrize("slices", [2, 3], ids=["4 mm", "6 mm"])
@pytest.mark.parametrize("side", [1.0, -1.0])
def test_thick_slices_show_a_plaque_where_the_table_stands_upright(slices: int, side: float) -> None:
    scan, plaque = with_plaque(sample(PALLIDUM), sample_head(PALLIDUM), hu=600, side=side, up=0.2)
    thick = averaged(scan, slices)
    whole = averaged(edited(scan, np.where(plaque, 1000, 0)), slices).hu > 900
    head = attached(thick)
    assert whole.any()
    assert head.inside[whole].mean() > 0.9
    assert len(attached(averaged(sample(PALLIDUM), slices)).plaques_kji) == 0


def test_thick_slices_tell_nothing_where_their_slab_smears_the_table() -> None:
    scan, plaque = with_plaque(sample(PALLIDUM), sample_head(PALLIDUM), hu=600, up=1.2)
    assert plaque.any()
    assert len(attached(averaged(scan, 3)).plaques_kji) == 0


@pytest.mark.parametrize("slices", [1, 2, 3])
@pytest.mark.parametrize("name", [PALLIDUM, FALX, CLEAN])
def test_a_head_without_plaques_shows_none_in_slices_of_any_thickness(name: str, slices: int) -> None:
    assert len(attached(averaged(sample(name), slices)).plaques_kji) == 0


def test_rays_meet_the_table_of_an_egg_where_it_is() -> None:
    scan = box_scan(egg())
    head = find_skull(scan)
    limits = {**values("skull"), **values("attached")}
    rays = cast(scan, head, lambda points: points, limits)
    height_mm = rays.positions_mm - rays.middle @ scan.geometry.normal
    wide = np.abs(height_mm) < 50.0
    radius_mm = np.sqrt(74.0**2 - height_mm[wide] ** 2)
    assert rays.seen[wide].all()
    assert np.abs(rays.dense_mm[wide] - radius_mm[:, None]).max() < 2.5
    assert np.abs(rays.dense_mm[wide].mean(axis=1) - radius_mm).max() < 1.5
    assert (rays.table_mm >= rays.dense_mm).all()
    kji = np.array([[46, 46, 80], [46, 46, 12], [46, 80, 46]])
    far_mm, ray = rays.polar(scan.geometry, kji)
    there = np.array(
        [
            rays.world(scan.geometry, 46, far_mm[n : n + 1], np.arange(len(rays.seen[0])) == r)[0]
            for n, r in enumerate(ray)
        ]
    )
    assert np.abs(there - scan.geometry.to_world(kji)).max() < 1.0


def test_where_the_vault_ends_is_known_in_a_turned_head_too() -> None:
    scan, plaque = with_plaque(sample(PALLIDUM), sample_head(PALLIDUM), hu=600)
    turned = moved(scan, angles_deg=(25.0, -28.0, 20.0), shift_mm=(30.0, -20.0, 50.0))
    upright, leaning = attached(scan), attached(turned)
    assert upright.inside[plaque].mean() > 0.8
    assert leaning.inside[plaque].mean() > 0.8
    assert len(attached(moved(sample(PALLIDUM), angles_deg=(25.0, -28.0, 20.0), shift_mm=(0, 0, 0))).plaques_kji) == 0


def test_a_fit_that_is_not_believed_adds_nothing() -> None:
    scan, _ = with_plaque(sample(PALLIDUM), sample_head(PALLIDUM), hu=600)
    head, atlas = find_skull(scan), load_atlas()
    fit = replace(register(head, atlas), accepted=False)
    assert find_attached(scan, head, fit, atlas) is head


def test_a_falx_calcified_from_the_bone_on_is_inside_but_for_a_millimetre() -> None:
    scan, whole = sample(PALLIDUM), sample_head(PALLIDUM)
    point = vault_point(scan, whole, forward=1.0, up=0.8, side=0.0)
    across_mm = np.abs(scan.geometry.to_world(np.indices((1, 1, scan.hu.shape[2])).reshape(3, -1).T)[:, 0] - point[0])
    falx = whole.inside & (away_mm(scan, point) < 16.0) & (across_mm < 1.6)
    head = attached(edited(scan, np.where(falx, np.maximum(scan.hu, 500), scan.hu)))
    assert head.inside[falx].mean() > 0.9
