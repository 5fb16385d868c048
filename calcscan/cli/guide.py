"""`calcscan guide`: the guideline logic on a facts file."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calcscan.cli import terminal
from calcscan.errors import FactsError, RulesetError

if TYPE_CHECKING:
    from calcscan.guideline import Guidance, Ruleset


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `calcscan guide`."""
    parser.description = "What to consider for one person, why, and what else would be worth knowing."
    add = parser.add_argument
    add("facts", nargs="?", metavar="FACTS", help="facts in YAML, TOML or JSON; - is the standard input")
    add("--json", action="store_true", help="write the report's guideline object")
    add("--all", action="store_true", help="write everything behind the page as well")
    add("--export", choices=("cards", "fhir", "rules"), help="write CDS Hooks cards, FHIR R4, or the rules as FHIR R4")
    add("--format", choices=("markdown", "html"), help="write all rules as a readable page; takes no FACTS")
    add("--cases", action="append", default=[], metavar="FILE", help="with --format, --export rules: cases to add")
    add("--subject", default="", metavar="REFERENCE", help="with --export: whom it is about, such as Patient/1")
    add("--transaction", action="store_true", help="with --export fhir: a transaction, not a collection")
    add("--explain", metavar="RULE_ID", help="show how one rule (or the rule for a fact id) comes out")
    add("--lint", nargs="?", const="", metavar="FILE", help="check the rules, or one rules file, and stop")
    add("--rules", action="append", default=[], metavar="FILE", help="rules to use beside the shipped ones")
    add("--without", action="append", default=[], metavar="RULE_ID", help="leave a rule out")
    add("--literature", action="store_true", help="also use rules from the literature beyond the documents")


def main(args: argparse.Namespace) -> int:
    """Runs it. 0 done, 1 `--lint` found problems, 2 facts or rules that can't be taken."""
    try:
        if args.lint is not None:
            return _lint(args)
        if args.format or args.export == "rules":
            terminal.write_text(_rules(args))
            return 0
        if args.facts is None:
            print("calcscan guide: no FACTS: give a facts file, or - for the standard input", file=sys.stderr)
            return 2
        terminal.write_text(_answer(args))
    except (FactsError, RulesetError) as error:
        print(terminal.shown(f"calcscan guide: {error}"), file=sys.stderr)
        return 2
    return 0


def _answer(args: argparse.Namespace) -> str:
    from calcscan.guideline import load_facts, recommend
    from calcscan.guideline.explain import explain
    from calcscan.guideline.export.text import WIDTH, render, render_explanation
    from calcscan.guideline.rules.ruleset import load_ruleset

    width = max(60, min(shutil.get_terminal_size((WIDTH, 24)).columns, 140))
    facts = load_facts(args.facts)
    rules = load_ruleset(args.rules, literature=args.literature).without(args.without)
    try:
        if args.explain:
            explanation = explain(args.explain, facts, rulesets=rules)
            return _json(explanation.to_dict()) if args.json else render_explanation(explanation, width)
        guidance = recommend(facts, rulesets=rules)
    except FactsError as error:
        raise FactsError(error.what, where=f"{args.facts}: {error.where}", hint=error.hint) from error
    if args.export:
        return _json(_exported(args, guidance, facts, rules))
    return _json(guidance.to_dict()) if args.json else render(guidance, width, everything=args.all)


def _rules(args: argparse.Namespace) -> str:
    """All rules, as a page or as FHIR."""
    from calcscan.guideline.export.handbook import handbook
    from calcscan.guideline.export.plan_definition import plan_definitions
    from calcscan.guideline.export.rule_cases import written_cases
    from calcscan.guideline.rules.ruleset import load_ruleset

    rules = load_ruleset(args.rules, literature=args.literature).without(args.without)
    written = written_cases(args.cases)
    return handbook(rules, args.format, written) if args.format else _json(plan_definitions(rules, written))


def _exported(args: argparse.Namespace, guidance: Guidance, facts: dict[str, Any], rules: Ruleset) -> object:
    """Guidance for another system."""
    from calcscan.guideline.export.cds_hooks import cards
    from calcscan.guideline.export.fhir import fhir

    try:
        if args.export == "cards":
            return cards(guidance, facts, subject=args.subject)
        return fhir(guidance, facts, subject=args.subject, transaction=args.transaction, rules=rules)
    except ValueError as error:
        raise FactsError(str(error), where="--subject") from error


def _json(plain: object) -> str:
    return json.dumps(plain, indent=2) + "\n"


def _lint(args: argparse.Namespace) -> int:
    from calcscan.guideline.rules.lint import lint

    problems = lint([Path(args.lint)] if args.lint else [Path(path) for path in args.rules])
    for problem in problems:
        print(problem)
    if not problems:
        print("no problems found")
    return 1 if problems else 0
