"""Left against right, as a judgement on two volumes. Unknown is None: what could have been missed can't be compared."""

from __future__ import annotations

from calcscan.knowledge.burden import BurdenSettings
from calcscan.knowledge.settings import load
from calcscan.model import Symmetry


def compare(
    pair: str,
    left_mm3: float,
    right_mm3: float,
    floor_mm3: float | None,
    overlap: float | None = None,
    *,
    settings: BurdenSettings | None = None,
) -> Symmetry:
    """Two volumes, and what can be said of them with a detection floor of `floor_mm3`; None where there is none.

    What was found on both sides is bilateral, unless the lesser part is so small that it may be a border's doing.

    >>> compare("pallidum", 300.0, 250.0, 5.0).symmetric, compare("pallidum", 300.0, 0.0, 5.0).bilateral
    (True, False)
    >>> compare("pallidum", 0.0, 0.0, 5.0).bilateral is None, compare("pallidum", 8.0, 0.0, 5.0).symmetric is None
    (True, True)
    >>> compare("choroid_plexus", 184.0, 91.0, 93.0).bilateral, compare("choroid_plexus", 184.0, 4.0, 93.0).bilateral
    (True, None)
    >>> compare("pallidum", 300.0, 250.0, None).bilateral is None
    True
    """
    settings = settings or load(BurdenSettings)
    total, most, least = left_mm3 + right_mm3, max(left_mm3, right_mm3), min(left_mm3, right_mm3)
    index = (left_mm3 - right_mm3) / total if total > 0 else None
    measurable = floor_mm3 is not None and most >= settings.measurable_floors * floor_mm3
    both = floor_mm3 is not None and least >= min(floor_mm3, settings.bilateral_mm3)
    bilateral = True if both else False if measurable and least == 0 else None
    symmetric = abs(index) <= settings.symmetric_index if index is not None and measurable else None
    return Symmetry(
        pair=pair,
        left_mm3=left_mm3,
        right_mm3=right_mm3,
        index=index,
        mirror_overlap=overlap,
        bilateral=bilateral,
        symmetric=symmetric,
    )
