"""Shells and lumps are one deposit, at no site that the atlas shows in their place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.atlas_head import FIT, grid, intracranial

from calcscan.atlas import load_atlas
from calcscan.components import lesion_table
from calcscan.grid.isotropic import IsotropicVolume
from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.knowledge.settings import load
from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.localisation import locate_lesions
from calcscan.localisation.deposit_form import is_widespread_and_thin
from calcscan.measurement.statistics import plain_measures
from calcscan.model import Lesion, LesionMap, LocatedLesionMap, Scan, SearchRegion

PUTAMEN = np.array([-26.0, 0.0, 4.0])
GEOMETRY = grid()
HEAD_MM = np.array([0.0, 18.0, 10.0])
"""The middle of a round head of 75 mm, for depth."""


def offsets(middle_mm: np.ndarray) -> tuple[np.ndarray, ...]:
    """How far each voxel lies to the left, back and up, mm; to be broadcast."""
    k, j, i = (np.arange(n) for n in GEOMETRY.shape)
    left, back, up = (np.zeros((len(n), 3)) for n in (i, j, k))
    left[:, 2], back[:, 1], up[:, 0] = i, j, k
    x, y, z = (GEOMETRY.to_world(at)[:, axis] - middle_mm[axis] for axis, at in enumerate((left, back, up)))
    return x[None, None, :], y[None, :, None], z[:, None, None]


def far_mm(middle_mm: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(sum(axis**2 for axis in offsets(middle_mm))))


def detected(where: np.ndarray) -> tuple[LesionMap, Scan]:
    hu = np.where(where, 420, 35).astype(np.int16)
    scan = Scan(hu=hu, geometry=GEOMETRY)
    labels, table = lesion_table(hu, 130)
    lesions = []
    for number, row in enumerate(table, start=1):
        kji = np.argwhere(labels == number)
        measures = plain_measures(kji, hu[tuple(kji.T)], GEOMETRY, load(ThresholdSettings))
        mm3 = float(row["voxels"])
        lesions.append(
            Lesion(id=number, volume_mm3=mm3, volume_low_mm3=0.9 * mm3, volume_high_mm3=1.1 * mm3, **measures)
        )
    return LesionMap(labels=labels, geometry=GEOMETRY, lesions=tuple(lesions), threshold_hu=130, settings={}), scan


def round_head() -> SearchRegion:
    """As `support.atlas_head`, but with the inner table of a ball."""
    affine = np.diag([4.0, 4.0, 4.0, 1.0])[[2, 1, 0, 3]]
    affine[:3, 3] = HEAD_MM - 80.0
    index = np.moveaxis(np.indices((41, 41, 41)), 0, -1)
    away = np.linalg.norm(4.0 * index[..., ::-1] - 80.0, axis=-1)
    coarse = IsotropicVolume(
        values=np.full(away.shape, 35, np.float32), covered=np.ones(away.shape, np.bool_), affine=affine, spacing_mm=4.0
    )
    depth = (75.0 - away).astype(np.float32)
    return replace(intracranial(), isotropic_hu=coarse, isotropic_mask=depth > 0, depth_mm=depth)


def located(where: np.ndarray, region: SearchRegion | None = None) -> LocatedLesionMap:
    lesions, scan = detected(where)
    found = locate_lesions(lesions, scan, region or intracranial(), FIT, load_atlas())
    assert np.array_equal(found.labels > 0, lesions.labels > 0)
    total_mm3 = sum(lesion.volume_mm3 for lesion in lesions.lesions)
    assert sum(lesion.volume_mm3 for lesion in found.lesions) == pytest.approx(total_mm3)
    return found


@pytest.mark.parametrize("diameter_mm", [12.0, 30.0])
def test_a_wall_in_the_place_of_a_nucleus_is_one_deposit_without_a_site(diameter_mm: float) -> None:
    far = far_mm(PUTAMEN)
    (wall,) = located((far < diameter_mm / 2) & (far > diameter_mm / 2 - 2)).lesions
    assert (wall.site, wall.side, wall.site_share) == ("unassigned", "", None)
    assert wall.also


def test_a_wall_in_pieces_is_one_deposit() -> None:
    middle = np.array([-30.0, 2.0, 0.0])
    far, way = far_mm(middle), offsets(middle)
    wall = (far < 12) & (far > 10)
    for axis in way:
        wall = wall & (np.abs(axis) > 2)
    assert len(detected(wall)[0].lesions) == 8
    (whole,) = located(wall).lesions
    assert (whole.site, whole.deposit) == ("unassigned", 1)
    assert whole.voxels == wall.sum()
    assert whole.diameter_mm == pytest.approx(24.0, abs=2.0)


def test_a_solid_ball_in_one_lobe_keeps_its_site() -> None:
    (ball,) = located(far_mm(np.array([-24.0, 78.0, -32.0])) < 7).lesions
    assert ball.site == "cerebellum"


def test_scattered_deposits_are_no_wall() -> None:
    centres = PUTAMEN + 6.0 * np.array([[0, 0, 0], [0, -1, 1], [0, 1, 1], [0, 2, 0], [0, -2, 0]])
    found = located(np.min([far_mm(centre) for centre in centres], axis=0) < 2)
    assert len(found.lesions) == 5
    assert {lesion.site for lesion in found.lesions} <= {"putamen", "pallidum"}


@pytest.mark.parametrize(("side", "depth_mm"), [(-1.0, 8.0), (1.0, 14.0)])
def test_a_layer_along_the_table_is_dura_and_whole(side: float, depth_mm: float) -> None:
    middle = HEAD_MM + 75.0 * np.array([side * 0.8, 0.0, 0.6])
    depth = 75.0 - far_mm(HEAD_MM)
    layer = (depth > depth_mm) & (depth < depth_mm + 3) & (far_mm(middle) < 32)
    (whole,) = located(layer, round_head()).lesions
    assert (whole.site, whole.side) == ("convexity_dura", "left" if side > 0 else "right")


def test_a_piece_beyond_a_gap_belongs_to_the_layer() -> None:
    middle = HEAD_MM + 75.0 * np.array([0.8, 0.0, 0.6])
    depth, way = 75.0 - far_mm(HEAD_MM), offsets(HEAD_MM)
    layer = (depth > 8.0) & (depth < 11.0) & (far_mm(middle) < 32) & (np.abs(way[1] - 18.0) > 2.0)
    found = located(layer, round_head())
    assert [(lesion.site, lesion.side) for lesion in found.lesions] == [("convexity_dura", "left")]


def test_gyri_that_wind_through_the_same_depth_are_no_layer() -> None:
    middle = HEAD_MM + 75.0 * np.array([0.8, 0.0, 0.6])
    depth, way = 75.0 - far_mm(HEAD_MM), offsets(HEAD_MM)
    wave = 11.0 + 6.0 * np.sin(way[1] / 2.5)
    gyri = (np.abs(depth - wave) < 2) & (far_mm(middle) < 32)
    assert {lesion.site for lesion in located(gyri, round_head()).lesions} <= {"cortex", "white_matter"}


def test_gyri_are_thinner_than_a_mass_that_hangs_on_bone() -> None:
    """Calcified gyri that reach the inner table were a mass of the convexity's dura, 14 ml."""
    middle = HEAD_MM + 75.0 * np.array([0.8, 0.0, 0.6])
    depth, way = 75.0 - far_mm(HEAD_MM), offsets(HEAD_MM)
    gyri = (np.abs(depth - 6.0 - 6.0 * np.sin(way[1] / 2.5)) < 2) & (depth > 0) & (far_mm(middle) < 32)
    mass = (depth > 0) & (far_mm(middle) < 26)
    for where, thin in ((gyri, True), (mass, False)):
        lesions, scan = detected(where)
        largest = max(lesions.lesions, key=lambda lesion: lesion.volume_mm3)
        kji = lesions.voxels_kji(largest.id)
        assert is_widespread_and_thin(kji, scan, largest.diameter_mm, load(LocalisationSettings)) is thin


def test_the_tentorium_is_no_layer_along_the_table() -> None:
    atlas = load_atlas()
    numbers = [n for n, site in atlas.sites.items() if (site.site, site.side) == ("tentorium", "left")]
    found = located(np.isin(atlas.labels, numbers)[:, ::-1, ::-1], round_head())
    assert sum(part.voxels for part in found.lesions if part.site == "tentorium") > 0.9 * (found.labels > 0).sum()


def test_a_large_lump_across_a_nucleus_and_the_cortex_is_one_deposit_without_a_site() -> None:
    (lump,) = located(far_mm(np.array([-34.0, 0.0, 2.0])) < 14).lesions
    assert lump.site == "unassigned"
    assert {site for site, *_ in lump.also} >= {"putamen", "cortex"}


def test_the_same_on_both_sides_is_disease_of_the_nuclei() -> None:
    both = np.minimum(far_mm(np.array([-34.0, 0.0, 2.0])), far_mm(np.array([34.0, 0.0, 2.0])))
    sites = {(lesion.site, lesion.side) for lesion in located(both < 14).lesions}
    assert {("putamen", "left"), ("putamen", "right")} <= sites


@pytest.mark.parametrize("middle_mm", [(0.0, 2.0, 4.0), (0.0, 16.0, 6.0), (7.0, -6.0, -8.0)])
def test_a_ball_of_16_mm_across_the_third_ventricle_or_above_the_sella_is_one_mass(middle_mm) -> None:
    lesions, scan = detected(far_mm(np.array(middle_mm)) <= 8.0)
    found = locate_lesions(lesions, scan, intracranial(), FIT, load_atlas())
    assert [(lesion.site, lesion.side, lesion.site_share) for lesion in found.lesions] == [("unassigned", "", None)]


def test_the_edge_of_a_mass_of_the_pineal_gland_is_no_deposit_of_the_thalami() -> None:
    """A ball of 22 mm, of which a fifth reaches into them: its two halves are each other's mirror image."""
    lesions, scan = detected(far_mm(np.array([0.0, 30.0, 4.0])) <= 11.0)
    found = locate_lesions(lesions, scan, intracranial(), FIT, load_atlas())
    assert [lesion.site for lesion in found.lesions] == ["unassigned"]
    assert found.lesions[0].also[0][0] == "pineal"


@pytest.mark.parametrize(("middle_mm", "site"), [((26.0, 2.0, 2.0), "putamen"), ((-14.0, -8.0, 8.0), "caudate")])
def test_a_ball_of_16_mm_within_a_nucleus_keeps_its_site(middle_mm, site) -> None:
    lesions, scan = detected(far_mm(np.array(middle_mm)) <= 8.0)
    found = locate_lesions(lesions, scan, intracranial(), FIT, load_atlas())
    largest = max(found.lesions, key=lambda lesion: lesion.volume_mm3)
    assert (largest.site, largest.side) == (site, "left" if middle_mm[0] > 0 else "right")
    assert {lesion.side for lesion in found.lesions} == {largest.side}


def test_what_is_larger_than_the_habenula_is_not_its() -> None:
    """Between thalamus and habenula: a grain may be either, a ball of 8 mm lies in the thalamus."""
    beside = np.array([7.0, 21.0, 5.0])
    lesions, scan = detected(far_mm(beside) <= 4.0)
    (large,) = locate_lesions(lesions, scan, intracranial(), FIT, load_atlas()).lesions
    assert (large.site, large.side) == ("thalamus", "left")
