"""Guidance for other systems: CDS Hooks cards. Proposals only, nothing in them is an order."""

from __future__ import annotations

import textwrap
from typing import Any

from calcscan.guideline.model import DISCLAIMER, Guidance, Priority, Recommendation
from calcscan.guideline.wording import reason

_SUMMARY_CHARACTERS = 139
"""CDS Hooks asks for a summary of fewer than 140 characters."""
_INDICATORS = {Priority.URGENT: "critical", Priority.SOON: "warning", Priority.ROUTINE: "info"}


def citation(item: Recommendation) -> str:
    """Where a suggestion comes from."""
    source = item.source
    dated = ", ".join(part for part in (source.date, source.status) if part)
    facts = f" [{', '.join(source.facts)}]" if source.facts else ""
    return f"{source.document} ({dated}), {source.section}{facts}"


def _card(item: Recommendation, guidance: Guidance) -> dict[str, Any]:
    detail = [
        item.text,
        "**Because**\n" + "\n".join(f"- {reason(because)}" for because in item.because),
        f"**Source** {citation(item)}",
        f"Rule {item.id} of {guidance.ruleset} {guidance.version}. {DISCLAIMER}",
    ]
    return {
        "summary": textwrap.shorten(item.text, _SUMMARY_CHARACTERS, placeholder=" …"),
        "detail": "\n\n".join(detail),
        "indicator": _INDICATORS[item.priority],
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
