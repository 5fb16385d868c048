"""What the lesions hold in regions of the user's own: LesionMap, Scan, OwnLabels → a row for each region."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from calcscan.model import Lesion, LesionMap, OwnLabels, RegionBurden, Scan

ELSEWHERE = "elsewhere"
"""The name of what lies in no region."""


def divide_by_regions(
    lesions: LesionMap, scan: Scan, labels: OwnLabels, names: Mapping[int, str] | None = None
) -> tuple[RegionBurden, ...]:
    """A row for each label, ascending, and one for all that lies in none, label 0: together they are the whole.

    The volume of a lesion that reaches over several regions is divided as its signal above brain is, voxel by voxel.
    Which side of a border the outermost voxels lie on is not known: half of their signal widens the interval.
    """
    known = {**labels.names, **(names or {})}
    order = [*labels.numbers, 0]
    row_of = {label: n for n, label in enumerate(order)}
    sums = np.zeros((len(order), 4))
    brain_hu = float(lesions.settings.get("brain_hu") or 0.0)
    counted_hu = float(lesions.settings.get("counted_from_hu") or 130.0)
    for lesion in lesions.lesions:
        kji = lesions.voxels_kji(lesion.id)
        region, hu, mm3 = labels.values[tuple(kji.T)], scan.hu[tuple(kji.T)], scan.geometry.voxel_mm3[kji[:, 0]]
        signal = np.maximum(hu - brain_hu, 0.0) * mm3
        if signal.sum() <= 0:
            signal = mm3
        share = signal / signal.sum()
        at_border = _at_border(lesions, lesion, labels)[tuple(kji.T - np.array(lesion.bbox_kji)[:, :1])]
        plain = np.where(hu >= counted_hu, mm3, 0.0)
        scaled = lesion.volume_130_mm3 / plain.sum() if plain.sum() > 0 else 0.0
        for label in np.unique(region).tolist():
            here = region == label
            part = float(share[here].sum())
            unsure = float(share[here & at_border].sum()) / 2
            beyond = float(share[~here & at_border].sum()) / 2
            sums[row_of[label]] += (
                part * lesion.volume_mm3,
                max(0.0, part - unsure) * lesion.volume_low_mm3,
                min(1.0, part + beyond) * lesion.volume_high_mm3,
                float(plain[here].sum()) * scaled,
            )
    return tuple(
        RegionBurden(
            label=label,
            name=known.get(label) if label else ELSEWHERE,
            volume_mm3=float(best),
            volume_low_mm3=float(low),
            volume_high_mm3=float(high),
            volume_130_mm3=float(counted),
        )
        for label, (best, low, high, counted) in zip(order, sums, strict=True)
    )


def _at_border(lesions: LesionMap, lesion: Lesion, labels: OwnLabels) -> npt.NDArray[np.bool_]:
    """In the box of a lesion, its voxels that touch, by a face, one of its own in another region."""
    box = tuple(slice(first, last) for first, last in lesion.bbox_kji)
    own, region = lesions.labels[box] == lesion.id, labels.values[box]
    out = np.zeros(own.shape, dtype=np.bool_)
    for axis in range(3):
        voxels, of, marked = (np.moveaxis(part, axis, 0) for part in (own, region, out))
        differ = voxels[1:] & voxels[:-1] & (of[1:] != of[:-1])
        marked[1:] |= differ
        marked[:-1] |= differ
    return out
