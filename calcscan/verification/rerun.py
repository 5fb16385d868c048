"""One pass: insert deposits, run the stages, and match lesions to deposits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from calcscan.examination import examine, search
from calcscan.grid.geometry import apply
from calcscan.knowledge.stage_settings import StageSettings
from calcscan.knowledge.verification import VerificationSettings
from calcscan.model import Atlas, LocatedLesion, LocatedLesionMap, Registration, Scan, SearchRegion
from calcscan.verification.blur import Blur
from calcscan.verification.inserted import Share, filled_share, with_shares
from calcscan.verification.model import FalsePositive, Planned, Stability, Trial


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Baseline:
    """The original scan, and what calcscan found in it."""

    scan: Scan
    intracranial: SearchRegion
    registration: Registration
    lesions: LocatedLesionMap
    atlas: Atlas
    blur: Blur
    threshold_hu: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PassResult:
    """One pass."""

    scan: Scan
    lesions: LocatedLesionMap
    trials: tuple[Trial, ...]
    false_positives: tuple[FalsePositive, ...]
    stability: Stability | None


def run_pass(
    baseline: Baseline,
    number: int,
    planned: Iterable[Planned],
    settings: VerificationSettings,
    stages: StageSettings,
    *,
    rerun: bool,
) -> PassResult:
    """Insert deposits and search for them. `rerun`: the intracranial space is segmented and the atlas registered again
    on the changed scan; else both are those of the original scan."""
    planned = tuple(planned)
    thick_mm = baseline.scan.slice_thickness_mm
    shares = [filled_share(one.deposit, baseline.scan.geometry, thick_mm, baseline.blur, settings) for one in planned]
    scan = with_shares(baseline.scan, [one.deposit for one in planned], shares, settings)
    intracranial, registration = baseline.intracranial, baseline.registration
    if rerun:
        examination = examine(scan, baseline.atlas, threshold_hu=baseline.threshold_hu, settings=stages)
        intracranial, registration, lesions = examination.intracranial, examination.registration, examination.lesions
    else:
        lesions = search(
            scan, intracranial, registration, baseline.atlas, threshold_hu=baseline.threshold_hu, settings=stages
        )
    trials = tuple(
        Trial(planned=one, pass_number=number, lesions=_lesions_at(share, lesions, settings))
        for one, share in zip(planned, shares, strict=True)
    )
    return PassResult(
        scan=scan,
        lesions=lesions,
        trials=trials,
        false_positives=tuple(
            FalsePositive(pass_number=number, lesion=lesions.lesions[n - 1])
            for n in _new_lesions(baseline, lesions, shares, settings)
        ),
        stability=_stability(baseline, intracranial, registration, lesions) if rerun else None,
    )


def _lesions_at(share: Share, lesions: LocatedLesionMap, settings: VerificationSettings) -> tuple[LocatedLesion, ...]:
    """The lesions that overlap the core of the deposit, the largest overlap first."""
    box, filled = share
    core = lesions.labels[box][filled >= settings.core_share * filled.max()]
    numbers, counts = np.unique(core[core > 0], return_counts=True)
    return tuple(lesions.lesions[int(n) - 1] for n in numbers[np.argsort(-counts, kind="stable")])


def _new_lesions(
    baseline: Baseline, lesions: LocatedLesionMap, shares: list[Share], settings: VerificationSettings
) -> list[int]:
    """Numbers of the lesions that are new and touch no deposit, not even its faint rim."""
    known = set(np.unique(lesions.labels[baseline.lesions.labels > 0]).tolist())
    for box, filled in shares:
        known |= set(np.unique(lesions.labels[box][np.abs(filled) > settings.rim_share]).tolist())
    return [lesion.id for lesion in lesions.lesions if lesion.id not in known]


def _stability(
    baseline: Baseline, intracranial: SearchRegion, registration: Registration, lesions: LocatedLesionMap
) -> Stability:
    kept = moved = 0
    for lesion in baseline.lesions.lesions:
        numbers = lesions.labels[baseline.lesions.labels == lesion.id]
        numbers = numbers[numbers > 0]
        if len(numbers) == 0:
            continue
        kept += 1
        now = lesions.lesions[int(np.bincount(numbers).argmax()) - 1]
        moved += (now.site, now.side) != (lesion.site, lesion.side)
    kji = np.argwhere(baseline.intracranial.isotropic_mask)[::97]
    points = apply(baseline.intracranial.isotropic_hu.affine, kji)
    shift = registration.to_atlas(points) - baseline.registration.to_atlas(points)
    return Stability(
        passes=1,
        before=len(baseline.lesions.lesions),
        kept=kept,
        moved=moved,
        shift_mm=float(np.linalg.norm(shift, axis=1).max()),
        intracranial_change=intracranial.intracranial_ml / baseline.intracranial.intracranial_ml - 1.0,
        accepted=bool(registration.accepted),
    )


def worst_of(parts: Iterable[Stability]) -> Stability | None:
    """The worst of several passes; counts are sums."""
    all_parts = list(parts)
    if not all_parts:
        return None
    return Stability(
        passes=len(all_parts),
        before=sum(part.before for part in all_parts),
        kept=sum(part.kept for part in all_parts),
        moved=sum(part.moved for part in all_parts),
        shift_mm=max(part.shift_mm for part in all_parts),
        intracranial_change=max((part.intracranial_change for part in all_parts), key=abs),
        accepted=all(part.accepted for part in all_parts),
    )
