"""All rules as a readable page: by document and site, each with its conditions, its source and its test cases."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import calcscan
from calcscan.guideline.export.condition_words import inner, short
from calcscan.guideline.export.pages import Block, Fold, Heading, Item, Items, Text, html_page, markdown_page
from calcscan.guideline.export.rule_cases import WrittenCase, about, document_of, rule_cases, stated, whole_text
from calcscan.guideline.facts.vocabulary import Vocabulary, vocabulary
from calcscan.guideline.model import DISCLAIMER
from calcscan.guideline.rules.condition_tree import Branch, Leaf, Node
from calcscan.guideline.rules.conditions import sites_of
from calcscan.guideline.rules.rule import Rule, SourceDocument
from calcscan.guideline.rules.ruleset import Ruleset
from calcscan.guideline.wording import label, listed, sentence

_TITLE = "calcscan: the rules"


def handbook(ruleset: Ruleset, form: str = "html", written: Sequence[WrittenCase] = ()) -> str:
    """Every rule of a ruleset as one page: `form` is `html` or `markdown`. `written` are cases that people wrote.

    >>> from calcscan.guideline import load_ruleset
    >>> handbook(load_ruleset(), "markdown").splitlines()[0]
    '# calcscan: the rules'
    """
    blocks = list(_blocks(ruleset, written))
    return html_page(_TITLE, blocks) if form == "html" else markdown_page(blocks)


def _blocks(ruleset: Ruleset, written: Sequence[WrittenCase]) -> Iterator[Block]:
    by_document: dict[str, list[Rule]] = {document.key: [] for document in ruleset.documents}
    for rule in ruleset.rules:
        by_document[document_of(ruleset, rule).key].append(rule)
    yield Heading(1, _TITLE)
    yield Text(f"{len(ruleset.rules)} rules, {ruleset.name} {ruleset.version} (calcscan {calcscan.__version__}).")
    yield Text(f"sha256 of what is active: {ruleset.sha256}", small=True)
    if ruleset.added:
        yield Text(", ".join(ruleset.added), lead="Added:")
    if ruleset.left_out:
        yield Text(", ".join(ruleset.left_out), lead="Left out:")
    yield Text(DISCLAIMER)
    yield Text(
        "Each rule is a sentence of calcscan's own about what its source says. A rule applies when its condition is "
        "known to hold; as long as it is not known, the rule is undecided. Priorities are calcscan's, not the sources'."
    )
    documents = [document for document in ruleset.documents if by_document[document.key]]
    contents = [
        Item(f"{document.title} ({len(by_document[document.key])})", to=f"document-{document.key}")
        for document in documents
    ]
    others = (("Concepts", "concepts"), ("Where sources disagree", "disagree"), ("Thresholds", "thresholds"))
    yield Items((*contents, *(Item(text, to=to) for text, to in others)))
    for document in documents:
        yield from _document(ruleset, document, by_document[document.key], written)
    yield from _concept_section(ruleset)
    yield from _disagreements(ruleset)
    yield from _thresholds(ruleset)


def _document(
    ruleset: Ruleset, document: SourceDocument, rules: Sequence[Rule], written: Sequence[WrittenCase]
) -> Iterator[Block]:
    yield Heading(2, document.title, f"document-{document.key}")
    told = (("Publisher:", document.publisher), ("What it is:", document.nature or document.status))
    for lead, text in (*told, ("Date:", document.date), ("Address:", document.address)):
        if text:
            yield Text(text, lead=lead)
    if document.general:
        yield Text("It speaks of deposits anywhere: where a site has a document of its own, that one goes first.")
    by_sites: dict[tuple[str, ...], list[Rule]] = {}
    for rule in sorted(rules, key=lambda rule: rule.number):
        by_sites.setdefault(rule.sites, []).append(rule)
    for sites, of_sites in by_sites.items():
        yield Heading(3, sentence(listed([_site(site) for site in sites])))
        for rule in of_sites:
            yield from _rule(ruleset, rule, written)


def _site(name: str) -> str:
    """A site by its label, a group by its name and its sites."""
    words = vocabulary()
    if name in words.sites:
        return words.sites[name].label
    members = [words.sites[site].label for site in sites_of(name, name)]
    return f"{name.replace('_', ' ')} ({', '.join(members)})"


def _rule(ruleset: Ruleset, rule: Rule, written: Sequence[WrittenCase]) -> Iterator[Block]:
    source = rule.source
    yield Heading(4, whole_text(ruleset, rule), f"rule-{rule.id}")
    topic = ruleset.layout.topics[rule.topic].label
    yield Text(f"{rule.id} · {rule.kind.value.replace('_', ' ')} · {topic}", small=True)
    yield Text(f"{rule.priority.value}: {rule.why}", lead="Priority:")
    if rule.raised is not None:
        yield Text(f"{rule.raised.to.value}: {rule.raised.why}", lead="Raised to:")
        yield Items((_tree(rule.raised.when, ruleset.vocabulary),))
    yield from _conditions(ruleset, rule)
    about_it = ", ".join(part for part in (source.publisher, source.date, source.nature or source.status) if part)
    facts = f" [{', '.join(source.facts)}]" if source.facts else ""
    yield Text(f"{source.document} ({about_it}), {source.section}{facts}", lead="Source:")
    if source.address:
        yield Text(source.address, lead="Address:")
    yield Fold("Test cases", tuple(_cases(ruleset, rule, written)))


def _conditions(ruleset: Ruleset, rule: Rule) -> Iterator[Block]:
    words = ruleset.vocabulary
    yield Text("", lead="When:")
    yield Items((_tree(rule.when, words),))
    if rule.unless is not None:
        yield Text("", lead="Unless it is known that:")
        yield Items((_tree(rule.unless, words),))
    if rule.hold_back is not None:
        yield Text(rule.hold_back.why, lead="Held back:")
        yield Items((_tree(rule.hold_back.when, words),))
    if rule.asks:
        asked = [" or ".join(label(path, words) for path in ask) for ask in rule.asks]
        yield Text(f"{listed(asked)} (done once these are known)", lead="Asks for:")
    if rule.answer is not None:
        yield Text(f"{rule.answer.text} (rank {rule.answer.rank})", lead="May answer what it means:")
    if rule.on_page is False:
        yield Text("behind the page, with --all", lead="Shown:")
    for lead, node in (*_answer_conditions(rule), *_page_conditions(rule)):
        yield Text("", lead=lead)
        yield Items((_tree(node, words),))
    if rule.reassures:
        yield Text("Symptoms, abnormal values, known disorders and contradictions block it.", lead="It reassures:")
    if rule.uses:
        yield Text(f"{listed(rule.uses)}; cautions about it stand beside the rule", lead="Uses:")
    if rule.cautions:
        yield Text(f"{rule.cautions}; shown with the rules that use it", lead="A caution about:")


def _answer_conditions(rule: Rule) -> list[tuple[str, Node]]:
    answer = rule.answer
    told = (("The answer only where:", answer.only), ("No answer where:", answer.unless)) if answer else ()
    return [(lead, node) for lead, node in told if node is not None]


def _page_conditions(rule: Rule) -> list[tuple[str, Node]]:
    told = (("On the page only where:", rule.on_page), ("Not on the page where:", rule.off_page))
    return [(lead, node) for lead, node in told if isinstance(node, Leaf | Branch)]


def _tree(node: Node, words: Vocabulary) -> Item:
    """A condition as a list; concepts lead to where they are spelt out."""
    if isinstance(node, Branch) and node.label and inner(node):
        return Item(sentence(node.label), to=_concept_id(node))
    return Item(sentence(short(node, words)), tuple(_tree(part, words) for part in inner(node)))


def _concept_id(node: Branch) -> str:
    return "concept-" + re.sub(r"\W+", "-", node.label.lower()).strip("-")


def _concepts(nodes: Iterable[Node]) -> dict[str, Branch]:
    """Every concept that conditions name, those within others among them, by its label."""
    found: dict[str, Branch] = {}
    for node in nodes:
        if isinstance(node, Branch):
            found |= {node.label: node} if node.label and inner(node) else {}
            found |= _concepts(node.parts)
    return dict(sorted(found.items()))


def _conditions_of(ruleset: Ruleset) -> Iterator[Node]:
    for rule in ruleset.rules:
        yield rule.when
        others = [rule.unless]
        others += [raised.when for raised in (rule.raised, rule.hold_back) if raised is not None]
        yield from (node for node in others if node is not None)
        yield from (node for _, node in (*_answer_conditions(rule), *_page_conditions(rule)))
    yield from (item.when for item in ruleset.divergences)


def _concept_section(ruleset: Ruleset) -> Iterator[Block]:
    yield Heading(2, "Concepts", "concepts")
    for text, node in _concepts(_conditions_of(ruleset)).items():
        yield Heading(4, sentence(text), _concept_id(node))
        yield Items((_tree(Branch(op=node.op, parts=node.parts, count=node.count), ruleset.vocabulary),))


def _cases(ruleset: Ruleset, rule: Rule, written: Sequence[WrittenCase]) -> Iterator[Heading | Text | Items]:
    for case in rule_cases(ruleset, rule):
        yield Text(_facts(case.facts), lead="Applies:" if case.applies else "Is ruled out:")
    lines = [Item(f"{case.who}: {'must come' if comes else 'must not come'}") for case, comes in about(written, rule)]
    if lines:
        yield Items(tuple(lines))


def _facts(facts: Mapping[str, Any]) -> str:
    """Facts in one line: each by its address.

    >>> _facts({"findings": [{"site": "dura", "present": True}], "egfr": 20})
    'findings.dura.present: yes; egfr: 20'
    """
    words = {True: "yes", False: "no"}
    return "; ".join(f"{fact}: {words[v] if isinstance(v, bool) else v}" for fact, v in stated(facts))


def _disagreements(ruleset: Ruleset) -> Iterator[Block]:
    yield Heading(2, "Where sources disagree", "disagree")
    for item in ruleset.divergences:
        yield Heading(4, item.text)
        sides = [f"{side.text} [{', '.join(side.covers)}]" if side.covers else side.text for side in item.sides]
        yield Items(tuple(map(Item, sides)))
        yield Text(item.handling, lead="What calcscan does:")
        yield Fold("Shown when", (Items((_tree(item.when, ruleset.vocabulary),)),))


def _thresholds(ruleset: Ruleset) -> Iterator[Block]:
    yield Heading(2, "Thresholds", "thresholds")
    lines = [f"{t.name}: {t.value:g} {t.unit}. {t.source} ({t.date})" for t in ruleset.vocabulary.thresholds.values()]
    yield Items(tuple(map(Item, lines)))
