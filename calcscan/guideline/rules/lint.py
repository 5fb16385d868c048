"""Checks rules files: every problem, with file and address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from calcscan.errors import RulesetError
from calcscan.guideline.engine import build_case
from calcscan.guideline.facts.vocabulary import knowledge_text
from calcscan.guideline.rules.choice import read_text
from calcscan.guideline.rules.combine import NamedRule, clashes, document_clashes, warning_slips
from calcscan.guideline.rules.condition_tree import truth
from calcscan.guideline.rules.conditions import parse
from calcscan.guideline.rules.divergences import parse_context, parse_divergences
from calcscan.guideline.rules.examples import examples
from calcscan.guideline.rules.limits import with_limits
from calcscan.guideline.rules.local import local_terms
from calcscan.guideline.rules.read import parse_rule, parse_source_document, rule_problems, rules_given
from calcscan.guideline.rules.rule import Rule, SourceDocument
from calcscan.guideline.rules.ruleset import load_ruleset
from calcscan.guideline.rules.shipped import shipped_texts
from calcscan.guideline.rules.tables import load_toml
from calcscan.guideline.rules.terms import Terms, concepts, shipped_terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something to mend in a rules file."""

    where: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f" ({self.hint})" if self.hint else "")


def _problem(error: RulesetError) -> Problem:
    return Problem(where=error.where, what=error.what, hint=error.hint)


def _comes_out(rule: Rule, wanted: bool, terms: Terms) -> bool:
    words = with_limits(terms, [rule.when]).vocabulary
    found = examples(rule.when, wanted, words)
    return any(truth(rule.when, build_case(facts, words=words).values) is wanted for facts in found)


def _reach(rule: Rule, terms: Terms) -> Iterator[Problem]:
    """Rules that contradict themselves, and rules that hold whatever the facts."""
    if not _comes_out(rule, True, terms):
        yield Problem(where=f"{rule.where}.when", what="unreachable: its conditions contradict each other")
    if not _comes_out(rule, False, terms):
        yield Problem(where=f"{rule.where}.when", what="never fails: it holds whatever the facts are")


def _coverage(document: SourceDocument, rules: Iterable[Rule], context: Iterable[str], name: str) -> Iterator[Problem]:
    covered = Counter(fact for rule in rules for fact in rule.covers)
    for fact in document.facts:
        times = covered[fact] + (fact in context)
        if times == 0:
            yield Problem(where=f"{name}: document.facts", what=f"{fact} is neither a rule nor context")
        elif times > 1 and fact not in document.stated_twice:
            yield Problem(
                where=f"{name}: document.facts", what=f"{fact} is covered {times} times", hint="see stated_twice"
            )


def _twins(rules: Iterable[Rule]) -> Iterator[Problem]:
    seen: dict[str, Rule] = {}
    for rule in rules:
        if rule.id in seen:
            yield Problem(where=rule.where, what=f"a second rule called {rule.id!r}", hint=seen[rule.id].where)
        seen.setdefault(rule.id, rule)


def _same_words(rules: Iterable[Rule]) -> Iterator[Problem]:
    said: dict[tuple[str, tuple[tuple[str, ...], ...]], Rule] = {}
    for rule in rules:
        words = rule.text, rule.asks
        if words in said:
            yield Problem(where=rule.where, what=f"says the same as {said[words].id!r}")
        said.setdefault(words, rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A rules file, as far as it could be read."""

    name: str
    table: Mapping[str, Any]
    document: SourceDocument | None
    problems: list[Problem] = field(default_factory=list)


def _read(name: str, text: str, *, local: bool) -> _File:
    problems: list[Problem] = []
    table: Mapping[str, Any] = {}
    document = None
    try:
        table = load_toml(text, name)
        document = parse_source_document(table.get("document"), f"{name}: document", local=local)
    except RulesetError as error:
        problems.append(_problem(error))
    return _File(name=name, table=table, document=document, problems=problems)


_NO_DOCUMENT = SourceDocument(
    key="", title="", publisher="", address="", nature="", date="", status="", version="", facts=(), stated_twice=(),
    origin="local", general=False,
)  # fmt: skip


def _rules(file: _File, terms: Terms, context: Iterable[str]) -> list[Rule]:
    """The rules that can be taken; what is wrong with the others, and with these, is added to the file's problems."""
    rules: list[Rule] = []
    try:
        given = rules_given(file.table, file.name)
    except RulesetError as error:
        file.problems.append(_problem(error))
        return []
    sound = not file.problems
    for number, entry in enumerate(given):
        where = f"{file.name}: rule[{number}]"
        document = file.document or _NO_DOCUMENT
        found = [_problem(error) for error in rule_problems(entry, document, where, number, terms)]
        if not found:
            try:
                rules.append(parse_rule(entry, document, where, number, terms))
            except RulesetError as error:
                found = [_problem(error)]
        uncovered = file.document is None
        file.problems.extend(one for one in found if not (uncovered and "the document has no fact" in one.what))
        sound = sound and not found
    file.problems.extend(problem for rule in rules for problem in _reach(rule, terms))
    if sound and file.document is not None:
        file.problems.extend(_coverage(file.document, rules, context, file.name))
    return rules


def _shared_files() -> Iterator[Problem]:
    """The concepts of the vocabulary, and the conflicts."""
    for name, concept in concepts().items():
        try:
            parse(concept, f"concepts.toml: {name}", shipped_terms())
        except RulesetError as error:
            yield _problem(error)
    try:
        parse_divergences(knowledge_text("rules/conflicts.toml"), "conflicts.toml")
    except RulesetError as error:
        yield _problem(error)


def lint(paths: Iterable[str | Path] = (), *, literature: bool = False) -> list[Problem]:
    """Every problem in the rules files named, or in the shipped ones if none is: what the loader would refuse, rules
    without a source, unknown facts, rules that can't be reached or can't fail, doubles, clashes with the shipped rules
    (those from the literature among them, if `literature`), and facts that no rule covers.

    >>> lint()
    []
    """
    names = [str(path) for path in paths]
    texts, problems = _texts(names) if names else (shipped_texts(literature=True), list(_shared_files()))
    files = [_read(name, text, local=bool(names)) for name, text in texts.items()]
    slips: list[RulesetError] = []
    terms = local_terms({file.name: file.table for file in files}, slips)
    problems += [_problem(error) for error in slips]
    context = parse_context(load_toml(knowledge_text("rules/context.toml"), "context.toml"), "context.toml")
    rules = [rule for file in files for rule in _rules(file, terms, context)]
    problems += [problem for file in files for problem in file.problems]
    if names:
        every = load_ruleset(literature=literature)
        shipped, documents = every.rules, [(file.name, file.document) for file in files if file.document is not None]
        problems += map(_problem, document_clashes(documents, every.documents))
        problems += map(_problem, warning_slips(rules, [*shipped, *rules]))
        named = [named for file in files for named in _named(file)]
        problems += map(_problem, clashes(named, shipped, {rule.id for rule in shipped}))
        return problems + list(_same_words(rules))
    return [*problems, *_twins(rules), *_same_words(rules)]


def _named(file: _File) -> Iterator[NamedRule]:
    """What the rules of a file are called, also those that can't be taken."""
    given = file.table.get("rule", [])
    for number, rule in enumerate(given if isinstance(given, list) else []):
        if isinstance(rule, Mapping) and isinstance(rule.get("id"), str):
            where = f"{file.name}: rule[{number}] {rule['id']}"
            yield NamedRule(id=rule["id"], replaces=str(rule.get("replaces", "")), where=where)


def _texts(names: Iterable[str]) -> tuple[dict[str, str], list[Problem]]:
    """The texts of files by name, and those that can't be read."""
    texts, problems = {}, []
    for name in names:
        try:
            texts[name] = read_text(Path(name))
        except RulesetError as error:
            problems.append(_problem(error))
    return texts, problems
