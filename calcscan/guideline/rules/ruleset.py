"""All rules together: the shipped ones and, if asked, others, compiled, with a version and a checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from calcscan.errors import RulesetError
from calcscan.guideline.facts.vocabulary import Vocabulary, knowledge_text, nearest, vocabulary
from calcscan.guideline.rules.choice import SHIPPED_RULES, RulesChoice
from calcscan.guideline.rules.combine import combined, document_clashes, rules_in_words
from calcscan.guideline.rules.compiled import CompiledConditions
from calcscan.guideline.rules.condition_tree import Node
from calcscan.guideline.rules.conditions import parse
from calcscan.guideline.rules.divergences import Divergence, parse_context, parse_divergences
from calcscan.guideline.rules.layout import Layout
from calcscan.guideline.rules.limits import with_limits
from calcscan.guideline.rules.local import local_terms
from calcscan.guideline.rules.read import parse_rules
from calcscan.guideline.rules.rule import Rule, SourceDocument
from calcscan.guideline.rules.shipped import DEFAULT_FILES, literature_ids, shipped_texts
from calcscan.guideline.rules.tables import load_toml
from calcscan.guideline.rules.terms import Terms, shipped_terms

_SHARED = (
    "facts.toml", "aliases.toml", "units.toml", "age_ranges.toml", "egfr.toml", "contradictions.toml",
    "rules/concepts.toml", "rules/page.toml",
)  # fmt: skip
_AGAINST_REASSURANCE = {"concept": "speaks_against_reassurance"}
_POSSIBLE_BLOOD = {"fact": "imaging.possible_haemorrhage"}


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
    choice: RulesChoice = SHIPPED_RULES
    """What was asked for; a copy in another process is made anew from it."""
    terms: Terms = field(default_factory=shipped_terms)
    """The names that the rules use."""
    added: tuple[str, ...] = ()
    """The rules beside those that are always shipped, each with its file and the rule that it replaces."""
    left_out: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Which rules these are, for a line of text."""
        name = f"{self.name} {self.version}, sha256 {self.sha256[:12]}"
        return "; ".join([name, *rules_in_words(self.added, self.left_out)])

    def __reduce__(self) -> tuple[Any, ...]:
        return ruleset_of, (self.choice,)

    @property
    def vocabulary(self) -> Vocabulary:
        """Every fact that the rules may ask for."""
        return self.terms.vocabulary

    @property
    def layout(self) -> Layout:
        """How their guidance is laid out on its page."""
        return self.terms.layout

    @property
    def trees(self) -> Sequence[Node]:
        """Every condition, before it is compiled."""
        return self._trees[0]

    @cached_property
    def _trees(self) -> tuple[list[Node], tuple[RuleRoots, ...]]:
        """Every condition in one list, and where each rule's stand in it."""
        trees = [
            parse(_AGAINST_REASSURANCE, "reassurance", self.terms),
            parse(_POSSIBLE_BLOOD, "blood", self.terms),
        ]
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
        raise RulesetError(f"no rule {name!r}", where=name, hint=self._instead(name))

    def _instead(self, name: str) -> str:
        """What to do about a rule that isn't here."""
        shipped = _every_shipped_rule(name)
        if shipped is not None:
            for rule in self.rules:
                if rule.replaces == shipped.id:
                    return f"{rule.id} stands in its place"
            if shipped.id in literature_ids() and not self.choice.literature:
                return "it is a rule from the literature: add --literature"
        if name in self.left_out or (shipped is not None and shipped.id in self.left_out):
            return "it is left out by --without"
        known = [rule.id for rule in self.rules] + [fact for rule in self.rules for fact in rule.covers]
        keys = ", ".join(document.key for document in self.documents if document.facts)
        return nearest(name, known, f"calcscan guide --source DOCUMENT lists those of one document ({keys})")

    def without(self, names: Iterable[str]) -> Ruleset:
        """The same rules, leaving out those of these ids; the checksum is that of what is left."""
        choice = self.choice.leaving_out(names)
        return self if choice == self.choice else ruleset_of(choice)


def _every_shipped_rule(name: str) -> Rule | None:
    """The rule of that id, or that covers the fact of that id, among all that calcscan ships."""
    rules = ruleset_of(RulesChoice(literature=True)).rules
    by_id = (rule for rule in rules if rule.id == name)
    return next(by_id, None) or next((rule for rule in rules if name in rule.covers), None)


def _digest(texts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.replace("\r\n", "\n").encode())
        digest.update(b"\0")
    return digest.hexdigest()


@lru_cache(maxsize=16)
def ruleset_of(choice: RulesChoice) -> Ruleset:
    """The rules that were chosen. Raises `RulesetError` with file and address."""
    shipped = shipped_texts(literature=choice.literature)
    own = {file.name: load_toml(file.text, file.name) for file in choice.files}
    terms = local_terms(own) if own else shipped_terms()
    files = [parse_rules(text, name, terms) for name, text in shipped.items()]
    local = [(file.name, parse_rules(file.text, file.name, terms, local=True)) for file in choice.files]
    for error in document_clashes([(name, file.document) for name, file in local], [f.document for f in files]):
        raise error
    rules = combined(files, local, choice.without)
    conflicts, context = knowledge_text("rules/conflicts.toml"), knowledge_text("rules/context.toml")
    about = load_toml(context, "context.toml")
    texts = [*map(knowledge_text, _SHARED), conflicts, context, *sorted(shipped.values())]
    every = [*files, *(file for _, file in local)]
    made = Ruleset(
        name="+".join([about["ruleset"]["name"], *(file.document.key for file in every[len(DEFAULT_FILES) :])]),
        version=about["ruleset"]["version"],
        sha256=_digest([*texts, *sorted(file.text for file in choice.files), *rules.left_out]),
        documents=tuple(file.document for file in every),
        rules=rules.kept,
        divergences=parse_divergences(conflicts, "conflicts.toml", terms),
        context=parse_context(about, "context.toml"),
        choice=choice,
        terms=terms,
        added=(*(["literature.toml: every rule"] if choice.literature else []), *rules.added),
        left_out=rules.left_out,
    )
    missing = [name for name in choice.without if name not in rules.found]
    for name in missing:
        made.rule(name)  # which says what to write instead
    return replace(made, terms=with_limits(terms, made.trees)) if own else made


def load_ruleset(extra: Iterable[str | Path] = (), *, without: Iterable[str] = (), literature: bool = False) -> Ruleset:
    """The shipped rules, with those from the literature if asked, and the rules files named in `extra` beside them.

    Raises `RulesetError` with file and address.

    >>> load_ruleset().rule("BG-20").id
    'bg-mineral-labs'
    """
    return ruleset_of(RulesChoice.read(extra, without=without, literature=literature))


def as_ruleset(
    rulesets: Ruleset | Iterable[str | Path] | None, *, without: Iterable[str] = (), literature: bool = False
) -> Ruleset:
    """Of a ruleset, the same, with less or with the literature if asked; of files, the shipped rules and theirs."""
    if isinstance(rulesets, Ruleset):
        choice = rulesets.choice.leaving_out(without)
        choice = replace(choice, literature=choice.literature or literature)
        return rulesets if choice == rulesets.choice else ruleset_of(choice)
    return load_ruleset(rulesets or (), without=without, literature=literature)
