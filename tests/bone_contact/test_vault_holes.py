"""Where the vault has a hole."""

from __future__ import annotations

import numpy as np
import pytest
from support.heads import away_mm, box_scan, edited, egg

from calcscan.bone_contact.other_side import OtherSide
from calcscan.bone_contact.vault_holes import vault_holes_mm
from calcscan.grid.geometry import Array
from calcscan.grid.masks import distance_mm, largest_piece
from calcscan.intracranial import segment_intracranial
from calcscan.knowledge.bone_contact import BoneContactSettings
from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.knowledge.settings import load
from calcscan.measurement.mirror import MirrorPlane
from calcscan.model import Scan

SETTINGS, SPACE = load(BoneContactSettings), load(IntracranialSettings)
WAY = np.array([0.6, 0.0, 0.8])


def middle_mm(scan: Scan) -> Array:
    return np.asarray(scan.geometry.to_world((np.array(scan.hu.shape) - 1) / 2))


def holes_of(scan: Scan) -> Array:
    intracranial = segment_intracranial(scan)
    coarse = intracranial.isotropic_hu
    other = OtherSide(
        plane=MirrorPlane(normal=np.array([1.0, 0.0, 0.0]), offset_mm=0.0, off_mm=0.0),
        away_mm=distance_mm(largest_piece(coarse.values > SPACE.bone_hu), coarse.spacing_mm),
        affine=coarse.affine,
        off_mm=4.0,
        near_mm=2.0,
        midline_mm=6.0,
        known=True,
    )
    return vault_holes_mm(intracranial, other, lambda points: points - middle_mm(scan), SETTINGS, SPACE)


def opened(scan: Scan, where: np.ndarray) -> Scan:
    return edited(scan, np.where(where & (scan.hu > 500), 40, scan.hu))


@pytest.mark.parametrize("skull_mm", [4.0, 6.0, 10.0])
def test_a_vault_without_a_hole_has_none(skull_mm: float) -> None:
    assert len(holes_of(box_scan(egg(skull_mm=skull_mm)))) == 0


@pytest.mark.parametrize("wide_mm", [14.0, 50.0])
def test_a_hole_is_where_it_is(wide_mm: float) -> None:
    scan = box_scan(egg())
    centre = middle_mm(scan) + 77.0 * WAY
    holes = holes_of(opened(scan, away_mm(scan, centre) < wide_mm / 2))
    assert len(holes) > 10
    assert np.linalg.norm(holes.mean(axis=0) - centre) < 6.0
    assert np.linalg.norm(holes - centre, axis=1).max() < wide_mm / 2 + 8.0


def test_a_gap_beside_a_flap_is_a_hole() -> None:
    scan = box_scan(egg())
    centre = middle_mm(scan) + 77.0 * WAY
    gap = np.abs(away_mm(scan, centre) - 26.0) < 3.5
    holes = holes_of(opened(scan, gap))
    assert len(holes) > 50
    assert np.abs(np.linalg.norm(holes - centre, axis=1) - 26.0).max() < 6.0


def test_what_is_open_below_the_vault_is_no_hole_in_it() -> None:
    scan = box_scan(egg())
    centre = middle_mm(scan) + 77.0 * np.array([0.0, 0.0, -1.0])
    assert len(holes_of(opened(scan, away_mm(scan, centre) < 15.0))) == 0
