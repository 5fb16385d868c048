"""Words of a header about the study and about who was scanned."""

from __future__ import annotations

from typing import Any

from calcscan.knowledge.reading import ReadingSettings
from calcscan.read.headers.fields import get, text

_CONTEXT = ("ProtocolName", "AcquisitionProtocolName", "StudyDescription", "RequestedProcedureDescription",
            "PerformedProcedureStepDescription", "CommentsOnThePerformedProcedureStep", "AcquisitionComments",
            "RequestedContrastAgent", "AcquisitionDeviceProcessingDescription")  # fmt: skip
_CONTEXT_CODES = ("ProcedureCodeSequence", "RequestedProcedureCodeSequence", "RequestAttributesSequence")
_REMARKS = ("AdditionalPatientHistory", "PatientComments", "StudyComments", "RequestedProcedureComments",
            "ImagingServiceRequestComments", "ScanOptions", "InterventionDrugName")  # fmt: skip
"""Free text: of these only what names an amount of a contrast agent counts."""


def context_in(layers: list[Any], settings: ReadingSettings) -> tuple[str, ...]:
    """Names of protocols, procedures and the study, and remarks that name an amount of a contrast agent."""
    said = [text(layers, keyword) for keyword in _CONTEXT]
    said += [one for keyword in _REMARKS if settings.words.agent_given.match(one := text(layers, keyword))]
    for keyword in _CONTEXT_CODES:
        for item in get(layers, keyword) or ():
            said += [text(item, "CodeMeaning"), text(item, "RequestedProcedureDescription")]
    return tuple(dict.fromkeys(one for one in said if one))


def species_in(layers: list[Any]) -> str:
    """The species by name or code; else the breed."""
    for name in ("PatientSpecies", "PatientBreed"):
        codes = [text(item, "CodeMeaning") for item in get(layers, f"{name}CodeSequence") or ()]
        said = next((one for one in (text(layers, f"{name}Description"), *codes) if one), "")
        if said:
            return said
    return ""
