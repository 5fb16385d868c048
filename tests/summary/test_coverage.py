"""What the scan does not reach is unknown, never empty."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.atlas_head import intracranial
from support.lesions import FLOOR_MM3, lesion

from calcscan.atlas import load_atlas
from calcscan.facts import image_facts
from calcscan.grid.geometry import Geometry, apply
from calcscan.model import Atlas, Edge, Intracranial, LocatedLesionMap, Quality, Registration, Scan, Summary
from calcscan.summary import summarise_lesions

FIT = Registration(scan_to_atlas=np.eye(4), method="", metric=1.0, overlap=1.0, accepted=True, reason="")


def summary(
    first_mm: float, *lesions, slab_mm: float = 2.5, intracranial: Intracranial | None = None
) -> tuple[Summary, Scan]:
    """Of a scan in the atlas's own space whose lowest slice lies at `first_mm`."""
    grid = Geometry.regular(
        shape=(int(200 / slab_mm), 60, 60), spacing_mm=(slab_mm, 4.0, 4.0), origin_mm=(-118.0, -108.0, first_mm)
    )
    scan = Scan(hu=np.zeros(grid.shape, np.int16), geometry=grid)
    found = LocatedLesionMap(
        labels=np.zeros(grid.shape, np.int32),
        geometry=grid,
        lesions=lesions,
        threshold_hu=130.0,
        settings={"detection_floor_mm3": FLOOR_MM3},
    )
    return summarise_lesions(found, scan, FIT, load_atlas(), region=intracranial), scan


def rows(told: Summary) -> dict[tuple[str, str], float | None]:
    return {(row.site, row.side): row.volume_mm3 for row in told.sites}


def test_a_whole_head_is_known_but_for_the_scalp() -> None:
    told = rows(summary(-90.0)[0])
    assert {site for (site, _), mm3 in told.items() if mm3 is None} == {"scalp"}


def test_in_thick_slices_what_lies_between_bones_is_unknown_unless_found() -> None:
    between = {"carotid_siphon", "petroclinoid", "vertebral"}
    told = rows(summary(-90.0, lesion(1, "carotid_siphon", "left", 90.0), slab_mm=5.0)[0])
    assert {site for (site, _), mm3 in told.items() if mm3 is None} == {"scalp", *between}
    assert told["carotid_siphon", "left"] == 90.0
    assert told["carotid_siphon", "right"] is None


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_scan_that_begins_above_the_cerebellum_says_nothing_of_the_dentate(side: str) -> None:
    told = rows(summary(-15.0)[0])
    assert told["dentate", side] is None
    assert told["petroclinoid", side] is None
    assert told["caudate", side] == 0.0
    assert told["convexity_dura", side] is None  # it lies over the cortex, a good part of which was cut off


def test_the_rules_hear_nothing_of_what_was_not_scanned() -> None:
    told, scan = summary(-15.0, lesion(1, "tentorium", "left", 90.0))
    facts = image_facts(scan, told, Quality(state="ok", flags=()))
    findings = {finding["site"]: finding for finding in facts["findings"]}
    assert "dentate" not in findings
    assert findings["basal_ganglia"] == {"site": "basal_ganglia", "present": False}
    assert findings["dura"]["present"] is True  # found, though not all dura was scanned
    assert False not in findings["dura"].values()


def test_the_vault_is_empty_only_where_it_was_judged_for_plaques() -> None:
    judged = replace(intracranial(), vault_assessable={"left": 0.95, "right": 0.6})
    told = rows(summary(-90.0, intracranial=judged)[0])
    assert told["convexity_dura", "left"] == 0.0
    assert told["convexity_dura", "right"] is None
    found = rows(summary(-90.0, lesion(1, "convexity_dura", "right", 90.0), intracranial=judged)[0])
    assert found["convexity_dura", "right"] == 90.0


def test_what_the_field_of_view_hides_is_unknown() -> None:
    whole = replace(intracranial(), vault_assessable={})
    coarse = whole.isotropic_hu
    at = apply(coarse.affine, np.moveaxis(np.indices(coarse.values.shape), 0, -1))
    shown = replace(coarse, covered=np.asarray(at[..., 0] > -5.0))
    cut = replace(whole, isotropic_hu=shown, cut_at=(Edge.FIELD_OF_VIEW,))
    told = rows(summary(-90.0, intracranial=cut)[0])
    assert {told[site, "right"] for site in ("putamen", "cortex")} == {None}
    assert {told[site, "left"] for site in ("putamen", "cortex")} == {0.0}


def test_what_streaks_of_metal_cross_is_unknown_and_the_rest_of_the_head_known() -> None:
    grid_mm, first_mm = 2.5, -90.0
    low, high = (int((z - first_mm) / grid_mm) for z in (-40.0, -25.0))
    crossed = replace(
        intracranial(), streaked_slices=tuple(range(low, high)), vault_assessable={"left": 0.95, "right": 0.95}
    )
    told = rows(summary(first_mm, intracranial=crossed)[0])
    assert {told[place] for place in (("cerebellum", "left"), ("brainstem", "midline"), ("dentate", "left"))} == {None}
    assert told["convexity_dura", "left"] is None
    assert {told[site, "left"] for site in ("caudate", "putamen", "thalamus")} == {0.0}


def without(*left_out: str) -> Atlas:
    """The shipped atlas without some of its sites."""
    atlas = load_atlas()
    numbers = [number for number, one in atlas.sites.items() if one.site in left_out]
    return replace(
        atlas,
        labels=np.where(np.isin(atlas.labels, numbers), 0, atlas.labels).astype(atlas.labels.dtype),
        sites={number: one for number, one in atlas.sites.items() if number not in numbers},
    )


def of_atlas(atlas: Atlas) -> Summary:
    grid = Geometry.regular(shape=(80, 60, 60), spacing_mm=(2.5, 4.0, 4.0), origin_mm=(-118.0, -108.0, -90.0))
    found = LocatedLesionMap(
        labels=np.zeros(grid.shape, np.int32), geometry=grid, lesions=(), threshold_hu=130.0,
        settings={"detection_floor_mm3": FLOOR_MM3},
    )  # fmt: skip
    scan = Scan(hu=np.zeros(grid.shape, np.int16), geometry=grid)
    return summarise_lesions(found, scan, FIT, atlas)


def test_a_site_that_an_own_atlas_lacks_is_unknown_and_so_is_what_rests_on_it() -> None:
    summary = of_atlas(without("habenula", "caudate", "circle_of_willis"))
    unknown = {site for (site, _), mm3 in rows(summary).items() if mm3 is None}
    assert unknown == {"scalp", "habenula", "caudate", "circle_of_willis", "vessel"}
    cells = summary.scores["tcs_estimate"]["cells"]
    assert {name for name, points in cells.items() if points is None} == {"caudate_left", "caudate_right"}
    assert summary.scores["tcs_estimate"]["total"] is None
    findings = image_facts(
        Scan(hu=np.zeros((3, 3, 3), np.int16), geometry=Geometry.regular(shape=(3, 3, 3), spacing_mm=(1, 1, 1))),
        summary,
        Quality(state="ok", flags=()),
    )["findings"]
    assert {"site": "basal_ganglia", "present": False} not in findings
    assert {"site": "thalamus", "present": False} in findings


def test_a_site_of_a_single_voxel_counts_as_scanned_where_it_is() -> None:
    atlas = load_atlas()
    (number,) = (n for n, one in atlas.sites.items() if one.site == "habenula")
    labels = atlas.labels.copy()
    first = np.argwhere(labels == number)[0]
    labels[labels == number] = 0
    labels[tuple(first - first % 3 + 1)] = number  # no third voxel along an axis
    assert rows(of_atlas(replace(atlas, labels=labels)))["habenula", "midline"] == 0.0
