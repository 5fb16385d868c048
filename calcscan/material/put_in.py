"""What was surely put into the head, of all that was left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from calcscan.knowledge.foreign_body import ForeignBodySettings
from calcscan.knowledge.left_out import LeftOutReason
from calcscan.knowledge.settings import load
from calcscan.model import LeftOut


def surely_put_in(left_out: Sequence[LeftOut], *, settings: ForeignBodySettings | None = None) -> npt.NDArray[np.int64]:
    """The voxels (n, 3) of metal, of rows of contacts, and of what comes through the skull: no vessel is one.

    A tube that does not come through the skull may be one that contrast medium fills.
    """
    steepness = (settings or load(ForeignBodySettings)).entry_steepness
    bodies = [
        item.kji
        for item in left_out
        if item.reason is LeftOutReason.METAL
        or (
            item.reason is LeftOutReason.FOREIGN_BODY
            and ("dots" in item.evidence or item.evidence.get("enters_at_cosine", 0.0) >= steepness)
        )
    ]
    return np.concatenate([np.empty((0, 3), dtype=np.int64), *bodies])
