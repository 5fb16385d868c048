"""Streaks are seen wherever the metal is; straight edges of a head, noise and thick slices are none."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from support.heads import CLEAN, FALX, PALLIDUM, averaged, edited, moved, sample, sample_head

from calcscan.inspection.streaks import streak_flags, streaked_slices
from calcscan.intracranial import segment_intracranial
from calcscan.knowledge.inspection import InspectionSettings
from calcscan.knowledge.settings import load
from calcscan.model import Scan

SETTINGS = load(InspectionSettings)
FIRST, LAST = 30, 34


def streaked(scan: Scan, *, hu: float, source_mm: tuple[float, float], first: int = FIRST, last: int = LAST) -> Scan:
    """Rays of random strength from a point beside or in the head, rows and columns in mm."""
    rng = np.random.default_rng(5)
    _, rows, columns = scan.geometry.spacing_mm
    j, i = np.mgrid[: scan.hu.shape[1], : scan.hu.shape[2]].astype(float)
    angle = np.arctan2(j * rows - source_mm[0], i * columns - source_mm[1])
    strength = ndimage.gaussian_filter1d(rng.standard_normal(720), 3.0, mode="wrap")
    ray = strength[np.rint((angle + np.pi) / (2 * np.pi) * 719).astype(int)] / strength.std()
    out = scan.hu.astype(np.float32)
    out[first:last] += hu * ray
    return edited(scan, np.rint(out).clip(-1024, 3071))


@pytest.mark.parametrize("source_mm", [(20.0, 120.0), (120.0, -40.0), (60.0, 100.0)], ids=["teeth", "beside", "inside"])
@pytest.mark.parametrize("hu", [12.0, 60.0, 150.0])
def test_streaks_are_flagged_in_their_slices_wherever_the_metal_is(source_mm, hu):
    scan = streaked(sample(CLEAN), hu=hu, source_mm=source_mm)
    (flag,) = streak_flags(scan, sample_head(CLEAN), SETTINGS)
    assert (flag.code, flag.local) == ("metal", True)
    found = set(streaked_slices(scan, sample_head(CLEAN), SETTINGS))
    assert set(range(FIRST, LAST)) <= found <= set(range(FIRST - 3, LAST + 3))


@pytest.mark.parametrize("name", [CLEAN, FALX, PALLIDUM])
def test_a_head_without_metal_has_none(name):
    assert streak_flags(sample(name), sample_head(name), SETTINGS) == ()


@pytest.mark.parametrize("grain_mm", [1.5, 3.0])
def test_calcium_casts_none_however_much_there_is(grain_mm):
    """Fahr's disease of nuclei and white matter covered up to 19 % of a slice with bands of its own."""
    scan = sample(CLEAN)
    grain = np.random.default_rng(3).standard_normal(scan.hu.shape)
    clumps = ndimage.gaussian_filter(grain, grain_mm / np.array(scan.geometry.spacing_mm))
    inside = ndimage.binary_erosion(sample_head(CLEAN).mask, np.ones((1, 3, 3)), iterations=6)
    where = inside & (clumps > 1.0 * clumps.std())
    soft = ndimage.gaussian_filter(where.astype(np.float32), (0.0, 0.7, 0.7))
    fahr = edited(scan, np.rint(scan.hu + soft * (450 - scan.hu)))
    assert streak_flags(fahr, sample_head(CLEAN), SETTINGS) == ()


def test_noise_thick_slices_and_another_orientation_are_no_streaks():
    noise = 25.0 * np.random.default_rng(2).standard_normal(sample(CLEAN).hu.shape)
    assert streak_flags(edited(sample(CLEAN), sample(CLEAN).hu + noise), sample_head(CLEAN), SETTINGS) == ()
    for scan in (
        averaged(sample(CLEAN), 2),
        moved(sample(CLEAN), angles_deg=(20.0, 10.0, 15.0), shift_mm=(9.0, 5.0, 0.0)),
    ):
        assert streak_flags(scan, segment_intracranial(scan), SETTINGS) == ()


@pytest.mark.parametrize(
    ("folder", "flagged"),
    [
        ("radiotherapy_head_neck", True),
        ("thin_pineal_choroid", False),
        ("mixed_folder", False),
        ("tilted_variable_spacing", False),
    ],
)
def test_real_heads(real_scans, folder, flagged):
    from calcscan.read import read_scan

    scan = read_scan(real_scans / folder)
    assert bool(streak_flags(scan, segment_intracranial(scan), SETTINGS)) is flagged
