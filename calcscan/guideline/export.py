"""Guidance for other systems: CDS Hooks cards, and FHIR R4 resources. Proposals only, nothing in them is an order."""

from __future__ import annotations

import textwrap
from typing import Any

from calcscan.guideline.model import DISCLAIMER, Because, Guidance, NeedsInput, Recommendation
from calcscan.guideline.vocabulary import vocabulary

_SUMMARY_CHARACTERS = 139
"""CDS Hooks asks for a summary of fewer than 140 characters."""
_INDICATORS = {"urgent": "critical", "soon": "warning", "routine": "info"}
_PRIORITIES = {"urgent": "urgent", "soon": "asap", "routine": "routine"}
_MODULE = "urn:calcscan:guideline:{name}|{version}"


def _reason(because: Because) -> str:
    kind = vocabulary().kinds.get(because.fact)
    value = {True: "yes", False: "no"}.get(because.value) if isinstance(because.value, bool) else because.value
    detail = f"; {because.detail}" if because.detail else ""
    return f"{kind.label if kind else because.fact}: {value} ({because.origin}{detail})"


def _citation(item: Recommendation) -> str:
    source = item.source
    dated = ", ".join(part for part in (source.date, source.status) if part)
    facts = f" [{', '.join(source.facts)}]" if source.facts else ""
    return f"{source.document} ({dated}), {source.section}{facts}"


def _card(item: Recommendation, guidance: Guidance) -> dict[str, Any]:
    detail = [
        item.text,
        "**Because**\n" + "\n".join(f"- {_reason(because)}" for because in item.because),
        f"**Source** {_citation(item)}",
        f"Rule {item.id} of {guidance.ruleset} {guidance.version}. {DISCLAIMER}",
    ]
    return {
        "summary": textwrap.shorten(item.text, _SUMMARY_CHARACTERS, placeholder=" …"),
        "detail": "\n\n".join(detail),
        "indicator": _INDICATORS[item.urgency],
        "source": {"label": item.source.document},
    }


def cards(guidance: Guidance) -> dict[str, Any]:
    """A CDS Hooks response: one card for each recommendation, most urgent first.

    Source of the form: https://cds-hooks.hl7.org, "CDS Service Response".

    >>> from calcscan.guideline import recommend
    >>> cards(recommend({"findings": [{"site": "basal_ganglia", "present": True}]}))["cards"][0]["indicator"]
    'warning'
    """
    return {"cards": [_card(item, guidance) for item in guidance.recommendations]}


def _action(item: Recommendation) -> dict[str, Any]:
    return {
        "id": item.id,
        "title": item.kind.replace("_", " "),
        "description": item.text,
        "priority": _PRIORITIES[item.urgency],
        "textEquivalent": "; ".join([item.text, *(f"because {_reason(because)}" for because in item.because)]),
        "documentation": [{"type": "citation", "citation": _citation(item)}],
    }


def _asked(need: NeedsInput) -> dict[str, Any]:
    text = f"{need.fact}: could settle {', '.join(need.would_decide)}"
    return {"type": "Observation", "codeFilter": [{"code": [{"code": need.fact, "display": text}]}]}


def fhir(guidance: Guidance) -> dict[str, Any]:
    """A FHIR R4 collection: a GuidanceResponse, and the recommendations as a draft RequestGroup of proposals.

    No patient is named in it: who takes it over adds `subject`.

    >>> from calcscan.guideline import recommend
    >>> [entry["resource"]["resourceType"] for entry in fhir(recommend({}))["entry"]]
    ['GuidanceResponse']
    """
    response: dict[str, Any] = {
        "resourceType": "GuidanceResponse",
        "id": "guidance",
        "moduleCanonical": _MODULE.format(name=guidance.ruleset, version=guidance.version),
        "status": "data-requested" if guidance.needs_input else "success",
        "note": [{"text": f"Rules sha256 {guidance.sha256}. {DISCLAIMER}"}],
    }
    response["note"] += [{"text": f"{c.text} {' / '.join(s.text for s in c.sides)}"} for c in guidance.conflicts]
    if guidance.needs_input:
        response["dataRequirement"] = [_asked(need) for need in guidance.needs_input]
    resources = [response]
    if guidance.recommendations:
        response["result"] = {"reference": "urn:calcscan:recommendations"}
        actions = [_action(item) for item in guidance.recommendations]
        group = {"resourceType": "RequestGroup", "id": "recommendations", "status": "draft", "intent": "proposal"}
        resources.append({**group, "action": actions})
    entries = [{"fullUrl": f"urn:calcscan:{resource['id']}", "resource": resource} for resource in resources]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}
