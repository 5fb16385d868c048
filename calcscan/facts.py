"""What the image says, in the words of the guideline: Scan, Summary, Quality → facts (contract, section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from calcscan.knowledge import table
from calcscan.knowledge.sites import all_sites
from calcscan.measurement.symmetry import compare
from calcscan.model import Quality, Scan, SiteBurden, Summary

_SEX = {"M": "M", "F": "F", "O": "O"}


def image_facts(scan: Scan, summary: Summary | None, quality: Quality) -> dict[str, Any]:
    """Age and sex from the header, and a finding for each site as the guideline names it.

    `present: false` means that nothing was detected above `summary.detection_floor_mm3`; it never means absent. What
    was not located, not examined, or made untrustworthy by a quality flag (`knowledge/quality.toml`) is left out, for
    what is left out is unknown. Nothing is said of progression, nor of whether a finding is isolated.

    Parameters
    ----------
    summary
        None where the scan could not be judged: then only age and sex are told.

    Returns
    -------
    dict
        `age_years`, `sex`, `findings`, `imaging`: each only where known.
    """
    facts: dict[str, Any] = {}
    if scan.study.age_years is not None:
        facts["age_years"] = scan.study.age_years
    sex = _SEX.get((scan.study.sex or "").strip().upper())
    if sex is not None:
        facts["sex"] = sex
    if any(flag.code == "possible_haemorrhage" for flag in quality.flags):
        facts["imaging"] = {"possible_haemorrhage": True}
    if summary is not None and quality.state != "abstain":
        findings = [_trusted(finding, quality) for finding in _findings(summary)]
        findings = [finding for finding in findings if len(finding) > 1]
        if findings:
            facts["findings"] = findings
    return facts


def _findings(summary: Summary) -> list[dict[str, Any]]:
    """One for each site of the guideline at which something was found, or of which every row is known."""
    rows: dict[str, list[SiteBurden]] = {}
    for row in summary.sites:
        rows.setdefault(all_sites()[row.site].fact, []).append(row)
    never_false = table("burden")["never_false"]["facts"]
    looked_for = summary.detection_floor_mm3 is not None
    out = []
    for fact, here in rows.items():
        wholly = all(row.volume_mm3 is not None for row in here)
        if fact and any(row.count for row in here):
            told = _present(fact, here, summary)
            known = wholly and looked_for
            out.append({key: value for key, value in told.items() if known or value is not False})
        elif fact and wholly and looked_for and fact not in never_false:
            out.append({"site": fact, "present": False})
    return out


def _present(fact: str, rows: list[SiteBurden], summary: Summary) -> dict[str, Any]:
    volume_mm3 = {side: sum(row.volume_mm3 or 0.0 for row in rows if row.side == side) for side in ("left", "right")}
    sides = compare(fact, volume_mm3["left"], volume_mm3["right"], summary.detection_floor_mm3)
    told: dict[str, Any] = {
        "site": fact,
        "present": True,
        "bilateral": sides.bilateral,
        "symmetric": sides.symmetric,
        "multiple": summary.deposits.get(fact, 0) > 1 if fact in summary.deposits else None,
        "volume_mm3": round(sum(row.volume_mm3 or 0.0 for row in rows), 1),
    }
    return {key: value for key, value in told.items() if value is not None}


def _trusted(finding: Mapping[str, Any], quality: Quality) -> dict[str, Any]:
    """The finding without what a flag makes untrustworthy."""
    codes = table("quality")
    drops = {key for flag in quality.flags for key in codes[flag.code].get("drops", ())}
    drops_false = {key for flag in quality.flags for key in codes[flag.code].get("drops_false", ())}
    return {
        key: value
        for key, value in finding.items()
        if key == "site" or not (key in drops or (value is False and key in drops_false))
    }
