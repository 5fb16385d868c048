"""The inside of the skull."""

from __future__ import annotations

import numpy as np
import pytest
from heads import CLEAN, FALX, PALLIDUM, ball, box_scan, egg, sample, sample_head, truth

from calcscan.errors import RefusedError
from calcscan.skull import find_skull


def test_the_inside_of_an_egg_is_its_yolk() -> None:
    head = find_skull(box_scan(egg()))
    assert head.intracranial_ml == pytest.approx(4 / 3 * np.pi * 7.4**3, rel=0.04)
    assert head.brain_hu == pytest.approx(32)
    inside = head.inside
    assert inside[46, 46, 46]
    assert not inside[ball(inside.shape, 43.0) & ~ball(inside.shape, 38.5)].any()
    assert inside[ball(inside.shape, 35.5)].all()
    assert head.flags == ()


def test_calcification_inside_bars_nothing_and_stays_inside() -> None:
    hu = egg()
    big = ball(hu.shape, 9.0, (46, 46, 56))
    hu[big] = 900
    head = find_skull(box_scan(hu))
    assert head.inside[big].all()
    assert head.intracranial_ml == pytest.approx(4 / 3 * np.pi * 7.4**3, rel=0.04)


def test_a_ridge_of_the_skull_is_bone_but_a_deep_plate_grown_from_it_is_not() -> None:
    hu = egg()
    plate = np.zeros(hu.shape, np.bool_)
    plate[40:52, 12:26, 45:47] = True  # 4 mm thick, from the skull's front about 22 mm deep: a calcified falx
    ridge = np.zeros(hu.shape, np.bool_)
    ridge[44:48, 78:83, 30:60] = True  # at the back, 3 mm high
    ridge &= ~ball(hu.shape, 35.0)
    hu[(plate | ridge) & ball(hu.shape, 37.5)] = 800
    head = find_skull(box_scan(hu))
    deep = plate & ball(hu.shape, 33.0)
    assert head.inside[deep].all()
    assert not head.inside[ridge & (hu == 800)].any()


@pytest.mark.parametrize(
    ("hu", "code"),
    [
        (np.full((40, 60, 60), -1000), "not_head"),
        (np.where(ball((40, 60, 60), 18.0), 35, -1000), "not_head"),
        (egg(brain_hu=95), "no_brain"),
        (egg(brain_hu=-80), "no_brain"),
        (np.where(ball((60, 60, 60), 20.0), np.where(ball((60, 60, 60), 17.0), 35, 900), -1000), "not_head"),
    ],
    ids=["air", "no bone", "plastic", "fat", "too small"],
)
def test_what_is_no_head_is_refused(hu: np.ndarray, code: str) -> None:
    with pytest.raises(RefusedError) as refused:
        find_skull(box_scan(hu))
    assert refused.value.code == code
    assert refused.value.hint


def test_a_head_cut_off_is_told() -> None:
    head = find_skull(box_scan(egg()[30:]))
    assert [flag.code for flag in head.flags] == ["cropped"]
    assert "first slice" in head.flags[0].message
    side = find_skull(box_scan(egg()[:, :, :70]))
    assert [flag.code for flag in side.flags] == ["cropped"]


@pytest.mark.parametrize("name", [PALLIDUM, FALX, CLEAN])
def test_the_sample_heads_hold_their_lesions_and_no_skull(name: str) -> None:
    scan, head = sample(name), sample_head(name)
    assert 1300 < head.intracranial_ml < 2200
    assert head.noise_hu is not None
    assert 2.0 < head.noise_hu < 12.0
    for lesion in truth(name)["lesions"]:
        k, j, i = np.rint(scan.geometry.to_index(lesion["centroid_lps_mm"])).astype(int)
        assert head.inside[k, j, i], lesion
    cortical = head.inside & (scan.hu > 900)
    assert cortical.sum() * scan.geometry.voxel_mm3[0] < 400, "thick bone counted as inside"
