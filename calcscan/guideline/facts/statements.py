"""What a person stated, or the image analysis measured: read from a facts file and laid out flat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from numbers import Real
from types import MappingProxyType
from typing import Any

from calcscan.guideline.facts.case import Ignored
from calcscan.guideline.facts.findings import read_findings
from calcscan.guideline.facts.keys import Keys
from calcscan.guideline.facts.labs import LabResult, read_result
from calcscan.guideline.facts.values import NumberGiven, Value, is_unknown, read_number, read_value
from calcscan.guideline.facts.vocabulary import FINDINGS, LABS, FactKind, FactType, Vocabulary, vocabulary

__all__ = ["Statements", "Value", "plain_facts", "read_statements", "read_value"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statements:
    """What a person stated, or the image analysis measured: values by address, laboratory results, sites named."""

    values: Mapping[str, Value] = field(default_factory=dict)
    labs: Mapping[str, LabResult] = field(default_factory=dict)
    sites: frozenset[str] = frozenset()
    numbers: Mapping[str, NumberGiven] = field(default_factory=dict)
    """Numbers that were given with a unit, as a bound or as confirmed, by address."""
    clashes: tuple[str, ...] = ()
    """Sites of which one entry says present and another absent."""
    ignored: tuple[Ignored, ...] = ()
    """Names left out because `lenient` asked for it."""


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


class _Reading:
    """What has been read so far."""

    def __init__(self, lenient: bool, words: Vocabulary) -> None:
        self.keys = Keys(lenient=lenient, words=words)
        self.values: dict[str, Value] = {}
        self.numbers: dict[str, NumberGiven] = {}
        self.labs: dict[str, LabResult] = {}

    def one(self, path: str, kind: FactKind, value: object, where: str) -> None:
        if is_unknown(value):
            return
        if kind.kind is FactType.NUMBER:
            number = read_number(kind, value, where)
            if number.given is not None and not isinstance(value, int | float):
                self.numbers[path] = number
            read: Value | None = number.value
        else:
            read = read_value(kind, value, where)
        if read is not None:
            self.values[path] = read

    def section(self, name: str, given: object, where: str) -> None:
        kinds = self.keys.words.kinds
        for key, (at, value) in self.keys.named(self.keys.table(given, where), name, where).items():
            self.one(f"{name}.{key}", kinds[f"{name}.{key}"], value, at)

    def results(self, given: object, where: str) -> None:
        for name, (at, value) in self.keys.named(self.keys.table(given, where), LABS, where).items():
            if is_unknown(value):
                continue
            result = read_result(name, value, at)
            if result.level is not None or result.value is not None:
                self.labs[name] = replace(result, given=value)


def read_statements(
    facts: Mapping[str, object], where: str = "", *, lenient: bool = False, words: Vocabulary | None = None
) -> Statements:
    """Checks facts in the words of `knowledge/facts.toml` and lays them out flat.

    A name may be spelt in any of the ways of `knowledge/aliases.toml`. `lenient` leaves out names that nobody knows and
    lists them; values that can't be taken are refused all the same. `words` are the facts that can be told, else those
    that calcscan ships.

    Raises `FactsError` with the address of the first thing that can't be taken, and the nearest known name.

    >>> dict(read_statements({"findings": [{"site": "dura", "present": True}]}).values)
    {'findings.dura.present': True}
    >>> read_statements({"labs": {"PTH": "low", "feritin": "low"}}, lenient=True).ignored[0].where
    'labs.feritin'
    """
    words = words or vocabulary()
    reading, kinds = _Reading(lenient, words), words.kinds
    sites: frozenset[str] = frozenset()
    clashes: tuple[str, ...] = ()
    top = reading.keys.table(facts, where or "facts")
    for key, (at, value) in reading.keys.named(top, "", where).items():
        if key == FINDINGS:
            found = read_findings(value, at, reading.keys)
            sites, clashes = found.sites, found.clashes
            reading.values |= found.values
        elif key == LABS:
            reading.results(value, at)
        elif key in kinds:
            reading.one(key, kinds[key], value, at)
        else:
            reading.section(key, value, at)
    return Statements(
        values=MappingProxyType(reading.values),
        labs=MappingProxyType(reading.labs),
        sites=sites,
        numbers=MappingProxyType(reading.numbers),
        clashes=clashes,
        ignored=tuple(reading.keys.ignored),
    )
