"""The rules themselves as FHIR R4: a PlanDefinition for each, and test cases as bundles of facts with what must come.

In the manner of HL7's Clinical Practice Guidelines (CPG-on-FHIR): metadata, direction, strength, what is read and what
is proposed, and the condition, in words and as JSON over calcscan's own names of facts (`calcscan guide --facts`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from calcscan.guideline.engine import build_case, guide
from calcscan.guideline.export.codes import codes
from calcscan.guideline.export.condition_words import plain, words
from calcscan.guideline.export.fhir.parts import PRIORITIES, Resource, concept, full_name, narrative, tidy
from calcscan.guideline.export.fhir.response import FACTS
from calcscan.guideline.export.rule_cases import RuleCase, WrittenCase, document_of, rule_cases, stated, whole_text
from calcscan.guideline.model import DISCLAIMER, RuleKind
from calcscan.guideline.rules.condition_tree import Node, leaves
from calcscan.guideline.rules.rule import Rule, SourceDocument
from calcscan.guideline.rules.ruleset import Ruleset
from calcscan.knowledge.entries import read_toml

_DIRECTION = "http://hl7.org/fhir/uv/cpg/StructureDefinition/cpg-directionOfRecommendation"
_DIRECTIONS = "http://hl7.org/fhir/uv/cpg/CodeSystem/cpg-recommendation-direction-cs"
_STRENGTH = "http://hl7.org/fhir/StructureDefinition/cqf-strengthOfRecommendation"
_TYPES = "http://terminology.hl7.org/CodeSystem/plan-definition-type"
_AGAINST = ("Avoid", "Leave")
"""What a text begins with that advises against doing something."""
_ORDERS = (RuleKind.WORKUP_LABORATORY, RuleKind.WORKUP_IMAGING, RuleKind.REFERRAL)
_TELLS = (RuleKind.CAUSE, RuleKind.CAVEAT)
"""What proposes nothing to be done."""
_LICENCE = "Rules and their wording: calcscan, Apache-2.0. What they state is drawn from the source that each cites."


def plan_definitions(ruleset: Ruleset, written: Sequence[WrittenCase] = ()) -> Resource:
    """Every rule of a ruleset as a PlanDefinition, and its test cases, in one collection.

    The ids follow from the rules, so that the same rules give the same bundle. Each case is a Bundle within it: what is
    known as Observations, and a Parameters that says which rules must apply and which must not.

    >>> from calcscan.guideline import load_ruleset
    >>> bundle = plan_definitions(load_ruleset())
    >>> bundle["entry"][0]["resource"]["resourceType"]
    'PlanDefinition'
    """
    own = uuid5(NAMESPACE_URL, f"urn:calcscan:rules:{ruleset.sha256}:{','.join(ruleset.left_out)}")
    resources = [_plan(own, ruleset, rule, document_of(ruleset, rule)) for rule in ruleset.rules]
    cases = [case for rule in ruleset.rules for case in rule_cases(ruleset, rule)]
    resources += [_small_case(own, ruleset, case, n) for n, case in enumerate(cases)]
    resources += [_written_case(own, ruleset, case, n) for n, case in enumerate(written)]
    entries = [{"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource} for resource in resources]
    return {"resourceType": "Bundle", "id": str(own), "type": "collection", "entry": entries}


def _shipped_on() -> str:
    return str(read_toml("rules/context.toml")["ruleset"]["date"])


def url(rule: str) -> str:
    """The canonical address of a rule."""
    return f"urn:calcscan:rule:{rule}"


def _plan(own: UUID, ruleset: Ruleset, rule: Rule, document: SourceDocument) -> Resource:
    source = rule.source
    made: Resource = {
        "resourceType": "PlanDefinition",
        "id": str(uuid5(own, rule.id)),
        "text": narrative(
            whole_text(ruleset, rule), f"When: {words(rule.when, ruleset.vocabulary)}", f"Source: {source.document}"
        ),
        "url": url(rule.id),
        "identifier": [{"system": "urn:calcscan:rules", "value": rule.id}],
        "version": ruleset.version,
        "name": "".join(part.capitalize() for part in rule.id.replace("_", "-").split("-")),
        "title": whole_text(ruleset, rule),
        "type": {"coding": [{"system": _TYPES, "code": "eca-rule", "display": "ECA Rule"}]},
        "status": "draft",
        "experimental": True,
        "date": document.date if document.origin == "local" and document.date else _shipped_on(),
        "publisher": "calcscan",
        "description": whole_text(ruleset, rule),
        "usage": DISCLAIMER,
        "copyright": _LICENCE,
        "topic": [concept(ruleset.layout.topics[rule.topic].label)],
        "relatedArtifact": [_artifact(rule)],
        "action": [_action(ruleset, rule)],
    }
    if document.version:
        made["relatedArtifact"].append(
            {"type": "derived-from", "label": f"rules file {document.key} {document.version}"}
        )
    return made


def _artifact(rule: Rule) -> Resource:
    source = rule.source
    about = ", ".join(part for part in (source.publisher, source.date, source.nature or source.status) if part)
    facts = f" [{', '.join(source.facts)}]" if source.facts else ""
    made = {"type": "citation", "citation": f"{source.document} ({about}), {source.section}{facts}"}
    return {**made, "url": source.address} if source.address else made


def _action(ruleset: Ruleset, rule: Rule) -> Resource:
    against = rule.text.startswith(_AGAINST)
    direction = {"system": _DIRECTIONS, "code": "against" if against else "for"}
    made: Resource = {
        "extension": [
            {"url": _DIRECTION, "valueCodeableConcept": {"coding": [direction]}},
            {"url": _STRENGTH, "valueCodeableConcept": {"text": "not graded: the source gives no strength"}},
        ],
        "title": ruleset.layout.topics[rule.topic].label,
        "description": whole_text(ruleset, rule),
        "textEquivalent": whole_text(ruleset, rule),
        "priority": PRIORITIES[rule.priority],
        "code": [concept(rule.kind.value.replace("_", " "))],
        "reason": [concept(f"{rule.why} (calcscan's own priority)")],
        "condition": list(_conditions(ruleset, rule)),
        "input": [_input(ruleset, fact) for fact in _facts(rule)],
    }
    if rule.kind not in _TELLS:
        orders = rule.kind in _ORDERS and rule.topic not in codes().not_ordered
        made["output"] = [{"type": "ServiceRequest" if orders else "Task"}]
    return made


def _conditions(ruleset: Ruleset, rule: Rule) -> Iterator[Resource]:
    """When it applies, and what makes it inapplicable or holds it back."""
    known = ruleset.vocabulary
    yield _condition("applicability", words(rule.when, known), plain(rule.when))
    if rule.unless is not None:
        yield _condition(
            "applicability", f"not known to hold: {words(rule.unless, known)}", {"not_true": plain(rule.unless)}
        )
    if rule.hold_back is not None:
        why = f"held back where {words(rule.hold_back.when, known)}: {rule.hold_back.why}"
        yield _condition("start", why, {"not_true": plain(rule.hold_back.when)})


def _condition(kind: str, text: str, meant: Mapping[str, Any]) -> Resource:
    expression = {"description": text, "language": "application/json", "expression": json.dumps(meant)}
    return {"kind": kind, "expression": expression}


def _facts(rule: Rule) -> list[str]:
    trees: list[Node | None] = [
        rule.when,
        rule.unless,
        rule.hold_back.when if rule.hold_back else None,
        rule.raised.when if rule.raised else None,
    ]
    asked = [leaf.fact for tree in trees if tree is not None for leaf in leaves(tree)]
    return list(dict.fromkeys([*asked, *(path for ask in rule.asks for path in ask)]))


def _input(ruleset: Ruleset, fact: str) -> Resource:
    code = {"system": FACTS, "code": fact, "display": full_name(fact, ruleset.vocabulary)}
    return {"type": "Observation", "codeFilter": [{"path": "code", "code": [code]}]}


# Test cases


def _small_case(own: UUID, ruleset: Ruleset, case: RuleCase, n: int) -> Resource:
    who = f"{case.rule} {'applies' if case.applies else 'is ruled out'}"
    key = "applies" if case.applies else "not-applicable"
    return _case(own, ruleset, f"small/{n}", who, case.facts, {key: [case.rule]})


def _written_case(own: UUID, ruleset: Ruleset, case: WrittenCase, n: int) -> Resource:
    """A case that a person wrote, with the rules that state what it expects, as far as they do come."""
    guidance = guide(build_case(case.facts, words=ruleset.vocabulary), ruleset)
    applies = [item.id for item in guidance.recommendations if set(item.covers) & set(case.expect)]
    never = [rule.id for rule in ruleset.rules if rule.covers and set(rule.covers) <= set(case.never)]
    return _case(own, ruleset, f"written/{n}", case.who, case.facts, {"applies": applies, "does-not-apply": never})


def _case(
    own: UUID, ruleset: Ruleset, key: str, who: str, facts: Mapping[str, Any], expected: Mapping[str, Iterable[str]]
) -> Resource:
    own_id = uuid5(own, key)
    parameters = [
        {"name": name, "valueUri": url(rule)} for name, rules in expected.items() for rule in dict.fromkeys(rules)
    ]
    told = {
        "resourceType": "Parameters",
        "id": str(uuid5(own_id, "expected")),
        "parameter": [{"name": "who", "valueString": who}, *parameters],
    }
    resources = [told, *(_known(ruleset, own_id, n, fact, value) for n, (fact, value) in enumerate(stated(facts)))]
    entries = [{"fullUrl": f"urn:uuid:{one['id']}", "resource": one} for one in resources]
    return {"resourceType": "Bundle", "id": str(own_id), "type": "collection", "entry": entries}


def _known(ruleset: Ruleset, own_id: UUID, n: int, fact: str, value: Any) -> Resource:
    made: Resource = {
        "resourceType": "Observation",
        "id": str(uuid5(own_id, f"{n}/{fact}")),
        "text": narrative(f"{fact}: {value}"),
        "status": "unknown",
        "code": {"coding": [{"system": FACTS, "code": fact, "display": full_name(fact, ruleset.vocabulary)}]},
    }
    if isinstance(value, bool):
        return {**made, "valueBoolean": value}
    if isinstance(value, int | float):
        kind = ruleset.vocabulary.kinds.get(fact)
        quantity = {"value": tidy(value), **({"unit": kind.unit} if kind and kind.unit else {})}
        return {**made, "valueQuantity": quantity}
    if isinstance(value, Mapping) and isinstance(value.get("value"), int | float):
        return {**made, "valueQuantity": {"value": tidy(value["value"]), "unit": str(value.get("unit", ""))}}
    if value is None or value == "unknown":
        unknown = {"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "unknown"}
        return {**made, "dataAbsentReason": {"coding": [unknown]}}
    return {**made, "valueString": str(value) if isinstance(value, str) else json.dumps(value)}
