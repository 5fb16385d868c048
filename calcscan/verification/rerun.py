"""One pass: deposits into the scan, the stages over it, and which lesion is which deposit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from calcscan.grid.geometry import apply
from calcscan.knowledge.settings import load
from calcscan.knowledge.verification import VerificationSettings
from calcscan.model import Atlas, LocatedLesion, LocatedLesionMap, Registration, Scan, SearchRegion
from calcscan.pipeline import examine, search
from calcscan.verification.blur import Blur
from calcscan.verification.inserted import Share, filled_share, with_shares
from calcscan.verification.model import FalsePositive, Planned, Stability, Trial


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Baseline:
    """The scan as it came, and what calcscan made of it."""

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


def run_pass(before: Baseline, number: int, planned: Iterable[Planned], *, rerun: bool) -> PassResult:
    """Insert deposits and search for them. `rerun`: the intracranial space is segmented and the atlas registered again
    on the changed scan; else both are those of the scan as it came."""
    planned = tuple(planned)
    thick_mm = before.scan.slice_thickness_mm
    shares = [filled_share(one.deposit, before.scan.geometry, thick_mm, before.blur) for one in planned]
    scan = with_shares(before.scan, [one.deposit for one in planned], shares)
    intracranial, registration = before.intracranial, before.registration
    if rerun:
        examination = examine(scan, before.atlas, threshold_hu=before.threshold_hu)
        intracranial, registration, lesions = examination.intracranial, examination.registration, examination.lesions
    else:
        lesions = search(scan, intracranial, registration, before.atlas, threshold_hu=before.threshold_hu)
    trials = tuple(
        Trial(planned=one, pass_number=number, lesions=_lesions_at(share, lesions))
        for one, share in zip(planned, shares, strict=True)
    )
    return PassResult(
        scan=scan,
        lesions=lesions,
        trials=trials,
        false_positives=tuple(
            FalsePositive(pass_number=number, lesion=lesions.lesions[n - 1])
            for n in _new_lesions(before, lesions, shares)
        ),
        stability=_stability(before, intracranial, registration, lesions) if rerun else None,
    )


def _lesions_at(share: Share, lesions: LocatedLesionMap) -> tuple[LocatedLesion, ...]:
    """The lesions that lie where the deposit shows, the largest part first."""
    box, filled = share
    seen = lesions.labels[box][filled >= load(VerificationSettings).core_share * filled.max()]
    numbers, counts = np.unique(seen[seen > 0], return_counts=True)
    return tuple(lesions.lesions[int(n) - 1] for n in numbers[np.argsort(-counts, kind="stable")])


def _new_lesions(before: Baseline, lesions: LocatedLesionMap, shares: list[Share]) -> list[int]:
    """Numbers of the lesions that were not there before and touch no deposit, not even its faint rim."""
    known = set(np.unique(lesions.labels[before.lesions.labels > 0]).tolist())
    for box, filled in shares:
        known |= set(np.unique(lesions.labels[box][np.abs(filled) > load(VerificationSettings).rim_share]).tolist())
    return [lesion.id for lesion in lesions.lesions if lesion.id not in known]


def _stability(
    before: Baseline, intracranial: SearchRegion, registration: Registration, lesions: LocatedLesionMap
) -> Stability:
    kept = moved = 0
    for lesion in before.lesions.lesions:
        numbers = lesions.labels[before.lesions.labels == lesion.id]
        numbers = numbers[numbers > 0]
        if len(numbers) == 0:
            continue
        kept += 1
        now = lesions.lesions[int(np.bincount(numbers).argmax()) - 1]
        moved += (now.site, now.side) != (lesion.site, lesion.side)
    kji = np.argwhere(before.intracranial.isotropic_mask)[::97]
    points = apply(before.intracranial.isotropic_hu.affine, kji)
    shift = registration.to_atlas(points) - before.registration.to_atlas(points)
    return Stability(
        passes=1,
        before=len(before.lesions.lesions),
        kept=kept,
        moved=moved,
        shift_mm=float(np.linalg.norm(shift, axis=1).max()),
        intracranial_change=intracranial.intracranial_ml / before.intracranial.intracranial_ml - 1.0,
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
