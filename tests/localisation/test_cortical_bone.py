"""Dense pieces of a cut edge or a flap are bone, wherever in the atlas they lie."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from calcscan.grid.geometry import Geometry
from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.knowledge.left_out import LeftOutReason
from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.knowledge.settings import load
from calcscan.localisation.bone_or_lesion import BoneRule, bone_evidence, edge_of_rise_mm
from calcscan.localisation.features import Features
from calcscan.measurement.beside_bone import is_cortical_bone
from calcscan.model import LeftOut, Scan, SearchRegion


def piece(*, cortical: bool, in_plaque: bool = False, in_mass: bool = False) -> Features:
    """What touches the table of the vault, far from the base."""
    numbers = dict.fromkeys(("gap_mm", "base_share", "sella_share", "outside_share"), 0.0)
    switches = dict.fromkeys(("on_base_peak", "at_scan_edge", "thick_slices", "lines_air"), False)
    known = {"touches_bone": True, "saddle": 1.0, "deepest_mm": 7.0}
    judged = {"cortical_bone": cortical, "in_vault_plaque": in_plaque, "in_mass": in_mass}
    return cast(Features, cast(Any, SimpleNamespace(**numbers, **switches, **known, **judged)))


@pytest.mark.parametrize(
    ("features", "rule"),
    [
        (piece(cortical=True), BoneRule.CORTICAL),
        (piece(cortical=False), None),
        (piece(cortical=True, in_plaque=True), None),
        (piece(cortical=True, in_mass=True), None),
    ],
    ids=["cut edge", "plaque of lower density", "recovered plaque", "mass"],
)
def test_what_is_largely_cortical_bone_beside_bone_is_bone(features: Features, rule: BoneRule | None) -> None:
    evidence = bone_evidence(features, "cortex", 0.9, load(LocalisationSettings))
    assert (evidence.rule if evidence else None) == rule


@pytest.mark.parametrize(("gap_voxels", "part_of_it"), [(1, True), (6, False)])
@pytest.mark.parametrize(("in_plaque", "reason"), [(False, "bone"), (True, "bone"), (False, "uncertain_material")])
def test_what_is_one_with_a_rise_of_the_table_is_a_part_of_it(
    gap_voxels: int, part_of_it: bool, in_plaque: bool, reason: str
) -> None:
    grid = Geometry.regular(shape=(9, 30, 30), spacing_mm=(1.0, 0.8, 0.8))
    scan = Scan(hu=np.full(grid.shape, 700, dtype=np.int16), geometry=grid)
    rise = LeftOut.of(scan, np.argwhere(np.indices(grid.shape)[2] < 5), LeftOutReason(reason))
    region = cast(SearchRegion, cast(Any, SimpleNamespace(left_out=(rise,))))
    world_mm = grid.to_world(np.argwhere(np.indices(grid.shape)[2] == 4 + gap_voxels))
    features = piece(cortical=False, in_plaque=in_plaque)
    away_mm = edge_of_rise_mm(features, "cortex", world_mm, scan, region, load(LocalisationSettings))
    assert (away_mm is not None) == (part_of_it and not in_plaque and reason == "bone")


@pytest.mark.parametrize(
    ("peak_hu", "rows", "bone"), [(1400, 40, True), (700, 40, False), (1400, 2, False)], ids=["edge", "faint", "root"]
)
def test_cortical_bone_has_bone_beside_much_of_it(peak_hu: int, rows: int, bone: bool) -> None:
    hu = np.full((9, 60, 30), 35, dtype=np.int16)
    hu[:, 10 : 10 + rows, :12] = 1300  # the table, beside all of the strip or its root only
    strip = np.zeros(hu.shape, dtype=np.bool_)
    strip[3:6, 10:50, 12:15] = True
    hu[strip] = peak_hu
    scan = cast(Scan, cast(Any, SimpleNamespace(hu=hu)))
    assert is_cortical_bone(scan, np.argwhere(strip), load(IntracranialSettings)) is bone
