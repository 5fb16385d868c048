"""The bundle: everything of one export, each resource with an id that no other export shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from calcscan.guideline.engine import build_case
from calcscan.guideline.export.fhir.findings import finding_sites, findings, report
from calcscan.guideline.export.fhir.issues import issues
from calcscan.guideline.export.fhir.laboratory import lab_facts, laboratory
from calcscan.guideline.export.fhir.parts import Export, Resource, checked_subject, checked_time
from calcscan.guideline.export.fhir.provenance import device, patient, provenance
from calcscan.guideline.export.fhir.requests import requests
from calcscan.guideline.export.fhir.response import response
from calcscan.guideline.facts.vocabulary import FINDINGS
from calcscan.guideline.model import Guidance
from calcscan.guideline.rules.ruleset import Ruleset, load_ruleset


def fhir(
    guidance: Guidance,
    facts: Mapping[str, Any] | None = None,
    *,
    subject: str = "",
    transaction: bool = False,
    effective: str = "",
    at: datetime | None = None,
    export_id: UUID | None = None,
    rules: Ruleset | None = None,
) -> Resource:
    """A FHIR R4 bundle of what is known and what may be considered.

    Parameters
    ----------
    guidance
        From `calcscan.recommend`.
    facts
        The facts it was given: findings and laboratory results become Observations. Names that nobody knows are left
        out, and told.
    subject
        A reference to the person, such as `Patient/1`. Without it the bundle holds a Patient that identifies nobody.
    transaction
        A bundle that a server takes as it is, creating each resource, instead of a collection.
    effective
        When the examination was done (date or time, as FHIR writes it). Without it that time is given as unknown.
    at
        The time of the export, with its time zone; now, if not given.
    export_id
        What the ids follow from. Without it each export has its own, so that bundles can be merged: two people of whom
        the same is known stay two. Give the same again to have the same bundle again.
    rules
        The rules that gave the guidance, where others than the shipped ones were in use.

    Returns
    -------
    dict
        A Bundle: a GuidanceResponse, the Device and a Provenance always; Observations, and a preliminary
        DiagnosticReport of the findings, where facts are given; a DetectedIssue for each contradiction and each value
        in question; where something is to be done a draft RequestGroup, with a draft ServiceRequest for each test,
        image and referral and a draft Task for the rest.

    Raises
    ------
    ValueError
        `subject` refers to no patient, or `effective` is no time.
    FactsError
        `facts` that can't be taken.

    Source of the form: FHIR R4 (hl7.org/fhir/R4) and its Clinical Practice Guidelines guide.

    >>> from calcscan.guideline import recommend
    >>> facts = {"findings": [{"site": "basal_ganglia", "present": True, "volume_mm3": 120}]}
    >>> bundle = fhir(recommend(facts), facts, subject="Patient/1")
    >>> [entry["resource"]["resourceType"] for entry in bundle["entry"]][:3]
    ['GuidanceResponse', 'DiagnosticReport', 'Observation']
    """
    export_id = export_id or uuid4()
    rules = rules or load_ruleset(literature=True)
    case = build_case(facts or {}, words=rules.vocabulary, lenient=True)
    anonymous = Export(
        id=export_id,
        subject="",
        at=at or datetime.now(UTC),
        effective=checked_time(effective) if effective else "",
        with_facts=facts is not None,
        rules=rules,
    )
    own = anonymous.refer("Patient", "subject")["reference"]
    export = replace(anonymous, subject=checked_subject(subject) if subject else own)
    exported = [*(f"{FINDINGS}.{site}" for site in finding_sites(case)), *lab_facts(case)]
    proposed = requests(export, case, guidance, exported)
    resources = [response(export, case, guidance, bool(proposed.group))]
    if case.sites:
        resources += [report(export, case, guidance), *findings(export, case)]
    resources += [*laboratory(export, case), *issues(export, case, guidance, exported)]
    resources += [*proposed.group, *proposed.items]
    resources += [provenance(export, guidance, resources), device(export)]
    if not subject:
        resources.append(patient(export, case))
    return {
        "resourceType": "Bundle",
        "id": str(export_id),
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{export_id}"},
        "type": "transaction" if transaction else "collection",
        "timestamp": export.now,
        "entry": [_entry(resource, transaction) for resource in resources],
    }


def _entry(resource: Resource, transaction: bool) -> Resource:
    entry: Resource = {"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource}
    return {**entry, "request": {"method": "POST", "url": resource["resourceType"]}} if transaction else entry
