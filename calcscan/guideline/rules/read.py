"""Rules files: from TOML to frozen rules. Every problem has a file and an address."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from calcscan.errors import RulesetError
from calcscan.guideline.rules.conditions import problems_in
from calcscan.guideline.rules.rule import Rule, RulesFile, SourceDocument
from calcscan.guideline.rules.rule_fields import FIELDS, GivenRule
from calcscan.guideline.rules.safety import check_safety, check_warned
from calcscan.guideline.rules.tables import OTHER_WORDS, known_keys, load_toml, text_of, texts_of, unknown_keys, yes_no
from calcscan.guideline.rules.terms import Terms, shipped_terms

_DOCUMENT_KEYS = (
    "key", "title", "publisher", "address", "nature", "date", "status", "version", "facts", "origin", "stated_twice",
    "general",
)  # fmt: skip
_RULE_KEYS = (
    "id", "topic", "kind", "priority", "why", "raise", "covers", "section", "sites", "text", "page_text", "on_page",
    "off_page", "answer", "asks", "uses", "cautions", "reassures", "when", "unless", "hold_back", "intervention",
    "citation", "replaces",
)  # fmt: skip


def parse_source_document(given: object, where: str, *, local: bool = False) -> SourceDocument:
    """The `[document]` table of a rules file; of one that calcscan doesn't ship, if `local`."""
    if given is None:
        hint = "write [document] with key, title and status"
        raise RulesetError("a rules file without its document", where=where, hint=hint)
    table = known_keys(given, _DOCUMENT_KEYS, where)
    origin = table.get("origin", "local")
    if local and origin != "local":
        hint = "leave it out: the others are for what calcscan ships"
        raise RulesetError(f"origin {origin!r}", where=f"{where}.origin", hint=hint)
    return SourceDocument(
        key=text_of(table, "key", where),
        title=text_of(table, "title", where),
        publisher=str(table.get("publisher", "")),
        address=str(table.get("address", "")),
        nature=str(table.get("nature", "")),
        date=str(table.get("date", "")),
        status=text_of(table, "status", where),
        version=str(table.get("version", "")),
        facts=texts_of(table, "facts", where),
        stated_twice=texts_of(table, "stated_twice", where),
        origin=str(origin),
        general=yes_no(table, "general", where),
    )


_CONDITIONS = ("when", "unless", "on_page", "off_page")


def parse_rule(
    given: object, document: SourceDocument, where: str, number: int = 0, terms: Terms | None = None
) -> Rule:
    """One `[[rule]]` of a rules file. `terms` are the names that it may use, else the shipped ones.

    Raises `RulesetError`, with the address, for what is unknown, missing, without a source, or past a guard;
    `rule_problems` lists all of them.
    """
    table = known_keys(given, _RULE_KEYS, where)
    name = text_of(table, "id", where)
    reading = GivenRule(table, document, f"{where} {name}", number, terms or shipped_terms())
    rule = Rule(**{field: read(reading) for field, read in FIELDS.items()})
    answer = rule.answer.text if rule.answer else ""
    said = " ".join([rule.text, rule.page_text or "", answer])
    check_safety(rule.when, said, rule.intervention, rule.sites, rule.where)
    check_warned(said, rule.uses, rule.cautions, rule.where)
    return rule


def rule_problems(
    given: object, document: SourceDocument, where: str, number: int, terms: Terms
) -> Iterator[RulesetError]:
    """Everything in a `[[rule]]` that can't be taken, each once."""
    if not isinstance(given, Mapping):
        yield RulesetError("not a table", where=where)
        return
    yield from unknown_keys(given, _RULE_KEYS, where)
    name = given.get("id")
    reading = GivenRule(given, document, f"{where} {name}" if isinstance(name, str) and name else where, number, terms)
    seen: set[str] = set()  # problems, and addresses at which none is to be listed
    misnamed = {OTHER_WORDS.get(key) for key in given if key not in _RULE_KEYS} - given.keys()
    seen |= {f"{reading.where}.{key}" for key in misnamed}
    for field, read in FIELDS.items():
        try:
            read(reading)
        except RulesetError as error:
            several = field in _CONDITIONS and isinstance(given.get(field), Mapping)
            found = list(problems_in(given[field], f"{reading.where}.{field}", terms)) if several else [error]
            for each in found:
                if seen.isdisjoint((str(each), each.where)):
                    seen.add(str(each))
                    yield each


def rules_given(table: Mapping[str, Any], name: str) -> list[Any]:
    """The `[[rule]]` tables of a rules file, unread."""
    given = table.get("rule", [])
    if not isinstance(given, list):
        raise RulesetError("'rule' is not a list of tables", where=name, hint="write [[rule]]")
    return given


def parse_rules(text: str, name: str, terms: Terms | None = None, *, local: bool = False) -> RulesFile:
    """A whole rules file. `name` is what errors call it; `terms` are the names that its rules may use; `local` is one
    that calcscan doesn't ship.

    Raises `RulesetError` at the first problem; `lint` lists all of them.
    """
    table = load_toml(text, name)
    document = parse_source_document(table.get("document"), f"{name}: document", local=local)
    rules = tuple(
        parse_rule(rule, document, f"{name}: rule[{n}]", n, terms) for n, rule in enumerate(rules_given(table, name))
    )
    return RulesFile(document=document, rules=rules)
