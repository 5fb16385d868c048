"""What `calcscan guide` writes for other systems, and all rules as a page or as FHIR."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from calcscan.cli import rules, terminal
from calcscan.errors import FactsError

if TYPE_CHECKING:
    from calcscan.guideline import Guidance, Ruleset


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("for other systems").add_argument
    add("--export", choices=("cards", "fhir", "rules"), help="write CDS Hooks cards, FHIR R4, or the rules as FHIR R4")
    add("--subject", default="", metavar="REFERENCE", help="with --export: whom it is about, such as Patient/1")
    add("--effective", default="", metavar="DATE", help="with --export fhir: when the person was examined")
    add("--transaction", action="store_true", help="with --export fhir: a transaction, not a collection")
    add("--format", choices=("markdown", "html"), help="write all rules as a readable page; takes no FACTS")
    add("--cases", action="append", default=[], metavar="FILE", help="with --format, --export rules: cases to add")


def asked(args: argparse.Namespace) -> bool:
    """Whether the rules themselves were asked for, which takes no facts."""
    return args.format is not None or args.export == "rules"


def main(args: argparse.Namespace) -> int:
    """All rules, as a page or as FHIR. Raises `RulesetError`."""
    from calcscan.guideline.export.handbook import handbook
    from calcscan.guideline.export.plan_definition import plan_definitions
    from calcscan.guideline.export.rule_cases import written_cases

    ruleset, written = rules.chosen(args), written_cases(args.cases)
    if args.format:
        terminal.write_text(handbook(ruleset, args.format, written))
    else:
        terminal.write_text(terminal.as_json(plan_definitions(ruleset, written)))
    return 0


def exported(args: argparse.Namespace, guidance: Guidance, facts: dict[str, Any], ruleset: Ruleset) -> str:
    """Guidance for another system. Raises `FactsError` for a subject or a time that is none."""
    from calcscan.guideline.export.cds_hooks import cards
    from calcscan.guideline.export.fhir import fhir

    try:
        if args.export == "cards":
            return terminal.as_json(cards(guidance, facts, subject=args.subject, rules=ruleset))
        bundle = fhir(
            guidance,
            facts,
            subject=args.subject,
            transaction=args.transaction,
            effective=args.effective,
            rules=ruleset,
        )
    except ValueError as error:
        option, _, what = str(error).partition(": ")
        raise FactsError(what, where=f"--{option}") from error
    return terminal.as_json(bundle)
