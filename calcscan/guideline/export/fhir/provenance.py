"""Who is meant and who says so: the person, the program, and where the resources come from."""

from __future__ import annotations

from collections.abc import Sequence

import calcscan
from calcscan.guideline.export.fhir.parts import Export, Resource, hl7, refer_to
from calcscan.guideline.facts.case import Case
from calcscan.guideline.model import DISCLAIMER, Guidance

_GENDERS = {"F": "female", "M": "male", "O": "other"}


def patient(export: Export, case: Case) -> Resource:
    """A person without anything that identifies: for a bundle that was given no subject."""
    made = export.made("Patient", "subject", "The person examined. Nothing that identifies is part of this export.")
    gender = _GENDERS.get(str(case.values.get("sex")))
    return {**made, "gender": gender} if gender else made


def device(export: Export) -> Resource:
    """calcscan, with its version."""
    return export.made(
        "Device",
        "calcscan",
        f"calcscan {calcscan.__version__}. {DISCLAIMER}",
        status="active",
        deviceName=[{"name": "calcscan", "type": "user-friendly-name"}],
        version=[{"value": calcscan.__version__}],
        type={"text": "software, for research use only"},
    )


def provenance(export: Export, guidance: Guidance, resources: Sequence[Resource]) -> Resource:
    """Where all of it comes from: put together by calcscan with rules of one version."""
    rules = f"{guidance.ruleset} {guidance.version}, sha256 {guidance.sha256}"
    return export.made(
        "Provenance",
        "export",
        f"Put together by calcscan {calcscan.__version__} from the facts given, with the rules {rules}.",
        target=[refer_to(resource) for resource in resources],
        occurredDateTime=export.now,
        recorded=export.now,
        activity={"text": "guidance from facts by rules"},
        agent=[{"type": hl7("provenance-participant-type", "assembler", "Assembler"), "who": export.device}],
        entity=[
            {
                "role": "source",
                "what": {
                    "identifier": {"system": "urn:calcscan:rules:sha256", "value": guidance.sha256},
                    "display": f"rules {rules}",
                },
            }
        ],
    )
