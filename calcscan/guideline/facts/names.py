"""The names that a fact may be given by: its own, however it is spelt, and its aliases (`knowledge/aliases.toml`)."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType

from calcscan.errors import KnowledgeError
from calcscan.knowledge.entries import read_toml


def nearest(word: str, known: Iterable[str], listed: str = "all names: calcscan guide --facts") -> str:
    """A hint that names the closest known word, or all of them if they are few, else where they are `listed`.

    >>> nearest("calcum", ["calcium", "phosphate"])
    "did you mean 'calcium'?"
    """
    words = [str(name) for name in sorted(known)]
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    return "known here: " + ", ".join(words) if len(words) <= 20 else listed


def nearest_spelling(word: str, names: Mapping[str, str]) -> str:
    """A hint as of `nearest`, from every spelling of the names known, aliases among them.

    >>> nearest_spelling("para thormon", {"parathormone": "pth", "calcium": "calcium"})
    "did you mean 'pth'?"
    """
    close = difflib.get_close_matches(spelling(word), names, n=1, cutoff=0.6)
    return f"did you mean {names[close[0]]!r}?" if close else nearest(word, set(names.values()))


def spelling(name: str) -> str:
    """A name without what people spell in several ways: capitals, spaces, hyphens, brackets, dots.

    >>> spelling("25(OH)-D")
    '25ohd'
    """
    return "".join(letter for letter in name.lower() if letter.isalnum() or letter in "+")


@cache
def aliases(kind: str) -> Mapping[str, tuple[str, ...]]:
    """The other names of one kind (labs, facts, attributes, sites), by the name that calcscan uses.

    >>> "PTH" in aliases("labs")["pth"] or "iPTH" in aliases("labs")["pth"]
    True
    """
    return MappingProxyType({name: tuple(others) for name, others in read_toml("aliases.toml")[kind].items()})


def spellings(names: Iterable[str], others: Mapping[str, Iterable[str]]) -> Mapping[str, str]:
    """The name by each of its spellings, as they are after `spelling`, and by itself.

    Raises
    ------
    KnowledgeError
        One spelling would stand for two names.
    """
    found: dict[str, str] = {}
    for name in names:
        found[name] = name
        for spelt in (name, *others.get(name, ())):
            key = spelling(spelt)
            if found.setdefault(key, name) != name:
                raise KnowledgeError(f"knowledge/aliases.toml: {spelt!r} stands for {found[key]} and {name}")
    return MappingProxyType(found)
