"""Contrast medium seen in the picture: every part of the head alone, and what must not pass for it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage
from support.atlas_head import FIT
from support.inspected import at_site, drawn, flags_of, places, template_head

from calcscan.atlas import load_atlas
from calcscan.grid.geometry import apply
from calcscan.inspection import contrast_but_for_bodies
from calcscan.inspection.contrast import contrast_flags
from calcscan.inspection.courses import enhanced_arteries
from calcscan.inspection.evidence import Evidence
from calcscan.knowledge.arteries import ArterySettings
from calcscan.knowledge.inspection import InspectionSettings
from calcscan.knowledge.settings import load
from calcscan.model import SearchRegion
from calcscan.quality import judge_quality


def sagittal_sinus() -> np.ndarray:
    at, depth_mm = places()
    half_mm = 4.5 - 0.45 * depth_mm
    return (np.abs(at[..., 0]) < half_mm) & (depth_mm > 0) & (depth_mm < 8) & (at[..., 2] > 5)


def falx() -> np.ndarray:
    return at_site("falx") & (np.abs(places()[0][..., 0]) < 1.2)


@cache
def tubes(*courses: tuple[tuple[int, int, int], ...]) -> np.ndarray:
    """Tubes of 4 mm, straight from each place of a course in the atlas to the next."""
    at, _ = places()
    out = np.zeros(at.shape[:3], bool)
    for course in courses:
        for start, end in pairwise(course):
            way = np.subtract(end, start)
            along = np.clip((at - start) @ way / (way @ way), 0, 1)
            out |= np.linalg.norm(at - start - along[..., None] * way, axis=-1) < 2.0
    return out


def arteries() -> np.ndarray:
    """Both middle and anterior cerebral arteries and the basilar artery, roughly."""
    courses = [((0, 26, -46), (0, 19, -17))]
    for side in (1, -1):
        courses.append(((side * 11, -3, -12), (side * 34, -3, -12), (side * 42, 10, 8), (side * 42, 30, 18)))
        courses.append(((side * 3, -12, -12), (side * 3, -30, 8), (side * 3, -5, 30)))
    return tubes(*courses)


def cisterns() -> np.ndarray:
    at, depth_mm = places()
    fluid = template_head()[1].isotropic_hu.values < 16
    return fluid & (depth_mm > 2) & (at[..., 2] < 10)


DRAWN = {
    "the superior sagittal sinus": sagittal_sinus,
    "the falx": falx,
    "vessels": arteries,
    "the spaces of the cerebrospinal fluid": cisterns,
}


def contrast_in(region: SearchRegion) -> str:
    """What is said of contrast medium in the head; empty where none is seen."""
    settings, courses = load(InspectionSettings), load(ArterySettings)
    flags = contrast_flags(template_head()[0], region, FIT, load_atlas(), settings, courses)
    assert {flag.code for flag in flags} <= {"contrast"}
    return " ".join(flag.message for flag in flags)


@pytest.mark.parametrize("hu", [130.0, 280.0])
@pytest.mark.parametrize("where", DRAWN)
def test_each_part_alone_shows_contrast_medium(where, hu):
    flags = flags_of(drawn(DRAWN[where](), hu))
    assert where in flags["contrast"].message
    assert 75 < flags["contrast"].value < 300
    assert judge_quality(flags.values()).state == "abstain"


def another_persons_arteries(
    seed: int, names: tuple[str, ...] = ("M1", "M2", "A2", "P2"), radius_mm: float = 1.6
) -> np.ndarray:
    """Arteries beyond the circle of Willis as tubes, each displaced as people differ and fits err."""
    coarse = template_head()[1].isotropic_hu
    rng = np.random.default_rng(seed)
    line = np.zeros(coarse.values.shape, bool)
    for course in load(ArterySettings).courses:
        if not any(name in course.artery for name in names):
            continue
        for side in (1, -1):
            points = np.array(course.points) * (-side, -1, 1) + rng.normal(0, 2.0, 3)
            for start, end in pairwise(points):
                along = start + np.linspace(0, 1, 40)[:, None] * (end - start)
                line[tuple(np.rint(apply(np.linalg.inv(coarse.affine), along)).astype(int).T)] = True
    return np.asarray(ndimage.distance_transform_edt(~line) * coarse.spacing_mm < radius_mm)


def in_thick_slices(region: SearchRegion) -> SearchRegion:
    """The even grid as slices of 6 mm show it."""
    coarse = region.isotropic_hu
    values = ndimage.uniform_filter1d(coarse.values, 4, axis=0)
    return replace(region, isotropic_hu=replace(coarse, values=values))


def bright_arteries(region: SearchRegion) -> Evidence | None:
    return enhanced_arteries(template_head()[0], region, FIT, load(ArterySettings), load(InspectionSettings))


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("hu", "seen"), [(60.0, False), (250.0, True), (400.0, True)])
def test_arteries_alone_show_contrast_medium_in_thick_slices(hu, seen, seed):
    found = bright_arteries(in_thick_slices(drawn(another_persons_arteries(seed), hu)))
    assert (found is not None) is seen


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("hu", "seen"), [(50.0, False), (140.0, True)])
def test_faint_arteries_far_from_bone_show_contrast_medium(hu, seen, seed):
    far = another_persons_arteries(seed, ("A2", "P2"), radius_mm=1.0)
    for region in (drawn(far, hu), in_thick_slices(drawn(far, hu))):
        assert (bright_arteries(region) is not None) is seen


def test_bright_posterior_arteries_alone_are_no_contrast_medium():
    assert bright_arteries(drawn(another_persons_arteries(1, ("P2",)), uneven(400.0, seed=5))) is None


def test_blood_between_the_hemispheres_and_around_the_midbrain_is_no_contrast_medium():
    at, depth_mm = places()
    x, y, z = np.moveaxis(at, -1, 0)
    fissure = (np.abs(x) < 2.5) & (y < -2) & (z > -18) & (z < 25) & (depth_mm > 2)
    around = ndimage.binary_dilation(another_persons_arteries(1) & (y > 5) & (np.abs(x) < 25))
    assert bright_arteries(drawn(fissure | around, 80.0)) is None


def test_arteries_are_judged_only_where_the_atlas_fits():
    region = drawn(another_persons_arteries(1), 300.0)
    assert bright_arteries(region)
    poor = replace(FIT, accepted=False)
    assert enhanced_arteries(template_head()[0], region, poor, load(ArterySettings), load(InspectionSettings)) is None


def test_calcified_walls_of_both_middle_cerebral_arteries_are_no_contrast_medium():
    at, _ = places()
    middle = another_persons_arteries(1) & (np.abs(at[..., 0]) > 22)
    for region in (drawn(middle, uneven(500.0, seed=5)), in_thick_slices(drawn(middle, uneven(800.0, seed=5)))):
        assert bright_arteries(region) is None


def test_blood_that_fills_the_cisterns_is_no_contrast_medium():
    assert bright_arteries(drawn(cisterns(), 80.0)) is None


def test_a_head_without_contrast_medium_raises_nothing():
    assert flags_of(template_head()[1]) == {}


@pytest.mark.parametrize("hu", [60.0, 75.0])
def test_dense_blood_in_the_sinus_and_in_the_cisterns_is_no_contrast_medium(hu):
    assert contrast_in(drawn(sagittal_sinus() | arteries(), hu)) == ""
    assert contrast_in(drawn(cisterns(), hu)) == ""


def uneven(level: float, seed: int) -> np.ndarray:
    texture = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(places()[1].shape), 2.0)
    return level * np.clip(1 + 0.35 * texture / texture.std(), 0.3, 2.0)


@pytest.mark.parametrize("level", [200.0, 400.0])
def test_calcification_however_much_is_no_contrast_medium(level):
    at, _ = places()
    nuclei = at_site("caudate", "putamen", "pallidum", "thalamus", "dentate")
    plaques = falx() & (np.sin(at[..., 1] / 6) * np.cos(at[..., 2] / 6) > 0.4)
    tentorium = at_site("tentorium") & (np.sin(at[..., 1] / 5) > 0.5)
    walls = at_site("carotid_siphon", "vertebral")
    usual = at_site("choroid_plexus", "pineal", "habenula")
    for where in (nuclei, plaques, tentorium, walls | usual, nuclei | plaques | tentorium | walls | usual):
        assert contrast_in(drawn(where, uneven(level, seed=3))) == ""


def test_a_calcified_mass_at_the_base_is_no_contrast_medium():
    at, depth_mm = places()
    for centre, radius_mm in (((0, -5, -15), 18.0), ((30, 40, -40), 20.0)):
        mass = (np.linalg.norm(at - centre, axis=-1) < radius_mm) & (depth_mm > 1)
        assert contrast_in(drawn(mass, uneven(300.0, seed=4))) == ""


@pytest.mark.parametrize("hu", [200.0, 280.0])
def test_catheters_are_no_vessels(hu):
    frontal = ((-30, -40, 55), (-6, 0, 5))
    occipital = ((35, 75, 30), (6, -20, 8))
    catheters = tubes(frontal, occipital)
    assert contrast_in(drawn(catheters, hu)) == ""
    assert "vessels" in contrast_in(drawn(catheters | arteries(), hu))


def in_the_scan(where: np.ndarray) -> np.ndarray:
    """The scan's voxels (n, 3) nearest to points of the even grid."""
    scan, region = template_head()
    index = scan.geometry.to_index(apply(region.isotropic_hu.affine, np.argwhere(where)))
    return np.unique(np.rint(index).astype(np.int64), axis=0)


def test_what_was_put_in_is_no_vessel_once_it_is_known():
    """A bent catheter and four rows of contacts, as tubes; beside them true vessels are seen still."""
    bent = tubes(((35, 75, 30), (25, 20, 30)), ((25, 20, 30), (8, -25, 14)))
    ends = [((-60, y, z), (-12, y, z)) for y, z in ((-30, 10), (10, -10), (30, 20), (-5, 40))]
    scan, _ = template_head()
    bodies = bent | tubes(*ends)
    assert contrast_in(drawn(bodies, 280.0))
    for more, codes in ((False, []), (arteries(), ["contrast"])):
        region = drawn(bodies | more, 280.0)
        left = contrast_but_for_bodies(scan, region, FIT, load_atlas(), in_the_scan(bodies))
        assert [flag.code for flag in left] == codes


def ventricles() -> np.ndarray:
    at, depth_mm = places()
    fluid = template_head()[1].isotropic_hu.values < 14
    box = (np.abs(at[..., 0]) < 30) & (np.abs(at[..., 1] - 8) < 52) & (at[..., 2] > -2) & (at[..., 2] < 32)
    return fluid & box & (depth_mm > 15)


@pytest.mark.parametrize(("hu", "seen"), [(95.0, False), (160.0, True), (250.0, True), (600.0, True)])
def test_filled_ventricles_alone_show_contrast_medium_and_clots_in_them_do_not(hu, seen):
    message = contrast_in(drawn(ventricles(), hu))
    assert ("(ventricles)" in message) is (message != "") is seen


def test_fluid_that_is_filled_in_part_shows_contrast_medium():
    """As some hours after an injection: somewhat less than half of the fluid of one cistern and the fossa."""
    at, _ = places()
    texture = ndimage.gaussian_filter(np.random.default_rng(7).standard_normal(at.shape[:3]), 2.0)
    some = cisterns() & (texture > np.quantile(texture, 0.55)) & ~((at[..., 0] > 0) & (at[..., 1] < 45))
    assert "the spaces of the cerebrospinal fluid" in contrast_in(drawn(some, 180.0))
    assert contrast_in(drawn(some, 80.0)) == ""
