"""How sure a site is, and when none is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.lesions import lesion

from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.knowledge.settings import load
from calcscan.localisation.certainty import as_sure_as_known, probability

SETTINGS = load(LocalisationSettings)


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_greater_share_is_never_less_probable(one, other):
    low, high = sorted((one, other))
    assert 0.0 <= probability(low, SETTINGS) <= probability(high, SETTINGS) <= 1.0


@given(st.lists(st.floats(0.01, 1.0), min_size=1, max_size=5))
def test_shares_stay_a_part_of_one(shares):
    total = sum(shares)
    first, *rest = sorted((share / total for share in shares), reverse=True)
    names = ("putamen", "caudate", "thalamus", "white_matter")
    also = tuple((name, "left", share) for name, share in zip(names, rest, strict=False))
    sure = as_sure_as_known(lesion(1, "pallidum", "left", site_share=first, also=also), SETTINGS)
    assert (sure.site_share or 0.0) + sum(share for *_, share in sure.also) <= 1.003


def test_between_thalamus_and_habenula_neither_is_named():
    item = as_sure_as_known(
        lesion(1, "habenula", "midline", site_share=0.54, also=(("thalamus", "left", 0.44),)), SETTINGS
    )
    assert (item.site, item.side, item.site_share) == ("unassigned", "", None)
    assert [place[:2] for place in item.also] == [("habenula", "midline"), ("thalamus", "left")]
    assert item.also[0][2] == pytest.approx(probability(0.54, SETTINGS), abs=0.001)


def test_between_neighbours_of_one_group_the_likelier_is_named():
    item = as_sure_as_known(lesion(1, "pallidum", "left", site_share=0.52, also=(("putamen", "left", 0.48),)), SETTINGS)
    assert (item.site, item.side) == ("pallidum", "left")
    assert item.site_share == pytest.approx(probability(0.52, SETTINGS), abs=0.001)


def test_between_two_sides_none_is_named():
    sides = lesion(1, "caudate", "left", site_share=0.5, also=(("caudate", "right", 0.48),))
    assert as_sure_as_known(sides, SETTINGS).site == "unassigned"
    midline = lesion(1, "tentorium", "left", site_share=0.5, also=(("tentorium", "midline", 0.48),))
    assert as_sure_as_known(midline, SETTINGS).site == "tentorium"


def test_what_does_not_come_from_the_atlas_stays():
    plaque = lesion(1, "convexity_dura", "left", site_share=None, also=(("cortex", "left", 0.9),))
    assert as_sure_as_known(plaque, SETTINGS) is plaque
