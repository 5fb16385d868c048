"""From single trials to scores: the smallest size found, the error of volume, the right site."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from calcscan.verification.model import SITE, SIZE, VOLUME, Cell, Trial, VolumeScore

WITHIN = (0.15, 0.2, 0.3)


def detection(trials: Iterable[Trial]) -> tuple[Cell, ...]:
    """Recall by diameter and density, small to large."""
    groups: dict[tuple[float, float], list[bool]] = {}
    for trial in trials:
        if trial.planned.series == SIZE:
            deposit = trial.planned.deposit
            groups.setdefault((round(deposit.diameter_mm, 3), deposit.hu), []).append(trial.found)
    return tuple(
        Cell(diameter_mm=mm, hu=hu, put_in=len(found), found=sum(found)) for (mm, hu), found in sorted(groups.items())
    )


def smallest_reliable_mm(cells: Iterable[Cell], reliable: float) -> dict[float, float | None]:
    """By density in HU: the diameter from which on every size tried was found with a recall of at least `reliable`;
    None where none was.

    >>> cells = [Cell(diameter_mm=mm, hu=200.0, put_in=10, found=n) for mm, n in ((2.0, 10), (3.0, 9), (4.0, 10))]
    >>> smallest_reliable_mm(cells, 0.95)
    {200.0: 4.0}
    """
    out: dict[float, float | None] = {}
    failed: set[float] = set()
    for cell in sorted(cells, key=lambda cell: (cell.hu, -cell.diameter_mm)):
        out.setdefault(cell.hu, None)
        if cell.found < reliable * cell.put_in:
            failed.add(cell.hu)
        elif cell.hu not in failed:
            out[cell.hu] = cell.diameter_mm
    return out


def volumes(trials: Iterable[Trial], *, min_mm3: float = 0.0) -> VolumeScore | None:
    """The error of the series by volume; None if no deposit was found."""
    tried = [t for t in trials if t.planned.series == VOLUME and t.planned.deposit.volume_mm3 >= min_mm3]
    found = [t for t in tried if t.found]
    if not found:
        return None
    truth = np.array([t.planned.deposit.volume_mm3 for t in found])
    best, plain = np.array([(t.volume_mm3, t.volume_130_mm3) for t in found], dtype=np.float64).T
    low, high = np.array([t.interval_mm3 for t in found], dtype=np.float64).T
    off = best / truth - 1.0
    return VolumeScore(
        put_in=len(tried),
        found=len(found),
        mean_bias=float(off.mean()),
        median_bias=float(np.median(off)),
        within={f"{limit:g}": float(np.mean(np.abs(off) <= limit)) for limit in WITHIN},
        interval_holds=float(np.mean((low <= truth) & (truth <= high))),
        plain_mean_bias=float((plain / truth - 1.0).mean()),
    )


def located(trial: Trial) -> tuple[bool, bool]:
    """Whether the site is right, and the side; both False where nothing was found."""
    if not trial.lesions:
        return False, False
    first = trial.lesions[0]
    return first.site == trial.planned.site, first.side == trial.planned.side


def at_sites(trials: Iterable[Trial]) -> list[Trial]:
    """The trials of the series by site."""
    return [trial for trial in trials if trial.planned.series == SITE]
