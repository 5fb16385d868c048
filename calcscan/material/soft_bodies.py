"""Tell tubes among what detection took for soft: a thin tube, averaged with what lies around it, looks as faint and as
soft as stained brain, however long it is. Its course says more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from calcscan.knowledge.foreign_body import ForeignBodySettings
from calcscan.knowledge.left_out import LeftOutReason
from calcscan.knowledge.settings import load
from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.measurement.statistics import diameter_mm, plain_measures
from calcscan.model import LeftOut, Lesion, LesionMap, Scan


def long_soft_pieces(lesions: LesionMap, settings: ForeignBodySettings) -> tuple[LeftOut, ...]:
    """What was left out as soft and is as long as a tube must be: judged by its edge, it may be one."""
    return tuple(
        item
        for item in lesions.left_out
        if item.reason is LeftOutReason.UNCERTAIN_MATERIAL
        and "edge_mm" in item.evidence
        and diameter_mm(item.kji, lesions.geometry) >= settings.supported_share * settings.very_even_mm
    )


def with_soft_pieces(lesions: LesionMap, scan: Scan, soft: tuple[LeftOut, ...]) -> LesionMap:
    """The same map with such pieces as further lesions, numbered behind the others."""
    thresholds = load(ThresholdSettings)
    labels, more = np.array(lesions.labels), list[Lesion]()
    for number, item in enumerate(soft, start=len(lesions.lesions) + 1):
        labels[tuple(item.kji.T)] = number
        more.append(
            Lesion(
                id=number,
                volume_mm3=item.volume_mm3,
                volume_low_mm3=0.0,
                volume_high_mm3=item.volume_mm3,
                **plain_measures(item.kji, scan.hu[tuple(item.kji.T)], scan.geometry, thresholds),
            )
        )
    return replace(lesions, labels=labels, lesions=(*lesions.lesions, *more))
