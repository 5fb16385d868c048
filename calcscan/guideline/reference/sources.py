"""What stands behind an id: the document, its section, the rules that state it, or why none does."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from calcscan.errors import RulesetError
from calcscan.guideline.facts.vocabulary import nearest
from calcscan.guideline.rules.choice import RulesChoice
from calcscan.guideline.rules.rule import Rule, SourceDocument
from calcscan.guideline.rules.ruleset import Ruleset, ruleset_of
from calcscan.guideline.wording import label, listed


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedBy:
    """A rule that states a fact of a document. `unused` says why it is not in use, if it isn't."""

    rule: Rule
    text: str
    unused: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What an id stands for: a `fact` of a document, a `rule`, or a `document`."""

    id: str
    kind: str
    document: SourceDocument
    rules: tuple[StatedBy, ...]
    facts: tuple[str, ...]
    context: str
    """Why a fact is no rule."""
    conflicts: tuple[str, ...]
    """The conflicts between sources in which it stands."""

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and texts, ready for JSON; what is not known is null."""
        return {
            "id": self.id,
            "kind": self.kind,
            "document": _document(self.document),
            "rules": [
                {
                    "id": item.rule.id,
                    "text": item.text,
                    "kind": item.rule.kind.value,
                    "topic": item.rule.topic,
                    "priority": item.rule.priority.value,
                    "priority_why": item.rule.why,
                    "section": item.rule.source.section,
                    "covers": list(item.rule.covers),
                    "citation": None if item.rule.covers else item.rule.source.document,
                    "in_use": not item.unused,
                    "unused_because": item.unused or None,
                }
                for item in self.rules
            ],
            "facts": list(self.facts),
            "context": self.context or None,
            "conflicts": list(self.conflicts),
        }


def _document(document: SourceDocument) -> dict[str, Any]:
    return {
        "key": document.key,
        "title": document.title,
        "publisher": document.publisher or None,
        "address": document.address or None,
        "date": document.date or None,
        "nature": document.nature or None,
        "status": document.status,
        "version": document.version or None,
        "origin": document.origin,
    }


def reference(name: str, ruleset: Ruleset) -> Reference:
    """What an id stands for, in capitals or not: a fact (`BG-20`), a rule, one from the literature too, or the key of
    a document.

    Raises `RulesetError` for an id that nobody knows, with the nearest one.

    >>> from calcscan.guideline.rules.ruleset import load_ruleset
    >>> reference("bg-20", load_ruleset()).rules[0].rule.id
    'bg-mineral-labs'
    """
    shipped = ruleset_of(RulesChoice(literature=True))
    every = ruleset_of(replace(ruleset.choice, without=(), literature=True))
    rules = list({rule.where: rule for rule in (*every.rules, *shipped.rules)}.values())
    documents = {document.key: document for document in every.documents}
    owner = {fact: document for document in documents.values() for fact in document.facts}
    wanted = name.strip().casefold()
    stated = {
        rule.where: StatedBy(rule=rule, text=_text(rule, ruleset), unused=_unused(rule, ruleset, rules))
        for rule in rules
    }
    for fact, document in owner.items():
        if fact.casefold() == wanted:
            return Reference(
                id=fact,
                kind="fact",
                document=document,
                rules=tuple(stated[rule.where] for rule in rules if fact in rule.covers),
                facts=(fact,),
                context=every.context.get(fact, ""),
                conflicts=_conflicts([fact], every),
            )
    named = [rule for rule in rules if rule.id.casefold() == wanted]
    if named:
        named.sort(key=lambda rule: bool(stated[rule.where].unused))
        return Reference(
            id=named[0].id,
            kind="rule",
            document=_of_rule(named[0], documents.values()),
            rules=tuple(stated[rule.where] for rule in named),
            facts=named[0].covers,
            context="",
            conflicts=_conflicts(named[0].covers, every),
        )
    for key, document in documents.items():
        if key.casefold() == wanted:
            own = [rule for rule in rules if _of_rule(rule, documents.values()) is document]
            return Reference(
                id=key,
                kind="document",
                document=document,
                rules=tuple(stated[rule.where] for rule in own),
                facts=document.facts,
                context="",
                conflicts=_conflicts(document.facts, every),
            )
    known = [*owner, *(rule.id for rule in rules), *documents]
    hint = nearest(name, known, f"the documents are {', '.join(documents)}")
    raise RulesetError(f"nothing is called {name!r}", where="--source", hint=hint)


def _text(rule: Rule, ruleset: Ruleset) -> str:
    """What a rule says when nothing is known yet."""
    asks = listed([label(ask[0], ruleset.vocabulary) for ask in rule.asks])
    return rule.text.replace("{asks}", asks).replace("{sites}", "the place")


def _unused(rule: Rule, ruleset: Ruleset, rules: Iterable[Rule]) -> str:
    if any(rule.where == used.where for used in ruleset.rules):
        return ""
    for other in rules:
        if other.replaces == rule.id and other.where != rule.where:
            return f"replaced by {other.id}"
    return "left out" if rule.id in ruleset.left_out else "from the literature: used with --literature"


def _of_rule(rule: Rule, documents: Iterable[SourceDocument]) -> SourceDocument:
    """The document in whose file a rule stands."""
    return next(document for document in documents if document.key == rule.document)


def _conflicts(facts: Iterable[str], ruleset: Ruleset) -> tuple[str, ...]:
    wanted = set(facts)
    return tuple(
        item.id for item in ruleset.divergences if any(wanted.intersection(side.covers) for side in item.sides)
    )


def reference_text(item: Reference, width: int) -> str:
    """The same as text."""
    document = item.document
    about = [document.publisher, document.address, document.date, document.nature, document.status]
    lines = [item.id if item.kind != "document" else f"document {item.id}", *_fold(document.title, "  ", width)]
    lines += _fold("; ".join(part for part in dict.fromkeys(about) if part), "  ", width)
    if item.kind == "document":
        lines += _fold(f"facts: {', '.join(item.facts) or 'none: each rule has its own citation'}", "  ", width)
    if item.context:
        lines += _fold(f"no rule, because it is context: {item.context}", "  ", width)
    for stated in item.rules:
        rule = stated.rule
        covers = f" [{', '.join(rule.covers)}]" if rule.covers else ""
        unused = f" (not in use: {stated.unused})" if stated.unused else ""
        lines += ["", *_fold(f"{rule.id}{unused}: {stated.text}{covers}", "  ", width)]
        if item.kind != "document":
            source = f"{rule.source.document}, " if not rule.covers else ""
            lines += _fold(f"section: {source}{rule.source.section}", "      ", width)
            lines += _fold(f"{rule.priority.value}: {rule.why}", "      ", width)
    if item.conflicts:
        lines += ["", *_fold(f"in conflict with other sources: {', '.join(item.conflicts)}", "  ", width)]
    return "\n".join(lines) + "\n"


def _fold(text: str, indent: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent + "    ", break_long_words=False)
