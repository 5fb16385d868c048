"""The names in a facts file: found by any of their spellings; those that nobody knows are refused, or left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from calcscan.errors import FactsError
from calcscan.guideline.facts.case import Ignored
from calcscan.guideline.facts.names import nearest_spelling, spelling
from calcscan.guideline.facts.quantity import refuse_cut_off
from calcscan.guideline.facts.values import is_unknown
from calcscan.guideline.facts.vocabulary import Vocabulary, vocabulary


@dataclass(slots=True)
class Keys:
    """Reads names; `ignored` collects those left out if `lenient`."""

    lenient: bool = False
    ignored: list[Ignored] = field(default_factory=list)
    words: Vocabulary = field(default_factory=vocabulary)

    def unknown(self, what: str, where: str, hint: str) -> None:
        """Raises `FactsError`, or notes the name as left out."""
        if not self.lenient:
            raise FactsError(what, where=where, hint=hint)
        self.ignored.append(Ignored(where=where, what=what, hint=hint))

    def table(self, given: object, where: str) -> Mapping[str, object]:
        """A table of facts. Raises `FactsError`."""
        if given is None:
            return {}
        if not isinstance(given, Mapping):
            raise FactsError(f"{given!r} is not a table of facts", where=where, hint="write name: value lines")
        refuse_cut_off(given, where)
        for key in given:
            if not isinstance(key, str):
                raise FactsError(f"the name {key!r} is not text", where=where, hint="write name: value lines")
        return given

    def named(self, table: Mapping[str, object], section: str, where: str) -> dict[str, tuple[str, object]]:
        """The entries of a table by the name that calcscan uses, each with its address and value.

        Raises `FactsError` for a name that nobody knows, and for one fact under two names that say different things.
        """
        names = self.words.spellings[section]
        found: dict[str, tuple[str, object]] = {}
        for key, value in table.items():
            at = f"{where}.{key}" if where else key
            name = names.get(key) or names.get(spelling(key))
            if name is None:
                of = "laboratory value" if section == "labs" else "fact"
                self.unknown(f"unknown {of} {key!r}", at, self._elsewhere(key, section) or nearest_spelling(key, names))
            elif name in found and is_unknown(value):
                continue
            elif name in found and not is_unknown(found[name][1]) and found[name][1] != value:
                first = found[name][0]
                raise FactsError(f"one fact under two names, {first} and {at}", where=at, hint="keep one of them")
            else:
                found[name] = (at, value)
        return found

    def _elsewhere(self, key: str, section: str) -> str:
        """A hint where the name belongs to another section."""
        for other, names in self.words.spellings.items():
            if other not in (section, "attributes", "sites") and (name := names.get(spelling(key))):
                return (
                    f"it belongs to {other}: write {other}.{name}" if other else f"{name} stands outside of any section"
                )
        return ""
