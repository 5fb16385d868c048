"""The passes at the sites in one picture, as if all deposits had been there at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from calcscan.model import LocatedLesion, Result
from calcscan.report.mosaic import mosaic_png
from calcscan.summary import summarise_lesions
from calcscan.verification.rerun import PassResult

TITLE = "calcscan verify: ARTIFICIAL deposits"


def all_in_one(baseline: Result, passes: Sequence[PassResult]) -> bytes:
    """A PNG. Where deposits of two passes overlap, the later one is shown."""
    scan, lesions = baseline.scan, baseline.lesions
    if lesions is None or baseline.registration is None:
        raise ValueError("without a fit there are no passes at the sites")
    hu, labels = np.array(scan.hu), np.zeros(scan.hu.shape, np.int32)
    kept: list[LocatedLesion] = []
    for after in passes:
        changed = after.scan.hu != scan.hu
        hu[changed] = after.scan.hu[changed]
        own = {lesion.id for trial in after.trials for lesion in trial.lesions}
        for lesion in after.lesions.lesions:
            if lesion.id in own:
                kept.append(replace(lesion, id=len(kept) + 1))
                labels[after.lesions.labels == lesion.id] = len(kept)
    shown = replace(lesions, labels=labels, lesions=tuple(kept))
    made = replace(scan, hu=hu)
    summary = summarise_lesions(shown, made, baseline.registration, baseline.atlas, located=True)
    return mosaic_png(replace(baseline, scan=made, lesions=shown, summary=summary), title=TITLE)
