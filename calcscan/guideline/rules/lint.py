"""Checks rules files: every problem, with file and address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from calcscan.errors import RulesetError
from calcscan.guideline.engine import build_case
from calcscan.guideline.facts.vocabulary import knowledge_text
from calcscan.guideline.rules.conditions import concepts, parse, truth
from calcscan.guideline.rules.examples import examples
from calcscan.guideline.rules.read import load_toml, parse_rule, parse_source_document
from calcscan.guideline.rules.rule import Rule, SourceDocument
from calcscan.guideline.rules.ruleset import parse_context, parse_divergences, read_text, shipped_texts


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


def _comes_out(rule: Rule, wanted: bool) -> bool:
    return any(truth(rule.when, build_case(facts).values) is wanted for facts in examples(rule.when, wanted))


def _reach(rule: Rule) -> Iterator[Problem]:
    """Rules that contradict themselves, and rules that hold whatever the facts."""
    if not _comes_out(rule, True):
        yield Problem(where=f"{rule.where}.when", what="unreachable: its conditions contradict each other")
    if not _comes_out(rule, False):
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
    said: dict[tuple[str, tuple[tuple[str, ...], ...]], Rule] = {}
    for rule in rules:
        if rule.id in seen:
            yield Problem(where=rule.where, what=f"a second rule called {rule.id!r}", hint=seen[rule.id].where)
        words = rule.text, rule.asks
        if words in said:
            yield Problem(where=rule.where, what=f"says the same as {said[words].id!r}")
        seen.setdefault(rule.id, rule)
        said.setdefault(words, rule)


def _one_file(text: str, name: str, context: Iterable[str]) -> tuple[list[Rule], list[Problem]]:
    rules: list[Rule] = []
    problems: list[Problem] = []
    try:
        table = load_toml(text, name)
        document = parse_source_document(table.get("document"), f"{name}: document")
    except RulesetError as error:
        return [], [_problem(error)]
    given = table.get("rule", [])
    for number, entry in enumerate(given if isinstance(given, list) else [given]):
        try:
            rules.append(parse_rule(entry, document, f"{name}: rule[{number}]"))
        except RulesetError as error:
            problems.append(_problem(error))
    problems += [problem for rule in rules for problem in _reach(rule)]
    if not problems:
        problems += _coverage(document, rules, context, name)
    return rules, problems


def _shared_files() -> Iterator[Problem]:
    """The concepts of the vocabulary, and the conflicts."""
    for name, concept in concepts().items():
        try:
            parse(concept, f"concepts.toml: {name}")
        except RulesetError as error:
            yield _problem(error)
    try:
        parse_divergences(knowledge_text("rules/conflicts.toml"), "conflicts.toml")
    except RulesetError as error:
        yield _problem(error)


def lint(paths: Iterable[str | Path] = ()) -> list[Problem]:
    """Every problem in the rules files named, or in the shipped ones if none is: what the loader would refuse, rules
    without a source, unknown facts, rules that can't be reached or can't fail, doubles, and facts that no rule covers.

    >>> lint()
    []
    """
    files = [Path(path) for path in paths]
    problems = [] if files else list(_shared_files())
    context = parse_context(load_toml(knowledge_text("rules/context.toml"), "context.toml"), "context.toml")
    rules: list[Rule] = []
    texts = {} if files else shipped_texts(literature=True)
    for name in [str(file) for file in files] or list(texts):
        try:
            text = texts[name] if name in texts else read_text(Path(name))
        except RulesetError as error:
            problems.append(_problem(error))
            continue
        read, found = _one_file(text, name, context)
        rules += read
        problems += found
    return problems + list(_twins(rules))
