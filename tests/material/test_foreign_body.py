"""What was put into the head is never calcification; calcification along smooth courses is kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.foreign_shapes import Thing, knots, line, put_in, rope, sheet, tree
from support.heads import CLEAN, sample, sample_head
from support.phantoms import head_of, phantom, stack

from calcscan.detection import detect_lesions
from calcscan.knowledge.foreign_body import ForeignBodySettings
from calcscan.knowledge.left_out import LeftOutReason
from calcscan.knowledge.settings import load
from calcscan.material import judge_material
from calcscan.material.belonging import is_bulkier
from calcscan.material.foreign_body import foreign_bodies
from calcscan.material.recognised import Recognised
from calcscan.material.rows import on_its_line
from calcscan.model import LeftOut, LesionMap, Scan, SearchRegion

SETTINGS = load(ForeignBodySettings)
SLICES = ((0.6, 0.5, 0.5), (1.25, 0.45, 0.45), (2.5, 0.5, 0.5), (5.0, 0.5, 0.5))
SIZE_MM = (56.0, 56.0, 56.0)
STEEP = line([-12, -8, -20], [10, 9, 20], bow_mm=1.0)
LEVEL = line([-22, -6, -3], [22, 8, 4])
NOISE_HU = 5.0


def brain(spacing_mm: tuple[float, float, float] = SLICES[1], *, tilt_deg: float = 0.0) -> Scan:
    return phantom((), stack(spacing_mm, SIZE_MM, tilt_deg=tilt_deg), noise_hu=NOISE_HU)[0]


def recognised(scan: Scan, *left_out: LeftOut) -> tuple[LesionMap, Recognised]:
    region = SearchRegion.of(head_of(scan, NOISE_HU))
    lesions = detect_lesions(scan, region)
    lesions = replace(lesions, left_out=(*lesions.left_out, *left_out))
    return lesions, foreign_bodies(lesions, scan, region, settings=SETTINGS)


def kept_mm3(lesions: LesionMap, out: Recognised) -> float:
    return sum(lesion.volume_mm3 for lesion in lesions.lesions if lesion.id not in out.lesions)


TUBES = {
    "catheter": {"radius_mm": 1.3, "hu": 450, "bore_mm": 0.6},
    "faint catheter": {"radius_mm": 1.5, "hu": 300, "bore_mm": 0.5},
    "wire": {"radius_mm": 0.5, "hu": 2000},
    "lead": {"radius_mm": 0.65, "hu": 1200},
}


@pytest.mark.parametrize("spacing_mm", SLICES, ids=lambda mm: f"{mm[0]:g} mm")
@pytest.mark.parametrize("name", TUBES)
def test_a_tube_is_foreign(name: str, spacing_mm: tuple[float, float, float]) -> None:
    for course in (STEEP, LEVEL):
        scan, _ = put_in(brain(spacing_mm), [Thing.along(course, **TUBES[name])], 0.5)
        lesions, out = recognised(scan)
        assert kept_mm3(lesions, out) <= 10.0, f"{len(lesions.lesions)} lesions"
        assert all(material.reason == LeftOutReason.FOREIGN_BODY for material in out.lesions.values())
        assert [flag.code for flag in out.flags] == (["foreign_body"] if out.lesions else [])


@pytest.mark.parametrize("spacing_mm", [SLICES[1], SLICES[3]], ids=lambda mm: f"{mm[0]:g} mm")
def test_a_filled_nucleus_is_bulkier_than_the_course_along_it_and_a_tube_is_not(spacing_mm: tuple[float, ...]) -> None:
    """A putamen filled evenly, 250 HU, with a pallidum of 700 HU in it, was a lead of 4.6 mm in slices of 5 mm."""
    for width_mm, thing, bulkier in (
        (4.6, Thing.along(LEVEL, 7.0, 700), True),
        (3.0, Thing.along(STEEP, 1.5, 700), False),
    ):
        scan, _ = put_in(brain(spacing_mm), [thing], 0.5)
        lesions = detect_lesions(scan, SearchRegion.of(head_of(scan, NOISE_HU)))
        assert [is_bulkier(n.id, lesions, scan, width_mm, SETTINGS) for n in lesions.lesions] == [bulkier]


def test_a_tube_that_looks_as_soft_as_stained_brain_is_foreign() -> None:
    """A bent tube with a wide bore: with what lies around averaged in it is faint, and its volume large."""
    scan, _ = put_in(
        brain(), [Thing.along(line([-20, -14, -22], [20, 14, 22], bow_mm=6.0), 1.5, 300, bore_mm=0.7)], 0.5
    )
    region = SearchRegion.of(head_of(scan, NOISE_HU))
    lesions = detect_lesions(scan, region)
    assert lesions.left_out[0].reason is LeftOutReason.UNCERTAIN_MATERIAL
    judged = judge_material(lesions, scan, region)
    assert judged.left_out[0].reason is LeftOutReason.FOREIGN_BODY
    assert judged.lesions == ()
    assert "foreign_body" in [flag.code for flag in judged.flags]


@pytest.mark.parametrize(("away_mm", "kept"), [(6.5, 0), (14.0, 1)])
@pytest.mark.parametrize("reason", [LeftOutReason.FOREIGN_BODY, LeftOutReason.METAL])
def test_a_plaque_beside_the_hole_something_came_through_is_uncertain(
    reason: LeftOutReason, away_mm: float, kept: int
) -> None:
    scan, _ = put_in(brain(), [Thing.along(np.zeros((1, 3)), 1.4, 500)], 0.5)
    region = SearchRegion.of(head_of(scan, NOISE_HU))
    lesions = detect_lesions(scan, region)
    (plaque,) = lesions.lesions
    region = replace(region, vault_plaques_kji=lesions.voxels_kji(plaque.id))
    beside = np.rint(scan.geometry.to_index(np.array([[away_mm, 0.0, 0.0]]))).astype(np.int64)
    hu = np.array(scan.hu)
    hu[tuple(beside.T)] = 3000
    lesions = replace(lesions, left_out=(LeftOut.of(replace(scan, hu=hu), beside, reason),))
    judged = judge_material(lesions, replace(scan, hu=hu), region)
    assert len(judged.lesions) == kept
    assert [item.reason for item in judged.left_out[1:]] == [LeftOutReason.UNCERTAIN_MATERIAL] * (1 - kept)


@pytest.mark.parametrize(("radius_mm", "away_mm", "kept"), [(1.0, 9.0, 0), (1.0, 20.0, 1), (3.5, 9.0, 1)])
def test_dust_under_a_hole_in_the_vault_is_uncertain(radius_mm: float, away_mm: float, kept: int) -> None:
    """Not what is larger than a grain of dust: dura calcifies where a piece of the vault was taken out."""
    scan, _ = put_in(brain(), [Thing.along(np.zeros((1, 3)), radius_mm, 600)], 0.5)
    region = SearchRegion.of(head_of(scan, NOISE_HU))
    middle = scan.geometry.to_world(detect_lesions(scan, region).voxels_kji(1)).mean(axis=0)
    hole = middle + np.array([0.0, 0.0, away_mm])
    judged = judge_material(detect_lesions(scan, region), scan, replace(region, vault_holes_mm=hole[None]))
    assert len(judged.lesions) == kept
    assert [item.reason for item in judged.left_out] == [LeftOutReason.UNCERTAIN_MATERIAL] * (1 - kept)


def test_its_figures_are_right() -> None:
    scan, _ = put_in(brain(), [Thing.along(STEEP, 1.3, 450, bore_mm=0.6)], 0.5)
    _, out = recognised(scan)
    (evidence,) = {id(m.evidence): m.evidence for m in out.lesions.values()}.values()
    assert evidence["length_mm"] == pytest.approx(48.0, abs=4.0)
    assert 2.5 < evidence["width_mm"] < 4.5
    assert evidence["unevenness"] < 0.1


def test_in_a_tilted_stack() -> None:
    scan, _ = put_in(brain((4.0, 0.5, 0.5), tilt_deg=18.0), [Thing.along(STEEP, 1.3, 450, bore_mm=0.6)], 0.5)
    lesions, out = recognised(scan)
    assert lesions.lesions
    assert kept_mm3(lesions, out) <= 10.0


@pytest.mark.parametrize("spacing_mm", SLICES[1:], ids=lambda mm: f"{mm[0]:g} mm")
def test_a_row_of_contacts_is_foreign(spacing_mm: tuple[float, float, float]) -> None:
    at = np.array([LEVEL[n] for n in range(10, len(LEVEL), 25)])
    scan, _ = put_in(brain(spacing_mm), [Thing.along(part[None], 0.9, 3000) for part in at], 0.5)
    lesions, out = recognised(scan)
    assert len(lesions.lesions) + len(lesions.left_out) >= 5
    assert kept_mm3(lesions, out) <= 10.0


@pytest.mark.parametrize("spacing_mm", SLICES[:2], ids=lambda mm: f"{mm[0]:g} mm")
@pytest.mark.parametrize(("dots_mm", "aside_mm", "hu", "kept"), [
    ((-26.0, 10.0, 18.0), 0.0, 1600, 0),
    ((10.0, 18.0), 4.0, 1600, 2),
    ((10.0, 18.0), 0.0, 500, 2),
    ((17.0,), 0.0, 1600, 1),
])  # fmt: skip
def test_the_last_contacts_of_a_lead_belong_to_those_that_hang_together(
    dots_mm: tuple[float, ...], aside_mm: float, hu: int, kept: int, spacing_mm: tuple[float, float, float]
) -> None:
    """On its line, as dense, and no farther on than contacts lie apart."""
    way, aside = np.array([0.6, 0.0, 0.8]), np.array([0.0, aside_mm, 0.0])
    dots = [Thing.along((at * way + aside)[None], 1.0, hu) for at in dots_mm]
    scan, _ = put_in(brain(spacing_mm), [Thing.along(line(-20 * way, 4 * way), 0.8, 1600), *dots], 0.55)
    lesions, _ = recognised(scan)
    assert len(lesions.lesions) == 1 + len(dots_mm)
    body = max(lesions.lesions, key=lambda lesion: lesion.volume_mm3).id
    assert len(dots_mm) - len(on_its_line(body, lesions, scan, SETTINGS)) == kept


def test_a_cast_is_foreign() -> None:
    rng = np.random.default_rng(3)
    scan, _ = put_in(brain(), [tree(np.array([0.0, -6, -6]), rng, hu=1600, radius_mm=1.1, length_mm=60)], 0.5)
    lesions, out = recognised(scan)
    assert lesions.lesions
    assert kept_mm3(lesions, out) <= 10.0


def test_a_fragment_denser_than_calcium_is_foreign() -> None:
    scan, _ = put_in(brain(), [Thing.along(np.zeros((1, 3)), 1.6, 2200)], 0.5)
    lesions, out = recognised(scan)
    assert set(out.lesions) == {lesion.id for lesion in lesions.lesions} == {1}
    assert out.lesions[1].evidence["max_hu"] > 1500


def test_rays_of_metal_are_metal_and_calcification_beside_it_is_not() -> None:
    scan = brain()
    hu, grid = np.array(scan.hu, dtype=float), scan.geometry
    world = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1).astype(float))
    metal = np.linalg.norm(world - [-15.0, 0.0, 0.0], axis=-1) < 2.0
    in_slice = np.abs(world[..., 2]) < 2.0
    hu += np.where(in_slice & (np.abs(world[..., 2]) < 2), 55.0 * np.sin(world[..., 1] * 2.2), 0.0)
    ray = in_slice & (np.abs(world[..., 1] - 3.6) < 0.8) & (np.abs(world[..., 0]) < 4)
    hu[ray] += 60.0
    hu[metal] = 3000
    scan = replace(scan, hu=np.rint(hu).astype(np.int16))
    scan, _ = put_in(scan, [Thing.along(np.array([[15.0, -6.0, 0.0]]), 2.5, 600)], 0.5)
    lesions, out = recognised(scan)
    noted = {LeftOutReason.METAL, LeftOutReason.BELOW_LIMIT}  # and specks in the rays
    assert {item.reason for item in lesions.left_out} == noted
    calcified = {n.id for n in lesions.lesions if n.max_hu > 400}
    assert len(calcified) == 1
    assert not calcified & set(out.lesions)
    rays = {n.id for n in lesions.lesions} - calcified
    assert rays
    assert all(out.lesions[n].reason == LeftOutReason.METAL for n in rays if n in out.lesions)
    assert rays <= set(out.lesions)


def test_in_slices_that_streaks_cross_only_what_stands_out_from_them_is_calcification() -> None:
    scan = brain()
    hu, grid = np.array(scan.hu, dtype=float), scan.geometry
    world = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1).astype(float))
    crossed = np.abs(world[..., 2]) < 4.0
    bands = np.random.default_rng(4).standard_normal(40)
    hu += np.where(crossed, 70.0 * np.interp(world[..., 1], np.linspace(-30, 30, 40), bands), 0.0)
    scan, _ = put_in(replace(scan, hu=np.rint(hu).astype(np.int16)), [Thing.along(np.zeros((1, 3)), 3.0, 800)], 0.5)
    slices = tuple(np.flatnonzero(crossed.any(axis=(1, 2))).tolist())
    region = replace(SearchRegion.of(head_of(scan, NOISE_HU)), streaked_slices=slices)
    lesions = detect_lesions(scan, region)
    out = foreign_bodies(lesions, scan, region, settings=SETTINGS)
    true = {lesion.id for lesion in lesions.lesions if lesion.max_hu > 600}
    assert len(true) == 1
    assert {lesion.id for lesion in lesions.lesions} - set(out.lesions) == true
    assert any(material.reason == LeftOutReason.METAL for material in out.lesions.values())


def bent(radius_mm: float, angle_deg: float) -> np.ndarray:
    a = np.radians(np.linspace(-angle_deg / 2, angle_deg / 2, int(radius_mm * np.radians(angle_deg) / 0.2)))
    course = radius_mm * np.stack([0.3 * np.cos(a), np.cos(a), np.sin(a)], axis=1)
    return course - course.mean(axis=0)


@pytest.mark.parametrize("spacing_mm", SLICES[:2], ids=lambda mm: f"{mm[0]:g} mm")
def test_a_thin_cast_is_foreign_however_it_winds(spacing_mm: tuple[float, float, float]) -> None:
    for hu, left in ((1800, 0), (600, 1)):
        scan, _ = put_in(brain(spacing_mm), [Thing.along(bent(14, 160), 0.6, hu)], 0.55)
        lesions, out = recognised(scan)
        assert lesions.lesions[0].max_hu < SETTINGS.beyond_calcium_hu
        assert len(lesions.lesions) - len(out.lesions) == left


CALCIFIED = {
    "knotted edge": lambda rng: [rope(bent(50, 45), rng, hu=500, radius_mm=1.2)],
    "glomus": lambda rng: [knots(bent(14, 160), rng, hu=500, radius_mm=1.8, apart_mm=2.2)],
    "falx": lambda rng: [sheet(bent(60, 40), np.array([0.0, 1, 0]), rng, hu=600, high_mm=8.0, thick_mm=2.0)],
    "streaks": lambda rng: [
        rope(line([x, -6, -8], [x + 3, 8, 5], bow_mm=1), rng, hu=400, radius_mm=0.8) for x in (-18.0, -6, 6, 18)
    ],
    "balls": lambda rng: [Thing.along(np.array([[x, 0, 0.0]]), 4.0, 900) for x in (-15.0, 0, 15)],
    "dots": lambda rng: [Thing.along(rng.uniform(-12, 12, (1, 3)), rng.uniform(0.7, 1.3), 500) for _ in range(24)],
}


@pytest.mark.parametrize("spacing_mm", SLICES[1:], ids=lambda mm: f"{mm[0]:g} mm")
@pytest.mark.parametrize("name", [name for name in CALCIFIED if name != "falx"])
def test_calcification_is_kept(name: str, spacing_mm: tuple[float, float, float]) -> None:
    check_kept(name, spacing_mm)


@pytest.mark.parametrize("spacing_mm", SLICES[:2], ids=lambda mm: f"{mm[0]:g} mm")
def test_a_plate_is_kept_where_its_shape_shows(spacing_mm: tuple[float, float, float]) -> None:
    check_kept("falx", spacing_mm)


def check_kept(name: str, spacing_mm: tuple[float, float, float]) -> None:
    scan, _ = put_in(brain(spacing_mm), CALCIFIED[name](np.random.default_rng(11)), 0.5)
    lesions, out = recognised(scan)
    assert lesions.lesions
    assert not out.lesions
    assert not out.flags


def test_in_a_sample_head_it_is_left_out_with_its_figures() -> None:
    scan, inside = sample(CLEAN), SearchRegion.of(sample_head(CLEAN))
    coarse = inside.isotropic_hu
    deepest = np.argwhere(inside.depth_mm == inside.depth_mm.max())[0]
    tip = coarse.affine[:3, :3] @ deepest + coarse.affine[:3, 3]
    way = np.array([0.5, 0.3, 0.8]) / np.linalg.norm([0.5, 0.3, 0.8])
    scan, filled = put_in(scan, [Thing.along(line(tip, tip + 45 * way), 1.2, 500, bore_mm=0.5)], 0.55)
    lesions = detect_lesions(scan, inside)
    judged = judge_material(lesions, scan, inside, foreign_body=SETTINGS)
    tube = [item for item in judged.left_out if item.reason == LeftOutReason.FOREIGN_BODY]
    assert sum(item.volume_mm3 for item in tube) > 50.0
    assert all("length_mm" in item.evidence for item in tube)
    assert not (filled[judged.labels > 0] > 0.1).any()
    assert "foreign_body" in [flag.code for flag in judged.flags]


def test_a_large_calcification_is_not_put_in_for_a_dense_spot() -> None:
    """46 ml of Fahr's disease in slices that blur as ones of 3 mm do were something put in, for 0.8 ml of 1150 HU."""
    spot = Thing.along(np.array([[3.0, 2.0, 1.0]]), 3.5, 1150)
    scan, _ = put_in(brain(SLICES[3]), [Thing.along(LEVEL, 6.0, 450), spot], 0.5)
    lesions, out = recognised(scan)
    assert max(lesion.max_hu for lesion in lesions.lesions) > SETTINGS.beyond_calcium_thick_hu
    assert not out.lesions


@pytest.mark.parametrize(("radius_mm", "kept"), [(12.0, True), (2.5, False)])
def test_what_fills_thick_slices_is_as_dense_as_it_looks(radius_mm: float, kept: bool) -> None:
    """A lump of 1150 HU over four slices of 5 mm may be calcium; one that is lower than its slice is denser than it."""
    scan, _ = put_in(brain(SLICES[3]), [Thing.along(np.zeros((1, 3)), radius_mm, 1150 if kept else 2300)], 0.5)
    lesions, out = recognised(scan)
    assert lesions.lesions
    assert (not out.lesions) is kept
    assert kept or "if nothing was, it is calcification that is missing here" in out.flags[0].message
