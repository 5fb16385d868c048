"""Which deposits to put in, where, and in how few passes: none of one pass comes near another."""

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
    """A ball at every place, as large as the site up to a limit, in as few passes as come of it."""
    passes: list[list[Planned]] = []
    for place in places:
        diameter = float(np.clip(2.0 * place.radius_mm, settings.site_least_mm, settings.site_most_mm))
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
    """Diameter and density, in mm and HU, of about `count` deposits: as many of each pair."""
    asked = settings.size_series
    pairs = [(float(mm), float(hu)) for mm in asked.diameters_mm for hu in asked.densities_hu]
    for _ in range(max(1, round(count / len(pairs)))):
        yield from pairs


def random_passes(room: Room, count: int, rng: np.random.Generator, settings: VerificationSettings) -> list[Pass]:
    """The series of sizes, of about `count` balls, and that of volumes, of a quarter as many of every shape, at random
    places in the brain. Empty where the head has no room."""
    asked = settings.volume_series
    sizes = size_series(count, settings)
    unplaced = [(SIZE, make_deposit("ball", _CENTRE, np.pi / 6.0 * mm**3, hu)) for mm, hu in sizes]
    for number in range(max(len(SHAPES), count // 4)):
        volume_mm3 = float(np.exp(rng.uniform(*np.log([asked.least_mm3, asked.most_mm3]))))
        hu = float(rng.uniform(asked.least_hu, asked.most_hu))
        unplaced.append((VOLUME, make_deposit(SHAPES[number % len(SHAPES)], _CENTRE, volume_mm3, hu, rng=rng)))
    return _packed(room, unplaced, rng, settings)


def _packed(
    room: Room, unplaced: list[tuple[str, Deposit]], rng: np.random.Generator, settings: VerificationSettings
) -> list[Pass]:
    """One series after the other, each pass filled until the next deposit finds no place in it."""
    every = settings.tried_share
    room = Room(points_mm=room.points_mm[::every], depth_mm=room.depth_mm[::every], clear_mm=room.clear_mm[::every])
    passes: list[list[Planned]] = []
    series_now, gap = "", np.empty(0)
    for series, deposit in unplaced:
        reach = deposit.reach_mm
        deep = room.depth_mm >= settings.bone_apart_mm + reach
        clear = room.clear_mm >= settings.apart_mm + reach
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
        # a shift of up to half the coarse grid, or every centre would lie alike on the voxels
        at = room.points_mm[rng.choice(np.flatnonzero(free))] + rng.uniform(-0.7, 0.7, 3)
        placed = replace(deposit, centre_mm=(float(at[0]), float(at[1]), float(at[2])))
        passes[-1].append(Planned(series=series, deposit=placed))
        gap = np.minimum(gap, np.linalg.norm(room.points_mm - at, axis=1) - reach)
    return [tuple(one) for one in passes]


def _least_gap(reach_mm: float, settings: VerificationSettings) -> float:
    """From a new centre to the surface of any other deposit."""
    return float(max(settings.centres_apart_mm, settings.apart_mm + reach_mm))


def _apart(one: Deposit, other: Deposit, settings: VerificationSettings) -> bool:
    away = float(np.linalg.norm(np.subtract(one.centre_mm, other.centre_mm)))
    return away >= max(
        _least_gap(one.reach_mm, settings) + other.reach_mm, _least_gap(other.reach_mm, settings) + one.reach_mm
    )
