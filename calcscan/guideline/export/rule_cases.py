"""Test cases of rules: the fewest facts that make each apply, and that rule it out; and those that people wrote."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from calcscan.errors import RulesetError
from calcscan.guideline.engine import build_case, guide
from calcscan.guideline.facts.case import Case
from calcscan.guideline.facts.vocabulary import FINDINGS, LABS, SECTIONS
from calcscan.guideline.judge import filled
from calcscan.guideline.model import Guidance
from calcscan.guideline.rules.choice import read_text
from calcscan.guideline.rules.condition_tree import Branch
from calcscan.guideline.rules.examples import examples
from calcscan.guideline.rules.rule import Rule, SourceDocument
from calcscan.guideline.rules.ruleset import Ruleset
from calcscan.guideline.rules.tables import load_toml
from calcscan.knowledge.settings import Table, converted

_TRIES = 60
_SECTIONS = (LABS, *SECTIONS)


class WrittenCase(Table, frozen=True, kw_only=True):
    """A case as people write it: who it is, what is known, and which facts of the documents must or must not come."""

    who: str
    expect: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    facts: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCase:
    """Facts, and whether one rule applies to them: for the reader, and for whoever takes the rules over."""

    rule: str
    applies: bool
    facts: Mapping[str, Any]


def rule_cases(ruleset: Ruleset, rule: Rule) -> list[RuleCase]:
    """The smallest set of facts found that makes a rule apply, and one that rules it out; each was tried."""
    cases = []
    for applies in (True, False):
        for facts in _tried(ruleset, rule, applies):
            guidance = guide(build_case(facts, words=ruleset.vocabulary), ruleset)
            if outcome(guidance, rule.id) is applies:
                cases.append(RuleCase(rule=rule.id, applies=applies, facts=facts))
                break
    return cases


def _tried(ruleset: Ruleset, rule: Rule, applies: bool) -> Iterator[Mapping[str, Any]]:
    """Facts that a condition comes out so for. A caution only applies beside what it warns of."""
    yield from islice(examples(rule.when, applies, ruleset.vocabulary), _TRIES)
    if applies and rule.cautions:
        for other in ruleset.rules:
            if rule.cautions in other.uses:
                both = Branch(op="all", parts=(rule.when, other.when))
                yield from islice(examples(both, True, ruleset.vocabulary), _TRIES)


def outcome(guidance: Guidance, rule: str) -> bool | None:
    """Whether a rule applies; None where that is not decided."""
    if any(item.id == rule for item in guidance.recommendations):
        return True
    return False if any(item.id == rule for item in guidance.not_applicable) else None


def written_cases(paths: Iterable[str | Path]) -> list[WrittenCase]:
    """The `[[case]]` entries of TOML files, or of all in a folder.

    Raises `RulesetError`.
    """
    files = [file for path in map(Path, paths) for file in (sorted(path.glob("*.toml")) if path.is_dir() else [path])]
    cases = []
    for file in files:
        for n, entry in enumerate(load_toml(read_text(file), str(file)).get("case", [])):
            try:
                cases.append(converted(entry, WrittenCase))
            except msgspec.ValidationError as error:
                raise RulesetError(str(error), where=f"{file}: case[{n}]") from error
    return cases


def about(cases: Sequence[WrittenCase], rule: Rule) -> list[tuple[WrittenCase, bool]]:
    """The written cases that speak of a rule, with whether it must come."""
    covers = set(rule.covers)
    return [(case, bool(covers & set(case.expect))) for case in cases if covers & {*case.expect, *case.never}]


def stated(facts: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Each fact by its address, with its value as it stands in a facts file."""
    found: list[tuple[str, Any]] = []
    for name, value in facts.items():
        if name == FINDINGS:
            for finding in value:
                marks = [key for key in finding if key != "site"]
                found += [(f"{FINDINGS}.{finding['site']}.{key}", finding[key]) for key in marks]
        elif isinstance(value, Mapping) and name in _SECTIONS:
            found += [(f"{name}.{key}", inner) for key, inner in value.items()]
        else:
            found.append((name, value))
    return found


def document_of(ruleset: Ruleset, rule: Rule) -> SourceDocument:
    """The document of a rule."""
    return next(document for document in ruleset.documents if document.key == rule.document)


def whole_text(ruleset: Ruleset, rule: Rule) -> str:
    """A rule's text with everything that it may ask for."""
    return filled(rule.text, rule, Case(words=ruleset.vocabulary), frozenset())
