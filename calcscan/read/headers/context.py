"""Words of a header about the study and about who was scanned."""

from __future__ import annotations

from typing import Any

from calcscan.knowledge.reading import ReadingSettings
from calcscan.read.headers.fields import get, text
from calcscan.read.headers.image import Person

_CONTEXT = ("ProtocolName", "AcquisitionProtocolName", "StudyDescription", "RequestedProcedureDescription",
            "PerformedProcedureStepDescription", "CommentsOnThePerformedProcedureStep", "AcquisitionComments",
            "RequestedContrastAgent", "AcquisitionDeviceProcessingDescription")  # fmt: skip
_CONTEXT_CODES = ("ProcedureCodeSequence", "RequestedProcedureCodeSequence", "RequestAttributesSequence")
_REMARKS = ("AdditionalPatientHistory", "PatientComments", "StudyComments", "RequestedProcedureComments",
            "ImagingServiceRequestComments", "ScanOptions", "InterventionDrugName")  # fmt: skip
"""Free text: of these only the amount of a contrast agent and its name are taken, as the rest may be about people."""


def context_in(layers: list[Any], settings: ReadingSettings) -> tuple[str, ...]:
    """Names of protocols, procedures and the study, and remarks that name an amount of a contrast agent."""
    said = [text(layers, keyword) for keyword in _CONTEXT]
    said += [found.group() for name in _REMARKS if (found := settings.words.agent_given.search(text(layers, name)))]
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


_DAYS = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate")
"""When it was scanned: the first that is there."""
_ALSO = ("PatientBirthDate", "OtherPatientIDs", "OtherPatientNames", "PatientBirthName", "AccessionNumber",
         "ReferringPhysicianName", "OperatorsName", "PerformingPhysicianName", "RequestingPhysician")  # fmt: skip


def person_in(layers: list[Any]) -> Person:
    """The person, as the header describes them."""
    return Person(
        patient_id=text(layers, "PatientID"),
        name=text(layers, "PatientName"),
        age=text(layers, "PatientAge"),
        birth_date=text(layers, "PatientBirthDate"),
        sex=text(layers, "PatientSex"),
        study_date=next((day for keyword in _DAYS if (day := text(layers, keyword))), ""),
        also="\\".join(one for keyword in _ALSO if (one := text(layers, keyword))),
    )
