"""Finding and measuring, on deposits of known volume."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.naive import lesion_measures
from support.phantoms import Ball, Region, head_of, measured_blur, phantom, stack

from calcscan.detection import detect_lesions
from calcscan.detection.threshold import nominal_hu
from calcscan.grid.geometry import Geometry
from calcscan.knowledge.settings import load
from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.verification.blur import Blur
from calcscan.verification.deposits import make_deposit
from calcscan.verification.inserted import insert

CENTRE = (0.3, -0.4, 0.2)
SMALL = stack(size_mm=(20.0, 22.0, 22.0))
"""Where noise alone makes lesions by the hundred."""


def codes(found):
    return [flag.code for flag in found.flags]


@pytest.mark.parametrize(("volume_mm3", "hu"), [(30.0, 700.0), (60.0, 300.0), (200.0, 500.0), (800.0, 250.0)])
@pytest.mark.parametrize(
    ("spacing_mm", "within"),
    [((0.7, 0.5, 0.5), 0.1), ((1.25, 0.45, 0.45), 0.1), ((2.5, 0.5, 0.5), 0.2), ((5.0, 0.5, 0.5), 0.3)],
)
def test_volume_of_a_ball(volume_mm3, hu, spacing_mm, within):
    scan, intracranial = phantom([Ball(centre_mm=CENTRE, volume_mm3=volume_mm3, hu=hu)], stack(spacing_mm), seed=1)
    (lesion,) = detect_lesions(scan, intracranial).lesions
    allowed = within if volume_mm3 >= 50 else 2 * within
    if (6 * volume_mm3 / np.pi) ** (1 / 3) < spacing_mm[0]:  # hides in one slice, which does not show its height
        allowed = max(allowed, 0.45)
    assert lesion.volume_mm3 == pytest.approx(volume_mm3, rel=allowed)
    assert lesion.volume_low_mm3 <= volume_mm3 <= lesion.volume_high_mm3
    assert lesion.centroid_lps_mm == pytest.approx(CENTRE, abs=0.3 if spacing_mm[0] < 2 else 1.2)


def falling(volume_mm3, core_hu=800.0, rim_hu=200.0):
    """A ball whose density falls from the core to the rim."""
    radius = (3 * volume_mm3 / (4 * np.pi)) ** (1 / 3)
    depth = lambda x: np.linalg.norm(x - CENTRE, axis=-1) / radius  # noqa: E731
    return Region(test=lambda x: depth(x) < 1, hu=lambda x: core_hu + (rim_hu - core_hu) * depth(x))


def layered(volume_mm3, core_hu=800.0, rim_hu=200.0):
    """A dense ball within a shell."""
    radius = (3 * volume_mm3 / (4 * np.pi)) ** (1 / 3)
    depth = lambda x: np.linalg.norm(x - CENTRE, axis=-1) / radius  # noqa: E731
    return Region(test=lambda x: depth(x) < 1, hu=lambda x: np.where(depth(x) < 0.6, core_hu, rim_hu))


@pytest.mark.parametrize("kind", [falling, layered])
@pytest.mark.parametrize(("volume_mm3", "slice_mm"), [(120.0, 0.7), (120.0, 1.25), (500.0, 1.25), (500.0, 2.5)])
def test_a_denser_middle_does_not_shrink_a_deposit(kind, volume_mm3, slice_mm):
    scan, head = phantom([kind(volume_mm3)], stack((slice_mm, 0.5, 0.5)))
    (lesion,) = detect_lesions(measured_blur(scan, 0.5), head).lesions
    assert lesion.volume_mm3 == pytest.approx(volume_mm3, rel=0.25)
    assert lesion.volume_low_mm3 <= volume_mm3 <= lesion.volume_high_mm3


def test_a_denser_middle_that_thick_slices_hide_is_allowed_for():
    scan, intracranial = phantom([falling(60.0)], stack((5.0, 0.5, 0.5)))
    (lesion,) = detect_lesions(scan, intracranial).lesions
    assert lesion.volume_low_mm3 <= 60 <= lesion.volume_high_mm3


def test_a_large_even_deposit_in_thin_slices_has_a_narrow_interval():
    scan, intracranial = phantom([Ball(centre_mm=CENTRE, volume_mm3=500, hu=500)], stack((0.7, 0.5, 0.5)))
    (assumed,) = detect_lesions(scan, intracranial).lesions
    (measured,) = detect_lesions(measured_blur(scan, 0.5), intracranial).lesions
    assert measured.volume_high_mm3 / measured.volume_low_mm3 < 1.12
    assert assumed.volume_high_mm3 / assumed.volume_low_mm3 < 1.4  # a blur that is assumed may be off by a third


def test_overlapping_slices_count_once():
    """1.25 mm slices every 0.625 mm: the slab, not the thickness, is what a slice stands for."""
    ball = Ball(centre_mm=CENTRE, volume_mm3=150.0, hu=450.0)
    scan, intracranial = phantom([ball], stack((0.625, 0.5, 0.5)), thickness_mm=1.25)
    (lesion,) = detect_lesions(scan, intracranial).lesions
    assert lesion.volume_mm3 == pytest.approx(150.0, rel=0.08)


@pytest.mark.parametrize("tilt_deg", [0.0, 20.0])
def test_a_tilted_gantry_changes_neither_volume_nor_place(tilt_deg):
    ball = Ball(centre_mm=(1.0, 2.0, 5.0), volume_mm3=300.0, hu=400.0)
    scan, intracranial = phantom([ball], stack((1.5, 0.5, 0.5), tilt_deg=tilt_deg))
    (lesion,) = detect_lesions(scan, intracranial).lesions
    assert lesion.volume_mm3 == pytest.approx(300.0, rel=0.08)
    assert lesion.centroid_lps_mm == pytest.approx(ball.centre_mm, abs=0.2)


@pytest.mark.parametrize("slice_mm", [1.25, 5.0])
def test_rows_pushed_against_each_other_change_no_volume(slice_mm):
    """A sheared pixel is smaller than the product of its sides."""
    ball = Ball(centre_mm=CENTRE, volume_mm3=300.0, hu=450.0)
    square, sheared = (
        detect_lesions(*phantom([ball], stack((slice_mm, 0.5, 0.5), shear_deg=deg))).lesions[0] for deg in (0.0, 20.0)
    )
    assert sheared.volume_130_mm3 == pytest.approx(square.volume_130_mm3, rel=0.02)
    assert sheared.volume_mm3 == pytest.approx(square.volume_mm3, rel=0.04)
    assert sheared.volume_low_mm3 <= 300.0 <= sheared.volume_high_mm3


def test_unevenly_spaced_slices():
    at = np.concatenate([np.arange(-18, 0, 1.0), np.arange(0, 18, 3.0)])
    scan, intracranial = phantom([Ball(centre_mm=(0.0, 0.0, -0.5), volume_mm3=400.0, hu=450.0)], stack(positions_mm=at))
    found = detect_lesions(scan, intracranial)
    (lesion,) = found.lesions
    k = np.nonzero(found.labels)[0]
    assert lesion.volume_130_mm3 == pytest.approx(scan.geometry.voxel_mm3[k].sum())
    assert lesion.volume_mm3 == pytest.approx(400.0, rel=0.15)
    stated = replace(scan, acquisition=replace(scan.acquisition, slice_thickness_mm=3.0))
    (same,) = detect_lesions(stated, intracranial).lesions
    assert same.volume_mm3 == lesion.volume_mm3, "one thickness cannot be that of all slices"


def test_the_same_head_thin_and_thick():
    rng = np.random.default_rng(4)
    balls = [
        Ball(centre_mm=(x + rng.uniform(-1, 1), y, rng.uniform(-6, 6)), volume_mm3=volume, hu=hu)
        for x, y, volume, hu in ((-12, -12, 60, 600), (-12, 12, 150, 300), (12, -12, 250, 450), (12, 12, 500, 350))
    ]
    total = []
    for spacing in (1.0, 5.0):
        scan, intracranial = phantom(balls, stack((spacing, 0.5, 0.5)))
        total.append(sum(lesion.volume_mm3 for lesion in detect_lesions(scan, intracranial).lesions))
    assert total[0] == pytest.approx(960.0, rel=0.05)
    assert total[1] == pytest.approx(total[0], rel=0.1)


def test_plain_measures_against_the_naive_twin():
    grid = stack((2.0, 0.6, 0.5), (30.0, 30.0, 30.0))
    things = [Ball(centre_mm=(-5, 0, 0), volume_mm3=90, hu=260), Ball(centre_mm=(6, 3, 4), volume_mm3=300, hu=900)]
    scan, intracranial = phantom(things, grid)
    found = detect_lesions(scan, intracranial)
    assert len(found.lesions) == 2
    for lesion in found.lesions:
        expected = lesion_measures(scan.hu, found.labels == lesion.id, grid)
        for name, value in expected.items():
            assert getattr(lesion, name) == pytest.approx(value, rel=1e-9), name
        assert lesion.diameter_mm >= max(np.ptp(np.argwhere(found.labels == lesion.id) * grid.spacing_mm, axis=0))


def test_diameter_of_a_long_one_is_its_length():
    grid = Geometry.regular(shape=(12, 12, 80), spacing_mm=(1.0, 0.5, 0.5))
    hu = np.full(grid.shape, 34, np.int16)
    hu[5, 4:8, 10:70] = 300
    scan, intracranial = phantom([], grid, noise_hu=0.0)
    (lesion,) = detect_lesions(replace(scan, hu=hu), intracranial).lesions
    assert lesion.diameter_mm == pytest.approx(np.hypot(59 * 0.5, 3 * 0.5) + 0.5, abs=0.05)


def test_labels_hold_what_is_counted_and_nothing_else():
    scan, intracranial = phantom(
        [Ball(centre_mm=CENTRE, volume_mm3=200, hu=500), Ball(centre_mm=(12, 12, 5), volume_mm3=80, hu=300)]
    )
    found = detect_lesions(scan, intracranial)
    assert [lesion.id for lesion in found.lesions] == [1, 2]
    assert set(np.unique(found.labels)) == {0, 1, 2}
    assert (scan.hu[found.labels > 0] >= 130).all()
    assert not found.labels.flags.writeable
    assert found.labels.dtype == np.int32
    for lesion in found.lesions:
        assert (found.labels == lesion.id).sum() == lesion.voxels
        where = np.argwhere(found.labels == lesion.id)
        assert [tuple(x) for x in lesion.bbox_kji] == [(a.min(), a.max() + 1) for a in where.T]


def test_faint_alone_is_nothing_but_the_faint_rim_of_a_dense_one_joins_it():
    faint = Ball(centre_mm=(-10, 0, 0), volume_mm3=300, hu=112)
    core = Ball(centre_mm=(10, 0, 0), volume_mm3=60, hu=500)
    rim = Region(test=lambda x: (np.abs(x - [10, 0, 0]) < [6, 1.5, 3]).all(-1), hu=115)
    scan, intracranial = phantom([faint, rim, core], noise_hu=1.0)
    found = detect_lesions(scan, intracranial)
    (lesion,) = found.lesions
    assert lesion.centroid_lps_mm[0] > 5
    assert (scan.hu[found.labels == 1] >= 130).all()


def test_two_cores_on_one_faint_bridge_are_one():
    cores = [Ball(centre_mm=(x, 0, 0), volume_mm3=60, hu=400) for x in (-4, 4)]
    bridge = Region(test=lambda x: (np.abs(x) < [5, 1.5, 2]).all(-1), hu=118)
    scan, intracranial = phantom([bridge, *cores], noise_hu=1.0)
    assert len(detect_lesions(scan, intracranial).lesions) == 1


@pytest.mark.parametrize(
    ("kvp_kv", "threshold"),
    [(120.0, 130.0), (None, 130.0), (80.0, 167.0), (100.0, 148.5), (140.0, 130.0), (70.0, 167.0)],
)
def test_tube_voltage(kvp_kv, threshold):
    assert nominal_hu(kvp_kv, load(ThresholdSettings)) == threshold
    scan, intracranial = phantom([Ball(centre_mm=CENTRE, volume_mm3=100, hu=155)], kvp_kv=kvp_kv, noise_hu=1.0)
    found = detect_lesions(scan, intracranial)
    assert found.threshold_hu == found.settings["threshold_hu"] == threshold
    assert len(found.lesions) == (0 if threshold > 160 else 1)


def test_noise_raises_the_threshold_and_says_so():
    scan, intracranial = phantom([], noise_hu=30.0)
    found = detect_lesions(scan, intracranial)
    assert found.threshold_hu == pytest.approx(34 + 4.5 * 30)
    assert codes(found) == ["noisy"]
    assert found.flags[0].value == 30.0
    assert len(found.lesions) <= 2
    assert codes(detect_lesions(scan, replace(intracranial, noise_hu=None))) == []


def test_threshold_asked_for_is_the_one_used():
    scan, intracranial = phantom([Ball(centre_mm=CENTRE, volume_mm3=200, hu=300)], SMALL, noise_hu=30.0)
    for asked in (90.0, 220.0):
        found = detect_lesions(scan, intracranial, threshold_hu=asked)
        assert found.threshold_hu == asked
        assert scan.hu[found.labels > 0].min() >= asked
        assert codes(found) == (["noisy"] if asked >= 100 else ["noisy", "uncertain_material"])


def test_a_threshold_that_blood_reaches_is_flagged():
    scan, intracranial = phantom([], SMALL, noise_hu=3.0)
    for asked, flagged in ((40.0, True), (99.0, True), (100.0, False), (None, False)):
        found = detect_lesions(scan, intracranial, threshold_hu=asked)
        flags = [flag for flag in found.flags if flag.code == "uncertain_material"]
        assert [(flag.value, flag.limit) for flag in flags] == ([(asked, 100.0)] if flagged else [])


def test_smallest_volume_is_explicit():
    scan, intracranial = phantom([Ball(centre_mm=CENTRE, volume_mm3=40, hu=400)])
    assert detect_lesions(scan, intracranial).settings["smallest_mm3"] == 2.0
    assert len(detect_lesions(scan, intracranial, min_volume_mm3=20.0).lesions) == 1
    found = detect_lesions(scan, intracranial, min_volume_mm3=500.0)
    assert found.lesions == ()
    assert not found.labels.any()
    assert found.settings["smallest_mm3"] == 500.0


def test_a_dense_speck_that_blur_spreads_is_not_told_as_smaller_than_what_counts():
    """Its voxels above the threshold are enough, its volume is not."""
    scan, intracranial = phantom([Ball(centre_mm=CENTRE, volume_mm3=1.2, hu=1500)], stack((1.0, 0.5, 0.5)))
    (lesion,) = detect_lesions(scan, intracranial, min_volume_mm3=0.0).lesions
    assert lesion.volume_mm3 < 2.0 < lesion.volume_130_mm3
    found = detect_lesions(scan, intracranial)
    assert found.lesions == ()
    (item,) = found.left_out
    assert item.reason == "below_limit"
    assert item.evidence["volume_mm3"] == pytest.approx(lesion.volume_mm3)


@pytest.mark.parametrize("hu", [2600.0, 6000.0])
def test_metal_is_set_apart(hu):
    things = [Ball(centre_mm=(-10, 0, 0), volume_mm3=150, hu=hu), Ball(centre_mm=(10, 0, 0), volume_mm3=100, hu=400)]
    found = detect_lesions(*phantom(things))
    assert codes(found) == ["metal"]
    (lesion,) = found.lesions
    assert lesion.centroid_lps_mm[0] > 5


def test_saturation_counts_as_metal():
    scan, intracranial = phantom([Ball(centre_mm=(-10, 0, 0), volume_mm3=150, hu=3000)])
    found = detect_lesions(replace(scan, hu=np.minimum(scan.hu, 2100)), intracranial)
    assert codes(found) == ["metal"]
    assert found.lesions == ()


def test_bone_beside_a_lesion_does_not_leak_into_it():
    ball = Ball(centre_mm=(0.0, 0.0, 0.0), volume_mm3=200, hu=400)
    plate = Region(test=lambda x: x[..., 0] > 5.6, hu=1200)
    alone = detect_lesions(*phantom([ball])).lesions[0]
    (beside,) = detect_lesions(*phantom([ball, plate], inside=lambda x: x[..., 0] < 4.6)).lesions
    assert beside.volume_130_mm3 == pytest.approx(alone.volume_130_mm3, rel=0.01)
    assert beside.volume_mm3 == pytest.approx(alone.volume_mm3, rel=0.05)


def test_a_thin_deposit_is_not_widened_by_the_faint_ligament_it_lies_in():
    ligament = Region(test=lambda x: (np.abs(x[..., 0]) < 0.7) & (np.abs(x[..., 2]) < 2.5), hu=55)
    band = Region(test=lambda x: np.linalg.norm(x / (0.8, 4.5, 1.8), axis=-1) < 1, hu=700)
    truth_mm3 = 4 / 3 * np.pi * 0.8 * 4.5 * 1.8
    (lesion,) = detect_lesions(*phantom([ligament, band], stack((1.0, 0.45, 0.45)))).lesions
    assert lesion.volume_mm3 < lesion.volume_130_mm3
    assert lesion.volume_low_mm3 <= truth_mm3 <= lesion.volume_high_mm3


def test_a_speck_beside_bone_is_no_larger_than_its_plain_count_and_unsure():
    speck = Region(test=lambda x: np.linalg.norm(x / (4.0, 2.0, 1.5), axis=-1) < 1, hu=190)
    bone = Region(test=lambda x: np.abs(x[..., 1]) > 3.5, hu=900)
    inside = lambda x: np.abs(x[..., 1]) < 2.4  # noqa: E731
    scan, intracranial = phantom([speck, bone], stack((5.0, 0.5, 0.5)), inside=inside, noise_hu=1.0)
    (lesion,) = detect_lesions(scan, intracranial).lesions
    assert lesion.volume_mm3 <= lesion.volume_130_mm3
    assert lesion.volume_high_mm3 > 2 * lesion.volume_130_mm3


def test_nothing_outside_the_skull_is_looked_at():
    scan, intracranial = phantom([Ball(centre_mm=CENTRE, volume_mm3=100, hu=400)], inside=lambda x: x[..., 0] > 8)
    assert detect_lesions(scan, intracranial).lesions == ()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_flipping_the_volume_changes_no_volume(axis):
    scan, intracranial = phantom(
        [Ball(centre_mm=CENTRE, volume_mm3=120, hu=350)],
        Geometry.regular(shape=(24, 40, 40), spacing_mm=(1.0, 0.5, 0.5), origin_mm=(-10, -10, -12)),
    )
    flipped = replace(scan, hu=np.flip(scan.hu, axis))
    one, other = detect_lesions(scan, intracranial).lesions[0], detect_lesions(flipped, intracranial).lesions[0]
    assert other.volume_mm3 == pytest.approx(one.volume_mm3, rel=1e-6)
    assert other.volume_130_mm3 == pytest.approx(one.volume_130_mm3)
    assert other.agatston == pytest.approx(one.agatston)


class TestBlood:
    def test_a_clot_is_flagged_and_not_counted(self):
        found = detect_lesions(*phantom([Ball(centre_mm=CENTRE, volume_mm3=600, hu=72)]))
        assert codes(found) == ["possible_haemorrhage"]
        assert found.lesions == ()
        assert found.flags[0].value == pytest.approx(0.6, abs=0.25)

    @pytest.mark.parametrize(
        "thing",
        [
            Ball(centre_mm=CENTRE, volume_mm3=5000, hu=44),
            Ball(centre_mm=CENTRE, volume_mm3=60, hu=80),
            Region(test=lambda x: np.abs(x[..., 0]) < 1.2, hu=65),
            Ball(centre_mm=CENTRE, volume_mm3=900, hu=500),
        ],
        ids=["grey matter", "a speck", "falx", "the blur of calcium"],
    )
    def test_what_healthy_heads_hold_is_not(self, thing):
        assert "possible_haemorrhage" not in codes(detect_lesions(*phantom([thing])))

    def test_near_the_inner_table_it_may_be_a_sinus(self):
        scan, intracranial = phantom([Ball(centre_mm=CENTRE, volume_mm3=600, hu=72)])
        shallow = replace(intracranial, depth_mm=np.full_like(intracranial.depth_mm, 5.0))
        assert codes(detect_lesions(scan, shallow)) == []


@pytest.mark.parametrize(
    ("spacing_mm", "thick_mm"),
    [
        ((1.0, 0.5, 0.5), 1.0),
        ((2.0, 0.9, 0.9), 2.0),
        ((5.0, 0.5, 0.5), 5.0),
        ((1.0, 0.5, 0.5), 2.0),
        ((4.0, 0.5, 0.5), 2.0),
    ],
)
def test_a_ball_at_the_detection_floor_is_found_wherever_it_lies(spacing_mm, thick_mm):
    """And one of half its size is not: no more is asked than must be."""
    grid = stack(spacing_mm, (25.0, 18.0, 18.0))
    scan, head = phantom([], grid, thickness_mm=thick_mm)
    floor_mm3 = detect_lesions(scan, head).settings["detection_floor_mm3"]
    middle = grid.to_world(np.array(grid.shape) // 2)

    def found(volume_mm3, offset):
        ball = make_deposit("ball", middle + offset * np.array(spacing_mm[::-1]), volume_mm3, 300.0)
        return len(detect_lesions(insert(scan, [ball], Blur(psf_mm=0.5)), head).lesions)

    assert [found(1.1 * floor_mm3, offset) for offset in (0.0, 0.25, 0.5)] == [1, 1, 1]
    assert found(0.5 * floor_mm3, 0.5) == 0


@pytest.mark.parametrize("threshold_hu", [300.0, 450.0, 1000.0])
def test_above_the_reference_density_there_is_no_detection_floor(threshold_hu):
    settings = detect_lesions(*phantom([]), threshold_hu=threshold_hu).settings
    assert settings["detection_floor_mm3"] is None
    assert settings["reference_hu"] == 300.0


def test_detection_floor_grows_with_the_slab():
    floors = [
        detect_lesions(*phantom([], stack((s, 0.5, 0.5)))).settings["detection_floor_mm3"] for s in (1.0, 2.5, 5.0)
    ]
    assert floors == sorted(floors)
    assert floors[0] < 5
    assert 10 < floors[2] < 60


def test_sharp_kernel_means_less_blur():
    scan, intracranial = phantom([Ball(centre_mm=CENTRE, volume_mm3=20, hu=400)], psf_mm=0.3)
    sharp = replace(scan, acquisition=replace(scan.acquisition, sharp_kernel=True))
    assert (
        detect_lesions(sharp, intracranial).lesions[0].volume_mm3
        > detect_lesions(scan, intracranial).lesions[0].volume_mm3
    )


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"threshold_hu": float("nan")}, "threshold_hu"),
        ({"threshold_hu": 40000.0}, "threshold_hu"),
        ({"min_volume_mm3": -1.0}, "min_volume_mm3"),
        ({"min_volume_mm3": float("inf")}, "min_volume_mm3"),
    ],
)
def test_wrong_arguments_are_named(options, name):
    scan, intracranial = phantom([], stack((5.0, 1.0, 1.0)))
    with pytest.raises(ValueError, match=name):
        detect_lesions(scan, intracranial, **options)


def test_a_single_slice_is_measured_too():
    grid = Geometry.regular(shape=(1, 40, 40), spacing_mm=(5.0, 0.5, 0.5))
    hu = np.full(grid.shape, 34, np.int16)
    hu[0, 15:25, 15:25] = 300
    scan, _ = phantom([], stack((5.0, 1.0, 1.0)))
    one = replace(scan, hu=hu, geometry=grid)
    (lesion,) = detect_lesions(one, replace(head_of(scan, 4.0), mask=np.ones(grid.shape, np.bool_))).lesions
    assert lesion.volume_130_mm3 == pytest.approx(125.0)
    assert 0 < lesion.volume_low_mm3 < lesion.volume_mm3 < lesion.volume_high_mm3


def test_real_pineal_and_plexus(real_scans):
    from calcscan.intracranial import segment_intracranial
    from calcscan.read import read_scan

    scan = read_scan(real_scans / "thin_pineal_choroid")
    found = detect_lesions(scan, segment_intracranial(scan))
    assert "possible_haemorrhage" not in codes(found)
    at = {"pineal": (-7, 6, 50), "plexus left": (16, 22, 57), "plexus right": (-35, 22, 51)}
    near = {
        name: min(found.lesions, key=lambda lesion: np.linalg.norm(np.subtract(lesion.centroid_lps_mm, place)))
        for name, place in at.items()
    }
    assert near["pineal"].max_hu == 1000
    assert near["pineal"].volume_130_mm3 == pytest.approx(81, rel=0.05)
    assert 30 < near["pineal"].volume_mm3 < 81
    assert 20 < near["plexus left"].volume_130_mm3 < 30
    assert 12 < near["plexus right"].volume_130_mm3 < 22


def test_what_does_not_stand_out_is_counted_and_unsure():
    """Dense tissue all around, so that there is no background to hold it against."""
    scan, intracranial = phantom([Ball(centre_mm=CENTRE, volume_mm3=60, hu=250)], stack((5.0, 0.5, 0.5)), noise_hu=1.0)
    around = Region(test=lambda x: np.linalg.norm(x - CENTRE, axis=-1) > 3.5, hu=600)
    walled, _ = phantom([Ball(centre_mm=CENTRE, volume_mm3=60, hu=250), around], stack((5.0, 0.5, 0.5)), noise_hu=1.0)
    narrow = replace(intracranial, mask=np.linalg.norm(_world(scan) - CENTRE, axis=-1) < 3.0)
    (lesion,) = detect_lesions(walled, narrow).lesions
    assert 0 < lesion.volume_low_mm3 <= lesion.volume_mm3 <= lesion.volume_high_mm3 < np.inf
    assert lesion.volume_high_mm3 > 1.5 * lesion.volume_low_mm3


def _world(scan):
    return scan.geometry.to_world(np.moveaxis(np.indices(scan.hu.shape), 0, -1))


@pytest.mark.parametrize("seed", range(6))
def test_numbers_are_finite_whatever_there_is(seed):
    """Blocks of any density, half of them outside: nothing negative, nothing infinite, no warning."""
    rng = np.random.default_rng(seed)
    scan, intracranial = phantom([], stack((3.0, 1.0, 1.0)), noise_hu=0.0)
    coarse = rng.choice([-900, -100, 10, 40, 90, 120, 200, 700, 1500], tuple(n // 3 + 1 for n in scan.hu.shape))
    blocks = coarse.repeat(3, 0).repeat(3, 1).repeat(3, 2)[tuple(slice(n) for n in scan.hu.shape)]
    wild = replace(scan, hu=blocks.astype(np.int16))
    found = detect_lesions(wild, replace(intracranial, mask=rng.random(scan.hu.shape) < 0.7))
    assert found.lesions
    for lesion in found.lesions:
        assert 0 < lesion.volume_low_mm3 <= lesion.volume_mm3 <= lesion.volume_high_mm3 < np.inf


def test_specks_of_noise_in_dense_scar_are_no_lesions_and_a_deposit_in_it_is_one():
    scar = Region(test=lambda x: np.linalg.norm(x - CENTRE, axis=-1) < 9.0, hu=117)
    ball = Ball(centre_mm=CENTRE, volume_mm3=60, hu=400)
    found = {}
    for name, things in (("scar", [scar]), ("deposit", [scar, ball])):
        scan, intracranial = phantom(things, stack((1.25, 0.5, 0.5)), noise_hu=8.0)
        under = replace(intracranial, depth_mm=np.full_like(intracranial.depth_mm, 4.0))
        found[name] = detect_lesions(scan, intracranial).lesions, detect_lesions(scan, under).lesions
    assert found["scar"] == ((), ())
    assert len(found["deposit"][1]) == 1
    assert found["deposit"][1][0].volume_130_mm3 == pytest.approx(found["deposit"][0][0].volume_130_mm3)
