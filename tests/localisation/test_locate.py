"""Where each calcification lies: in a head that is the atlas itself, so that the right answer is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from support.atlas_head import FIT, grid, intracranial, with_deposits

from calcscan.atlas import load_atlas
from calcscan.components import lesion_table
from calcscan.grid.geometry import Geometry, apply
from calcscan.grid.isotropic import IsotropicVolume
from calcscan.knowledge.air_contact import AirContactSettings
from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.knowledge.settings import load
from calcscan.localisation import locate_lesions
from calcscan.localisation.bone_or_lesion import BoneRule, bone_evidence, bone_evidence_without_atlas
from calcscan.localisation.bone_valley import measure_valley
from calcscan.localisation.features import bone_contacts, measure_features
from calcscan.model import Intracranial, Lesion, LesionMap, LocatedLesionMap, Scan, SearchRegion, Study

PLACES = [(s.site, s.side) for s in load_atlas().sites.values() if s.site in load(LocalisationSettings).prior]
"""Those that the atlas votes for."""


def middle_lps_mm(site: str, side: str) -> np.ndarray:
    """The drawn voxel that lies deepest within the structure."""
    atlas = load_atlas()
    number = next(n for n, s in atlas.sites.items() if (s.site, s.side) == (site, side))
    (box,) = ndimage.find_objects((atlas.labels == number).astype(np.int8))
    depth = ndimage.distance_transform_edt(np.pad(atlas.labels[box] == number, 1))
    kji = np.unravel_index(int(depth.argmax()), depth.shape) + np.array([b.start - 1 for b in box])
    return atlas.affine[:3, :3] @ kji + atlas.affine[:3, 3]


def test_a_deposit_in_the_middle_of_each_site_is_said_to_lie_there() -> None:
    centres = {place: middle_lps_mm(*place) for place in PLACES}
    lesions, scan = with_deposits(*centres.values())
    found = locate_lesions(lesions, scan, intracranial(), FIT, load_atlas())
    assert len(found.lesions) == len(PLACES)
    for (site, side), centre in centres.items():
        number = found.labels[tuple(np.rint(scan.geometry.to_index(centre)).astype(int))]
        lesion = found.lesions[number - 1]
        assert (lesion.site, lesion.side) == (site, side)
        assert lesion.site_share is not None
        assert lesion.site_share > 0.4, (site, side)


def test_what_a_person_turned_round_still_has_left_on_the_left() -> None:
    """The same deposit in a scan whose rows and columns run the other way."""
    lesions, scan = with_deposits(middle_lps_mm("putamen", "left"))
    g = scan.geometry
    turned = Geometry(
        origins_mm=g.origins_mm + (g.rows - 1) * g.step_j_mm + (g.columns - 1) * g.step_i_mm,
        step_i_mm=-g.step_i_mm,
        step_j_mm=-g.step_j_mm,
        slab_mm=g.slab_mm,
        rows=g.rows,
        columns=g.columns,
    )
    flip = (slice(None), slice(None, None, -1), slice(None, None, -1))
    other = Scan(hu=np.ascontiguousarray(scan.hu[flip]), geometry=turned)
    (deposit,) = lesions.lesions
    k, (j0, j1), (i0, i1) = deposit.bbox_kji
    deposit = replace(deposit, bbox_kji=(k, (g.rows - j1, g.rows - j0), (g.columns - i1, g.columns - i0)))
    labels = np.ascontiguousarray(lesions.labels[flip])
    back = replace(lesions, labels=labels, lesions=(deposit,), geometry=turned)
    found = locate_lesions(back, other, intracranial(), FIT, load_atlas())
    assert [(lesion.site, lesion.side) for lesion in found.lesions] == [("putamen", "left")]


def test_flat_under_the_vault_is_dura() -> None:
    lesions, scan = with_deposits(np.array([45.0, 20.0, 45.0]), np.array([-45.0, 20.0, 45.0]))
    shallow = locate_lesions(lesions, scan, intracranial(depth_mm=4.0), FIT, load_atlas())
    assert {(lesion.site, lesion.side) for lesion in shallow.lesions} == {
        ("convexity_dura", "left"),
        ("convexity_dura", "right"),
    }
    deep = locate_lesions(lesions, scan, intracranial(depth_mm=20.0), FIT, load_atlas())
    assert {lesion.site for lesion in deep.lesions} <= {"cortex", "white_matter"}


def test_what_hangs_on_the_skull_base_is_bone_and_is_told() -> None:
    petrous = np.array([40.0, 36.0, -32.0])
    pallidum = middle_lps_mm("pallidum", "right")
    lesions, scan = with_deposits(petrous, pallidum)
    inside = np.ones(scan.geometry.shape, np.bool_)
    k, j, i = np.rint(scan.geometry.to_index(petrous)).astype(int)
    inside[k - 3 : k - 1, j - 3 : j + 4, i - 3 : i + 4] = False  # the deposit's foot stands outside
    hu = np.array(scan.hu)
    found = locate_lesions(lesions, Scan(hu=hu, geometry=scan.geometry), intracranial(mask=inside), FIT, load_atlas())
    assert [(lesion.id, lesion.site) for lesion in found.lesions] == [(1, "pallidum")]
    assert sum(item.volume_mm3 for item in found.left_out if item.reason == "bone") > 20
    assert set(np.unique(found.labels)) == {0, 1}
    at = tuple(np.rint(scan.geometry.to_index(pallidum)).astype(int))
    assert found.labels[at] == 1


def test_a_deposit_on_a_border_names_both_sides_of_it() -> None:
    inner, outer = middle_lps_mm("pallidum", "left"), middle_lps_mm("putamen", "left")
    lesions, scan = with_deposits(0.6 * inner + 0.4 * outer, radius=4)
    (lesion,) = locate_lesions(lesions, scan, intracranial(), FIT, load_atlas()).lesions
    assert {lesion.site, *(site for site, _, _ in lesion.also)} >= {"pallidum", "putamen"}
    assert sum((lesion.site_share or 0.0, *(share for *_, share in lesion.also))) == pytest.approx(1.0, abs=0.15)


def test_without_an_accepted_fit_nothing_is_attributed() -> None:
    lesions, scan = with_deposits(middle_lps_mm("pallidum", "left"))
    found = locate_lesions(lesions, scan, intracranial(), replace(FIT, accepted=False), load_atlas())
    assert [(lesion.site, lesion.side, lesion.site_share) for lesion in found.lesions] == [("unassigned", "", None)]


def beside_bone(
    *centres_mm: np.ndarray, gap: int, between_hu: int = 40, depth_mm: float = 30.0
) -> tuple[LesionMap, Scan, SearchRegion]:
    """Deposits, each with a wall of bone beside it, `gap` voxels of 1 mm farther to the left."""
    lesions, scan = with_deposits(*centres_mm)
    hu, inside = np.array(scan.hu), np.ones(scan.hu.shape, np.bool_)
    for centre in centres_mm:
        k, j, i = np.rint(scan.geometry.to_index(centre)).astype(int)
        wall = (slice(k - 4, k + 5), slice(j - 4, j + 5), slice(i + 3 + gap, i + 6 + gap))
        hu[k, j, i + 3 : i + 3 + gap] = between_hu
        hu[wall], inside[wall] = 1000, False
    return lesions, Scan(hu=hu, geometry=scan.geometry), intracranial(mask=inside, depth_mm=depth_mm)


LOW = {
    "low in the cerebellum": np.array([25.0, 60.0, -52.0]),
    "in the pons": np.array([0.0, 26.0, -34.0]),
    "in the medulla": np.array([0.0, 38.0, -55.0]),
    "above the sella": np.array([0.0, -4.0, -22.0]),
    "on the frontal base": np.array([6.0, -40.0, -22.0]),
    "in the temporal pole": np.array([38.0, -12.0, -32.0]),
}


@pytest.mark.parametrize(("accepted", "depth_mm"), [(True, 3.0), (True, 30.0), (False, 3.0)])
def test_what_stands_clear_of_bone_is_kept_wherever_the_atlas_has_it(accepted: bool, depth_mm: float) -> None:
    """Low in the head, 4 mm beside bone: the zone of the base says bone, the scan does not."""
    beside = beside_bone(*LOW.values(), gap=4, depth_mm=depth_mm)
    found = locate_lesions(*beside, replace(FIT, accepted=accepted), load_atlas())
    assert len(found.lesions) == len(LOW)
    if accepted:
        sites = {place: site_at(found, beside[1], centre) for place, centre in LOW.items()}
        assert sites["low in the cerebellum"] == "cerebellum"
        assert sites["in the pons"] == sites["in the medulla"] == "brainstem"


def site_at(found: LocatedLesionMap, scan: Scan, centre_mm: np.ndarray) -> str:
    number = found.labels[tuple(np.rint(scan.geometry.to_index(centre_mm)).astype(int))]
    return found.lesions[number - 1].site


@pytest.mark.parametrize(("gap", "between_hu"), [(0, 40), (3, 300)])
def test_what_hangs_on_bone_of_the_base_is_bone(gap: int, between_hu: int) -> None:
    """In contact, or joined to it by a bridge as dense as a spur of bone."""
    places = (LOW["low in the cerebellum"], LOW["on the frontal base"])
    beside = beside_bone(*places, gap=gap, between_hu=between_hu)
    assert locate_lesions(*beside, FIT, load_atlas()).lesions == ()


def test_thin_bone_in_the_next_thick_slice_lies_at_no_distance() -> None:
    """A dense spot in the slice above the petrous bone is its tip, whether the slice is 1 or 7 mm thick."""
    lesions, scan = with_deposits(LOW["low in the cerebellum"])
    (lesion,) = lesions.lesions
    (first, _), (j0, j1), (i0, i1) = lesion.bbox_kji
    hu, inside = np.array(scan.hu), np.ones(scan.hu.shape, np.bool_)
    hu[first - 1, j0:j1, i0:i1], inside[first - 1, j0:j1, i0:i1] = 600, False
    grid = scan.geometry
    for thick_mm in (1.0, 7.0):
        stretched = replace(
            grid,
            origins_mm=grid.origins_mm[0] + np.outer(np.arange(grid.shape[0]), [0.0, 0.0, thick_mm]),
            slab_mm=np.full(grid.shape[0], thick_mm),
        )
        thick = replace(lesions, geometry=stretched)
        valley = measure_valley(
            lesion, thick, Scan(hu=hu, geometry=stretched), intracranial(mask=inside), load(LocalisationSettings)
        )
        assert valley.gap_mm == pytest.approx(0.0, abs=0.01)
        assert valley.saddle > 0.9


@pytest.mark.parametrize("gap", [2, 5])
def test_the_gap_to_bone_is_that_between_their_voxels(gap: int) -> None:
    lesions, scan, region = beside_bone(LOW["low in the cerebellum"], gap=gap)
    valley = measure_valley(lesions.lesions[0], lesions, scan, region, load(LocalisationSettings))
    assert valley.gap_mm == pytest.approx(gap + 1)
    assert valley.saddle < 0.05


def test_what_is_taken_for_bone_says_by_which_rule_and_figures() -> None:
    settings = load(LocalisationSettings)
    lesions, scan, region = beside_bone(LOW["low in the cerebellum"], gap=0)
    contacts = bone_contacts(lesions, scan, region, settings, load(IntracranialSettings), load(AirContactSettings))
    features = measure_features(lesions.lesions[0], contacts[1], lesions, scan, region, FIT, load_atlas(), settings)
    evidence = bone_evidence(features, "cerebellum", 0.9, settings)
    assert evidence is not None
    assert evidence.rule == BoneRule.TOUCHES_BASE
    assert evidence.figures["saddle"] == pytest.approx(1.0, abs=0.05)
    assert evidence.figures["base_share"] > 0.3
    assert bone_evidence_without_atlas(contacts[1], settings) is not None


def test_without_an_accepted_fit_what_lies_close_under_the_skull_is_left_out() -> None:
    beside = beside_bone(middle_lps_mm("pallidum", "left"), gap=1, between_hu=200, depth_mm=3.0)
    found = locate_lesions(*beside, replace(FIT, accepted=False), load_atlas())
    assert found.lesions == ()
    assert sum(item.volume_mm3 for item in found.left_out if item.reason == "bone") > 20


def between_bones(*, bone_hu: int = 1200, bridge_hu: int = 40) -> tuple[LesionMap, Scan, Intracranial]:
    """A deposit at the left siphon with a wall of bone 4 mm beside it, and what lies between."""
    siphon = middle_lps_mm("carotid_siphon", "left")
    lesions, scan = with_deposits(siphon)
    hu, inside = np.array(scan.hu), np.ones(scan.hu.shape, np.bool_)
    k, j, i = np.rint(scan.geometry.to_index(siphon)).astype(int)
    wall = np.zeros(hu.shape, np.bool_)
    wall[k - 3 : k + 4, j - 3 : j + 4, i + 5 : i + 8] = True
    hu[k, j, i + 3 : i + 5] = bridge_hu
    inside[k, j, i + 3 : i + 5] = bridge_hu < 130
    hu[wall], inside[wall] = bone_hu, False
    return lesions, Scan(hu=hu, geometry=scan.geometry), intracranial(mask=inside)


@pytest.mark.parametrize(
    ("bridge_hu", "sites"), [(40, ["carotid_siphon"]), (150, ["carotid_siphon"]), (320, [])], ids=str
)
def test_between_the_bones_of_the_base_what_stands_out_is_no_bone(bridge_hu: int, sites: list[str]) -> None:
    found = locate_lesions(*between_bones(bridge_hu=bridge_hu), FIT, load_atlas())
    assert [lesion.site for lesion in found.lesions] == sites


@pytest.mark.parametrize(("age_years", "kept"), [(6.0, 0), (40.0, 1), (None, 1)])
def test_between_the_bones_of_a_childs_base_what_lies_near_bone_is_not_counted(
    age_years: float | None, kept: int
) -> None:
    lesions, scan, whole = between_bones(bridge_hu=40)
    person = Scan(hu=np.array(scan.hu), geometry=scan.geometry, study=Study(age_years=age_years))
    found = locate_lesions(lesions, person, whole, FIT, load_atlas())
    assert len(found.lesions) == kept
    left_out = [(item.reason, item.sure) for item in found.left_out]
    assert left_out == [] if kept else left_out == [("bone", False)]


def on_the_vault(**changes: Any) -> LocatedLesionMap:
    """A deposit on the vault, one piece with the table."""
    lesions, scan = with_deposits(np.array([45.0, 20.0, 45.0]))
    kji = np.argwhere(lesions.labels == 1)
    hu, inside = np.array(scan.hu), np.ones(scan.hu.shape, np.bool_)
    hu[:, :, kji[:, 2].max() + 1 :], inside[:, :, kji[:, 2].max() + 1 :] = 1000, False
    region = replace(intracranial(mask=inside, depth_mm=9.0), **changes)
    return locate_lesions(lesions, Scan(hu=hu, geometry=scan.geometry), region, FIT, load_atlas())


def test_what_is_one_with_bone_beside_a_hole_in_the_vault_is_its_edge() -> None:
    assert len(on_the_vault().lesions) == 1
    at = np.array([45.0, 20.0, 45.0])
    assert len(on_the_vault(vault_holes_mm=at[None] + (30.0, 0.0, 0.0)).lesions) == 1
    beside = on_the_vault(vault_holes_mm=at[None] + (8.0, 0.0, 0.0))
    (item,) = beside.left_out
    assert beside.lesions == ()
    assert (item.reason, item.sure, set(item.evidence)) == ("bone", False, {"hole_mm"})


def test_bone_that_the_other_side_lacks_is_not_bone_beyond_doubt() -> None:
    lesions, scan, whole = between_bones(bridge_hu=320)
    (bone,) = locate_lesions(lesions, scan, whole, FIT, load_atlas()).left_out
    assert bone.sure
    unlike = replace(whole, unlike_kji=np.argwhere(lesions.labels > 0))
    (alone,) = locate_lesions(lesions, scan, unlike, FIT, load_atlas()).left_out
    assert not alone.sure
    assert alone.evidence["unlike_other_side_mm3"] == pytest.approx(alone.volume_mm3, abs=0.1)


def test_a_knot_is_a_lesion_only_where_one_is_known_between_bones() -> None:
    """Shallow, in the zone of the base: at the siphon and where only bone stands up."""
    siphon, petrous = middle_lps_mm("carotid_siphon", "left"), np.array([40.0, 36.0, -32.0])
    lesions, scan, shallow = beside_bone(siphon, petrous, gap=1, between_hu=200, depth_mm=3.0)
    assert locate_lesions(lesions, scan, shallow, FIT, load_atlas()).lesions == ()
    knots = replace(shallow, base_peaks_kji=np.argwhere(lesions.labels > 0))
    (lesion,) = locate_lesions(lesions, scan, knots, FIT, load_atlas()).lesions
    assert (lesion.site, lesion.side) == ("carotid_siphon", "left")
    no_fit = replace(FIT, accepted=False)
    assert (
        locate_lesions(lesions, scan, replace(knots, depth_mm=intracranial().depth_mm), no_fit, load_atlas()).lesions
        == ()
    )


def test_what_a_crop_cuts_at_the_base_is_bone() -> None:
    lesions, scan, whole = between_bones()
    (lesion,) = lesions.lesions
    (low, high), *rest = lesion.bbox_kji
    cut = replace(lesions, lesions=(replace(lesion, bbox_kji=((0, high), *rest)),))
    assert low > 0
    assert locate_lesions(cut, scan, whole, FIT, load_atlas()).lesions == ()


def test_what_lines_air_at_the_base_is_the_wall_of_a_sinus() -> None:
    lesions, scan, whole = between_bones()
    (lesion,) = lesions.lesions
    _, (first, last), _ = lesion.bbox_kji
    hu = np.array(scan.hu)
    hu[:, last : last + 4] = -900
    assert first > 0
    assert len(locate_lesions(lesions, scan, whole, FIT, load_atlas()).lesions) == 1
    assert locate_lesions(lesions, Scan(hu=hu, geometry=scan.geometry), whole, FIT, load_atlas()).lesions == ()


def test_a_plaque_of_the_vault_is_dura_though_it_hangs_on_bone() -> None:
    lesions, scan = with_deposits(np.array([45.0, 20.0, 45.0]))
    kji = np.argwhere(lesions.labels == 1)
    inside = np.ones(scan.hu.shape, np.bool_)
    inside[:, :, kji[:, 2].max() + 1 :] = False
    hu = np.array(scan.hu)
    hu[:, :, kji[:, 2].max() + 1 :] = 1000
    hanging = replace(intracranial(mask=inside, depth_mm=9.0), vault_plaques_kji=kji)
    (lesion,) = locate_lesions(lesions, Scan(hu=hu, geometry=scan.geometry), hanging, FIT, load_atlas()).lesions
    assert (lesion.site, lesion.side) == ("convexity_dura", "left")
    assert {site for site, *_ in lesion.also} <= {"cortex", "white_matter"}


@pytest.mark.parametrize(("back_mm", "wall"), [(18.0, True), (45.0, False)])
def test_in_front_of_the_trigone_plexus_may_be_a_nodule_of_the_wall(back_mm: float, wall: bool) -> None:
    """Nodules of tuberous sclerosis in narrow ventricles were plexus with a share of 0.93, and the wall had none."""
    atlas = load_atlas()
    number = next(n for n, s in atlas.sites.items() if (s.site, s.side) == ("choroid_plexus", "left"))
    plexus = apply(atlas.affine, np.argwhere(atlas.labels == number))
    middle = plexus[np.abs(plexus[:, 1] - back_mm) < 1.0].mean(axis=0)
    lesions, scan = with_deposits(plexus[np.linalg.norm(plexus - middle, axis=1).argmin()])
    (lesion,) = locate_lesions(lesions, scan, intracranial(), FIT, atlas).lesions
    shares = {site: share for site, _, share in ((lesion.site, lesion.side, lesion.site_share or 0.0), *lesion.also)}
    assert (shares.get("ventricle_wall", 0.0) >= 0.2) is wall


def test_fluid_around_a_deposit_speaks_for_the_plexus() -> None:
    """Between caudate and plexus: with brain around it, and in the same place with fluid around it."""
    atlas = load_atlas()
    number = next(n for n, s in atlas.sites.items() if (s.site, s.side) == ("choroid_plexus", "left"))
    plexus = apply(atlas.affine, np.argwhere(atlas.labels == number))
    near = plexus[np.linalg.norm(plexus - middle_lps_mm("caudate", "left"), axis=1).argmin()]
    lesions, scan = with_deposits(near)
    dry = intracranial()
    small = (31, 31, 31)
    affine = np.zeros((4, 4))
    affine[0, 2] = affine[1, 1] = affine[2, 0] = 1.5
    affine[:3, 3], affine[3, 3] = near - 22.5, 1.0
    shares = {}
    for hu in (35, 6):
        coarse = IsotropicVolume(
            values=np.full(small, hu, np.float32), covered=np.ones(small, np.bool_), affine=affine, spacing_mm=1.5
        )
        around = replace(
            dry, isotropic_hu=coarse, isotropic_mask=np.ones(small, np.bool_), depth_mm=np.full(small, 30.0, np.float32)
        )
        (lesion,) = locate_lesions(lesions, scan, around, FIT, load_atlas()).lesions
        sites = {lesion.site: lesion.site_share, **{site: share for site, _, share in lesion.also}}
        shares[hu] = sites.get("choroid_plexus", 0.0)
    assert shares[6] > shares[35]


def tentorium_from(x_mm: float, y_mm: float, off_mm: float) -> np.ndarray:
    """A point so far above the middle of the atlas's tentorium at (x, y), across it (LPS)."""
    atlas = load_atlas()
    numbers = [n for n, s in atlas.sites.items() if s.site == "tentorium"]
    tent = apply(atlas.affine, np.argwhere(np.isin(atlas.labels, numbers)))
    near = tent[np.linalg.norm(tent[:, :2] - (x_mm, y_mm), axis=1) < 8.0]
    normal = np.linalg.svd(near - near.mean(axis=0), full_matrices=False)[2][2]
    return near.mean(axis=0) + off_mm * normal * np.sign(normal[2])


@pytest.mark.parametrize("off_mm", [-7.0, -5.0, 5.0, 7.0])
@pytest.mark.parametrize("place", [(30.0, 66.0), (-30.0, 66.0), (40.0, 58.0), (-20.0, 74.0)], ids=str)
def test_a_ball_near_the_tentorium_stays_in_the_brain(place: tuple[float, float], off_mm: float) -> None:
    lesions, scan = with_deposits(tentorium_from(*place, off_mm), radius=3)
    (lesion,) = locate_lesions(lesions, scan, intracranial(), FIT, load_atlas()).lesions
    assert lesion.site in ({"cortex", "white_matter"} if off_mm > 0 else {"cerebellum"})
    assert lesion.side == ("left" if place[0] > 0 else "right")
    assert "tentorium" in {site for site, *_ in lesion.also}


def told_of_a_plate(centre_mm: np.ndarray, across: int) -> Lesion:
    """What is told of a plate of 9 mm and 1 mm thick; `across` is the axis of its thin side: k, j or i."""
    geometry = grid()
    hu = np.full(geometry.shape, 35, np.int16)
    k, j, i = np.rint(geometry.to_index(centre_mm)).astype(int)
    half = [4, 4, 4]
    half[across] = 0
    hu[k - half[0] : k + half[0] + 1, j - half[1] : j + half[1] + 1, i - half[2] : i + half[2] + 1] = 400
    scan = Scan(hu=hu, geometry=geometry)
    labels, table = lesion_table(hu, 130)
    template, _ = with_deposits(centre_mm)
    box = tuple((int(a), int(b)) for a, b in table[0]["bbox"])
    lesion = replace(template.lesions[0], id=1, voxels=int(table[0]["voxels"]), bbox_kji=box)
    lesions = LesionMap(labels=labels, geometry=geometry, lesions=(lesion,), threshold_hu=130, settings={})
    (found,) = locate_lesions(lesions, scan, intracranial(), FIT, load_atlas()).lesions
    return found


@pytest.mark.parametrize("off_mm", [-5.5, 5.5])
def test_a_plate_within_the_uncertainty_of_the_tentorium_is_likelier_dura_than_brain(off_mm: float) -> None:
    centre = tentorium_from(30.0, 66.0, off_mm)
    plate = told_of_a_plate(centre, across=0)
    lesions, scan = with_deposits(centre, radius=3)
    (ball,) = locate_lesions(lesions, scan, intracranial(), FIT, load_atlas()).lesions
    assert (plate.site, plate.side) == ("tentorium", "left")
    assert ball.site in ("cortex", "white_matter", "cerebellum")
    assert {site for site, *_ in ball.also} >= {"tentorium"}


def test_where_falx_and_tentorium_meet_the_way_a_plate_lies_tells_which() -> None:
    """Over the straight sinus, at the border of both in the atlas."""
    atlas = load_atlas()
    numbers = {s.site: n for n, s in atlas.sites.items() if s.side == "midline"}
    at = np.argwhere(atlas.labels == numbers["tentorium"])
    world = apply(atlas.affine, at)
    column = world[(np.abs(world[:, 0]) < 1.0) & (np.abs(world[:, 1] - 66.0) < 1.0)]
    border = column[column[:, 2].argmax()] + np.array([0.0, 0.0, 0.5])
    assert told_of_a_plate(border, across=0).site == "tentorium"
    assert told_of_a_plate(border + np.array([0.0, 0.0, 2.0]), across=2).site == "falx"


@pytest.mark.parametrize("aside_mm", [-6.0, 6.0])
def test_a_lump_beside_the_falx_lies_in_brain_though_slices_are_too_thick_to_tell_its_shape(aside_mm: float) -> None:
    falx = np.array([0.0, 20.0, 66.0])

    def told(aside: float) -> str | None:
        lesions, scan = with_deposits(falx + np.array([aside, 0.0, 0.0]), radius=3)
        thick = replace(scan.geometry, slab_mm=np.full(len(scan.geometry.slab_mm), 14.0))  # so that no lump is told
        found = locate_lesions(
            replace(lesions, geometry=thick), replace(scan, geometry=thick), intracranial(), FIT, load_atlas()
        )
        return found.lesions[0].site

    assert told(0.0) == "falx"
    assert told(aside_mm) in ("cortex", "white_matter")
