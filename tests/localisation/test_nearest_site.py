"""What is left out keeps its figures and gets the site that it lies in or next to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.atlas_head import FIT, intracranial, with_deposits

from calcscan.atlas import load_atlas
from calcscan.knowledge.left_out import LeftOutReason
from calcscan.localisation import locate_lesions
from calcscan.model import LeftOut, LocatedLesionMap
from calcscan.summary import summarise_lesions

PUTAMEN_LEFT_MM = np.array([26.0, -4.0, 0.0])


def located_with_blood_at(*centres_mm: np.ndarray, accepted: bool = True, depth_mm: float = 30.0) -> LocatedLesionMap:
    """The deposits as blood that an earlier stage left out, none as lesion."""
    lesions, scan = with_deposits(*centres_mm)
    items = tuple(LeftOut.of(scan, lesions.voxels_kji(n.id), LeftOutReason.HAEMORRHAGE) for n in lesions.lesions)
    none = replace(lesions, labels=np.zeros_like(lesions.labels), lesions=(), left_out=items)
    fit = replace(FIT, accepted=accepted)
    return locate_lesions(none, scan, intracranial(depth_mm=depth_mm), fit, load_atlas())


def test_it_is_measured_as_it_is() -> None:
    (item,) = located_with_blood_at(PUTAMEN_LEFT_MM).left_out
    assert (item.volume_mm3, item.mean_hu, item.max_hu) == (33.0, 400.0, 400)
    assert item.centroid_lps_mm == pytest.approx(PUTAMEN_LEFT_MM, abs=1.0)


def test_it_gets_the_site_that_it_lies_in() -> None:
    (item,) = located_with_blood_at(PUTAMEN_LEFT_MM).left_out
    assert (item.nearest_site, item.nearest_side, item.distance_mm) == ("putamen", "left", 0.0)


def test_a_large_one_hides_every_site_that_it_lies_in() -> None:
    lesions, scan = with_deposits(np.array([20.5, -2.0, 0.0]), radius=4)
    item = LeftOut.of(scan, lesions.voxels_kji(1), LeftOutReason.HAEMORRHAGE)
    none = replace(lesions, labels=np.zeros_like(lesions.labels), lesions=(), left_out=(item,))
    (found,) = locate_lesions(none, scan, intracranial(), FIT, load_atlas()).left_out
    assert {(found.nearest_site, found.nearest_side), *found.also} >= {("putamen", "left"), ("pallidum", "left")}


def test_under_the_vault_it_lies_at_the_dura() -> None:
    (item,) = located_with_blood_at(np.array([-45.0, 20.0, 45.0]), depth_mm=3.0).left_out
    assert (item.nearest_site, item.nearest_side) == ("convexity_dura", "right")


@pytest.mark.parametrize(("centre_mm", "accepted"), [(PUTAMEN_LEFT_MM, False), (np.array([85.0, -88.0, 100.0]), True)])
def test_without_a_fit_or_far_from_every_site_it_has_none(centre_mm: np.ndarray, accepted: bool) -> None:
    (item,) = located_with_blood_at(centre_mm, accepted=accepted).left_out
    assert (item.nearest_site, item.nearest_side, item.distance_mm) == ("", "", None)


def test_its_site_is_unknown_unless_it_surely_is_something_else() -> None:
    found = located_with_blood_at(PUTAMEN_LEFT_MM)
    found = replace(found, settings={"detection_floor_mm3": 3.0})
    counts = {(row.site, row.side): row.count for row in summarise_lesions(found, registration=FIT).sites}
    assert counts["putamen", "left"] is None
    assert counts["putamen", "right"] == 0
    sure = replace(found, left_out=tuple(replace(item, sure=True) for item in found.left_out))
    counts = {(row.site, row.side): row.count for row in summarise_lesions(sure, registration=FIT).sites}
    assert counts["putamen", "left"] == 0
