"""The inside of the skull."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from support.heads import (
    CLEAN,
    FALX,
    PALLIDUM,
    ball,
    box_scan,
    cropped,
    dense_ml,
    edited,
    egg,
    nuclei_of,
    sample,
    sample_head,
    shrunk,
    truth,
    with_wide_ventricles,
    without_a_piece_of_vault,
)

from calcscan.atlas import load_atlas
from calcscan.errors import RefusedError
from calcscan.intracranial import segment_intracranial
from calcscan.model import Edge
from calcscan.registration import register_atlas


def test_the_inside_of_an_egg_is_its_yolk() -> None:
    intracranial = segment_intracranial(box_scan(egg()))
    assert intracranial.intracranial_ml == pytest.approx(4 / 3 * np.pi * 7.4**3, rel=0.04)
    assert intracranial.brain_hu == pytest.approx(32)
    inside = intracranial.mask
    assert inside[46, 46, 46]
    assert not inside[ball(inside.shape, 43.0) & ~ball(inside.shape, 38.5)].any()
    assert inside[ball(inside.shape, 35.5)].all()
    assert intracranial.flags == ()


def test_calcification_inside_bars_nothing_and_stays_inside() -> None:
    hu = egg()
    big = ball(hu.shape, 9.0, (46, 46, 56))
    hu[big] = 900
    intracranial = segment_intracranial(box_scan(hu))
    assert intracranial.mask[big].all()
    assert intracranial.intracranial_ml == pytest.approx(4 / 3 * np.pi * 7.4**3, rel=0.04)


def test_a_ridge_of_the_skull_is_bone_but_a_deep_plate_grown_from_it_is_not() -> None:
    hu = egg()
    plate = np.zeros(hu.shape, np.bool_)
    plate[40:52, 12:26, 45:47] = True  # 4 mm thick, from the skull's front about 22 mm deep: a calcified falx
    ridge = np.zeros(hu.shape, np.bool_)
    ridge[44:48, 78:83, 30:60] = True  # at the back, 3 mm high
    ridge &= ~ball(hu.shape, 35.0)
    hu[(plate | ridge) & ball(hu.shape, 37.5)] = 800
    intracranial = segment_intracranial(box_scan(hu))
    deep = plate & ball(hu.shape, 33.0)
    assert intracranial.mask[deep].all()
    assert not intracranial.mask[ridge & (hu == 800)].any()


def neck() -> np.ndarray:
    """Muscle around a spine, 2 mm voxels: nothing far from bone, and no skull."""
    y, x = np.mgrid[-30:30, -30:30] * 2.0
    slice_hu = np.where(np.hypot(x, y) < 52, 55, -1000)
    slice_hu[np.hypot(x, y - 5) < 16] = 500
    slice_hu[np.hypot(x, y - 5) < 12] = 220
    slice_hu[np.hypot(x, y + 25) < 10] = -1000
    return np.repeat(slice_hu[None], 50, axis=0)


@pytest.mark.parametrize(
    ("hu", "code"),
    [
        (np.full((40, 60, 60), -1000), "not_head"),
        (np.where(ball((40, 60, 60), 18.0), 35, -1000), "not_head"),
        (egg(brain_hu=95), "no_brain"),
        (egg(brain_hu=-80), "no_brain"),
        (neck(), "not_head"),
        (np.where(ball((60, 60, 60), 20.0), np.where(ball((60, 60, 60), 17.0), 35, 900), -1000), "not_head"),
    ],
    ids=["air", "no bone", "plastic", "fat", "neck", "too small"],
)
def test_what_is_no_head_is_refused(hu: np.ndarray, code: str) -> None:
    with pytest.raises(RefusedError) as refused:
        segment_intracranial(box_scan(hu))
    assert refused.value.code == code
    assert refused.value.hint


def test_a_head_cut_off_is_told() -> None:
    intracranial = segment_intracranial(box_scan(egg()[30:]))
    assert [flag.code for flag in intracranial.flags] == ["cropped"]
    assert "first slice" in intracranial.flags[0].message
    side = segment_intracranial(box_scan(egg()[:, :, :70]))
    assert [flag.code for flag in side.flags] == ["cropped"]


@pytest.mark.parametrize("name", [PALLIDUM, FALX, CLEAN])
def test_the_sample_heads_hold_their_lesions_and_no_skull(name: str) -> None:
    scan, intracranial = sample(name), sample_head(name)
    assert 1300 < intracranial.intracranial_ml < 2200
    assert intracranial.noise_hu is not None
    assert 2.0 < intracranial.noise_hu < 12.0
    for lesion in truth(name)["lesions"]:
        k, j, i = np.rint(scan.geometry.to_index(lesion["centroid_lps_mm"])).astype(int)
        assert intracranial.mask[k, j, i], lesion
    cortical = intracranial.mask & (scan.hu > 900)
    assert cortical.sum() * scan.geometry.voxel_mm3[0] < 400, "thick bone counted as inside"


@pytest.mark.parametrize("flap", [False, True], ids=["a piece of vault missing", "its flap put back with a gap"])
def test_after_a_craniotomy_the_inside_is_the_same_and_no_bone_is_in_it(flap: bool) -> None:
    whole = sample_head(PALLIDUM)
    scan = without_a_piece_of_vault(sample(PALLIDUM), whole, flap=flap)
    intracranial = segment_intracranial(scan)
    assert intracranial.intracranial_ml == pytest.approx(whole.intracranial_ml, rel=0.025)
    assert dense_ml(scan, intracranial) == pytest.approx(dense_ml(sample(PALLIDUM), whole), abs=0.1)


def test_a_flap_that_touches_nothing_is_skull_and_a_large_calcification_is_not() -> None:
    hu = egg(skull_mm=10.0)
    gap = ball(hu.shape, 16.0, (46, 46, 84)) & ~ball(hu.shape, 13.0, (46, 46, 84))
    flap = ball(hu.shape, 13.0, (46, 46, 84)) & (hu == 1000)
    hu[gap & (hu == 1000)] = 40
    stone = ball(hu.shape, 8.0, (46, 46, 22))
    hu[stone] = 700
    inside = segment_intracranial(box_scan(hu)).mask
    assert flap.sum() * 0.008 > 2, "ml"
    assert inside[flap].mean() < 0.02
    assert inside[stone].all()


def test_deep_nuclei_calcified_throughout_bar_nothing() -> None:
    """They lie farther from any bone than a flap may lie from the vault."""
    scan, whole = sample(CLEAN), sample_head(CLEAN)
    nuclei = nuclei_of(scan, register_atlas(whole, load_atlas()))
    intracranial = segment_intracranial(edited(scan, np.where(nuclei, 700, scan.hu)))
    assert nuclei.sum() * scan.geometry.voxel_mm3[0] > 30_000
    assert intracranial.mask[nuclei].mean() > 0.99
    assert intracranial.intracranial_ml == pytest.approx(whole.intracranial_ml, rel=0.01)


@pytest.mark.parametrize(("first", "last"), [(0, 70), (16, 83)], ids=["no vertex", "no base"])
def test_of_a_cropped_head_the_rest_is_the_same(first: int, last: int) -> None:
    whole, part = sample_head(PALLIDUM), segment_intracranial(cropped(sample(PALLIDUM), first, last))
    assert "cropped" in {flag.code for flag in part.flags}
    high = slice(30, 60)
    same = whole.mask[high] == part.mask[high.start - first : high.stop - first]
    assert same.mean() > 0.998


def test_a_childs_head_is_found_in_its_own_size() -> None:
    intracranial = segment_intracranial(shrunk(sample(PALLIDUM), 0.75))
    assert intracranial.intracranial_ml == pytest.approx(0.75**3 * sample_head(PALLIDUM).intracranial_ml, rel=0.02)


def test_wide_ventricles_are_inside() -> None:
    scan, whole = sample(PALLIDUM), sample_head(PALLIDUM)
    intracranial = segment_intracranial(with_wide_ventricles(scan, whole, wider_mm=8.0))
    assert intracranial.intracranial_ml == pytest.approx(whole.intracranial_ml, rel=0.01)


def chest() -> np.ndarray:
    """A torso with lungs, ribs, heart and spine, 3 mm voxels."""
    z, y, x = (np.indices((90, 84, 120), dtype=np.float32) - np.array([45, 42, 60])[:, None, None, None]) * 3.0
    hu = np.full(z.shape, -1000.0)

    def oval(cx, cy, rx, ry):
        return ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1

    hu[oval(0, 0, 165, 110)] = -100
    hu[oval(0, 0, 150, 100)] = 50
    hu[oval(0, 0, 140, 90) & ~oval(0, 0, 131, 81) & (np.mod(z + 0.5 * abs(x), 26) < 11)] = 450
    for side in (-1, 1):
        hu[oval(side * 76, -5, 54, 68)] = -820
    hu[((x - 18) / 55) ** 2 + ((y + 15) / 45) ** 2 + ((z + 25) / 55) ** 2 <= 1] = 45
    hu[oval(0, 68, 20, 19)] = 350
    return hu


def test_a_chest_is_refused_as_no_head():
    with pytest.raises(RefusedError, match="bone encloses only") as refused:
        segment_intracranial(box_scan(chest(), spacing_mm=3.0))
    assert refused.value.code == "not_head"


def test_two_heads_in_one_picture_are_refused():
    one = egg()
    with pytest.raises(RefusedError, match="more than one head") as refused:
        segment_intracranial(box_scan(np.concatenate([one, one], axis=2)))
    assert refused.value.code == "not_head"


def test_a_childs_head_or_part_of_one_beside_another_is_refused_too() -> None:
    one = egg()
    small = np.full(one.shape, -1000)
    small[14:78, 14:78, 14:78] = ndimage.zoom(one, 64 / 92, order=0)
    for other in (small, one[:, :, :55], one[:, :62]):
        axis = 1 if other.shape[1] < 92 else 2
        with pytest.raises(RefusedError, match="more than one head"):
            segment_intracranial(box_scan(np.concatenate([one, other], axis=axis)))


@pytest.mark.parametrize("shell_hu", [400, 1500])
def test_within_a_helmet_the_head_is_found(shell_hu: int) -> None:
    hu = np.pad(egg(), 10, constant_values=-1000)
    hu[ball(hu.shape, 52.0) & ~ball(hu.shape, 48.0)] = shell_hu
    hu[:20] = -1000  # open below
    assert segment_intracranial(box_scan(hu)).intracranial_ml == pytest.approx(4 / 3 * np.pi * 7.4**3, rel=0.06)


def test_a_head_that_lacks_a_third_of_its_vault_is_read():
    hu = egg()
    k, j, i = np.indices(hu.shape) - 45.5
    hole = (k > 0) & (i > abs(j) * 0.6) & (hu == 1000)
    hu[hole] = 45
    head = segment_intracranial(box_scan(hu))
    assert 1800 < head.intracranial_ml < 2300


def seen_through(hu: np.ndarray, half: float, *, outside: int, noise_hu: float = 0.0, aside: float = 0.0) -> np.ndarray:
    """Only a circle of this radius in voxels, `aside` from the middle."""
    _, j, i = np.indices(hu.shape) - 45.5
    air = outside + noise_hu * np.random.default_rng(0).standard_normal(hu.shape)
    return np.where(np.hypot(j - aside, i) <= half, hu, air)


@pytest.mark.parametrize(("outside", "noise_hu"), [(-1024, 0.0), (-1000, 0.0), (-1000, 8.0)])
def test_a_field_of_view_that_cuts_the_head_is_said_and_what_it_hides_is_not_covered(outside, noise_hu):
    hu = seen_through(egg(), 25.0, outside=outside, noise_hu=noise_hu, aside=6.0)
    head = segment_intracranial(box_scan(hu))
    assert head.cut_at == (Edge.FIELD_OF_VIEW,)
    assert [flag.code for flag in head.flags if flag.value > 0.3] == ["cropped"]
    cylinder_ml = 0.008 * (np.hypot(*(np.indices((92, 92)) - 45.5)) < 25.0).sum() * 70
    assert head.intracranial_ml == pytest.approx(cylinder_ml, rel=0.15)
    assert not head.isotropic_hu.covered[:, 0].any()
    assert head.isotropic_hu.covered[head.isotropic_mask].mean() > 0.95


def test_a_turned_field_of_view_is_seen_by_its_padding() -> None:
    hu = seen_through(egg(), 28.0, outside=-1024)
    turned = ndimage.rotate(hu, 20.0, (0, 2), reshape=False, order=1, cval=-1024)
    assert Edge.FIELD_OF_VIEW in segment_intracranial(box_scan(turned)).cut_at


def test_air_around_a_whole_head_cuts_nothing_off() -> None:
    hu = np.where(egg() == -1000, -1024, egg())
    hu[ball(hu.shape, 2.0, (46, 46, 8))] = -1024  # a sinus in the bone
    head = segment_intracranial(box_scan(hu))
    assert head.cut_at == ()
    assert head.isotropic_hu.covered.mean() > 0.9


@pytest.mark.parametrize("part", [np.s_[:, 46:], np.s_[:, :46], np.s_[:, :, :46], np.s_[:, 20:72, 20:72]])
def test_half_a_head_is_said_to_be_cut_off(part: tuple[slice, ...]) -> None:
    head = segment_intracranial(box_scan(egg()[part]))
    assert set(head.cut_at) <= {Edge.LEFT_OR_FRONT, Edge.RIGHT_OR_BACK}
    assert max(flag.value for flag in head.flags if flag.code == "cropped") > 0.2
