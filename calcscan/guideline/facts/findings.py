"""The findings of a facts file: one entry or several for each site, put together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from calcscan.errors import FactsError
from calcscan.guideline.facts.keys import Keys
from calcscan.guideline.facts.names import nearest_spelling, spelling
from calcscan.guideline.facts.values import Value, is_unknown, read_value
from calcscan.guideline.facts.vocabulary import FINDINGS, FactType, vocabulary


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Findings by address, the sites named, and the sites of which one entry says present and another absent."""

    values: Mapping[str, Value]
    sites: frozenset[str]
    clashes: tuple[str, ...]


def _site(given: object, where: str, keys: Keys) -> tuple[str | None, bool]:
    """The site, and whether a finer place within it was named, as `calcscan run` names them."""
    words = vocabulary()
    if not isinstance(given, str):
        raise FactsError("a finding without its site", where=where, hint="known: " + ", ".join(words.sites))
    spellings = words.spellings["sites"]
    name = spellings.get(given) or spellings.get(spelling(given))
    if name is not None:
        return name, False
    within = words.site_aliases.get(given.strip().lower().replace(" ", "_"))
    if within is not None:
        return within, True
    keys.unknown(f"unknown site {given!r}", where, nearest_spelling(given, spellings))
    return None, False


def _one_finding(given: object, where: str, keys: Keys) -> tuple[str | None, dict[str, Value]]:
    table, words = keys.table(given, where), vocabulary()
    named = keys.named(table, "attributes", where)
    site, finer = _site(named["site"][1] if "site" in named else None, f"{where}.site", keys)
    values: dict[str, Value] = {}
    for name, (at, value) in named.items():
        if name == "site":
            continue
        read = read_value(words.attributes[name], value, at)
        if read is not None:
            values[name] = read
    return site, _of_the_whole(values) if finer else values


def _of_the_whole(values: Mapping[str, Value]) -> dict[str, Value]:
    """What a finding at one place says of the site that it is part of: what it denies there may be so elsewhere, what
    is even or stable there need not be elsewhere."""
    return {
        name: value
        for name, value in values.items()
        if value is not False and name != "symmetric" and (name != "progression" or value == "progressive")
    }


def _join(values: Sequence[Mapping[str, Value]]) -> Iterator[tuple[str, Value]]:
    """Several findings at one site as one: yes where one says yes, the sum of volumes, the worst progression."""
    if len(values) == 1:
        yield from ((name, values[0][name]) for name in vocabulary().attributes if name in values[0])
        return
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


def read_findings(given: object, where: str, keys: Keys) -> Findings:
    """Reads the list of findings. Raises `FactsError`."""
    if is_unknown(given):
        return Findings(values={}, sites=frozenset(), clashes=())
    if not isinstance(given, list | tuple):
        raise FactsError("findings are not a list", where=where, hint="write a list: `- site: dura`")
    by_site: dict[str, list[dict[str, Value]]] = {}
    for number, entry in enumerate(given):
        site, values = _one_finding(entry, f"{where}[{number}]", keys)
        if site is not None:
            by_site.setdefault(site, []).append(values)
    flat: dict[str, Value] = {}
    clashes = []
    for site, entries in by_site.items():
        for name, value in _join(entries):
            flat[f"{FINDINGS}.{site}.{name}"] = value
        said = [entry.get("present") for entry in entries]
        if sum(present is True for present in said) > 1:
            flat[f"{FINDINGS}.{site}.multiple"] = True
        if True in said and False in said:
            clashes.append(site)
    return Findings(values=flat, sites=frozenset(by_site), clashes=tuple(clashes))
