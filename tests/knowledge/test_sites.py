"""The sites and their traits."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files

import numpy as np
import pytest

from calcscan.atlas import load_atlas
from calcscan.errors import KnowledgeError
from calcscan.guideline.facts.vocabulary import Region, vocabulary
from calcscan.knowledge.sites import SiteGroup, all_sites, parse_sites


def entries() -> dict:
    return tomllib.loads((files("calcscan.knowledge") / "sites.toml").read_text(encoding="utf-8"))


def test_every_group_has_a_site():
    assert {site.group for site in all_sites().values()} == set(SiteGroup)


def test_a_site_is_drawn_if_the_atlas_has_voxels_of_it():
    atlas = load_atlas()
    labelled = {atlas.sites[label].site for label in np.unique(atlas.labels) if label}
    assert {name for name, site in all_sites().items() if site.drawn} == labelled


def test_the_guideline_knows_every_site_but_those_without_an_anatomical_name():
    nameless = {name for name, site in all_sites().items() if site.group in (SiteGroup.OTHER, SiteGroup.UNASSIGNED)}
    for name, site in all_sites().items():
        assert site.fact in vocabulary().sites or (name in nameless and not site.fact)


def test_arteries_are_vascular_and_never_brain():
    arteries = {name for name, site in all_sites().items() if site.group is SiteGroup.VASCULAR}
    assert arteries == {"carotid_siphon", "vertebral", "circle_of_willis", "basilar", "vessel"}
    for name in arteries:
        site = all_sites()[name]
        assert site.fact == "vascular"
        assert not any((site.counts_as_multiple, site.image_can_exclude, site.parenchyma, site.cerebral))
    assert vocabulary().sites["vascular"].place != Region.BRAIN


def test_colours_are_colours_and_differ():
    colours = [site.colour for site in all_sites().values()]
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours)
    assert len(set(colours)) == len(colours)


def test_what_is_physiological_does_not_count_as_multiple():
    assert not any(site.physiological and site.counts_as_multiple for site in all_sites().values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"grup": "deep"}, "thalamus: .*grup"),
        ({"group": "depp"}, "thalamus: .*depp"),
        ({"sides": ["lefft"]}, "thalamus: .*lefft"),
        ({"drawn": "no"}, r"thalamus: .*bool.*\.drawn"),
        ({"extent_of": "cortecs"}, "thalamus: .*cortecs"),
        ({"labels": [7]}, "thalamus: labels needs one number for each of its sides"),
        ({"labels": [7, 1]}, r"labels must be from 1 to 255 and each belong to one side, not so \[1\]"),
        ({"labels": [7, 256]}, r"labels must be .*not so \[256\]"),
    ],
)
def test_a_slip_in_the_file_is_refused_with_site_and_entry(change, message):
    table = entries()
    table["thalamus"] |= change
    with pytest.raises(KnowledgeError, match=f"knowledge/sites.toml: {message}"):
        parse_sites(table)
