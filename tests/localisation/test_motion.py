"""What lies by bone in slices that were taken while the head moved is never counted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.knowledge.settings import load
from calcscan.localisation.bone_or_lesion import near_bone_in_motion
from calcscan.localisation.features import BoneContact
from calcscan.model import SearchRegion


def contact(*, touches: bool, deepest_mm: float) -> BoneContact:
    return BoneContact(
        touches_bone=touches,
        in_vault_plaque=False,
        in_mass=False,
        on_base_peak=False,
        deepest_mm=deepest_mm,
        gap_mm=np.inf,
        saddle=0.0,
        at_scan_edge=False,
        thick_slices=False,
        cortical_bone=False,
        lines_air=False,
    )


@pytest.mark.parametrize(
    ("touches", "deepest_mm", "slices", "moved"),
    [
        (True, 20.0, (3, 4), True),
        (False, 3.0, (4,), True),
        (False, 30.0, (3, 4), False),
        (True, 3.0, (8, 9), False),
        (True, 3.0, (), False),
    ],
)
def test_only_what_lies_by_bone_in_these_slices(
    touches: bool, deepest_mm: float, slices: tuple[int, ...], moved: bool
) -> None:
    kji = np.array([[4, 10, 10], [5, 10, 10]])
    region = cast(SearchRegion, cast(Any, SimpleNamespace(moved_slices=slices)))
    where = contact(touches=touches, deepest_mm=deepest_mm)
    assert near_bone_in_motion(where, kji, region, load(LocalisationSettings)) is moved
