"""Scores that others report, each marked as the approximation it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from calcscan.knowledge.burden import TotalCalcificationScore
from calcscan.model import LocatedLesion, LocatedLesionMap, Registration
from calcscan.summary.burden import Place


def scores(
    lesions: LocatedLesionMap,
    places: Mapping[Place, Sequence[LocatedLesion]],
    registration: Registration | None,
    *,
    located: bool,
    settings: TotalCalcificationScore,
) -> dict[str, object]:
    """`agatston` and `tcs_estimate`; the latter None where nothing was located."""
    tcs = _tcs(places, registration, settings) if located and registration is not None else None
    return {"agatston": _agatston(lesions), "tcs_estimate": tcs}


def _agatston(lesions: LocatedLesionMap) -> dict[str, object]:
    return {
        "total": float(sum(lesion.agatston for lesion in lesions.lesions)),
        "approximation": True,
        "note": "Agatston's rule for coronary arteries applied to every calcification inside the skull, physiological "
        "ones included, scaled to 3 mm slices",
    }


def _tcs(
    places: Mapping[Place, Sequence[LocatedLesion]], registration: Registration, settings: TotalCalcificationScore
) -> dict[str, object]:
    """Nicolas 2013's sixteen cells of 0 to 5, by volume."""
    volume = dict.fromkeys(settings.cells, 0.0)
    for (site, side), parts in places.items():
        for part in parts:
            cell = _cell(site, side, part, registration, settings)
            if cell is not None:
                volume[cell] += part.volume_mm3
    cells = {name: _points(mm3, settings.from_mm3) for name, mm3 in volume.items()}
    return {
        "cells": cells,
        "total": sum(cells.values()),
        "approximation": True,
        "age_threshold": None,
        "note": settings.note,
    }


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
