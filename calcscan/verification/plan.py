"""Which deposits to insert, where, and in as few passes as possible: those of one pass keep their distance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from calcscan.knowledge.verification import VerificationSettings
from calcscan.verification.candidate_sites import Room, SitePlace
from calcscan.verification.deposits import SHAPES, Deposit, make_deposit
from calcscan.verification.model import SITE, SIZE, VOLUME, Planned

Pass = tuple[Planned, ...]
_CENTRE = (0.0, 0.0, 0.0)


def site_passes(places: list[SitePlace], settings: VerificationSettings) -> list[Pass]:
    """A ball at every site, as large as the site up to a limit, each in the first pass with room for it."""
    passes: list[list[Planned]] = []
    for place in places:
        diameter = float(np.clip(2.0 * place.radius_mm, settings.site_min_mm, settings.site_max_mm))
        deposit = make_deposit("ball", place.centre_mm, np.pi / 6.0 * diameter**3, settings.site_hu)
        planned = Planned(series=SITE, deposit=deposit, site=place.site, side=place.side)
        for one in passes:
            if all(_apart(deposit, other.deposit, settings) for other in one):
                one.append(planned)
                break
        else:
            passes.append([planned])
    return [tuple(one) for one in passes]


def size_series(count: int, settings: VerificationSettings) -> Iterator[tuple[float, float]]:
    """Diameter in mm and density in HU of about `count` deposits, the same number of each pair."""
    asked = settings.size_series
    pairs = [(float(mm), float(hu)) for mm in asked.diameters_mm for hu in asked.densities_hu]
    for _ in range(max(1, round(count / len(pairs)))):
        yield from pairs


def random_passes(room: Room, count: int, rng: np.random.Generator, settings: VerificationSettings) -> list[Pass]:
    """The series by size (about `count` balls) and by volume (a quarter as many, of every shape) at random positions in
    the brain. Empty where there is no room."""
    asked = settings.volume_series
    sizes = size_series(count, settings)
    unplaced = [(SIZE, make_deposit("ball", _CENTRE, np.pi / 6.0 * mm**3, hu)) for mm, hu in sizes]
    for number in range(max(len(SHAPES), count // 4)):
        volume_mm3 = float(np.exp(rng.uniform(*np.log([asked.min_mm3, asked.max_mm3]))))
        hu = float(rng.uniform(asked.min_hu, asked.max_hu))
        unplaced.append((VOLUME, make_deposit(SHAPES[number % len(SHAPES)], _CENTRE, volume_mm3, hu, rng=rng)))
    return _packed(room, unplaced, rng, settings)


def _packed(
    room: Room, unplaced: list[tuple[str, Deposit]], rng: np.random.Generator, settings: VerificationSettings
) -> list[Pass]:
    """One series after the other; a pass is full when the next deposit no longer fits."""
    every = settings.candidate_stride
    room = Room(points_mm=room.points_mm[::every], depth_mm=room.depth_mm[::every], clear_mm=room.clear_mm[::every])
    passes: list[list[Planned]] = []
    series_now, gap = "", np.empty(0)
    for series, deposit in unplaced:
        reach = deposit.reach_mm
        deep = room.depth_mm >= settings.bone_distance_mm + reach
        clear = room.clear_mm >= settings.surface_distance_mm + reach
        if not (deep & clear).any():
            continue
        free = (
            deep & clear & (gap >= _least_gap(reach, settings))
            if series == series_now
            else np.zeros(len(deep), np.bool_)
        )
        if not free.any():
            passes.append([])
            series_now, gap = series, np.full(len(room.points_mm), np.inf)
            free = deep & clear
        # jitter of up to half the isotropic grid's spacing, or every centre would fall alike on the voxels
        at = room.points_mm[rng.choice(np.flatnonzero(free))] + rng.uniform(-0.7, 0.7, 3)
        placed = replace(deposit, centre_mm=(float(at[0]), float(at[1]), float(at[2])))
        passes[-1].append(Planned(series=series, deposit=placed))
        gap = np.minimum(gap, np.linalg.norm(room.points_mm - at, axis=1) - reach)
    return [tuple(one) for one in passes]


def _least_gap(reach_mm: float, settings: VerificationSettings) -> float:
    """From a new centre to the surface of any other deposit."""
    return float(max(settings.centre_distance_mm, settings.surface_distance_mm + reach_mm))


def _apart(one: Deposit, other: Deposit, settings: VerificationSettings) -> bool:
    away = float(np.linalg.norm(np.subtract(one.centre_mm, other.centre_mm)))
    return away >= max(
        _least_gap(one.reach_mm, settings) + other.reach_mm, _least_gap(other.reach_mm, settings) + one.reach_mm
    )
