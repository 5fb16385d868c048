"""What others call calcscan by: the names and types in report.json that they rely on, on a sample head."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.heads import PALLIDUM, SAMPLES

import calcscan

PARTS = {
    "software settings atlas study series quality registration lesions left_out sites symmetry scores progression "
    "facts guideline disclaimer timings_s": "",
    "in_plane_mm across_mm measured": "settings.blur",
    "threshold_hu reference_hu": "settings",
    "name version sha256": "atlas",
    "age_years sex manufacturer kernel kvp_kv slice_thickness_mm": "study",
    "state flags": "quality",
    "method metric overlap accepted": "registration",
    "id site side site_share volume_mm3 volume_low_mm3 volume_high_mm3 volume_130_mm3 mean_hu max_hu mass_hu_mm3 "
    "diameter_mm centroid_lps_mm": "lesions[]",
    "reason volume_mm3 max_hu centroid_lps_mm nearest_site": "left_out[]",
    "site side group volume_mm3 volume_low_mm3 volume_high_mm3 volume_130_mm3 count max_hu mean_hu grade": "sites[]",
    "pair left_mm3 right_mm3 index mirror_overlap bilateral symmetric": "symmetry[]",
    "agatston tcs_estimate": "scores",
    "ruleset version sha256 rules_added rules_left_out page recommendations needs_input conflicts "
    "not_applicable": "guideline",
    "group text rules covers because": "guideline.page[]",
    "id topic state kind text priority priority_why covers because source": "guideline.recommendations[]",
    "fact would_decide": "guideline.needs_input[]",
}
GRADES = {"none_detected", "mild", "moderate", "severe", None}  # None: not examined


@pytest.fixture(scope="module")
def report(run_once: Callable[[Path], tuple[int, Path]]) -> dict[str, Any]:
    status, out = run_once(SAMPLES / PALLIDUM)
    assert status == 0
    return dict(json.loads((out / "report.json").read_text(encoding="utf-8")))


def part(report: Any, path: str) -> list[Mapping[str, Any]]:
    """All objects at a dotted path; `[]` is each of a list, which must not be empty."""
    found = [report]
    for name in filter(None, path.split(".")):
        found = [one[name.removesuffix("[]")] for one in found]
        if name.endswith("[]"):
            assert all(found), f"nothing in {path}"
            found = [item for items in found for item in items]
    return found


@pytest.mark.parametrize(("names", "path"), PARTS.items(), ids=[path or "report" for path in PARTS.values()])
def test_the_names_that_others_rely_on_are_there(report: dict[str, Any], names: str, path: str) -> None:
    for one in part(report, path):
        assert set(names.split()) <= set(one), path


def test_their_values_are_of_the_kinds_promised(report: dict[str, Any]) -> None:
    assert report["schema"] == "calcscan-report/1"
    assert report["progression"] is None
    assert report["quality"]["state"] in {"ok", "caution", "abstain"}
    blur = report["settings"]["blur"]
    assert blur["in_plane_mm"] > 0
    assert blur["across_mm"] > 0
    assert type(blur["measured"]) is bool
    assert {row["grade"] for row in report["sites"]} <= GRADES
    assert len(report["guideline"]["page"]) <= 10
    assert len(report["scores"]["tcs_estimate"]["cells"]) == 16


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        (calcscan.analyse, ("study/", {"age_years": 52})),
        (calcscan.analyse_scan, ("scan", {"age_years": 52})),
        (calcscan.lesion_table, ("hu", 130)),
        (calcscan.Scan.from_array, ("hu", "affine")),
        (calcscan.Scan.from_image, ("image",)),
        (calcscan.measure, ("scan", "labels")),
        (calcscan.regions, ("scan", "labels", {1: "left"})),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_functions_take_their_arguments_by_place(call: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    inspect.signature(call).bind(*arguments)
