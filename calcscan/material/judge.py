"""Keep what is calcium: LesionMap, Scan, SearchRegion → LesionMap, with all else in `left_out`.

Each kind of thing that is as dense as calcium has a module of its own, which says of the lesions that it recognises
what they are and by which figures. The first one that recognises a lesion decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from calcscan.knowledge.left_out import LeftOutReason
from calcscan.model import Flag, LeftOut, LesionMap, Scan, SearchRegion


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What a lesion is instead of calcium, and the figures that say so."""

    reason: LeftOutReason
    evidence: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """The lesions, by number, that one kind of material explains, and what is to be said of the scan."""

    lesions: Mapping[int, Material]
    flags: tuple[Flag, ...] = ()


Recognise = Callable[[LesionMap, Scan, SearchRegion], Recognised]


def judge_material(lesions: LesionMap, scan: Scan, region: SearchRegion, kinds: Sequence[Recognise]) -> LesionMap:
    """The lesions that none of `kinds` recognises, numbered from 1 again; the others stand in `left_out`."""
    recognised = [recognise(lesions, scan, region) for recognise in kinds]
    materials: dict[int, Material] = {}
    for kind in reversed(recognised):
        materials |= kind.lesions
    kept = [lesion for lesion in lesions.lesions if lesion.id not in materials]
    numbers = np.zeros(len(lesions.lesions) + 1, dtype=np.int32)
    numbers[[lesion.id for lesion in kept]] = np.arange(1, len(kept) + 1)
    labels = numbers[lesions.labels]
    labels.flags.writeable = False
    left_out = tuple(
        LeftOut.of(scan, lesions.voxels_kji(number), material.reason, material.evidence)
        for number, material in sorted(materials.items())
    )
    return replace(
        lesions,
        labels=labels,
        lesions=tuple(replace(lesion, id=number) for number, lesion in enumerate(kept, start=1)),
        flags=(*lesions.flags, *(flag for kind in recognised for flag in kind.flags)),
        left_out=(*lesions.left_out, *left_out),
    )
