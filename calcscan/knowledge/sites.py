"""The sites that a calcification can be reported at, with their traits, as declared in `knowledge/sites.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Any, Literal

from calcscan.errors import KnowledgeError
from calcscan.knowledge.entries import read_toml, typed_entries
from calcscan.knowledge.settings import Table

FILE = "sites.toml"
LAST_LABEL = 255
"""The highest number that a voxel of sites.nii.gz can hold."""


class SiteGroup(StrEnum):
    """What sites are grouped by in the report."""

    BASAL_GANGLIA = "basal_ganglia"
    DEEP = "deep"
    PARENCHYMA = "parenchyma"
    DURA = "dura"
    PHYSIOLOGICAL = "physiological"
    VASCULAR = "vascular"
    OTHER = "other"
    EXTRACRANIAL = "extracranial"
    UNASSIGNED = "unassigned"


class SiteTraits(Table, frozen=True, kw_only=True):
    """One site. The reason or source of each trait stands at the head of `sites.toml`."""

    site: str
    group: SiteGroup
    sides: tuple[Literal["left", "right", "midline", ""], ...]
    """The rows of sites.csv that the site has."""
    labels: tuple[int, ...]
    """The number of each of them in sites.nii.gz, the same in every version."""
    fact: str
    """The site as the guideline names it; empty if it has no such name."""
    colour: str
    """On the mosaic, sRGB."""
    abbreviation: str
    """In tables for other programs; the side follows it."""
    snomed: str = ""
    """SNOMED CT code of the structure, whichever its side; empty where none is sure."""
    physiological: bool = False
    """Calcified in healthy people as well."""
    cerebral: bool = False
    """May border the convexity: what lies there on the inner table belongs to the dura."""
    parenchyma: bool = False
    """Brain that may border the skull base: what lies there within the base is bone."""
    between_bones: bool = False
    """Lies between bones of the skull base, from which thick slices do not separate it."""
    drawn: bool = True
    """Whether the atlas has voxels of it."""
    extent_of: str = ""
    """For a site that is not drawn: the site whose share within the scan stands for its own."""
    examined: bool = True
    """Whether calcification there is searched for at all."""
    counts_as_multiple: bool = True
    """Whether a deposit there counts towards several."""
    image_can_exclude: bool = True
    """Whether the image may say that nothing was detected there."""

    @property
    def paired(self) -> bool:
        """Whether there is one on the left and one on the right."""
        return {"left", "right"} <= set(self.sides)


@cache
def all_sites() -> Mapping[str, SiteTraits]:
    """Every site by name, in the order of the report.

    Raises
    ------
    KnowledgeError
        A site lacks an entry, or has one that is unknown or of another type.

    >>> all_sites()["pallidum"].group
    <SiteGroup.BASAL_GANGLIA: 'basal_ganglia'>
    >>> [name for name, site in all_sites().items() if site.between_bones]
    ['petroclinoid', 'carotid_siphon', 'vertebral']
    """
    return parse_sites(read_toml(FILE))


def in_words(name: str) -> str:
    """A site, or another name of ours, as people write it.

    >>> in_words("circle_of_willis"), in_words("extra_axial"), in_words("basal_ganglia")
    ('circle of Willis', 'extra-axial', 'basal ganglia')
    """
    return name.replace("extra_axial", "extra-axial").replace("_", " ").replace("willis", "Willis")


def parse_sites(entries: Mapping[str, Mapping[str, Any]]) -> Mapping[str, SiteTraits]:
    """Sites from the entries of the data file; errors as of `all_sites`."""
    sites = typed_entries(SiteTraits, entries, name_as="site", where=FILE)
    for name, site in sites.items():
        if site.extent_of and site.extent_of not in sites:
            raise KnowledgeError(f"knowledge/{FILE}: {name}: extent_of names the unknown site {site.extent_of!r}")
        if len(site.labels) != len(site.sides):
            raise KnowledgeError(f"knowledge/{FILE}: {name}: labels needs one number for each of its sides")
    numbers = [number for site in sites.values() for number in site.labels]
    if twice := sorted({number for number in numbers if numbers.count(number) > 1 or not 1 <= number <= LAST_LABEL}):
        raise KnowledgeError(
            f"knowledge/{FILE}: labels must be from 1 to {LAST_LABEL} and each belong to one side, not so {twice}"
        )
    return sites
