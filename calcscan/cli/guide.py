"""`calcscan guide`: the guideline logic on a facts file, and what it can be asked about itself."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from calcscan.cli import guide_about, guide_exports, rules, terminal
from calcscan.errors import FactsError, RulesetError

if TYPE_CHECKING:
    from calcscan.guideline import Ruleset


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `calcscan guide`."""
    parser.description = "What to consider for one person, why, and what else would be worth knowing."
    add = parser.add_argument
    add("facts", nargs="?", metavar="FACTS", help="facts in YAML, TOML or JSON; - is the standard input")
    add("--json", action="store_true", help="write the report's guideline object")
    add("--all", action="store_true", help="write everything behind the page as well")
    add("--explain", metavar="RULE_ID", help="show how one rule (or the rule for a fact id) comes out")
    add("--lenient", action="store_true", help="leave out names in FACTS that nobody knows, with a warning")
    rules.add_arguments(parser)
    guide_exports.add_arguments(parser)
    guide_about.add_arguments(parser)


def main(args: argparse.Namespace) -> int:
    """Runs it. 0 done, 1 `--lint` found problems, 2 facts or rules that can't be taken."""
    try:
        if guide_about.asked(args):
            return guide_about.main(args)
        if guide_exports.asked(args):
            return guide_exports.main(args)
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
    from calcscan.guideline.export.text import render, render_explanation

    width = terminal.width()
    ruleset = rules.chosen(args)
    facts = load_facts(args.facts)
    try:
        if args.lenient:
            _warn(args.facts, facts, ruleset)
        if args.explain:
            explanation = explain(args.explain, facts, rulesets=ruleset, lenient=args.lenient)
            return terminal.as_json(explanation.to_dict()) if args.json else render_explanation(explanation, width)
        guidance = recommend(facts, rulesets=ruleset, lenient=args.lenient)
    except FactsError as error:
        raise FactsError(error.what, where=f"{args.facts}: {error.where}", hint=error.hint) from error
    if args.export:
        return guide_exports.exported(args, guidance, facts, ruleset)
    if args.json:
        return terminal.as_json(guidance.to_dict())
    return render(guidance, width, everything=args.all, words=ruleset.vocabulary)


def _warn(file: str, facts: dict[str, object], ruleset: Ruleset) -> None:
    """Names what is left out."""
    from calcscan.guideline.engine import build_case

    for name in build_case(facts, words=ruleset.vocabulary, lenient=True).ignored:
        hint = f": {name.hint}" if name.hint else ""
        line = f"calcscan guide: warning: {name.what}, left out [{file}: {name.where}]{hint}"
        print(terminal.shown(line), file=sys.stderr)
