"""What the image shows, in the words of the guideline: Scan, Summary, Quality → facts (`knowledge/facts.toml`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from calcscan.knowledge.burden import BurdenSettings
from calcscan.knowledge.quality import FlagCode, QualityState, quality_codes
from calcscan.knowledge.settings import load
from calcscan.knowledge.sites import all_sites
from calcscan.measurement.symmetry import compare
from calcscan.model import Quality, Scan, SiteBurden, Summary

_SEXES = ("M", "F", "O")


def image_facts(
    scan: Scan, summary: Summary | None, quality: Quality, *, settings: BurdenSettings | None = None
) -> dict[str, Any]:
    """Age and sex from the header, and a finding for each site as the guideline names it.

    `present: false` means that nothing was detected above `summary.detection_floor_mm3`; it never means absent. What
    was not located, not examined, not surely at its site, or made untrustworthy by a quality flag
    (`knowledge/quality.toml`) is unknown, and so left out; but what a reader placed is present. Nothing is said of
    progression, nor of whether a finding is isolated.

    Parameters
    ----------
    summary
        None where the scan could not be judged: then only age and sex are given.

    Returns
    -------
    dict
        `age_years`, `sex`, `findings`, `imaging`: each only where known.
    """
    facts: dict[str, Any] = {}
    if scan.study.age_years is not None:
        facts["age_years"] = scan.study.age_years
    sex = (scan.study.sex or "").strip().upper()
    if sex in _SEXES:
        facts["sex"] = sex
    if any(flag.code == FlagCode.POSSIBLE_HAEMORRHAGE for flag in quality.flags):
        facts["imaging"] = {"possible_haemorrhage": True}
    if summary is not None and quality.state != QualityState.ABSTAIN:
        findings = [_trusted(finding, quality) for finding in _findings(summary, settings or load(BurdenSettings))]
        findings = _with_reader([finding for finding in findings if len(finding) > 1], summary)
    else:
        findings = [] if summary is None else _with_reader([], summary)
    if findings:
        facts["findings"] = findings
    return facts


def _with_reader(findings: list[dict[str, Any]], summary: Summary) -> list[dict[str, Any]]:
    """The findings, and that those are present which a reader has seen, whatever the program doubts or abstains from;
    nothing more is taken from a reader's word than that."""
    seen = dict.fromkeys(all_sites()[site].fact for site, _ in sorted(summary.by_reader))
    stated = {finding["site"] for finding in findings if finding.get("present") is True}
    wanting = [fact for fact in seen if fact and fact not in stated]
    kept = [{**finding, "present": True} if finding["site"] in wanting else finding for finding in findings]
    named = {finding["site"] for finding in findings}
    return [*kept, *({"site": fact, "present": True} for fact in wanting if fact not in named)]


def _findings(summary: Summary, settings: BurdenSettings) -> list[dict[str, Any]]:
    """One for each site of the guideline at which something surely was found, or of which every row is known."""
    rows_of: dict[str, list[SiteBurden]] = {}
    for row in summary.sites:
        rows_of.setdefault(all_sites()[row.site].fact, []).append(row)
    findings = []
    for fact, rows in rows_of.items():
        if not fact or fact in summary.unsure:
            continue
        known = all(row.volume_mm3 is not None or (row.site, row.side) in summary.shared for row in rows)
        excludable = summary.detection_floor_mm3 is not None and known and fact not in summary.possible
        nothing = not any(row.count for row in rows)
        if any(row.count and row.volume_mm3 for row in rows):
            finding = _present(fact, rows, summary, settings)
            if fact in summary.possible or not known:
                finding.pop("symmetric", None)
            findings.append({key: value for key, value in finding.items() if excludable or value is not False})
        elif excludable and nothing and all(all_sites()[row.site].image_can_exclude for row in rows):
            findings.append({"site": fact, "present": False})
    return findings


def _present(fact: str, rows: Sequence[SiteBurden], summary: Summary, settings: BurdenSettings) -> dict[str, Any]:
    volume_mm3 = {side: sum(row.volume_mm3 or 0.0 for row in rows if row.side == side) for side in ("left", "right")}
    symmetry = compare(fact, volume_mm3["left"], volume_mm3["right"], summary.detection_floor_mm3, settings=settings)
    much = symmetry.index is not None and abs(symmetry.index) >= settings.asymmetric_index
    size_alone = symmetry.bilateral is True and symmetry.symmetric is False and not much
    finding: dict[str, Any] = {
        "site": fact,
        "present": True,
        "bilateral": symmetry.bilateral,
        "symmetric": None if size_alone else symmetry.symmetric,
        "multiple": summary.deposits.get(fact, 0) > 1 if fact in summary.deposits else None,
        "diameter_mm": _rounded(summary.largest_mm.get(fact)),
        "volume_mm3": round(sum(row.volume_mm3 or 0.0 for row in rows), 1),
    }
    return {key: value for key, value in finding.items() if value is not None}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _trusted(finding: Mapping[str, Any], quality: Quality) -> dict[str, Any]:
    """The finding without what a flag makes untrustworthy."""
    codes = [quality_codes()[flag.code] for flag in quality.flags if not (flag.local or flag.note)]
    drops = {key for code in codes for key in code.drops}
    drops_false = {key for code in codes for key in code.drops_false}
    return {
        key: value
        for key, value in finding.items()
        if key == "site" or not (key in drops or (value is False and key in drops_false))
    }
