"""What lies at the edge of the picture is listed there, and not counted; what lies clear of it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.phantoms import Ball, head_of, phantom, stack

from calcscan.detection import detect_lesions
from calcscan.grid.geometry import apply
from calcscan.knowledge.left_out import LeftOutReason
from calcscan.material import judge_material
from calcscan.model import Edge, Intracranial, LesionMap, Scan, SearchRegion

SLICES = ((1.25, 0.5, 0.5), (5.0, 0.5, 0.5))


def judged(scan: Scan, head: Intracranial) -> LesionMap:
    region = SearchRegion.of(head)
    return judge_material(detect_lesions(scan, region), scan, region)


def with_balls(*places_mm: tuple[float, float, float], spacing_mm=SLICES[0]) -> Scan:
    balls = [Ball(centre_mm=at, volume_mm3=60.0, hu=500.0) for at in places_mm]
    return phantom(balls, stack(spacing_mm), noise_hu=3.0)[0]


def kept(lesions: LesionMap) -> list[float]:
    """How far to the left each lesion lies, rounded to mm."""
    return sorted(round(lesion.centroid_lps_mm[0]) for lesion in lesions.lesions)


@pytest.mark.parametrize("spacing_mm", SLICES)
def test_at_the_frame_of_the_picture(spacing_mm: tuple[float, float, float]) -> None:
    scan = with_balls((-18.0, 0.0, 0.0), (0.0, 0.0, 0.0), spacing_mm=spacing_mm)
    out = judged(scan, head_of(scan, 3.0))
    assert kept(out) == [0]
    (edge,) = out.left_out
    assert edge.reason == LeftOutReason.IMAGE_EDGE
    assert edge.volume_mm3 == pytest.approx(80.0, rel=0.5)
    assert edge.evidence["edge_mm"] < edge.evidence["reach_mm"]


@pytest.mark.parametrize("spacing_mm", SLICES)
def test_at_the_edge_of_a_field_of_view_within_the_picture(spacing_mm: tuple[float, float, float]) -> None:
    scan = with_balls((-8.0, 0.0, 0.0), (4.0, 0.0, 0.0), spacing_mm=spacing_mm)
    head = head_of(scan, 3.0)
    coarse = head.isotropic_hu
    at = apply(coarse.affine, np.moveaxis(np.indices(coarse.values.shape), 0, -1))
    shown = replace(coarse, covered=coarse.covered & (at[..., 0] > -12.0))
    assert kept(judged(scan, head)) == [-8, 4]
    out = judged(scan, replace(head, isotropic_hu=shown, cut_at=(Edge.FIELD_OF_VIEW,)))
    assert kept(out) == [4]
    assert [item.reason for item in out.left_out] == [LeftOutReason.IMAGE_EDGE]


def test_the_first_and_last_slice_count_only_where_they_cut_the_head_off() -> None:
    scan = with_balls((-8.0, 0.0, -19.5), (8.0, 0.0, 19.5), (0.0, 0.0, 0.0))
    head = head_of(scan, 3.0)
    assert kept(judged(scan, head)) == [-8, 0, 8]
    assert kept(judged(scan, replace(head, cut_at=(Edge.LAST_SLICE,)))) == [-8, 0]
    assert kept(judged(scan, replace(head, cut_at=(Edge.FIRST_SLICE,)))) == [0, 8]
