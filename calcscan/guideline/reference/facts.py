"""Every fact that can be told of a person: its name, what it may be, units, other names, ranges and their sources."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from calcscan.guideline.facts.labs import Analyte, analytes
from calcscan.guideline.facts.names import aliases, spelling
from calcscan.guideline.facts.quantity import plain_unit
from calcscan.guideline.facts.ranges import adjustments, adult_from_years, age_ranges, range_sources
from calcscan.guideline.facts.vocabulary import FINDINGS, FactKind, FactType, Vocabulary
from calcscan.guideline.rules.terms import Terms

Row = dict[str, Any]
_MONTHS, _DAYS = 12, 365.25
TABLES = ("facts", "finding", "sites", "groups", "thresholds", "concepts", "topics")


def listed_facts(terms: Terms, word: str = "") -> dict[str, list[Row]]:
    """The facts, what may be said of a finding, sites, groups, and the names that rules may use. With a `word`, those
    that hold it in their name, label or other names.

    Numbers are in the unit named beside them; an unknown source is null.

    >>> from calcscan.guideline.rules.terms import shipped_terms
    >>> listed_facts(shipped_terms(), "parathormone")["facts"][0]["fact"]
    'labs.pth'
    """
    words = terms.vocabulary
    tables: dict[str, Iterable[Row]] = {
        "facts": (_fact(kind) for path, kind in words.kinds.items() if not path.startswith(FINDINGS)),
        "finding": (_kind(name, kind, "attributes") for name, kind in words.attributes.items()),
        "sites": _sites(words),
        "groups": ({"group": name, "sites": list(sites)} for name, sites in words.groups.items()),
        "thresholds": (
            {"threshold": t.name, "value": t.value, "unit": t.unit, "source": t.source, "date": str(t.date)}
            for t in words.thresholds.values()
        ),
        "concepts": ({"concept": name, "label": entry.get("label", "")} for name, entry in terms.concepts.items()),
        "topics": ({"topic": topic.name, "label": topic.label} for topic in terms.layout.topics.values()),
    }
    return {name: [row for row in rows if _holds(row, word)] for name, rows in tables.items()}


def _holds(row: Row, word: str) -> bool:
    wanted = spelling(word)
    names = [str(next(iter(row.values()))), str(row.get("label", "")), *row.get("other_names", ())]
    return any(wanted in spelling(name) for name in names)


def _sites(words: Vocabulary) -> Iterator[Row]:
    others = aliases("sites")
    for kind in words.sites.values():
        finer = [name for name, site in words.site_aliases.items() if site == kind.site and name != kind.site]
        yield {
            "site": kind.site,
            "label": kind.label,
            "place": kind.place.value,
            "physiological": kind.physiological,
            "other_names": list(others.get(kind.site, ())),
            "finer_places": finer,
        }


def _fact(kind: FactKind) -> Row:
    if kind.kind is not FactType.LAB:
        return _kind(kind.path, kind, "facts")
    name = kind.path.partition(".")[2]
    analyte = analytes()[name]
    units = {shown_unit(unit, analyte.unit): per for unit, per in analyte.per.items()}
    row = {
        "fact": kind.path,
        "label": kind.label,
        "kind": kind.kind.value,
        "values": list(kind.values),
        "unit": analyte.unit,
        "units": units,
        "possible": list(analyte.possible),
        "ranges": list(_ranges(analyte)),
        "other_names": list(aliases("labs").get(name, ())),
    }
    if analyte.critical is not None:
        limits = analyte.critical
        row["act_at_once"] = {
            "below": limits.low, "above": limits.high, "source": limits.source, "date": str(limits.date),
        }  # fmt: skip
    return row


def _kind(name: str, kind: FactKind, other: str) -> Row:
    row: Row = {"fact": name, "label": kind.label, "kind": kind.kind.value}
    if kind.kind is FactType.NUMBER:
        units = kind.units or {plain_unit(kind.unit): 1.0}
        row |= {"unit": kind.unit, "units": {shown_unit(unit, kind.unit): per for unit, per in units.items()}}
        row |= {"possible": [kind.low, kind.high]}
    if kind.kind is FactType.CHOICE:
        row |= {"values": list(kind.values)}
    return row | {"other_names": list(aliases(other).get(name, ()))}


def _ranges(analyte: Analyte) -> Iterator[Row]:
    """Those that are used where the laboratory's own isn't given: the adult one, the adjusted one, those of ages."""
    grown_up = None if analyte.all_ages else adult_from_years()
    adult: Row = {"low": analyte.low, "high": analyte.high, "from_years": grown_up}
    yield adult | {"below_years": None, "sex": None, "source": analyte.source, "date": str(analyte.date)}
    rule = adjustments().get(analyte.name)
    if rule is not None:
        limits: Row = {"low": rule.range.low, "high": rule.range.high, "from_years": adult_from_years()}
        about: Row = {"below_years": None, "sex": None, "source": rule.range.source, "date": str(rule.range.date)}
        yield limits | about | {"adjusted": f"{rule.label}: {rule.source}"}
    for entry in age_ranges().get(analyte.name, ()):
        source = range_sources()[entry.source]
        span: Row = {"low": entry.low, "high": entry.high, "from_years": entry.from_years}
        about = {"below_years": entry.below_years, "sex": entry.sex or None}
        yield span | about | {"source": source.text, "date": str(source.date)}


def shown_unit(unit: str, own: str) -> str:
    """A unit as it is usually written.

    >>> shown_unit("mg/dl", "mmol/L"), shown_unit("ml/min/1.73m2", "mL/min/1.73 m2")
    ('mg/dL', 'mL/min/1.73 m2')
    """
    if plain_unit(own) == unit:
        return own
    return (
        unit.replace("meq", "mEq")
        .replace("/dl", "/dL")
        .replace("/ml", "/mL")
        .replace("/l", "/L")
        .replace("ml/min", "mL/min")
    )


def facts_text(tables: Mapping[str, list[Row]], width: int) -> str:
    """The lists as text, folded to a width."""
    lines: list[str] = []
    for section, rows in _sections(tables["facts"]).items():
        lines += ["", _HEADINGS.get(section, section.upper() if section else "THE PERSON"), *_lines(rows)]
    if tables["finding"]:
        lines += ["", "FINDINGS, each with its site: - site: dura", *_lines(tables["finding"])]
    if tables["sites"]:
        lines += ["", "SITES"]
        lines += [f"  {row['site']:<22}{_joined(row['label'], *_also(row))}" for row in tables["sites"]]
    if tables["groups"]:
        lines += ["", "GROUPS OF SITES, for rules"]
        lines += [f"  {row['group']:<22}{', '.join(row['sites'])}" for row in tables["groups"]]
    if tables["thresholds"]:
        lines += ["", "THRESHOLDS, for rules"]
        lines += [
            f"  {row['threshold']:<26}{row['value']:g} {row['unit']} ({row['source']}, {row['date']})"
            for row in tables["thresholds"]
        ]
    if tables["concepts"]:
        lines += ["", "CONCEPTS, for rules"]
        lines += [f"  {row['concept']:<26}{row['label']}" for row in tables["concepts"]]
    if tables["topics"]:
        lines += ["", "TOPICS, lines of the page", *(f"  {row['topic']:<26}{row['label']}" for row in tables["topics"])]
    return "\n".join(folded for line in lines[1:] for folded in _fold(line, width)) + "\n"


def _fold(line: str, width: int) -> list[str]:
    indent = len(line) - len(line.lstrip())
    return textwrap.wrap(line, width, subsequent_indent=" " * (indent + 4), break_long_words=False) or [line]


_HEADINGS = {"labs": "LABS: low, normal, high, or a value with its unit such as 1.9 mmol/L, 7,6 mg/dL, <3 pg/mL"}


def _sections(rows: Iterable[Row]) -> dict[str, list[Row]]:
    by: dict[str, list[Row]] = {}
    for row in rows:
        by.setdefault(row["fact"].rpartition(".")[0], []).append(row)
    return by


def _lines(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        name = row["fact"].rpartition(".")[2]
        yield f"  {name:<34}{_joined(row['label'], *_may_be(row), *_also(row))}"
        for limits in row.get("ranges", ()):
            yield f"      {_range(limits)} {row['unit']} ({limits['source']}, {limits['date']})"
        if act := row.get("act_at_once"):
            what = f"call for action below {act['below']:g} and above {act['above']:g} {row['unit']}"
            yield f"      {what} ({act['source']}, {act['date']})"


def _may_be(row: Row) -> Iterator[str]:
    if row["kind"] == FactType.CHOICE:
        yield "one of " + ", ".join(row["values"])
    elif row["kind"] == FactType.NUMBER:
        yield f"{row['possible'][0]:g} to {row['possible'][1]:g} {row['unit']}"
        others = [unit for unit in row["units"] if unit != row["unit"]]
        if others:
            yield "or in " + ", ".join(others)
    elif row["kind"] == FactType.LAB:
        yield "in " + ", ".join(dict.fromkeys(row["units"]))


def _also(row: Row) -> Iterator[str]:
    if row.get("other_names"):
        names = [spelling(row["label"]), *(spelling(str(row[key])) for key in ("fact", "site") if key in row)]
        others = [name for name in row["other_names"] if spelling(name) not in names]
        if others:
            yield "also: " + ", ".join(others)
    if row.get("finer_places"):
        yield "holds: " + ", ".join(row["finer_places"])


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _range(limits: Row) -> str:
    if limits["from_years"] is None:
        who = "all ages"
    elif limits["below_years"] is None or limits["from_years"] >= adult_from_years():
        who = "adults"
    else:
        who = f"{_age(limits['from_years'])} to {_age(limits['below_years'])}"
    sex = {"F": ", female", "M": ", male"}.get(limits["sex"] or "", "")
    adjusted = ", adjusted for albumin" if "adjusted" in limits else ""
    return f"{who}{sex}{adjusted}: {limits['low']:.3g} to {limits['high']:.3g}"


def _age(years: float) -> str:
    """In days below a month, in months below two years.

    >>> _age(0.0274), _age(1.5), _age(12)
    ('10 days', '18 months', '12 years')
    """
    if years == 0:
        return "birth"
    if years < 1 / _MONTHS:
        return f"{years * _DAYS:.0f} days"
    return f"{years * _MONTHS:.0f} months" if years < 2 and years != 1 else f"{years:g} years"
