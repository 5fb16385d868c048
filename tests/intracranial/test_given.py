"""The inside of the skull as the user gives it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.heads import ball, box_scan, egg

from calcscan.errors import InputError, RefusedError
from calcscan.intracranial import segment_intracranial

YOLK = ball((92, 92, 92), 37.0)
"""The inside of the egg."""


def with_deposit():
    hu = egg()
    hu[ball(hu.shape, 3.0, (46, 46, 56))] = 600
    return hu


def test_a_mask_of_the_inside_gives_what_segmenting_does():
    scan = box_scan(with_deposit())
    found, given = segment_intracranial(scan), segment_intracranial(scan, mask=YOLK)
    assert given.intracranial_ml == pytest.approx(found.intracranial_ml, rel=0.05)
    assert given.brain_hu == found.brain_hu
    assert given.noise_hu == found.noise_hu
    assert (given.mask & found.mask).sum() > 0.95 * found.mask.sum()
    assert given.mask[46, 46, 56]
    assert np.abs(given.depth_mm.max() - found.depth_mm.max()) < 3.0
    assert given.flags == ()


def test_no_skull_is_needed():
    hu = with_deposit()
    hu[~YOLK] = -1024
    scan = box_scan(hu)
    with pytest.raises(RefusedError, match="--brain-mask"):
        segment_intracranial(scan)
    given = segment_intracranial(scan, mask=YOLK)
    assert given.brain_hu == pytest.approx(32)
    assert given.mask[46, 46, 56]


def test_bone_at_the_edge_of_a_generous_mask_is_taken_out():
    scan, generous = box_scan(with_deposit()), ball((92, 92, 92), 38.5)
    assert (scan.hu[generous] >= 1000).sum() > 1000
    given = segment_intracranial(scan, mask=generous)
    assert not (scan.hu[given.mask] >= 1000).any()
    assert given.mask[46, 46, 56]


def test_a_mask_with_the_skull_in_it_is_refused():
    with pytest.raises(InputError, match="ml as dense as bone"):
        segment_intracranial(box_scan(with_deposit()), mask=ball((92, 92, 92), 40.0))


@pytest.mark.parametrize(
    ("mask", "says"),
    [
        (np.zeros((92, 92, 92), np.bool_), "holds 0 ml, where the inside of a skull holds 350 to 2300 ml"),
        (ball((92, 92, 92), 10.0), "holds 34 ml"),
        (np.ones((92, 92, 92), np.bool_), "holds 6230 ml"),
    ],
)
def test_a_mask_that_can_be_no_inside_of_a_skull_is_refused(mask, says):
    with pytest.raises(InputError, match=says):
        segment_intracranial(box_scan(egg()), mask=mask)


def test_a_mask_of_something_else_than_brain_is_refused():
    air = replace(box_scan(egg()), hu=np.full((92, 92, 92), -1000, np.int16))
    with pytest.raises(RefusedError, match="no brain: -1000 HU") as refused:
        segment_intracranial(air, mask=YOLK)
    assert refused.value.code == "no_brain"


def test_a_mask_that_the_picture_cuts_off_is_flagged():
    scan = box_scan(with_deposit()[:60])
    assert [flag.code for flag in segment_intracranial(scan, mask=YOLK[:60]).flags] == ["cropped"]
