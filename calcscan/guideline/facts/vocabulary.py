"""Every fact that can be stated or measured, as declared in `knowledge/facts.toml` and `knowledge/units.toml`."""

from __future__ import annotations

import datetime
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import msgspec

from calcscan.knowledge.entries import read_toml, typed_entries
from calcscan.knowledge.settings import Table
from calcscan.knowledge.sites import all_sites

FINDINGS = "findings"
SECTIONS = ("critical", "imaging", "symptoms", "conditions", "medications")


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

    `values` are the words of a choice or a lab; those of `no_answer` mean unknown.
    """

    path: str
    label: str
    kind: FactType
    unit: str = ""
    low: float = 0.0
    high: float = 0.0
    values: tuple[str, ...] = ()
    no_answer: tuple[str, ...] = ()


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
    thresholds: Mapping[str, Threshold]
    site_aliases: Mapping[str, str]


def knowledge_text(name: str) -> str:
    """The text of a file under `calcscan/knowledge`."""
    return (files("calcscan") / "knowledge" / name).read_text(encoding="utf-8")


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint that names the closest known word, or all of them if they are few.

    >>> nearest("calcum", ["calcium", "phosphate"])
    "did you mean 'calcium'?"
    """
    words = sorted(known)
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    return "known here: " + ", ".join(words) if len(words) <= 20 else "the names are in calcscan/knowledge/facts.toml"


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
            path=f"labs.{name}", label=entry["label"], kind=FactType.LAB, values=("low", "normal", "high")
        )
        for name, entry in analytes.items()
    }


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
    return Vocabulary(
        kinds=MappingProxyType(kinds),
        attributes=attributes,
        sites=sites,
        groups=MappingProxyType({name: tuple(members) for name, members in table["group"].items()}),
        implies=tuple(table["implies"].items()),
        thresholds=typed_entries(Threshold, units["threshold"], name_as="name", where="units.toml: threshold"),
        site_aliases=MappingProxyType({name: site.fact for name, site in all_sites().items() if site.fact}),
    )
