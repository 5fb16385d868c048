"""What every resource is made of: ids, references, codes and a narrative."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any
from uuid import UUID, uuid5

from calcscan.guideline.export.codes import Code, codes
from calcscan.guideline.facts.vocabulary import Vocabulary
from calcscan.guideline.model import Priority, Recommendation
from calcscan.guideline.rules.ruleset import Ruleset

Resource = dict[str, Any]

PRIORITIES = {Priority.URGENT: "stat", Priority.SOON: "urgent", Priority.ROUTINE: "routine"}
"""HL7's mapping of info, warning and critical to the priorities of requests."""
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
_UNKNOWN = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
_PATIENT = re.compile(r"(https?://\S+/)?Patient/[A-Za-z0-9.-]{1,64}|urn:uuid:[0-9a-f-]{36}")
_TIME = re.compile(
    r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01])"
    r"(T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]((0\d|1[0-3]):[0-5]\d|14:00)))?)?)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What is the same for every resource of one export."""

    id: UUID
    subject: str
    """What refers to the person."""
    at: datetime
    effective: str
    """When the examination was done; "" where nobody said."""
    with_facts: bool
    """Whether the facts go with the guidance, so that it is known which tests are still open."""
    rules: Ruleset
    """The rules that gave the guidance: their facts, their topics, and which facts a test would answer."""

    @property
    def words(self) -> Vocabulary:
        """Every fact that can be told."""
        return self.rules.vocabulary

    def topic(self, name: str) -> str:
        """What a topic is called."""
        return self.rules.layout.topics[name].label

    def asks(self, rule: str) -> tuple[tuple[str, ...], ...]:
        """The facts that a rule's test would answer; none for a rule that is not among these."""
        return next((one.asks for one in self.rules.rules if one.id == rule), ())

    def full_name(self, fact: str) -> str:
        """What a fact is called in full, as other systems need it."""
        return full_name(fact, self.words)

    def made(self, kind: str, key: str, *says: str, **fields: Any) -> Resource:
        """A resource with its own id, and with `says` as its narrative."""
        return {"resourceType": kind, "id": self.id_of(kind, key), "text": narrative(*says), **fields}

    def id_of(self, kind: str, key: str) -> str:
        return str(uuid5(self.id, f"{kind}/{key}"))

    def refer(self, kind: str, key: str) -> Resource:
        return reference(kind, self.id_of(kind, key))

    @property
    def person(self) -> Resource:
        return {"reference": self.subject, "type": "Patient"}

    @property
    def device(self) -> Resource:
        return self.refer("Device", "calcscan")

    @property
    def now(self) -> str:
        return self.at.isoformat(timespec="seconds")

    @property
    def done(self) -> Resource:
        """When what is said held; unknown where it is."""
        if self.effective:
            return {"effectiveDateTime": self.effective}
        return {"_effectiveDateTime": {"extension": [_UNKNOWN]}}


def reference(kind: str, id_: str) -> Resource:
    """What refers to a resource of the bundle."""
    return {"reference": f"urn:uuid:{id_}", "type": kind}


def refer_to(resource: Resource) -> Resource:
    """What refers to a resource of the bundle."""
    return reference(resource["resourceType"], resource["id"])


def checked_time(effective: str) -> str:
    """A date or a time as FHIR writes it, as it is.

    Raises `ValueError` where it is none.

    >>> checked_time("2026-11-02")
    '2026-11-02'
    """
    if _TIME.fullmatch(effective) is None:
        hint = "such as 2026-11-02 or 2026-11-02T09:30:00+01:00"
        raise ValueError(f"effective: {effective!r} is no date or time as FHIR writes it, {hint}")
    return effective


def full_name(fact: str, words: Vocabulary) -> str:
    """What a fact is called in full, as other systems need it.

    >>> from calcscan.guideline import load_ruleset
    >>> full_name("labs.pth", load_ruleset().vocabulary)
    'parathyroid hormone (intact)'
    """
    kind = words.kinds.get(fact)
    return kind.label if kind else fact


def checked_subject(subject: str) -> str:
    """A reference to a person, as it is.

    Raises `ValueError` where it is none.

    >>> checked_subject("Patient/1")
    'Patient/1'
    """
    if _PATIENT.fullmatch(subject) is None:
        raise ValueError(f"subject: {subject!r} is no reference to a patient, such as Patient/1")
    return subject


def narrative(*says: str) -> Resource:
    """What a resource says, for people."""
    paragraphs = "".join(f"<p>{escape(text, quote=False)}</p>" for text in says if text)
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{paragraphs}</div>'}


def coding(code: Code) -> Resource:
    """One code with its system, and what it is called there."""
    made = {"system": codes().system[code.system], "code": code.code}
    return {**made, "display": code.display} if code.display else made


def concept(text: str, found: Iterable[Code] = ()) -> Resource:
    """A concept in words, with the codes that could be verified."""
    codings = [coding(code) for code in found]
    return {"coding": codings, "text": text} if codings else {"text": text}


def hl7(system: str, code: str, display: str) -> Resource:
    """A concept from a code system of HL7's own terminology."""
    return {"coding": [{"system": _TERMINOLOGY + system, "code": code, "display": display}]}


def quantity(value: float, unit: str, plain: str, bound: str = "") -> Resource:
    """A number with its unit, in UCUM where the unit is known there. `bound` is "<", "<=", ">=", ">" or ""."""
    made: Resource = {"value": tidy(value)}
    if bound:
        made["comparator"] = bound
    made["unit"] = unit
    ucum = codes().ucum.get(plain)
    return {**made, "system": codes().system["ucum"], "code": ucum} if ucum else made


def tidy(value: float) -> float | int:
    """A number without what arithmetic added to it.

    >>> tidy(6.3999999999999995)
    6.4
    """
    short = float(f"{value:.10g}")
    return int(short) if short == int(short) else short


def notes(*texts: str) -> Resource:
    """A `note` of those texts that say something; nothing if none does."""
    said = [{"text": text} for text in dict.fromkeys(texts) if text]
    return {"note": said} if said else {}


def citation(item: Recommendation) -> str:
    """Where a suggestion comes from, in one line."""
    source = item.source
    about = ", ".join(part for part in (source.publisher, source.date, source.nature or source.status) if part)
    facts = f" [{', '.join(source.facts)}]" if source.facts else ""
    return f"{source.document} ({about}), {source.section}{facts}"


def cited(item: Recommendation) -> Resource:
    """The source of a suggestion as a related artifact."""
    made = {"type": "citation", "label": item.id, "citation": citation(item)}
    return {**made, "url": item.source.address} if item.source.address else made
