"""Tubes, wires and leads that lesions lie on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec
import numpy as np

from calcscan.grid.geometry import Array
from calcscan.knowledge.foreign_body import ForeignBodySettings
from calcscan.material.belonging import is_bulkier, on_course
from calcscan.material.beyond_calcium import voltage_scale
from calcscan.material.calcified_courses import ShareOf
from calcscan.material.course import Follower
from calcscan.material.seeds import find_seeds
from calcscan.material.tube_evidence import tube_evidence
from calcscan.model import LesionMap, Scan, SearchRegion


@dataclass(frozen=True, slots=True, kw_only=True)
class Tube:
    """Something thin and even, and the numbers of the lesions that it explains."""

    lesions: tuple[int, ...]
    evidence: Mapping[str, float]


def find_tubes(
    lesions: LesionMap,
    scan: Scan,
    places: Mapping[int, Array],
    follower: Follower,
    region: SearchRegion,
    where_it_calcifies: ShareOf,
    settings: ForeignBodySettings,
) -> Iterator[Tube]:
    """Every tube, wire or lead that a lesion lies on."""
    beyond_calcium_hu = settings.beyond_calcium_hu * voltage_scale(lesions)
    settings = msgspec.structs.replace(settings, beyond_calcium_hu=beyond_calcium_hu)
    accepted: list[Array] = []
    tries: dict[int, int] = {}
    explained: set[int] = set()
    seeds = sorted(find_seeds(lesions, scan, places, follower, region, settings), key=lambda seed: -seed[0])
    for _, number, start, way in seeds[: settings.most_seeds]:
        on_known = any(np.linalg.norm(start - p, axis=1).min() < settings.window_mm for p in accepted)
        tries[number] = tries.get(number, 0) + 1
        if number in explained or on_known or tries[number] > settings.most_tries:
            continue
        course = follower.follow(start, way)
        if course is None:
            continue
        metal_from_hu = float(lesions.settings["metal_from_hu"] or np.inf)
        evidence = tube_evidence(course, scan, follower, metal_from_hu, where_it_calcifies, settings)
        if evidence is None:
            continue
        accepted.append(course.points)
        dense = evidence["substance_hu"] >= settings.dense_course_hu
        share = settings.belongs_share_dense if dense else settings.belongs_share
        on_it = tuple(
            n
            for n in on_course(course, scan, places, evidence["width_mm"], share, settings)
            if not is_bulkier(n, lesions, scan, evidence["width_mm"], settings)
        )
        explained |= set(on_it)
        if on_it:
            yield Tube(lesions=on_it, evidence=evidence)
