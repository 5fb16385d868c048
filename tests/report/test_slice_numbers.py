"""Slices are numbered as the input numbers them, whichever way the scan is turned to be read."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from support.orientations import WAYS, as_nibabel, turned
from support.results import Ball, grid, make_result

from calcscan.intracranial.properties import space_flags
from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.knowledge.left_out import LeftOutReason
from calcscan.knowledge.mosaic import MosaicSettings
from calcscan.knowledge.settings import load
from calcscan.model import Edge, LeftOut, Scan
from calcscan.report.build import build_report, report_json
from calcscan.report.labelfiles import label_maps
from calcscan.report.slices import _caption, view_planes

SMALL = grid(spacing_mm=(8.0, 6.0, 5.0))
AFFINE = SMALL.affine()[:, [2, 1, 0, 3]]
BALLS = (
    Ball(site="pallidum", side="left", centre_mm=(22.0, -5.0, 42.0), radius_mm=12.0),
    Ball(site="pineal", side="midline", centre_mm=(0.0, 22.0, -28.0), radius_mm=11.0),
)


def result_of(way):
    """What would come of a NIfTI with its axes that way."""
    hu = make_result(SMALL, balls=BALLS).scan.hu
    read = Scan.from_image(as_nibabel(*turned(hu, AFFINE, way)))
    result = make_result(read.geometry, balls=BALLS)
    scan = replace(result.scan, stored=read.stored)
    left_out = LeftOut.of(scan, np.argwhere(result.lesions.labels == 1), LeftOutReason.BONE)
    lesions = replace(result.lesions, left_out=(left_out,), counted_from_last=scan.counted_from_last)
    return replace(result, scan=scan, lesions=lesions)


@pytest.mark.parametrize("way", WAYS[::3])
def test_a_lesions_slice_index_and_box_are_those_of_the_label_map(way):
    result = result_of(way)
    files, _ = label_maps(result.lesions, result.scan.stored)
    image = nib.Nifti1Image.from_bytes(gzip.decompress(files["lesions.nii.gz"]))
    labels = np.asarray(image.dataobj)
    report = build_report(result)
    axes = report.grid.counted_along
    assert sorted(axes) == ["i", "j", "k"]
    in_order = labels.transpose(["ijk".index(axis) for axis in axes])
    for lesion in report.lesions:
        found = np.argwhere(in_order == lesion.id)
        assert lesion.centroid_kji == pytest.approx(found.mean(axis=0), abs=1e-3)
        assert [list(pair) for pair in lesion.bbox_kji] == np.transpose(
            [found.min(axis=0), found.max(axis=0) + 1]
        ).tolist()
        assert abs(lesion.slice - 1 - found[:, 0].mean()) <= 0.5
    assert report.left_out[0].slice == report.lesions[0].slice


def flipped_and_not():
    ways = [result_of(way) for way in WAYS if way[0] == (0, 1, 2)]
    down = next(result for result in ways if result.scan.stored.flipped)
    up = next(result for result in ways if not result.scan.stored.flipped)
    return down, up


def test_both_ways_of_counting_occur_and_dicom_counts_upwards():
    down, up = flipped_and_not()
    count = len(up.scan.hu)
    assert [up.scan.slice_number(k) for k in (0, count - 1)] == [1, count]
    assert [down.scan.slice_number(k) for k in (0, count - 1)] == [count, 1]
    assert replace(up.scan, stored=None).slice_number(3) == 4
    assert "counted_along" not in json.loads(report_json(build_report(make_result(SMALL))))["grid"]


def test_flags_and_pictures_count_that_way_too():
    down, up = flipped_and_not()
    settings = load(IntracranialSettings)
    for result, edge in ((up, "first slice"), (down, "last slice")):
        (flag,) = space_flags(result.scan, {Edge.FIRST_SLICE: 0.2}, 1400.0, settings)
        assert f"cut off at the {edge}" in flag.message
    planes = view_planes(up.scan.geometry, load(MosaicSettings))
    count = len(up.scan.hu)
    level = 4
    k = planes.slices[level]
    assert _caption(planes, level, up.scan) == f"slice {k + 1} of {count}"
    assert _caption(planes, level, down.scan) == f"slice {count - k} of {count}"
