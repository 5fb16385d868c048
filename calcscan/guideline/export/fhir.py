"""Guidance as FHIR R4: a preliminary report with its observations, and proposals. Nothing in it is an order.

No person is named: who takes a bundle over sets the subjects.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from calcscan.guideline.export.cds_hooks import citation
from calcscan.guideline.model import DISCLAIMER, Guidance, NeedsInput, Priority, Recommendation, RuleKind
from calcscan.guideline.wording import reason

Resource = dict[str, Any]

_PRIORITIES = {Priority.URGENT: "urgent", Priority.SOON: "asap", Priority.ROUTINE: "routine"}
_MODULE = "urn:calcscan:guideline:{name}|{version}"
_SUBJECT = {"display": "the person examined"}
_UCUM = "http://unitsofmeasure.org"
_COMPONENTS = {
    "bilateral": "on both sides",
    "symmetric": "symmetric",
    "multiple": "more than one deposit",
    "isolated": "isolated",
}


def fhir(guidance: Guidance, facts: Mapping[str, Any] | None = None) -> Resource:
    """A FHIR R4 collection of what is known and what may be considered.

    Parameters
    ----------
    guidance
        From `calcscan.recommend`.
    facts
        The facts it was given: each finding becomes an Observation of a preliminary DiagnosticReport.

    Returns
    -------
    dict
        A Bundle: a GuidanceResponse always; a DiagnosticReport with Observations where findings are known; a draft
        RequestGroup of proposals, and a draft ServiceRequest for each suggested test, picture and referral.

    Source of the form: FHIR R4 (hl7.org/fhir/R4) and its Clinical Practice Guidelines guide.

    >>> from calcscan.guideline import recommend
    >>> facts = {"findings": [{"site": "basal_ganglia", "present": True, "volume_mm3": 120}]}
    >>> [entry["resource"]["resourceType"] for entry in fhir(recommend(facts), facts)["entry"]][:3]
    ['GuidanceResponse', 'DiagnosticReport', 'Observation']
    >>> [entry["resource"]["resourceType"] for entry in fhir(recommend({}))["entry"]]
    ['GuidanceResponse']
    """
    observations = [_observation(finding) for finding in (facts or {}).get("findings", ()) if "present" in finding]
    requests = {item.id: _service_request(item) for item in guidance.recommendations if _asks_for_service(item)}
    resources = [_response(guidance)]
    if observations:
        resources += [_report(observations, guidance), *observations]
    if guidance.recommendations:
        resources += [_group(guidance, requests), *requests.values()]
    entries = [{"fullUrl": _url(resource), "resource": resource} for resource in resources]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def _url(resource: Resource) -> str:
    return f"urn:calcscan:{resource['id']}"


def _reference(resource: Resource) -> Resource:
    return {"reference": _url(resource)}


def _response(guidance: Guidance) -> Resource:
    out: Resource = {
        "resourceType": "GuidanceResponse",
        "id": "guidance",
        "moduleCanonical": _MODULE.format(name=guidance.ruleset, version=guidance.version),
        "status": "data-requested" if guidance.needs_input else "success",
        "note": [{"text": f"Rules sha256 {guidance.sha256}. {DISCLAIMER}"}],
    }
    out["note"] += [{"text": f"{c.text} {' / '.join(s.text for s in c.sides)}"} for c in guidance.conflicts]
    if guidance.needs_input:
        out["dataRequirement"] = [_asked(need) for need in guidance.needs_input]
    if guidance.recommendations:
        out["result"] = {"reference": "urn:calcscan:recommendations"}
    return out


def _asked(need: NeedsInput) -> Resource:
    text = f"{need.fact}: could settle {', '.join(need.would_decide)}"
    return {"type": "Observation", "codeFilter": [{"code": [{"code": need.fact, "display": text}]}]}


def _observation(finding: Mapping[str, Any]) -> Resource:
    """One site. What was not found is "none detected", never absent; what is unknown is left out."""
    site = str(finding["site"]).replace("_", " ")
    out: Resource = {
        "resourceType": "Observation",
        "id": f"finding-{finding['site'].replace('_', '-')}",
        "status": "preliminary",
        "code": {"text": "Calcification"},
        "subject": _SUBJECT,
        "bodySite": {"text": site},
    }
    volume_mm3 = finding.get("volume_mm3")
    if finding["present"] is True and isinstance(volume_mm3, int | float):
        out["valueQuantity"] = {"value": volume_mm3, "unit": "mm3", "system": _UCUM, "code": "mm3"}
    else:
        out["valueString"] = {True: "present", False: "none detected"}.get(finding["present"], "unknown")
    stated = [(words, finding[key]) for key, words in _COMPONENTS.items() if isinstance(finding.get(key), bool)]
    if stated:
        out["component"] = [{"code": {"text": words}, "valueBoolean": value} for words, value in stated]
    return out


def _report(observations: list[Resource], guidance: Guidance) -> Resource:
    return {
        "resourceType": "DiagnosticReport",
        "id": "report",
        "status": "preliminary",
        "code": {"text": "Calcification, by site"},
        "subject": _SUBJECT,
        "result": [_reference(observation) for observation in observations],
        "conclusion": " ".join([*(item.text for item in guidance.recommendations), DISCLAIMER]),
    }


def _asks_for_service(item: Recommendation) -> bool:
    return item.kind in (RuleKind.WORKUP_LABORATORY, RuleKind.WORKUP_IMAGING, RuleKind.REFERRAL)


def _service_request(item: Recommendation) -> Resource:
    return {
        "resourceType": "ServiceRequest",
        "id": f"request-{item.id}",
        "status": "draft",
        "intent": "proposal",
        "priority": _PRIORITIES[item.priority],
        "code": {"text": item.text},
        "subject": _SUBJECT,
        "reasonCode": [{"text": reason(because)} for because in item.because],
        "note": [{"text": f"{citation(item)} {DISCLAIMER}"}],
    }


def _group(guidance: Guidance, requests: Mapping[str, Resource]) -> Resource:
    actions = [_action(item, requests.get(item.id)) for item in guidance.recommendations]
    group = {"resourceType": "RequestGroup", "id": "recommendations", "status": "draft", "intent": "proposal"}
    return {**group, "action": actions}


def _action(item: Recommendation, request: Resource | None) -> Resource:
    out: Resource = {
        "id": item.id,
        "title": item.kind.replace("_", " "),
        "description": item.text,
        "textEquivalent": "; ".join([item.text, *(f"because {reason(because)}" for because in item.because)]),
        "priority": _PRIORITIES[item.priority],
        "documentation": [{"type": "citation", "citation": citation(item)}],
    }
    return {**out, "resource": _reference(request)} if request else out
