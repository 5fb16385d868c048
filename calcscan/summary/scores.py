"""Scores that others report, each marked as the approximation it is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from calcscan.knowledge.burden import TotalCalcificationScore
from calcscan.knowledge.sites import all_sites
from calcscan.model import LocatedLesion, LocatedLesionMap, Registration
from calcscan.summary.burden import Place


def scores(
    lesions: LocatedLesionMap,
    places: Mapping[Place, Sequence[LocatedLesion]],
    registration: Registration | None,
    *,
    located: bool,
    examined: Collection[Place],
    uncertain: Mapping[Place, Sequence[LocatedLesion]],
    settings: TotalCalcificationScore,
) -> dict[str, object]:
    """`agatston` and `tcs_estimate`; the latter None where nothing was located."""
    tcs = None
    if located and registration is not None:
        tcs = _tcs(places, registration, examined, uncertain, settings)
    return {"agatston": _agatston(lesions), "tcs_estimate": tcs}


def _agatston(lesions: LocatedLesionMap) -> dict[str, object]:
    of = "every calcification inside the skull" if lesions.searched else "the lesions that were given"
    return {
        "total": float(sum(lesion.agatston for lesion in lesions.lesions)),
        "approximation": True,
        "note": f"Agatston's rule for coronary arteries applied to {of}, physiological ones included, scaled to 3 mm "
        "slices",
    }


def _tcs(
    places: Mapping[Place, Sequence[LocatedLesion]],
    registration: Registration,
    examined: Collection[Place],
    uncertain: Mapping[Place, Sequence[LocatedLesion]],
    settings: TotalCalcificationScore,
) -> dict[str, object]:
    """Nicolas 2013's sixteen cells of 0 to 5, by volume; None where a part of a cell is not known, and for the total
    where one of them is. `at_least` is the total of what was counted."""
    volume = dict.fromkeys(settings.cells, 0.0)
    for place, parts in places.items():
        for part in parts:
            cell = _cell(*place, part, registration, settings)
            if cell is not None:
                volume[cell] += part.volume_mm3
    unknown = _unknown(volume, places, registration, examined, uncertain, settings)
    points = {name: _points(mm3, settings.from_mm3) for name, mm3 in volume.items()}
    cells = {name: None if name in unknown else number for name, number in points.items()}
    return {
        "cells": cells,
        "total": None if unknown else sum(points.values()),
        "at_least": sum(points.values()),
        "approximation": True,
        "age_threshold": None,
        "note": settings.note,
    }


def _unknown(
    volume: Mapping[str, float],
    places: Mapping[Place, Sequence[LocatedLesion]],
    registration: Registration,
    examined: Collection[Place],
    uncertain: Mapping[Place, Sequence[LocatedLesion]],
    settings: TotalCalcificationScore,
) -> set[str]:
    """The cells that may hold more than was counted there. A place that holds a deposit counts as known, as in the rows
    by site, but only for the cell that has it."""
    out = set()
    for cell, group in _places_of(settings).items():
        if any(place not in examined and not (places.get(place) and volume[cell] > 0) for place in group):
            out.add(cell)
    for (site, side), lesions in uncertain.items():
        for lesion in () if places.get((site, side)) else lesions:
            cell_there = _cell(site, side, lesion, registration, settings)
            if cell_there != _cell(lesion.site, lesion.side, lesion, registration, settings) and cell_there is not None:
                out.add(cell_there)
    return out


def _places_of(settings: TotalCalcificationScore) -> dict[str, list[Place]]:
    """Of each cell, the places that it takes together, or is a part of."""
    sites = all_sites()
    group: dict[str, list[Place]] = {cell: [] for cell in settings.cells}
    for site, region in settings.cell_of.items():
        for side in sites[site].sides:
            group[f"{region}_{side}"].append((site, side))
    group["vermis"] = [("cerebellum", side) for side in sites["cerebellum"].sides]
    for cell in ("midbrain", "pons", "medulla"):
        group[cell] = [("brainstem", "midline")]
    return group


def _cell(
    site: str, side: str, part: LocatedLesion, registration: Registration, settings: TotalCalcificationScore
) -> str | None:
    """The cell that a lesion counts into; None for one that the score leaves out."""
    x, _, z = registration.to_atlas(part.centroid_lps_mm)
    if site == "brainstem":
        if z > settings.midbrain_above_z_mm:
            return "midbrain"
        return "medulla" if z < settings.medulla_below_z_mm else "pons"
    if site == "cerebellum" and abs(x) <= settings.vermis_within_x_mm:
        return "vermis"
    region = settings.cell_of.get(site)
    return f"{region}_{side}" if region else None


def _points(volume_mm3: float, from_mm3: Sequence[float]) -> int:
    return 0 if volume_mm3 <= 0 else int(np.searchsorted(from_mm3, volume_mm3, side="right"))
