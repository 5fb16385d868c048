"""The whole of `calcscan verify`: what the scan holds, deposits put in pass by pass, and the score."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from calcscan.detection import detect_lesions
from calcscan.knowledge.settings import load
from calcscan.knowledge.verification import VerificationSettings
from calcscan.model import Result, Scan
from calcscan.pipeline import StageSettings, analyse, analyse_scan
from calcscan.quality import severity
from calcscan.verification.blur import Blur, find_blur
from calcscan.verification.candidate_sites import SitePlace, find_room, site_places
from calcscan.verification.model import Verification
from calcscan.verification.picture import all_in_one
from calcscan.verification.plan import random_passes, site_passes
from calcscan.verification.rerun import Baseline, PassResult, run_pass, worst_of

Progress = Callable[[str], None]
PLACELESS = frozenset({"registration_poor", "laterality_unknown"})
"""Reasons to abstain that leave detection and measuring sound."""


def verify_scan(
    source: str | Path | Scan,
    *,
    deposits: int | None = None,
    seed: int = 1,
    series_uid: str | None = None,
    progress: Progress | None = None,
    settings: VerificationSettings | None = None,
) -> Verification:
    """Put calcifications of known size, density and place into a scan, and see what calcscan makes of them.

    Parameters
    ----------
    source
        A DICOM folder, a ZIP of one, a NIfTI file, or a scan read already.
    deposits
        How many to put in by size and density; a quarter as many come by shape and volume, and one at every site.
    seed
        The same seed puts the same deposits at the same places.
    series_uid
        The series to take; else the one that suits best.
    progress
        Called with what is done, as it begins.
    settings
        How deposits are inserted and judged; by default those of `calcscan/knowledge/verification.toml`.

    Returns
    -------
    Verification
        Without trials where calcscan abstains on the scan for a reason that makes any number unsound; without those
        at the sites where it only can't place anything.

    Raises
    ------
    InputError, AtlasError
        There is nothing to report on.
    """
    settings, stages = settings or load(VerificationSettings), StageSettings.load()
    begin = time.perf_counter()
    tell = progress or (lambda words: None)
    result = (
        analyse_scan(source, progress=progress)
        if isinstance(source, Scan)
        else analyse(source, series_uid=series_uid, progress=progress)
    )
    requested = settings.size_count if deposits is None else deposits
    blur = find_blur(result.scan, settings=settings)
    taken_s = {"baseline": time.perf_counter() - begin}
    why_not = _unsound(result)
    if why_not or result.intracranial is None or result.lesions is None or result.registration is None:
        return _verification(result, blur, (), {}, seed, requested, taken_s, why_not=why_not)
    baseline = Baseline(
        scan=result.scan,
        intracranial=result.intracranial,
        registration=result.registration,
        lesions=result.lesions,
        atlas=result.atlas,
        blur=blur,
    )
    detected = detect_lesions(baseline.scan, baseline.intracranial, thresholds=stages.thresholds, volume=stages.volume)
    room = find_room(baseline.scan, baseline.intracranial, detected, settings=settings)
    places: list[SitePlace] = []
    untried = {"all": "calcscan abstains on this scan"}
    if result.quality.state != "abstain":
        places, untried = site_places(room, baseline.registration, baseline.atlas, settings)
    plan = [(one, True) for one in site_passes(places, settings)]
    plan += [(one, False) for one in random_passes(room, requested, np.random.default_rng(seed), settings)]
    done: list[PassResult] = []
    for number, (planned, rerun) in enumerate(plan, start=1):
        tell(f"pass {number} of {len(plan)}")
        done.append(run_pass(baseline, number, planned, settings, stages, rerun=rerun))
    taken_s["passes"] = time.perf_counter() - begin - taken_s["baseline"]
    tell("draw")
    at_sites = [after for after in done if after.stability is not None]
    picture = all_in_one(result, at_sites) if at_sites else None
    return _verification(result, blur, tuple(done), untried, seed, requested, taken_s, picture=picture)


def _unsound(result: Result) -> str:
    """Why nothing can be tried on this scan; empty where it can."""
    grave = [flag for flag in result.quality.flags if severity(flag) == "abstain" and flag.code not in PLACELESS]
    return "; ".join(f"{flag.code}: {flag.message}" for flag in grave)


def _verification(
    result: Result,
    blur: Blur,
    done: tuple[PassResult, ...],
    untried: Mapping[str, str],
    seed: int,
    requested: int,
    taken_s: Mapping[str, float],
    *,
    why_not: str = "",
    picture: bytes | None = None,
) -> Verification:
    return Verification(
        baseline=result,
        blur=blur,
        trials=tuple(trial for after in done for trial in after.trials),
        untried=untried,
        false_positives=tuple(stray for after in done for stray in after.false_positives),
        stability=worst_of(after.stability for after in done if after.stability is not None),
        passes=len(done),
        seed=seed,
        requested=requested,
        timings_s={name: round(seconds, 3) for name, seconds in taken_s.items()},
        why_not=why_not,
        picture=picture,
    )
