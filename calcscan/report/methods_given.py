"""What the authors gave of the scans themselves, in the methods paragraph: segmentations, brain masks, regions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from calcscan.report.schema import Report

_GIVEN = "lesions_given"


def searched(reports: Sequence[Report]) -> list[Report]:
    """Those in which calcification was searched for."""
    return [report for report in reports if _GIVEN not in report.settings]


def opening(reports: Sequence[Report]) -> str:
    """What was done, to be followed by "with calcscan"."""
    count, given = len(reports), len(reports) - len(searched(reports))
    scans = "a head CT" if count == 1 else f"{count} head CTs"
    if given == count:
        return f"Calcification that the authors had outlined in {scans} was measured"
    if given:
        return (
            f"Calcification was sought in {count - given} and, as the authors had outlined it, measured in {given} "
            f"of {scans}"
        )
    return f"Calcification was sought in {scans}"


def given_sentences(reports: Sequence[Report]) -> str:
    """What was given, and how it was used."""
    texts = []
    lesions = [report for report in reports if _GIVEN in report.settings]
    if lesions:
        ways = sorted({str(report.settings[_GIVEN]) for report in lesions})
        texts.append(
            f"The authors' segmentations{_whose(lesions, reports)} were taken as they are (a lesion: "
            f"{' or '.join(ways)}): nothing was searched for beside them, and nothing in them was left out"
            f"{_resampled(lesions, 'own_lesions')}."
        )
    brain = [report for report in reports if "own_brain_mask" in report.settings]
    if brain:
        texts.append(
            f"The inside of the skull is that of the authors' masks{_whose(brain, reports)}"
            f"{_resampled(brain, 'own_brain_mask')}."
        )
    regions = [report for report in reports if report.regions is not None]
    if regions:
        counts = sorted({sum(row.label != 0 for row in report.regions or ()) for report in regions})
        many = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        texts.append(
            f"Volumes were also summed in {many} regions of the authors' own{_whose(regions, reports)}, what crosses "
            f"their borders divided voxel by voxel{_resampled(regions, 'own_regions')}."
        )
    return " ".join(texts)


def _whose(some: Sequence[Report], reports: Sequence[Report]) -> str:
    return "" if len(some) == len(reports) else f" in {len(some)} of {len(reports)}"


def _resampled(reports: Sequence[Report], name: str) -> str:
    """That they came from another grid, where they did."""
    used: list[Any] = [report.settings.get(name) for report in reports]
    count = sum(isinstance(one, dict) and bool(one.get("resampled")) for one in used)
    if not count:
        return ""
    which = "they were" if count == len(reports) else f"{count} {'was' if count == 1 else 'were'}"
    return f"; {which} resampled by nearest neighbour"
