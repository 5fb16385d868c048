"""Slices that lie far from all others of their series."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from calcscan.knowledge.reading import ReadingSettings
from calcscan.model import Flag
from calcscan.read.headers.image import Image
from calcscan.read.wording import counted, were


def without_outliers(images: Sequence[Image], settings: ReadingSettings) -> tuple[tuple[Image, ...], tuple[Flag, ...]]:
    """The slices, in ascending order, without those that lie far from most of them; and a flag for these.

    Where they truly belong is not known, so they count as missing.
    """
    reach = settings.stray_mm
    groups: list[list[Image]] = []
    for image in images:
        if image.position_mm is None:
            return tuple(images), ()
        near = next((group for group in groups if _apart_mm(group[-1], image) <= reach), None)
        if near is None:
            groups.append([image])
        else:
            near.append(image)
    if len(groups) < 2:
        return tuple(images), ()
    kept = max(groups, key=len)
    if len(kept) <= len(images) / 2:  # none is the rule from which others stray
        return tuple(images), ()
    strays = [image for group in groups if group is not kept for image in group]
    nearest = min(_apart_mm(stray, image) for stray in strays for image in (kept[0], kept[-1]))
    lie = "lies" if len(strays) == 1 else "lie"
    message = (
        f"{counted(len(strays), 'slice')} of {len(images)} {lie} {nearest:.0f} mm or more from the "
        f"others ({strays[0].file.name}) and {were(len(strays))} left out."
    )
    return tuple(kept), (Flag(code="missing_slices", message=message, value=float(len(strays)), limit=0.0),)


def _apart_mm(one: Image, other: Image) -> float:
    return float(np.linalg.norm(np.subtract(one.position_mm or (), other.position_mm or ())))
