"""What `calcscan guide` tells of itself, without facts: the vocabulary, the sources, an example of a rules file, and
problems in rules files."""

from __future__ import annotations

import argparse

from calcscan.cli import rules, terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("about the guideline itself, without FACTS").add_argument
    add(
        "--facts",
        dest="list_facts",
        nargs="?",
        const="",
        metavar="WORD",
        help="list the facts that can be told, with units, other names and ranges, or those that hold a word",
    )
    add("--source", metavar="ID", help="show the document behind the id of a fact or a rule, or all of one document")
    add("--lint", nargs="?", const="", metavar="FILE", help="check the rules, or one rules file, and stop")
    add("--example-rules", action="store_true", help="write an example of a rules file of your own")


def asked(args: argparse.Namespace) -> bool:
    """Whether one of these was asked for."""
    return args.list_facts is not None or args.source is not None or args.lint is not None or args.example_rules


def main(args: argparse.Namespace) -> int:
    """0 done, 1 `--lint` found problems. Raises `RulesetError`."""
    if args.lint is not None:
        return _lint(args)
    if args.example_rules:
        from calcscan.guideline.facts.vocabulary import knowledge_text

        terminal.write_text(knowledge_text("rules/example.toml"))
    elif args.source is not None:
        from calcscan.guideline.reference.sources import reference, reference_text

        found = reference(args.source, rules.chosen(args))
        terminal.write_text(terminal.as_json(found.to_dict()) if args.json else reference_text(found, terminal.width()))
    else:
        return _facts(args)
    return 0


def _facts(args: argparse.Namespace) -> int:
    from calcscan.errors import FactsError
    from calcscan.guideline.facts.vocabulary import nearest
    from calcscan.guideline.reference.facts import facts_text, listed_facts

    terms = rules.chosen(args).terms
    tables = listed_facts(terms, args.list_facts)
    if not any(tables.values()):
        hint = nearest(args.list_facts, terms.vocabulary.kinds, "calcscan guide --facts lists all")
        raise FactsError(f"no fact holds {args.list_facts!r}", where="--facts", hint=hint)
    terminal.write_text(terminal.as_json(tables) if args.json else facts_text(tables, terminal.width()))
    return 0


def _lint(args: argparse.Namespace) -> int:
    from calcscan.guideline.rules.lint import lint

    problems = lint([args.lint] if args.lint else args.rules, literature=args.literature)
    terminal.write_text("".join(f"{problem}\n" for problem in problems) or "no problems found\n")
    return 1 if problems else 0
