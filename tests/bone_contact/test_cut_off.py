"""What was taken for bone inside the skull is listed, and beyond doubt only where the other side has it too."""

from __future__ import annotations

import numpy as np
import pytest
from support.heads import away_mm, box_scan, edited, egg

from calcscan.bone_contact.cut_off import cut_off, dense_inside
from calcscan.bone_contact.other_side import OtherSide
from calcscan.grid.geometry import Array
from calcscan.grid.masks import distance_mm, largest_piece
from calcscan.intracranial import segment_intracranial
from calcscan.knowledge.bone_contact import BoneContactSettings
from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.knowledge.left_out import LeftOutReason
from calcscan.knowledge.settings import load
from calcscan.measurement.mirror import MirrorPlane
from calcscan.model import Acquisition, Intracranial, LeftOut, Scan

SETTINGS, SPACE = load(BoneContactSettings), load(IntracranialSettings)


def middle_mm(scan: Scan) -> Array:
    return np.asarray(scan.geometry.to_world((np.array(scan.hu.shape) - 1) / 2))


def with_bumps(*ways: tuple[float, float, float], high_mm: float = 7.5) -> Scan:
    """The egg with a bump of 5 mm radius on the inner table in each direction (left, back, up) from its middle."""
    scan = box_scan(egg())
    hu, inner_mm = np.array(scan.hu), 74.0
    for way in ways:
        centre = middle_mm(scan) + np.array(way) / np.linalg.norm(way) * (inner_mm - high_mm + 5.0)
        bump = away_mm(scan, centre) <= 5.0
        hu[bump & (hu < 500)] = 700
    return edited(scan, hu)


def other_side_of(scan: Scan, intracranial: Intracranial, *, known: bool = True) -> OtherSide:
    coarse = intracranial.isotropic_hu
    left = np.array([1.0, 0.0, 0.0])
    return OtherSide(
        plane=MirrorPlane(normal=left, offset_mm=float(middle_mm(scan) @ left), off_mm=0.3),
        away_mm=distance_mm(largest_piece(coarse.values > SPACE.bone_hu), coarse.spacing_mm),
        affine=coarse.affine,
        off_mm=4.0,
        near_mm=2.0,
        midline_mm=6.0,
        known=known,
    )


def listed(scan: Scan, *, upright: float = 1.0, known: bool = True) -> tuple[LeftOut, ...]:
    """What is listed of a scan; with `upright` -1 the head stands on its vertex, so that its top is the base."""
    intracranial = segment_intracranial(scan)
    dense = dense_inside(scan, intracranial, SPACE)
    return cut_off(
        scan,
        intracranial,
        dense,
        intracranial.mask,
        lambda points: (points - middle_mm(scan)) * (1.0, 1.0, upright),
        other_side_of(scan, intracranial, known=known),
        SETTINGS,
        SPACE,
    )


def test_an_even_skull_has_nothing_to_list() -> None:
    assert listed(box_scan(egg())) == ()


def test_a_bump_of_the_vault_on_one_side_is_listed_and_may_be_calcification() -> None:
    scan = with_bumps((0.7, 0.0, 0.7))
    intracranial = segment_intracranial(scan)
    bump = (scan.hu == 700) & (away_mm(scan, middle_mm(scan)) < 73.0)
    assert not intracranial.mask[bump].any()
    (item,) = listed(scan)
    assert item.reason is LeftOutReason.BONE
    assert not item.sure
    assert item.evidence["deepest_mm"] == pytest.approx(4.2, abs=0.8)
    there = np.zeros(scan.hu.shape, dtype=np.bool_)
    there[tuple(item.kji.T)] = True
    assert there[bump].mean() > 0.6


def test_bumps_on_both_sides_are_bone_beyond_doubt() -> None:
    items = listed(with_bumps((0.7, 0.0, 0.7), (-0.7, 0.0, 0.7)))
    assert len(items) == 2
    assert all(item.sure for item in items)
    assert not any(item.sure for item in listed(with_bumps((0.7, 0.0, 0.7), (-0.7, 0.0, 0.7)), known=False))


def test_at_the_base_a_bump_on_one_side_alone_is_not_surely_bone() -> None:
    (alone,) = listed(with_bumps((0.7, 0.0, 0.7)), upright=-1.0)
    assert alone.evidence["unlike_other_side_mm3"] > SETTINGS.unlike_mm3
    assert not alone.sure
    both = listed(with_bumps((0.7, 0.0, 0.7), (-0.7, 0.0, 0.7)), upright=-1.0)
    assert [item.sure for item in both] == [True, True]


def test_without_a_fit_to_the_atlas_nothing_is_bone_beyond_doubt() -> None:
    scan = with_bumps((0.7, 0.0, 0.7), (-0.7, 0.0, 0.7))
    intracranial = segment_intracranial(scan)
    dense = dense_inside(scan, intracranial, SPACE)
    items = cut_off(scan, intracranial, dense, intracranial.mask, None, None, SETTINGS, SPACE)
    assert [item.sure for item in items] == [False, False]


def test_what_is_known_already_is_not_listed_again() -> None:
    scan = with_bumps((0.7, 0.0, 0.7))
    intracranial = segment_intracranial(scan)
    dense = dense_inside(scan, intracranial, SPACE)
    known = scan.hu == 700
    assert cut_off(scan, intracranial, dense, known | intracranial.mask, None, None, SETTINGS, SPACE) == ()


def test_slices_that_overlap_blur_the_table_by_their_thickness() -> None:
    scan = with_bumps((0.0, 0.0, 1.0), high_mm=11.0)
    thick = Scan(hu=np.array(scan.hu), geometry=scan.geometry, acquisition=Acquisition(slice_thickness_mm=10.0))
    assert segment_intracranial(scan).mask[scan.hu == 700].any()
    assert not segment_intracranial(thick).mask[thick.hu == 700].any()
