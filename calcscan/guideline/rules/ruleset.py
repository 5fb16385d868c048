"""All rules together: the shipped ones and, if asked, others, compiled, with a version and a checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from calcscan.errors import RulesetError
from calcscan.guideline.facts.vocabulary import knowledge_text, nearest, vocabulary
from calcscan.guideline.rules.compiled import CompiledConditions
from calcscan.guideline.rules.conditions import Node, parse
from calcscan.guideline.rules.read import load_toml, parse_rules
from calcscan.guideline.rules.rule import Rule, RulesFile, SourceDocument
from calcscan.knowledge.settings import Table

E = TypeVar("E", bound=Table)
SEED_FILES = ("basal_ganglia", "dura", "calcinosis", "ectopic", "heterotopic")
_DEFAULT_FILES = (*SEED_FILES, "guards")
_SHARED = ("facts.toml", "units.toml", "rules/concepts.toml", "rules/page.toml")
_AGAINST_REASSURANCE = {"concept": "speaks_against_reassurance"}
_POSSIBLE_BLOOD = {"fact": "imaging.possible_haemorrhage"}
_MAX_BYTES = 1_000_000


class DivergenceSide(Table, frozen=True, kw_only=True):
    """One side of a conflict between sources."""

    text: str
    covers: tuple[str, ...] = ()


class ConflictEntry(Table, frozen=True, kw_only=True):
    """One `[[conflict]]` of `conflicts.toml`."""

    id: str
    text: str
    sides: tuple[DivergenceSide, ...]
    handling: str
    when: dict[str, Any]


class ContextEntry(Table, frozen=True, kw_only=True):
    """One `[[context]]` of `context.toml`: facts of the documents that are no rules, and why."""

    covers: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """A conflict between, or within, the documents; shown when `when` is true."""

    id: str
    text: str
    sides: tuple[DivergenceSide, ...]
    handling: str
    when: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRoots:
    """Where each condition of a rule stands among the compiled ones; -1: it has none."""

    when: int
    unless: int
    raised: int
    hold_back: int
    on_page: int
    off_page: int
    answer_only: int
    answer_unless: int


@dataclass(frozen=True, kw_only=True)
class Ruleset:
    """Rules ready to be asked. `context` says of each fact id that is no rule why it is none."""

    name: str
    version: str
    sha256: str
    documents: tuple[SourceDocument, ...]
    rules: tuple[Rule, ...]
    divergences: tuple[Divergence, ...]
    context: Mapping[str, str]
    added: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @cached_property
    def _trees(self) -> tuple[list[Node], tuple[RuleRoots, ...]]:
        """Every condition in one list, and where each rule's stand in it."""
        trees = [parse(_AGAINST_REASSURANCE, "reassurance"), parse(_POSSIBLE_BLOOD, "blood")]
        trees += [item.when for item in self.divergences]

        def place(node: Node | None) -> int:
            if node is None:
                return -1
            trees.append(node)
            return len(trees) - 1

        places = tuple(
            RuleRoots(
                when=place(rule.when),
                unless=place(rule.unless),
                raised=place(rule.raised.when if rule.raised else None),
                hold_back=place(rule.hold_back.when if rule.hold_back else None),
                on_page=place(None if isinstance(rule.on_page, bool) else rule.on_page),
                off_page=place(rule.off_page),
                answer_only=place(rule.answer.only if rule.answer else None),
                answer_unless=place(rule.answer.unless if rule.answer else None),
            )
            for rule in self.rules
        )
        return trees, places

    @cached_property
    def compiled(self) -> CompiledConditions:
        """All conditions, those that `reassurance_root` and the others name among them."""
        return CompiledConditions(self._trees[0])

    @cached_property
    def roots(self) -> tuple[RuleRoots, ...]:
        """For each rule, the steps of its conditions."""
        at = self.compiled.roots

        def step(place: int) -> int:
            return -1 if place < 0 else at[place]

        return tuple(
            RuleRoots(
                when=step(places.when),
                unless=step(places.unless),
                raised=step(places.raised),
                hold_back=step(places.hold_back),
                on_page=step(places.on_page),
                off_page=step(places.off_page),
                answer_only=step(places.answer_only),
                answer_unless=step(places.answer_unless),
            )
            for places in self._trees[1]
        )

    @property
    def reassurance_root(self) -> int:
        """The step that blocks what reassures."""
        return self.compiled.roots[0]

    @property
    def blood_root(self) -> int:
        """The step for a density that could be blood."""
        return self.compiled.roots[1]

    @property
    def divergence_roots(self) -> Sequence[int]:
        """The steps of the divergences' conditions."""
        return self.compiled.roots[2 : 2 + len(self.divergences)]

    @cached_property
    def sites_with_a_document(self) -> frozenset[str]:
        """The sites of which a document speaks that is about them, not about deposits in general."""
        everywhere = len(vocabulary().sites)
        own = (rule.places for rule in self.rules if rule.covers and not rule.general)
        return frozenset(place for places in own if len(places) < everywhere for place in places)

    def rule(self, name: str) -> Rule:
        """The rule of that id, or the first one that covers the fact of that id."""
        for rule in self.rules:
            if rule.id == name:
                return rule
        for rule in self.rules:
            if name in rule.covers:
                return rule
        if name in self.context:
            raise RulesetError(f"{name} is context, not a rule", where=name, hint=self.context[name])
        known = [rule.id for rule in self.rules] + [fact for rule in self.rules for fact in rule.covers]
        raise RulesetError(f"no rule {name!r}", where=name, hint=nearest(name, known))

    def without(self, names: Iterable[str]) -> Ruleset:
        """The same rules, leaving out those of these ids; the checksum is that of what is left."""
        dropped = sorted({self.rule(name).id for name in names})
        if not dropped:
            return self
        digest = hashlib.sha256("\0".join([self.sha256, *dropped]).encode())
        kept = tuple(rule for rule in self.rules if rule.id not in dropped)
        return replace(self, rules=kept, sha256=digest.hexdigest(), left_out=tuple(sorted({*self.left_out, *dropped})))


def read_text(path: Path) -> str:
    """The text of a rules file of the user's."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RulesetError(f"can't be read: {error.strerror}", where=str(path)) from error
    if len(data) > _MAX_BYTES:
        raise RulesetError("too large for a rules file", where=str(path), hint="at most 1 MB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RulesetError("not UTF-8 text", where=str(path)) from error


def parse_divergences(text: str, name: str) -> tuple[Divergence, ...]:
    """The `[[conflict]]` tables of `conflicts.toml`.

    Raises `RulesetError` with file, number and key.
    """
    entries = _entries(load_toml(text, name).get("conflict", []), ConflictEntry, f"{name}: conflict")
    return tuple(
        Divergence(
            id=entry.id,
            text=entry.text,
            sides=entry.sides,
            handling=entry.handling,
            when=parse(entry.when, f"{name}: conflict[{n}] {entry.id}.when"),
        )
        for n, entry in enumerate(entries)
    )


def parse_context(table: Mapping[str, Any], name: str) -> dict[str, str]:
    """Fact id → why it is no rule; errors as of `parse_divergences`."""
    entries = _entries(table.get("context", []), ContextEntry, f"{name}: context")
    return {fact: entry.reason for entry in entries for fact in entry.covers}


def _entries(given: Iterable[object], kind: type[E], where: str) -> list[E]:
    entries = []
    for n, entry in enumerate(given):
        try:
            entries.append(msgspec.convert(entry, kind))
        except msgspec.ValidationError as error:
            raise RulesetError(str(error), where=f"{where}[{n}]") from error
    return entries


def _unique(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    seen: dict[str, Rule] = {}
    for rule in rules:
        if rule.id in seen:
            hint = f"the other is {seen[rule.id].where}"
            raise RulesetError(f"two rules called {rule.id!r}", where=rule.where, hint=hint)
        seen[rule.id] = rule
    return tuple(sorted(seen.values(), key=lambda rule: rule.id))


def _assemble(texts: Mapping[str, str], extra: Mapping[str, str]) -> Ruleset:
    every = {**texts, **extra}
    parsed: list[RulesFile] = [parse_rules(text, name) for name, text in every.items()]
    conflicts, context = knowledge_text("rules/conflicts.toml"), knowledge_text("rules/context.toml")
    shared = [*map(knowledge_text, _SHARED), conflicts, context]
    digest = hashlib.sha256()
    for text in [*shared, *(text for _, text in sorted(every.items()))]:
        digest.update(text.replace("\r\n", "\n").encode())
        digest.update(b"\0")
    about = load_toml(context, "context.toml")
    return Ruleset(
        name=about["ruleset"]["name"] + "".join(f"+{file.document.key}" for file in parsed[len(_DEFAULT_FILES) :]),
        version=about["ruleset"]["version"],
        sha256=digest.hexdigest(),
        documents=tuple(file.document for file in parsed),
        rules=_unique(rule for file in parsed for rule in file.rules),
        divergences=parse_divergences(conflicts, "conflicts.toml"),
        context=parse_context(about, "context.toml"),
        added=tuple(extra),
    )


def shipped_texts(*, literature: bool) -> dict[str, str]:
    """The rules files that calcscan ships, by file name."""
    names = (*_DEFAULT_FILES, "literature") if literature else _DEFAULT_FILES
    return {f"{name}.toml": knowledge_text(f"rules/{name}.toml") for name in names}


@cache
def _shipped(literature: bool) -> Ruleset:
    return _assemble(shipped_texts(literature=literature), {})


def load_ruleset(extra: Iterable[str | Path] = (), *, literature: bool = False) -> Ruleset:
    """The shipped rules, with those from the literature if asked, and the rules files named in `extra` beside them.

    Raises `RulesetError` with file and address.

    >>> load_ruleset().rule("BG-20").id
    'bg-mineral-labs'
    """
    paths = [Path(path) for path in extra]
    if not paths:
        return _shipped(literature)
    return _assemble(shipped_texts(literature=literature), {str(path): read_text(path) for path in paths})


def as_ruleset(rulesets: Ruleset | Iterable[str | Path] | None, *, literature: bool) -> Ruleset:
    """A ruleset as it is; of rules files, the shipped rules with them beside."""
    return rulesets if isinstance(rulesets, Ruleset) else load_ruleset(rulesets or (), literature=literature)
