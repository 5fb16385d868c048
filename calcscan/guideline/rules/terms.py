"""The names that rules may use: facts, thresholds, shared conditions, and the topics of the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from calcscan.guideline.facts.vocabulary import Vocabulary, vocabulary
from calcscan.guideline.rules.layout import Layout, layout
from calcscan.knowledge.entries import read_toml


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Those that calcscan ships, or those with what a hospital's rules files add."""

    vocabulary: Vocabulary
    concepts: Mapping[str, Mapping[str, Any]]
    layout: Layout
    inside: frozenset[str] = frozenset()
    """The concepts that are being read, none of which may stand for itself."""

    def reading(self, concept: str) -> Terms:
        """The same while a concept is read."""
        return replace(self, inside=self.inside | {concept})


@cache
def concepts() -> Mapping[str, Mapping[str, Any]]:
    """The conditions that several rules share, by name (`knowledge/rules/concepts.toml`)."""
    return read_toml("rules/concepts.toml")


@cache
def shipped_terms() -> Terms:
    """The names that calcscan ships."""
    return Terms(vocabulary=vocabulary(), concepts=concepts(), layout=layout())
