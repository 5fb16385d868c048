"""Every fact that can be stated or measured, as declared in `knowledge/facts.toml` and `knowledge/units.toml`."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import msgspec

from calcscan.guideline.facts.names import aliases, nearest, spellings
from calcscan.knowledge.entries import read_toml, typed_entries
from calcscan.knowledge.settings import Table, converted
from calcscan.knowledge.sites import all_sites

__all__ = [
    "FINDINGS",
    "LABS",
    "SECTIONS",
    "FactKind",
    "FactType",
    "Inference",
    "Region",
    "SiteKind",
    "Threshold",
    "Vocabulary",
    "knowledge_text",
    "nearest",
    "vocabulary",
]

FINDINGS, LABS = "findings", "labs"
NUMBER = ".number"
"""Ends the key at which a case holds a laboratory value as a number, for rules that compare it."""
SECTIONS = ("imaging", "symptoms", "conditions", "medications", "critical")


class FactType(StrEnum):
    """What a fact may be."""

    YES_NO = "yes_no"
    NUMBER = "number"
    CHOICE = "choice"
    LAB = "lab"


class Region(StrEnum):
    """Where in the body a site lies."""

    BRAIN = "brain"
    INTRACRANIAL = "intracranial"
    VESSEL = "vessel"
    BODY = "body"


class FactKind(Table, frozen=True, kw_only=True):
    """One fact: its address, how a person would name it, and what it may be.

    `values` are the words of a choice or a lab; those of `no_answer` mean unknown. `units` say how much of a number's
    own unit is in one of another, and a bound such as "> 90" is taken where it decides all thresholds of `bounds`.
    """

    path: str
    label: str
    kind: FactType
    short: str = ""
    """How it is named on a page, where the label is long."""
    unit: str = ""
    low: float = 0.0
    high: float = 0.0
    values: tuple[str, ...] = ()
    no_answer: tuple[str, ...] = ()
    units: Mapping[str, float] = {}
    bounds: tuple[str, ...] = ()
    limits: tuple[float, ...] = ()
    """Other numbers that the rules in use compare it with."""


class Inference(Table, frozen=True, kw_only=True):
    """A fact that follows from several others together, where nobody said otherwise."""

    all: tuple[str, ...]
    then: str
    why: str


class SiteKind(Table, frozen=True, kw_only=True):
    """A place in the body where a finding can be."""

    site: str
    label: str
    place: Region
    physiological: bool = False


class Threshold(Table, frozen=True, kw_only=True):
    """A number that rules compare with, with the source that it comes from."""

    name: str
    value: float
    unit: str
    source: str
    date: datetime.date


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Every fact by its address, and the names that rules may use."""

    kinds: Mapping[str, FactKind]
    attributes: Mapping[str, FactKind]
    sites: Mapping[str, SiteKind]
    groups: Mapping[str, tuple[str, ...]]
    implies: tuple[tuple[str, str], ...]
    inferences: tuple[Inference, ...]
    thresholds: Mapping[str, Threshold]
    site_aliases: Mapping[str, str]
    """Finer places of the image analysis, with the site that they belong to."""
    spellings: Mapping[str, Mapping[str, str]]
    """For each section of a facts file ("" is its top): names by their spelling, aliases among them."""
    symptoms: tuple[str, ...]
    """Every symptom; that there are none at all is not one."""
    lab_limits: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """The numbers that the rules in use compare laboratory values with, by analyte, in its own unit."""


def knowledge_text(name: str) -> str:
    """The text of a file under `calcscan/knowledge`."""
    return (files("calcscan") / "knowledge" / name).read_text(encoding="utf-8")


def _kinds(entries: Mapping[str, Mapping[str, Any]], where: str) -> Mapping[str, FactKind]:
    return typed_entries(FactKind, entries, name_as="path", where=f"facts.toml: {where}")


def _plain_kinds(table: Mapping[str, Any]) -> dict[str, FactKind]:
    """The facts that belong to no finding."""
    labels: dict[str, str] = {}
    for name, entry in table["yes_no"].items():
        labels |= {name: entry} if isinstance(entry, str) else {f"{name}.{key}": label for key, label in entry.items()}
    yes_no = {path: {"label": label, "kind": FactType.YES_NO} for path, label in labels.items()}
    number = {name: {**entry, "kind": FactType.NUMBER} for name, entry in table["number"].items()}
    choice = {name: {**entry, "kind": FactType.CHOICE} for name, entry in table["choice"].items()}
    return {**_kinds(number, "number"), **_kinds(choice, "choice"), **_kinds(yes_no, "yes_no")}


def _finding_kinds(attributes: Mapping[str, FactKind], sites: Mapping[str, SiteKind]) -> dict[str, FactKind]:
    kinds = {}
    for site in sites.values():
        for name, kind in attributes.items():
            path = f"{FINDINGS}.{site.site}.{name}"
            label = f"{site.label} calcification" if name == "present" else f"{site.label} calcification: {kind.label}"
            kinds[path] = msgspec.structs.replace(kind, path=path, label=label)
    return kinds


def _lab_kinds(analytes: Mapping[str, Mapping[str, Any]]) -> dict[str, FactKind]:
    return {
        f"labs.{name}": FactKind(
            path=f"labs.{name}",
            label=entry["label"],
            kind=FactType.LAB,
            values=("low", "normal", "high"),
            unit=entry["unit"],
            units=entry["per"],
            low=entry["possible"][0],
            high=entry["possible"][1],
        )
        for name, entry in analytes.items()
    }


def _spellings(
    kinds: Mapping[str, FactKind], attributes: Mapping[str, FactKind], sites: Mapping[str, SiteKind]
) -> Mapping[str, Mapping[str, str]]:
    facts = aliases("facts")
    names: dict[str, list[str]] = {"": [FINDINGS, LABS, *SECTIONS], **{section: [] for section in (*SECTIONS, LABS)}}
    for path in kinds:
        section, _, name = path.rpartition(".")
        if not section.startswith(FINDINGS):
            names[section].append(name)
    made = {}
    for section in ("", *SECTIONS):
        others = {name: facts.get(f"{section}.{name}" if section else name, ()) for name in names[section]}
        made[section] = spellings(names[section], others)
    made[LABS] = spellings(names[LABS], aliases("labs"))
    made["attributes"] = spellings(("site", *attributes), aliases("attributes"))
    made["sites"] = spellings(sites, aliases("sites"))
    return MappingProxyType(made)


@cache
def vocabulary() -> Vocabulary:
    """The vocabulary that calcscan ships.

    >>> vocabulary().kinds["symptoms.headache"].label
    'headache'
    """
    table, units = read_toml("facts.toml"), read_toml("units.toml")
    sites = typed_entries(SiteKind, table["site"], name_as="site", where="facts.toml: site")
    attributes = _kinds(table["finding"], "finding")
    kinds = {**_plain_kinds(table), **_finding_kinds(attributes, sites), **_lab_kinds(units["analyte"])}
    for path, short in table["short"].items():
        kinds[path] = msgspec.structs.replace(kinds[path], short=short)
    return Vocabulary(
        kinds=MappingProxyType(kinds),
        attributes=attributes,
        sites=sites,
        groups=MappingProxyType({name: tuple(members) for name, members in table["group"].items()}),
        implies=tuple(table["implies"].items()),
        inferences=converted(table["inference"], tuple[Inference, ...]),
        thresholds=typed_entries(Threshold, units["threshold"], name_as="name", where="units.toml: threshold"),
        site_aliases=MappingProxyType({name: site.fact for name, site in all_sites().items() if site.fact}),
        spellings=_spellings(kinds, attributes, sites),
        symptoms=tuple(path for path in kinds if path.startswith("symptoms.") and path != "symptoms.asymptomatic"),
    )
