"""Which calcifications are walls of arteries: in a head that is the atlas itself, with fluid where it is put."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.atlas_head import FIT, grid, intracranial, with_deposits

from calcscan.atlas import load_atlas
from calcscan.grid.isotropic import IsotropicVolume
from calcscan.knowledge.arteries import ArterySettings
from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.knowledge.settings import load
from calcscan.knowledge.sites import all_sites
from calcscan.localisation import locate_lesions
from calcscan.localisation.features import BoneContact
from calcscan.localisation.vessel import (
    Artery,
    is_uncertain,
    measure_artery,
    site_beside_bone,
    stands_in_cistern,
    with_artery,
)
from calcscan.model import LocatedLesion, SearchRegion

SETTINGS = load(ArterySettings)
BASILAR = np.array([0.0, 10.0, -31.0])
PONS = np.array([0.0, 22.0, -31.0])
M1_LEFT = np.array([[17.0, -3.5, -17.0], [20.5, -5.0, -16.5], [25.5, -7.0, -16.5]])
UP_MM = np.array([0.0, 0.0, 5.0])
BRAIN_HU, FLUID_HU = 30.0, 5.0


def region(*fluid_mm: np.ndarray, radius_mm: float = 6.0) -> SearchRegion:
    """The inside of the head, with balls of fluid around these points."""
    bare = intracranial()
    shape = (90, 100, 90)
    affine = np.array([[0.0, 0.0, 1.5, -67.0], [0.0, 1.5, 0.0, -60.0], [1.5, 0.0, 0.0, -70.0], [0.0, 0.0, 0.0, 1.0]])
    hu = np.full(shape, BRAIN_HU, np.float32)
    k, j, i = np.indices(shape)
    for point in fluid_mm:
        away = (1.5 * i - 67.0 - point[0]) ** 2 + (1.5 * j - 60.0 - point[1]) ** 2 + (1.5 * k - 70.0 - point[2]) ** 2
        hu[away < radius_mm**2] = FLUID_HU
    ones = np.ones(shape, np.bool_)
    coarse = IsotropicVolume(values=hu, covered=ones, affine=affine, spacing_mm=1.5)
    return replace(
        bare, isotropic_hu=coarse, isotropic_mask=ones, depth_mm=np.full(shape, 30.0, np.float32), brain_hu=BRAIN_HU
    )


def located(points: np.ndarray, inside: SearchRegion, *, radius: int = 1) -> LocatedLesion:
    """Where a deposit of balls around points (n, 3), LPS mm, is said to lie."""
    lesions, scan = with_deposits(*np.atleast_2d(points), radius=radius)
    (lesion,) = locate_lesions(lesions, scan, inside, FIT, load_atlas()).lesions
    return lesion


def tube(points: np.ndarray) -> np.ndarray:
    """Points every half millimetre along a line through points (n, 3)."""
    steps = np.arange(0.0, len(points) - 1, 0.1)
    return np.column_stack([np.interp(steps, np.arange(len(points)), axis) for axis in points.T])


def test_in_the_cistern_before_the_pons_it_is_the_basilar_artery() -> None:
    lesion = located(BASILAR, region(BASILAR), radius=2)
    assert (lesion.site, lesion.side) == ("basilar", "midline")
    assert lesion.site_share is not None
    assert lesion.site_share > 0.7


def test_in_the_pons_it_is_brainstem() -> None:
    lesion = located(PONS, region(BASILAR), radius=2)
    assert (lesion.site, lesion.side) == ("brainstem", "midline")


def test_without_fluid_and_course_it_may_be_either() -> None:
    """A compact deposit on the course of the basilar artery where no cistern is seen."""
    lesion = located(BASILAR, region(), radius=2)
    assert (lesion.site, lesion.side, lesion.site_share) == ("unassigned", "", None)
    assert {site for site, _, _ in lesion.also} >= {"basilar", "brainstem"}


@pytest.mark.parametrize(("side", "sign"), [("left", 1.0), ("right", -1.0)])
def test_a_tube_along_the_middle_cerebral_artery_is_a_vessel_of_its_side(side: str, sign: float) -> None:
    """No site has its name; its shape tells it where the fissure is too narrow for fluid to be seen."""
    lesion = located(tube(M1_LEFT * (sign, 1.0, 1.0)), region())
    assert (lesion.site, lesion.side) == ("vessel", side)


def test_a_tube_across_the_course_stays_uncertain() -> None:
    middle = M1_LEFT[1]
    lesion = located(tube(np.array([middle - UP_MM, middle + UP_MM])), region())
    assert lesion.site == "unassigned"


def test_between_two_arteries_it_is_a_vessel_without_a_name() -> None:
    """Where the siphon ends the anterior and the middle cerebral artery begin."""
    fork = np.array([13.0, -1.5, -18.5])
    lesion = located(fork, region(fork), radius=2)
    assert (lesion.site, lesion.side) == ("vessel", "left")


def test_in_the_midline_a_vessel_has_no_side() -> None:
    between = np.array([0.0, -22.0, -9.0])
    lesion = located(between, region(between), radius=2)
    assert (lesion.site, lesion.side) == ("vessel", "midline")


def test_beside_the_midline_a_vessel_that_may_be_the_basilar_artery_has_no_side() -> None:
    either = artery(0.95, vessel=0.5)
    either = replace(either, places={**either.places, ("basilar", "midline"): 0.5}, x_mm=4.0)
    assert with_artery([(("brainstem", "midline"), 1.0)], either, SETTINGS)[0][0] == ("vessel", "midline")


def test_a_mass_in_a_cistern_is_no_artery() -> None:
    lesions, scan = with_deposits(BASILAR, radius=4)
    kji = lesions.voxels_kji(1)
    world_mm = scan.geometry.to_world(kji)
    wide_mm = BASILAR + 2.2 * (world_mm - world_mm.mean(axis=0))
    thin = measure_artery(world_mm, grid(), region(BASILAR, radius_mm=14.0), FIT, SETTINGS)
    thick = measure_artery(wide_mm, grid(), region(BASILAR, radius_mm=14.0), FIT, SETTINGS)
    assert thin is not None
    assert thick is not None
    assert thick.probability < SETTINGS.unlikely < thin.probability


def test_far_from_every_artery_or_without_the_density_of_brain_nothing_is_said() -> None:
    points = np.array([[30.0, 20.0, 50.0], [31.0, 20.0, 50.0]])
    assert measure_artery(points, grid(), region(points[0]), FIT, SETTINGS) is None
    unknown = replace(region(BASILAR), brain_hu=None)
    assert measure_artery(BASILAR[None], grid(), unknown, FIT, SETTINGS) is None


def artery(probability: float, **places: float) -> Artery:
    return Artery(
        probability=probability,
        places={(site, "left"): share for site, share in places.items()},
        x_mm=12.0,
        distance_mm=1.0,
        fluid_share=0.5,
        tube=0.0,
    )


def test_plexus_glands_and_sure_dura_are_left_as_they_are() -> None:
    near = artery(0.99, vessel=1.0)
    for votes in (
        [(("choroid_plexus", "left"), 0.6), (("white_matter", "left"), 0.4)],
        [(("pineal", "midline"), 1.0)],
        [(("tentorium", "left"), 0.8), (("cortex", "left"), 0.2)],
    ):
        assert with_artery(votes, near, SETTINGS) == votes


def test_at_the_edge_of_the_tentorium_both_are_named() -> None:
    votes = with_artery([(("tentorium", "left"), 0.6), (("cortex", "left"), 0.4)], artery(0.99, vessel=1.0), SETTINGS)
    assert is_uncertain(votes)
    assert {place for place, share in votes if share >= 0.2} == {
        ("tentorium", "left"),
        ("vessel", "left"),
        ("cortex", "left"),
    }


def test_the_share_of_a_name_is_that_of_an_artery_and_of_this_one() -> None:
    votes = with_artery([(("brainstem", "midline"), 1.0)], artery(0.9, basilar=0.95, vertebral=0.05), SETTINGS)
    assert votes[0] == (("basilar", "left"), pytest.approx(0.855))
    assert sum(share for _, share in votes) == pytest.approx(1.0)
    unnamed = with_artery([(("brainstem", "midline"), 1.0)], artery(0.9, basilar=0.6, vertebral=0.4), SETTINGS)
    assert unnamed[0] == (("vessel", "left"), pytest.approx(0.9))
    assert dict(unnamed)["basilar", "left"] == pytest.approx(0.54)  # what it may be is part of that share


@pytest.mark.parametrize(
    ("share", "distance_mm", "uncertain"), [(0.7, 1.0, False), (0.5, 1.0, True), (0.9, 6.0, True), (0.99, 6.0, False)]
)
def test_what_only_the_atlas_calls_an_artery_it_must_be_sure_of(
    share: float, distance_mm: float, uncertain: bool
) -> None:
    votes = [(("carotid_siphon", "left"), share), (("cortex", "left"), 1.0 - share)]
    dry = replace(artery(0.2, carotid_siphon=1.0), distance_mm=distance_mm)
    assert is_uncertain(with_artery(votes, dry, SETTINGS)) is uncertain
    assert is_uncertain(with_artery(votes, None, SETTINGS)) is (share < SETTINGS.atlas_share_beside)


def test_what_the_atlas_has_between_bones_is_told_from_bone_as_such_by_whatever_name() -> None:
    siphon = [(("carotid_siphon", "left"), 0.5), (("cortex", "left"), 0.5)]
    assert is_uncertain(with_artery(siphon, artery(0.2, vessel=1.0), SETTINGS))
    assert site_beside_bone(siphon, with_artery(siphon, artery(0.2, vessel=1.0), SETTINGS)) == siphon[0]
    pons = [(("brainstem", "midline"), 1.0)]
    assert site_beside_bone(pons, with_artery(pons, artery(0.95, basilar=1.0), SETTINGS))[0] == ("basilar", "left")


@pytest.mark.parametrize(
    ("gap_mm", "saddle", "touches", "kept"),
    [
        (1.5, 0.2, False, True),
        (5.0, 0.38, False, True),
        (0.5, 0.2, False, False),
        (5.0, 0.7, False, False),
        (1.5, 0.2, True, False),
    ],
)
def test_behind_the_dorsum_sellae_a_valley_parts_an_artery_from_bone(
    gap_mm: float, saddle: float, touches: bool, kept: bool
) -> None:
    contact = BoneContact(
        touches_bone=touches,
        in_vault_plaque=False,
        in_mass=False,
        on_base_peak=False,
        deepest_mm=9.0,
        gap_mm=gap_mm,
        saddle=saddle,
        at_scan_edge=False,
        thick_slices=False,
        cortical_bone=False,
        lines_air=False,
    )
    near = artery(0.95, basilar=1.0)
    votes = with_artery([(("brainstem", "midline"), 1.0)], near, SETTINGS)
    assert stands_in_cistern(votes, near, contact, SETTINGS, load(LocalisationSettings)) is kept
    dry = replace(near, fluid_share=0.05)
    assert not stands_in_cistern(votes, dry, contact, SETTINGS, load(LocalisationSettings))


def test_every_course_has_a_vascular_site() -> None:
    assert {all_sites()[course.site].group for course in SETTINGS.courses} == {"vascular"}
    assert all(len(course.points) > 1 and min(x for x, _, _ in course.points) >= 0.0 for course in SETTINGS.courses)
