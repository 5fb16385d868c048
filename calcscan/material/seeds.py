"""Where to begin to follow a tube: in long lesions, and from one towards its neighbours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from calcscan.grid.geometry import Array
from calcscan.knowledge.foreign_body import ForeignBodySettings
from calcscan.material.course import Follower
from calcscan.model import LesionMap, Scan, SearchRegion


def find_seeds(
    lesions: LesionMap,
    scan: Scan,
    places: Mapping[int, Array],
    follower: Follower,
    region: SearchRegion,
    settings: ForeignBodySettings,
) -> Iterator[tuple[float, int, Array, Array]]:
    """(extent of the lesion, its number, a place in it, its direction there); nothing that lies at the skull base or
    is short."""
    yield from _seeds_between(lesions, places, follower, settings)
    surround_hu = float(region.brain_hu or 0.0)
    for lesion in lesions.lesions:
        world = places[lesion.id]
        extent_mm = float(np.linalg.norm(world.max(axis=0) - world.min(axis=0)))
        if extent_mm < settings.seed_extent_mm or follower.depth_mm(world).max() < settings.deep_mm:
            continue
        kji = lesions.voxels_kji(lesion.id)
        signal = scan.hu[tuple(kji.T)] - surround_hu
        slab_mm = float(scan.slice_reach_mm[kji[:, 0]].max())
        smear = np.outer(scan.geometry.normal, scan.geometry.normal) * slab_mm**2 / 12.0
        left = np.ones(len(world), dtype=np.bool_)
        while left.any():
            start = world[np.flatnonzero(left)[signal[left].argmax()]]
            away_mm = np.linalg.norm(world - start, axis=1)
            left &= away_mm > settings.seed_apart_mm
            near = away_mm <= settings.seed_reach_mm
            weight, part = signal[near] / signal[near].sum(), world[near]
            centre = weight @ part
            spread, axes = np.linalg.eigh(((part - centre).T * weight) @ (part - centre) - smear)
            deep = float(follower.depth_mm(centre[None])[0]) >= settings.deep_mm
            if deep and spread[2] > settings.seed_elongation**2 * max(spread[1], 0.05):
                yield extent_mm, lesion.id, centre, axes[:, 2]


def _seeds_between(
    lesions: LesionMap, places: Mapping[int, Array], follower: Follower, settings: ForeignBodySettings
) -> Iterator[tuple[float, int, Array, Array]]:
    """As `find_seeds`, from each lesion towards its nearest neighbours: what shows of something faint may be dots."""
    numbers = [lesion.id for lesion in lesions.lesions]
    if len(numbers) < settings.least_in_line:
        return
    middles = np.array([places[number].mean(axis=0) for number in numbers])
    deep = follower.depth_mm(middles) >= settings.deep_mm
    done: set[tuple[int, int]] = set()
    for one in np.flatnonzero(deep):
        away_mm = np.linalg.norm(middles - middles[one], axis=1)
        for two in np.argsort(away_mm)[1:3]:
            pair = (min(int(one), int(two)), max(int(one), int(two)))
            if pair in done or not 0.0 < away_mm[two] <= settings.neighbour_mm:
                continue
            done.add(pair)
            yield 0.0, numbers[one], middles[one], (middles[two] - middles[one]) / away_mm[two]
