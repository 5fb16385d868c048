"""The whole of `calcscan verify`: analyse the scan, insert deposits pass by pass, and score what is found."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from calcscan.blur import measure_blur
from calcscan.detection import detect_lesions
from calcscan.examination import marked_sharp
from calcscan.knowledge.settings import load
from calcscan.knowledge.stage_settings import StageSettings
from calcscan.knowledge.verification import VerificationSettings
from calcscan.measurement.blur import as_ordinary
from calcscan.model import Atlas, Result, Scan
from calcscan.pipeline import analyse, analyse_scan
from calcscan.progress import Progress
from calcscan.quality import FlagCode, severity
from calcscan.verification.blur import Blur
from calcscan.verification.candidate_sites import SitePlace, find_room, site_places
from calcscan.verification.model import Verification
from calcscan.verification.picture import all_in_one
from calcscan.verification.plan import random_passes, site_passes
from calcscan.verification.rerun import Baseline, PassResult, run_pass, worst_of

PLACELESS = frozenset({"registration_poor", "laterality_unknown"})
"""Reasons to abstain that leave detection and measurement sound."""


def verify_scan(
    source: str | Path | Scan,
    *,
    deposits: int | None = None,
    seed: int = 1,
    series_uid: str | None = None,
    atlas: Atlas | str | Path | None = None,
    progress: Progress | None = None,
    settings: VerificationSettings | None = None,
) -> Verification:
    """Insert calcifications of known size, density and site into a scan, and test how well calcscan finds, measures and
    locates them.

    Parameters
    ----------
    source
        A DICOM folder, a ZIP of one, a NIfTI file, or a scan that has been read.
    deposits
        How many to insert by size and density; a quarter as many more vary in shape and volume, and each site gets one.
    seed
        The same seed gives the same deposits at the same positions.
    series_uid
        The series to analyse; by default the most suitable one.
    atlas
        Instead of the shipped one: read already, or its folder.
    progress
        Called with the name of each step as it begins.
    settings
        How deposits are inserted and judged; by default those of `calcscan/knowledge/verification.toml`.

    Returns
    -------
    Verification
        Without trials where calcscan abstains for a reason that makes any number unsound; without those at the sites
        where it abstains only from locating.

    Raises
    ------
    InputError, AtlasError
        There is nothing to report on.
    """
    settings, stages = settings or load(VerificationSettings), StageSettings.load()
    begin = time.perf_counter()
    tell = progress or (lambda words: None)
    result = (
        analyse_scan(source, atlas=atlas, progress=progress)
        if isinstance(source, Scan)
        else analyse(source, series_uid=series_uid, atlas=atlas, progress=progress)
    )
    requested = settings.size_count if deposits is None else deposits
    sharp = any(flag.code == FlagCode.SHARP_KERNEL for flag in result.quality.flags)
    scan = marked_sharp(result.scan) if sharp else result.scan
    measured = measure_blur(scan, result.intracranial, settings=stages.blur)
    scan, blur = replace(scan, blur=measured.blur), Blur.of(measured)
    taken_s = {"baseline": time.perf_counter() - begin}
    why_not = _unsound(result)
    if why_not or result.intracranial is None or result.lesions is None or result.registration is None:
        return _verification(result, blur, (), {}, seed, requested, taken_s, why_not=why_not)
    baseline = Baseline(
        scan=scan,
        intracranial=result.intracranial,
        registration=result.registration,
        lesions=result.lesions,
        atlas=result.atlas,
        blur=blur,
    )
    ordinary = as_ordinary(scan, stages.volume)
    detected = detect_lesions(ordinary, baseline.intracranial, thresholds=stages.thresholds, volume=stages.volume)
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
    """Why no test on this scan would be sound; empty where it would."""
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
        false_positives=tuple(lesion for after in done for lesion in after.false_positives),
        stability=worst_of(after.stability for after in done if after.stability is not None),
        passes=len(done),
        seed=seed,
        requested=requested,
        timings_s={name: round(seconds, 3) for name, seconds in taken_s.items()},
        why_not=why_not,
        picture=picture,
    )
