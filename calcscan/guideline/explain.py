"""Why a rule holds, does not hold, or can't be decided: its conditions as a tree, each with its value and origin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from calcscan.guideline.engine import build_case, guide
from calcscan.guideline.facts.case import STATED, Case
from calcscan.guideline.facts.statements import Value
from calcscan.guideline.facts.vocabulary import Vocabulary, vocabulary
from calcscan.guideline.logic import Truth
from calcscan.guideline.model import Guidance, Source, State, source_dict
from calcscan.guideline.rules.condition_tree import Leaf, Node, truth
from calcscan.guideline.rules.rule import Rule
from calcscan.guideline.rules.ruleset import Ruleset, as_ruleset


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One condition and what came of it. A leaf has `fact`; a branch has `parts`."""

    question: str
    result: Truth
    fact: str = ""
    value: Value | None = None
    origin: str = ""
    detail: str = ""
    parts: tuple[Explained, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A rule with its evaluated conditions and its source."""

    rule: str
    text: str
    result: Truth
    tree: Explained
    unless: Explained | None
    """What would rule it out, if known."""
    outcome: str
    """What becomes of it: suggested, done or held back, with what, or why it does not apply."""
    covers: tuple[str, ...]
    source: Source
    ruleset: str
    version: str
    sha256: str

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, texts and numbers, ready for JSON."""
        plain = asdict(self)
        return plain | {"covers": list(self.covers), "source": source_dict(self.source)}


def question(leaf: Leaf, words: Vocabulary | None = None) -> str:
    """A leaf in words; `words` are the facts in use, else the shipped ones.

    >>> question(Leaf(fact="egfr", key="egfr", op="below", limit=60))
    'estimated glomerular filtration rate below 60 mL/min/1.73 m2'
    """
    kind = (words or vocabulary()).kinds[leaf.fact]
    if leaf.op != "is":
        return f"{kind.label} {leaf.op.replace('_', ' ')} {leaf.limit:g} {kind.unit}"
    label = f"{kind.label}, stated by a person" if leaf.key.endswith(".stated") else kind.label
    if leaf.values == (True,):
        return label
    return f"{label}: {' or '.join('no' if value is False else str(value) for value in leaf.values)}"


_WORDS = {"all": "all of these", "any": "any of these", "not": "not this"}


def _explain(node: Node, case: Case) -> Explained:
    result = truth(node, case.values)
    if isinstance(node, Leaf):
        value = case.values.get(node.key)
        stated = STATED if node.key.endswith(".stated") else case.origins.get(node.key, "")
        return Explained(
            question=question(node, case.words),
            result=result,
            fact=node.fact,
            value=value,
            origin="" if value is None else stated,
            detail=case.details.get(node.key, ""),
        )
    words = node.label or _WORDS.get(node.op, f"at least {node.count} of these")
    return Explained(question=words, result=result, parts=tuple(_explain(part, case) for part in node.parts))


def _outcome(rule_id: str, guidance: Guidance) -> str:
    for item in guidance.recommendations:
        if item.id == rule_id:
            told = f": {item.result or item.held_back_because}" if item.state is not State.SUGGESTED else ""
            return f"{item.state.value.replace('_', ' ')}, {item.priority.value} ({item.priority_why}){told}"
    for out in guidance.not_applicable:
        if out.id == rule_id:
            return f"does not apply: {out.because}"
    return "can't be decided yet"


def explain(
    rule_id: str,
    facts: Mapping[str, object],
    *,
    image: Mapping[str, object] | None = None,
    rulesets: Ruleset | Iterable[str | Path] | None = None,
    literature: bool = False,
    lenient: bool = False,
) -> Explanation:
    """How a rule comes out for these facts. `rule_id` may also be the id of a fact that a rule covers.

    Raises `FactsError`, or `RulesetError` for a rule that does not exist.

    >>> explain("BG-20", {"findings": [{"site": "basal_ganglia", "present": True}]}).result
    True
    """
    ruleset = as_ruleset(rulesets, literature=literature)
    rule: Rule = ruleset.rule(rule_id)
    case = build_case(facts, image, words=ruleset.vocabulary, lenient=lenient)
    tree = _explain(rule.when, case)
    guidance = guide(case, ruleset)
    item = next((item for item in guidance.recommendations if item.id == rule.id), None)
    return Explanation(
        rule=rule.id,
        text=item.text if item else rule.text,
        result=tree.result,
        tree=tree,
        unless=None if rule.unless is None else _explain(rule.unless, case),
        outcome=_outcome(rule.id, guidance),
        covers=rule.covers,
        source=rule.source,
        ruleset=ruleset.name,
        version=ruleset.version,
        sha256=ruleset.sha256,
    )
