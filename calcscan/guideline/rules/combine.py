"""The shipped rules and a hospital's own as one list: what is replaced, what is left out, and what clashes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from calcscan.errors import RulesetError
from calcscan.guideline.facts.vocabulary import nearest
from calcscan.guideline.rules.rule import Rule, RulesFile, SourceDocument
from calcscan.guideline.rules.shipped import literature_ids


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedRule:
    """What a rule is called, which rule it replaces, and where it stands."""

    id: str
    replaces: str
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Combined:
    """The rules in use by id, those added with their file, the ids left out, and the names that stood for them."""

    kept: tuple[Rule, ...]
    added: tuple[str, ...]
    left_out: tuple[str, ...]
    found: frozenset[str]


def combined(shipped: Sequence[RulesFile], local: Sequence[tuple[str, RulesFile]], without: Iterable[str]) -> Combined:
    """`local` are the other files, each with its name. An id in `without` is the shipped rule's where there is one,
    else the local one's; that of a fact stands for the first rule that covers it.

    Raises `RulesetError` where an id is there twice, or a rule replaces one that isn't there.
    """
    ours = [rule for file in shipped for rule in file.rules]
    theirs = [rule for _, file in local for rule in file.rules]
    meant = {name: _meant(name, ours) or _meant(name, theirs) for name in without}
    dropped = {rule.where for rule in meant.values() if rule is not None}
    theirs = [rule for rule in theirs if rule.where not in dropped]
    for error in clashes(theirs, [rule for rule in ours if rule.where not in dropped], {rule.id for rule in ours}):
        raise error
    for error in warning_slips(theirs, [*ours, *theirs]):
        raise error
    replaced = {rule.replaces for rule in theirs}
    kept = [rule for rule in ours if rule.where not in dropped and rule.id not in replaced] + theirs
    return Combined(
        kept=tuple(sorted(kept, key=lambda rule: rule.id)),
        added=tuple(line for name, file in local for line in _added(name, file, dropped)),
        left_out=tuple(sorted({rule.id for rule in meant.values() if rule is not None})),
        found=frozenset(name for name, rule in meant.items() if rule is not None),
    )


def clashes(theirs: Sequence[Rule | NamedRule], ours: Sequence[Rule], known: set[str]) -> Iterator[RulesetError]:
    """Ids that are there twice, and rules that replace none of those `known`, the shipped ones."""
    replaced = {rule.replaces for rule in theirs}
    seen: dict[str, Rule | NamedRule] = {rule.id: rule for rule in ours if rule.id not in replaced}
    for rule in theirs:
        if rule.replaces and rule.replaces not in known:
            hint = nearest(rule.replaces, known, "calcscan guide --source DOCUMENT lists the rules of one")
            if rule.replaces in literature_ids():
                hint = "it is a rule from the literature: add --literature"
            what = f"replaces nothing: no shipped rule {rule.replaces!r}"
            yield RulesetError(what, where=f"{rule.where}.replaces", hint=hint)
        if rule.id in known and rule.id in seen:
            hint = f'to take its place write replaces = "{rule.id}", or leave it out with --without {rule.id}'
            yield RulesetError(f"{rule.id!r} is the id of a shipped rule", where=f"{rule.where}.id", hint=hint)
        elif rule.id in seen:
            hint = f"the other is {seen[rule.id].where}"
            yield RulesetError(f"a second rule called {rule.id!r}", where=rule.where, hint=hint)
        seen.setdefault(rule.id, rule)


def document_clashes(
    theirs: Iterable[tuple[str, SourceDocument]], ours: Iterable[SourceDocument]
) -> Iterator[RulesetError]:
    """Keys of documents, and ids of facts, that are there twice. `theirs` are with the names of their files."""
    keys, facts = dict[str, str](), dict[str, str]()
    for document in ours:
        keys[document.key] = "calcscan"
        facts |= dict.fromkeys(document.facts, f"the document {document.key!r}")
    for name, document in theirs:
        if document.key in keys:
            hint = f"that of {keys[document.key]} has this key: choose another"
            yield RulesetError(f"a second document {document.key!r}", where=f"{name}: document.key", hint=hint)
        for fact in document.facts:
            if fact in facts:
                hint = f"it is a fact of {facts[fact]}: number your own facts, such as {document.key.upper()}-01"
                yield RulesetError(f"a second fact {fact!r}", where=f"{name}: document.facts", hint=hint)
        keys.setdefault(document.key, name)
        facts = dict.fromkeys(document.facts, f"the document {document.key!r}") | facts


def warning_slips(theirs: Iterable[Rule], every: Iterable[Rule]) -> Iterator[RulesetError]:
    """What rules use and nothing warns of, and cautions about what nothing uses: a slip would lose the warning."""
    rules = list(every)
    cautions, uses = {rule.cautions for rule in rules} - {""}, {use for rule in rules for use in rule.uses}
    for rule in theirs:
        for use in rule.uses:
            if use not in cautions:
                yield RulesetError(f"nothing warns of {use!r}", where=f"{rule.where}.uses", hint=nearest(use, cautions))
        if rule.cautions and rule.cautions not in uses:
            hint = nearest(rule.cautions, uses)
            yield RulesetError(f"nothing uses {rule.cautions!r}", where=f"{rule.where}.cautions", hint=hint)


def _meant(name: str, rules: Sequence[Rule]) -> Rule | None:
    by_id = (rule for rule in rules if rule.id == name)
    covering = (rule for rule in rules if name in rule.covers)
    return next(by_id, None) or next(covering, None)


def _added(name: str, file: RulesFile, dropped: set[str]) -> Iterator[str]:
    """One line for each rule: its file (without folders, which may name people), its id, and what it replaces."""
    for rule in file.rules:
        if rule.where not in dropped:
            instead = f" (replaces {rule.replaces})" if rule.replaces else ""
            yield f"{PurePath(name).name}: {rule.id}{instead}"


def rules_in_words(added: Iterable[str], left_out: Sequence[str]) -> list[str]:
    """What was added (`Combined.added`) and left out, in short: each file once, and the rules that replace another.

    >>> rules_in_words(["ours.toml: a", "ours.toml: b (replaces c)"], ["d"])
    ['with ours.toml (b replaces c)', 'without d']
    """
    files: dict[str, list[str]] = {}
    for line in added:
        file, _, rule = line.partition(": ")
        files.setdefault(file, [])
        if rule.endswith(")"):
            files[file].append(rule.replace(" (", " ").removesuffix(")"))
    named = [file + (f" ({', '.join(rules)})" if rules else "") for file, rules in files.items()]
    return [f"with {', '.join(named)}"] * bool(named) + [f"without {', '.join(left_out)}"] * bool(left_out)
