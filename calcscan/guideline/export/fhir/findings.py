"""Where calcification was looked for: an Observation for each site, and the report that gathers them."""

from __future__ import annotations

from typing import Any

from calcscan.guideline.export.codes import codes
from calcscan.guideline.export.fhir.parts import Export, Resource, concept, hl7, notes, quantity
from calcscan.guideline.facts.case import MEASURED, Case
from calcscan.guideline.facts.quantity import plain_unit
from calcscan.guideline.facts.vocabulary import FINDINGS, FactKind, FactType
from calcscan.guideline.model import DISCLAIMER, Group, Guidance

IMAGING = hl7("observation-category", "imaging", "Imaging")


def finding_sites(case: Case) -> list[str]:
    """The sites of which something was said, in the order of the vocabulary."""
    return [site for site in case.words.sites if site in case.sites]


def findings(export: Export, case: Case) -> list[Resource]:
    """One Observation a site, whichever way it was said. Not found is "none detected", never absent."""
    return [_finding(export, case, site) for site in finding_sites(case)]


def _finding(export: Export, case: Case, site: str) -> Resource:
    label, path = case.words.sites[site].label, f"{FINDINGS}.{site}"
    present = case.values.get(f"{path}.present")
    disputed = any(fact.startswith(f"{path}.") for dispute in case.disputes for fact, _, _ in dispute.sides)
    said = {True: "present", False: "none detected"}.get(bool(present)) if present is not None else "unknown"
    made = export.made(
        "Observation",
        path,
        f"Calcification, {label}: {said}",
        status="preliminary",
        category=[IMAGING],
        code=concept(f"{label} calcification", codes().of_finding(site)),
        subject=export.person,
        **export.done,
        issued=export.now,
        **_device(export, case, path),
        **_presence(present),
        **notes(
            "What was found is contradicted by another fact: see the detected issues." if disputed else "",
            f"Said by: {case.origins[f'{path}.present']}" if f"{path}.present" in case.origins else "",
        ),
        bodySite=concept(label),
    )
    components = [_component(case, kind, f"{path}.{name}") for name, kind in case.words.attributes.items()]
    stated = [component for component in components if component]
    return {**made, "component": stated} if stated else made


def _device(export: Export, case: Case, path: str) -> Resource:
    measured = any(origin == MEASURED for fact, origin in case.origins.items() if fact.startswith(f"{path}."))
    return {"device": export.device} if measured else {}


def _presence(present: Any) -> Resource:
    if present is None:
        return {"dataAbsentReason": hl7("data-absent-reason", "unknown", "Unknown")}
    name, text = ("present", "present") if present else ("not_detected", "none detected")
    return {"valueCodeableConcept": concept(text, [codes().code[name]])}


def _component(case: Case, kind: FactKind, path: str) -> Resource:
    """What is known of how a deposit looks; unknown is left out."""
    value = case.values.get(path)
    if value is None or path.endswith(".present"):
        return {}
    code = concept(kind.label)
    if kind.kind is FactType.NUMBER:
        return {"code": code, "valueQuantity": quantity(float(value), kind.unit, plain_unit(kind.unit))}
    if kind.kind is FactType.YES_NO:
        return {"code": code, "valueBoolean": value}
    return {"code": code, "valueCodeableConcept": concept(str(value).replace("_", " "))}


def report(export: Export, case: Case, guidance: Guidance) -> Resource:
    """The report of the sites; its conclusion is the answer that leads the page.

    R4 allows no device as performer of a report or an observation: the provenance names calcscan.
    """
    answer = next((line.text for line in guidance.page if line.group is Group.ANSWER), "")
    return export.made(
        "DiagnosticReport",
        "findings",
        "Calcification by site, found or stated.",
        answer,
        DISCLAIMER,
        status="preliminary",
        category=[hl7("v2-0074", "RAD", "Radiology")],
        code=concept("Calcification by site", [codes().code["imaging_study"]]),
        subject=export.person,
        **export.done,
        issued=export.now,
        result=[export.refer("Observation", f"{FINDINGS}.{site}") for site in finding_sites(case)],
        **({"conclusion": answer} if answer else {}),
    )
