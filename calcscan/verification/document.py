"""Verification → verify.json, verify.csv and text. Nothing in it names the person."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from calcscan.knowledge.settings import load
from calcscan.knowledge.verification import VerificationSettings
from calcscan.report.atomic_folder import put_files
from calcscan.report.build import build_report
from calcscan.report.json_text import json_text
from calcscan.report.outputs import VERIFY
from calcscan.report.quantities import Side
from calcscan.verification.model import Trial, Verification
from calcscan.verification.schema import DepositRow
from calcscan.verification.score import at_sites, detection, located, smallest_reliable_mm, volumes

SCHEMA = "calcscan-verify/1"
TRUTH = (
    "Deposits of uniform density are added to the scan with its own blur, slice thickness and noise; beam hardening, "
    "streaks and motion are not simulated. The true site of a deposit is that of the atlas as registered to the scan "
    "without deposits, so a wrong registration goes unnoticed. In the passes at the sites the intracranial space is "
    "segmented and the atlas registered again; the other passes take both from the original scan."
)
_SAME = ("software", "atlas", "grid", "quality", "registration", "detection_floor_mm3", "disclaimer")
COLUMNS = DepositRow.__struct_encode_fields__
"""Of verify.csv."""


def document(verification: Verification, *, settings: VerificationSettings | None = None) -> dict[str, Any]:
    """The whole of verify.json."""
    settings = settings or load(VerificationSettings)
    report = msgspec.to_builtins(build_report(verification.baseline))
    cells = detection(verification.trials)
    reliable_mm = smallest_reliable_mm(cells, settings.reliable)
    tried = bool(verification.trials)
    scores = {"all": volumes(verification.trials), "large": volumes(verification.trials, min_mm3=settings.large_mm3)}
    whole = {
        "schema": SCHEMA,
        **{name: report[name] for name in _SAME},
        "settings": {**report["settings"], "seed": float(verification.seed), "deposits": float(verification.requested)},
        "truth": TRUTH,
        "why_not": verification.why_not or None,
        "blur": asdict(verification.blur),
        "passes": verification.passes,
        "detection": [{**asdict(cell), "recall": cell.found / cell.put_in} for cell in cells] if tried else None,
        "reliable_from": [{"hu": hu, "diameter_mm": mm} for hu, mm in reliable_mm.items()],
        "volume": {name: asdict(score) if score else None for name, score in scores.items()},
        "large_from_mm3": settings.large_mm3,
        "sites": [_at_site(trial) for trial in at_sites(verification.trials)],
        "sites_untried": dict(verification.untried),
        "steadiness": asdict(verification.stability) if verification.stability else None,
        "strays": [
            {"pass": positive.pass_number, **{name: getattr(positive.lesion, name) for name in _FALSE_POSITIVE}}
            for positive in verification.false_positives
        ] if tried else None,
        "deposits": [_named(deposit_row(trial)) for trial in verification.trials],
        "timings_s": dict(verification.timings_s),
    }  # fmt: skip
    rounded: dict[str, Any] = _rounded(whole)
    return rounded


_FALSE_POSITIVE = ("site", "side", "volume_mm3", "max_hu", "centroid_lps_mm")


def deposit_row(trial: Trial) -> DepositRow:
    """One deposit: its true values, and what calcscan measured."""
    planned, deposit = trial.planned, trial.planned.deposit
    largest = trial.lesions[0] if trial.lesions else None
    low_mm3, high_mm3 = trial.interval_mm3 or (None, None)
    left_mm, posterior_mm, superior_mm = deposit.centre_mm
    return DepositRow(
        series=planned.series,
        pass_number=trial.pass_number,
        shape=deposit.shape,
        diameter_mm=deposit.diameter_mm,
        true_volume_mm3=deposit.volume_mm3,
        true_hu=deposit.hu,
        true_l_mm=left_mm,
        true_p_mm=posterior_mm,
        true_s_mm=superior_mm,
        true_site=planned.site,
        true_side=None if planned.side is None else Side(planned.side),
        found=trial.found,
        lesions=len(trial.lesions),
        volume_mm3=trial.volume_mm3,
        volume_low_mm3=low_mm3,
        volume_high_mm3=high_mm3,
        volume_130_mm3=trial.volume_130_mm3,
        max_hu=max(lesion.max_hu for lesion in trial.lesions) if largest else None,
        site=largest.site if largest else None,
        side=Side(largest.side) if largest else None,
        site_share=largest.site_share if largest else None,
        off_mm=trial.off_mm,
    )


def _named(row: DepositRow) -> dict[str, Any]:
    return dict(zip(COLUMNS, msgspec.structs.astuple(row), strict=True))


def write_verification(
    verification: Verification,
    out: str | Path,
    *,
    replaces: str | None = None,
    settings: VerificationSettings | None = None,
) -> str:
    """Write verify.json, verify.csv and, where there is one, verify.png to the folder `out`: all or none. Returns
    verify.json, as it was written; `replaces` as for `write_report`.

    Raises
    ------
    OutputError
        The folder can't be written to, or holds files of the same names that are not calcscan's.
    """
    content = document(verification, settings=settings)
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(content["deposits"])
    files = {
        "verify.json": json_text(content).encode(),
        "verify.csv": table.getvalue().encode(),
    }
    if verification.picture is not None:
        files["verify.png"] = verification.picture
    put_files(Path(out), files, VERIFY, replaces=replaces)
    return files["verify.json"].decode()


def _at_site(trial: Trial) -> dict[str, Any]:
    site, side = located(trial)
    planned, first = trial.planned, trial.lesions[0] if trial.lesions else None
    return {
        "site": planned.site,
        "side": planned.side,
        "found": trial.found,
        "said_site": first and first.site,
        "said_side": first and first.side,
        "site_right": site,
        "side_right": side,
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, Mapping):
        return {name: _rounded(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_rounded(item) for item in value]
    return value
