"""Facts as a person stated them, or as the image analysis measured them, checked and laid out flat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from numbers import Real
from types import MappingProxyType
from typing import Any

from calcscan.errors import FactsError
from calcscan.guideline.facts.labs import LabResult, analytes, read_result
from calcscan.guideline.facts.vocabulary import FINDINGS, SECTIONS, FactKind, FactType, nearest, vocabulary

Value = bool | float | str
_TOP = ("age_years", "sex", "egfr", "family_history", FINDINGS, "labs", *SECTIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statements:
    """What a person stated, or the image analysis measured: values by address, laboratory results, sites named."""

    values: Mapping[str, Value] = field(default_factory=dict)
    labs: Mapping[str, LabResult] = field(default_factory=dict)
    sites: frozenset[str] = frozenset()


_DEEPEST = 8
"""Facts are nested less deeply than this; what is nested more is left as it is, and refused by who reads it."""


def plain_facts(facts: Any, depth: int = 0) -> Any:
    """Facts with the numbers, truths, words and lists of other libraries (numpy, pandas) as Python's own.

    >>> from fractions import Fraction
    >>> plain_facts({"age_years": Fraction(105, 2), "findings": ({"site": "dura"},)})
    {'age_years': 52.5, 'findings': [{'site': 'dura'}]}
    """
    if facts is None or type(facts) in (bool, int, float, str) or depth > _DEEPEST:
        return facts
    if isinstance(facts, Mapping):
        return {key: plain_facts(value, depth + 1) for key, value in facts.items()}
    if isinstance(facts, str):
        return str(facts)
    if hasattr(facts, "tolist"):  # numpy's, of any number of dimensions
        return plain_facts(facts.tolist(), depth + 1)
    if isinstance(facts, list | tuple):
        return [plain_facts(value, depth + 1) for value in facts]
    return float(facts) if isinstance(facts, Real | Decimal) else facts


def _is_unknown(value: object) -> bool:
    return value is None or (isinstance(value, str) and value.strip().lower() == "unknown")


def read_value(kind: FactKind, value: object, where: str) -> Value | None:
    """One value, checked against what the fact may be; None is unknown."""
    if _is_unknown(value):
        return None
    if kind.kind is FactType.YES_NO:
        if isinstance(value, bool):
            return value
        raise FactsError(f"{value!r} is neither true nor false", where=where, hint="write true, false or unknown")
    if kind.kind is FactType.NUMBER:
        return _read_number(kind, value, where)
    if not isinstance(value, str):
        raise FactsError(f"{value!r} is not a word", where=where, hint="known: " + ", ".join(kind.values))
    word = value.strip().lower()
    for known in kind.values:
        if known.lower() == word:
            return None if known in kind.no_answer else known
    raise FactsError(f"unknown value {value!r}", where=where, hint=nearest(word, (*kind.values, "unknown")))


def _read_number(kind: FactKind, value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FactsError(f"{value!r} is not a number", where=where, hint=f"give {kind.label} in {kind.unit}")
    if not kind.low <= value <= kind.high:  # which nan never is
        limits = f"{kind.low:g} to {kind.high:g} {kind.unit}"
        shown = str(value) if abs(value) < 1e6 else "so much"
        raise FactsError(f"{kind.label} of {shown} is not possible", where=where, hint=f"it lies within {limits}")
    return float(value)


def _at(base: str, key: str) -> str:
    return f"{base}.{key}" if base else key


def _section(given: object, where: str) -> Mapping[str, object]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise FactsError(f"{given!r} is not a table of facts", where=where, hint="write name: value lines")
    for key in given:
        if not isinstance(key, str):
            raise FactsError(f"the name {key!r} is not text", where=where, hint="write name: value lines")
    return given


def _site(given: Mapping[str, object], where: str) -> str:
    site, words = given.get("site"), vocabulary()
    if not isinstance(site, str):
        raise FactsError("a finding without its site", where=f"{where}.site", hint="known: " + ", ".join(words.sites))
    name = site.strip().lower()
    if name in words.sites:
        return name
    known_as = words.site_aliases.get(name)
    hint = f"write {known_as!r}" if known_as else nearest(name, words.sites)
    raise FactsError(f"unknown site {site!r}", where=f"{where}.site", hint=hint)


def _one_finding(given: object, where: str) -> tuple[str, dict[str, Value]]:
    table, words = _section(given, where), vocabulary()
    site = _site(table, where)
    values: dict[str, Value] = {}
    for key, value in table.items():
        if key == "site":
            continue
        if key not in words.attributes:
            hint = nearest(key, ("site", *words.attributes))
            raise FactsError(f"unknown fact {key!r}", where=f"{where}.{key}", hint=hint)
        read = read_value(words.attributes[key], value, f"{where}.{key}")
        if read is not None:
            values[key] = read
    return site, values


def _join(values: list[dict[str, Value]]) -> Iterator[tuple[str, Value]]:
    """Several findings at one site as one: yes where one says yes, the sum of volumes, the worst progression."""
    for name, kind in vocabulary().attributes.items():
        held = [v[name] for v in values if name in v]
        if not held:
            continue
        if kind.kind is FactType.YES_NO:
            each_on_one_side = name == "bilateral" and len(values) > 1  # which may be one on either side
            if True in held or (len(held) == len(values) and not each_on_one_side):
                yield name, True in held
        elif kind.kind is FactType.CHOICE:
            yield name, "progressive" if "progressive" in held else held[0]
        else:
            numbers = [float(v) for v in held]
            yield name, sum(sorted(numbers)) if name == "volume_mm3" else max(numbers)


def _findings(given: object, where: str) -> tuple[dict[str, Value], frozenset[str]]:
    if _is_unknown(given):
        return {}, frozenset()
    if not isinstance(given, list | tuple):
        hint = "write a list: `- site: dura`"
        raise FactsError("findings are not a list", where=where, hint=hint)
    by_site: dict[str, list[dict[str, Value]]] = {}
    for number, entry in enumerate(given):
        site, values = _one_finding(entry, f"{where}[{number}]")
        by_site.setdefault(site, []).append(values)
    flat: dict[str, Value] = {}
    for site, entries in by_site.items():
        for name, value in _join(entries):
            flat[f"{FINDINGS}.{site}.{name}"] = value
        if sum(entry.get("present") is True for entry in entries) > 1:
            flat[f"{FINDINGS}.{site}.multiple"] = True
    return flat, frozenset(by_site)


def _top_level(key: str, value: object, where: str) -> dict[str, Value]:
    kinds = vocabulary().kinds
    if key in kinds:
        read = read_value(kinds[key], value, where)
        return {} if read is None else {key: read}
    flat: dict[str, Value] = {}
    for name, item in _section(value, where).items():
        path = f"{key}.{name}"
        if path not in kinds:
            known = [p.split(".", 1)[1] for p in kinds if p.startswith(f"{key}.")]
            raise FactsError(f"unknown fact {name!r}", where=f"{where}.{name}", hint=nearest(name, known))
        read = read_value(kinds[path], item, f"{where}.{name}")
        if read is not None:
            flat[path] = read
    return flat


def _labs(given: object, where: str) -> dict[str, LabResult]:
    results = {}
    for name, value in _section(given, where).items():
        if name not in analytes():
            hint = nearest(name, analytes())
            raise FactsError(f"unknown laboratory value {name!r}", where=f"{where}.{name}", hint=hint)
        if _is_unknown(value):
            continue
        result = read_result(name, value, f"{where}.{name}")
        if result.level is not None or result.value is not None:
            results[name] = replace(result, given=value)
    return results


def read_statements(facts: Mapping[str, object], where: str = "") -> Statements:
    """Checks facts in the words of `knowledge/facts.toml` and lays them out flat.

    Raises `FactsError` with the address of the first thing that can't be taken, and the nearest known name.

    >>> dict(read_statements({"findings": [{"site": "dura", "present": True}]}).values)
    {'findings.dura.present': True}
    """
    values: dict[str, Value] = {}
    labs: dict[str, LabResult] = {}
    sites: frozenset[str] = frozenset()
    for key, value in _section(facts, where or "facts").items():
        if key == FINDINGS:
            found, sites = _findings(value, _at(where, key))
            values |= found
        elif key == "labs":
            labs = _labs(value, _at(where, key))
        elif key in _TOP:
            values |= _top_level(key, value, _at(where, key))
        else:
            raise FactsError(f"unknown fact {key!r}", where=_at(where, key), hint=nearest(key, _TOP))
    return Statements(values=MappingProxyType(values), labs=MappingProxyType(labs), sites=sites)
