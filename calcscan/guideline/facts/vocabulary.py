"""The facts that can be told, as declared in `knowledge/facts.toml` and `knowledge/units.toml`."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from calcscan.knowledge.sites import all_sites

FINDINGS = "findings"
SECTIONS = ("imaging", "symptoms", "conditions", "medications")


@dataclass(frozen=True, slots=True, kw_only=True)
class FactKind:
    """One fact: its address, how a person would name it, and what it may be.

    `kind` is yes_no, number, choice or lab. `values` are the words of a choice or a lab; those of `no_answer` mean
    unknown.
    """

    path: str
    label: str
    kind: str
    unit: str = ""
    low: float = 0.0
    high: float = 0.0
    values: tuple[str, ...] = ()
    no_answer: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteKind:
    """A place in the body where a finding can be. `place`: brain, intracranial, vessel or body."""

    site: str
    label: str
    place: str
    physiological: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A number that rules compare with, with the source that it comes from."""

    name: str
    value: float
    unit: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Every fact by its address, and the names that rules may use."""

    kinds: Mapping[str, FactKind]
    attributes: Mapping[str, FactKind]
    sites: Mapping[str, SiteKind]
    groups: Mapping[str, tuple[str, ...]]
    concepts: Mapping[str, Mapping[str, Any]]
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


def _kind(path: str, entry: Mapping[str, Any]) -> FactKind:
    return FactKind(
        path=path,
        label=entry["label"],
        kind=entry["kind"],
        unit=entry.get("unit", ""),
        low=float(entry.get("low", 0)),
        high=float(entry.get("high", 0)),
        values=tuple(entry.get("values", ())),
        no_answer=tuple(entry.get("no_answer", ())),
    )


def _plain_kinds(table: Mapping[str, Any]) -> dict[str, FactKind]:
    kinds = {name: _kind(name, {**entry, "kind": "number"}) for name, entry in table["number"].items()}
    kinds |= {name: _kind(name, {**entry, "kind": "choice"}) for name, entry in table["choice"].items()}
    for name, entry in table["yes_no"].items():
        if isinstance(entry, str):
            kinds[name] = FactKind(path=name, label=entry, kind="yes_no")
            continue
        for key, label in entry.items():
            kinds[f"{name}.{key}"] = FactKind(path=f"{name}.{key}", label=label, kind="yes_no")
    return kinds


def _finding_kinds(attributes: Mapping[str, FactKind], sites: Mapping[str, SiteKind]) -> dict[str, FactKind]:
    kinds = {}
    for site in sites.values():
        for name, kind in attributes.items():
            path = f"{FINDINGS}.{site.site}.{name}"
            label = f"{site.label} calcification" if name == "present" else f"{site.label} calcification: {kind.label}"
            kinds[path] = FactKind(
                path=path,
                label=label,
                kind=kind.kind,
                unit=kind.unit,
                low=kind.low,
                high=kind.high,
                values=kind.values,
                no_answer=kind.no_answer,
            )
    return kinds


@cache
def vocabulary() -> Vocabulary:
    """The vocabulary that calcscan ships.

    >>> vocabulary().kinds["symptoms.headache"].label
    'headache'
    """
    table = tomllib.loads(knowledge_text("facts.toml"))
    units = tomllib.loads(knowledge_text("units.toml"))
    sites = {
        name: SiteKind(
            site=name,
            label=entry["label"],
            place=entry["place"],
            physiological=entry.get("physiological", False),
        )
        for name, entry in table["site"].items()
    }
    attributes = {name: _kind(name, entry) for name, entry in table["finding"].items()}
    kinds = _plain_kinds(table) | _finding_kinds(attributes, sites)
    for name, entry in units["analyte"].items():
        path = f"labs.{name}"
        kinds[path] = FactKind(path=path, label=entry["label"], kind="lab", values=("low", "normal", "high"))
    return Vocabulary(
        kinds=MappingProxyType(kinds),
        attributes=MappingProxyType(attributes),
        sites=MappingProxyType(sites),
        groups=MappingProxyType({name: tuple(members) for name, members in table["group"].items()}),
        concepts=MappingProxyType(table["concept"]),
        implies=tuple(table["implies"].items()),
        thresholds=MappingProxyType(
            {
                name: Threshold(name=name, value=float(t["value"]), unit=t["unit"], source=t["source"])
                for name, t in units["threshold"].items()
            }
        ),
        site_aliases=MappingProxyType({name: site.fact for name, site in all_sites().items() if site.fact}),
    )
