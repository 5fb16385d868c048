"""Blood and stained brain are listed, never counted; calcification in and beside them is found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from support.phantoms import Ball, Region, head_of, phantom

from calcscan.detection import detect_lesions
from calcscan.grid.geometry import Geometry
from calcscan.model import Intracranial, LesionMap, Scan

GRID = Geometry.regular(shape=(40, 80, 80), spacing_mm=(1.0, 0.6, 0.6), origin_mm=(-24.0, -24.0, -20.0))
MIDDLE = (0.0, 0.0, 0.0)
PARTS = np.linalg.norm(GRID.to_world(np.moveaxis(np.indices(GRID.shape), 0, -1)), axis=-1)
"""How far each voxel lies from the middle, mm."""


def reasons(found: LesionMap) -> dict[str, float]:
    volumes: dict[str, float] = {}
    for item in found.left_out:
        volumes[item.reason] = volumes.get(item.reason, 0.0) + item.volume_mm3
    return volumes


def codes(found: LesionMap) -> list[str]:
    return [flag.code for flag in found.flags]


def stained(mean_hu: float, uneven_hu: float, noise_hu: float) -> tuple[Scan, Intracranial]:
    """A ball of 3 ml of stained brain with a soft edge and an uneven inside."""
    scan, _ = phantom([], GRID, noise_hu=noise_hu)
    texture = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=GRID.shape), (3.0, 5.0, 5.0))
    share = ndimage.gaussian_filter((PARTS <= 9.0).astype(float), (1.5, 2.5, 2.5))
    hu = scan.hu + share * (mean_hu - 32 + uneven_hu * texture / texture.std())
    scan = replace(scan, hu=np.rint(hu).astype(np.int16))
    return scan, head_of(scan, noise_hu)


@pytest.mark.parametrize(("hu", "noise_hu"), [(65, 4), (80, 12), (95, 3), (95, 12), (95, 18)])
def test_blood_is_not_counted_whatever_the_noise(hu: int, noise_hu: float) -> None:
    found = detect_lesions(*phantom([Ball(centre_mm=MIDDLE, volume_mm3=3000, hu=hu)], GRID, noise_hu=noise_hu))
    assert found.lesions == ()
    assert "possible_haemorrhage" in codes(found)
    assert reasons(found)["haemorrhage"] == pytest.approx(3000, rel=0.3)
    (item,) = (item for item in found.left_out if item.reason == "haemorrhage")
    assert item.evidence["averaged_hu"] == pytest.approx(hu, abs=5)
    assert np.linalg.norm(item.centroid_lps_mm) < 1.5


@pytest.mark.parametrize("noise_hu", [4.0, 12.0])
def test_calcification_within_blood_is_found_and_measured(noise_hu: float) -> None:
    blood = Ball(centre_mm=MIDDLE, volume_mm3=6000, hu=80)
    calcium = Ball(centre_mm=(3.0, 2.0, 0.0), volume_mm3=60, hu=400)
    found = detect_lesions(*phantom([blood, calcium], GRID, noise_hu=noise_hu))
    (lesion,) = found.lesions
    assert lesion.centroid_lps_mm == pytest.approx((3.0, 2.0, 0.0), abs=1.0)
    assert lesion.volume_mm3 == pytest.approx(60, rel=0.4)
    assert "possible_haemorrhage" in codes(found)


STAINING = [(110, 10, 4), (130, 15, 6), (137, 20, 12), (180, 25, 6), (215, 30, 6), (250, 30, 12)]


@pytest.mark.parametrize(("mean_hu", "uneven_hu", "noise_hu"), STAINING)
def test_stained_brain_is_uncertain(mean_hu: float, uneven_hu: float, noise_hu: float) -> None:
    found = detect_lesions(*stained(mean_hu, uneven_hu, noise_hu))
    assert found.lesions == ()
    assert "possible_haemorrhage" in codes(found)
    assert reasons(found)["uncertain_material"] > 1000


def test_the_dense_parts_of_uneven_blood_are_not_counted_but_a_deposit_beside_them_is() -> None:
    """Blood of 92 HU with sharp-edged knots of 150 HU, and one of 260 HU."""
    blood = Ball(centre_mm=MIDDLE, volume_mm3=9000, hu=92)
    knots = [Ball(centre_mm=(x, y, 0.0), volume_mm3=70, hu=152) for x, y in ((-6.0, -2.0), (4.0, 5.0), (1.0, -7.0))]
    assert detect_lesions(*phantom([blood, *knots], GRID, noise_hu=3.0)).lesions == ()
    calcium = Ball(centre_mm=(-1.0, 1.0, 5.0), volume_mm3=60, hu=260)
    (lesion,) = detect_lesions(*phantom([blood, *knots, calcium], GRID, noise_hu=3.0)).lesions
    assert lesion.centroid_lps_mm == pytest.approx((-1.0, 1.0, 5.0), abs=1.0)


@pytest.mark.parametrize("peak_hu", [150, 165])
def test_a_faint_deposit_is_calcification(peak_hu: int) -> None:
    found = detect_lesions(*phantom([Ball(centre_mm=MIDDLE, volume_mm3=100, hu=peak_hu)], GRID))
    assert len(found.lesions) == 1
    assert "possible_haemorrhage" not in codes(found)


def test_the_blur_of_a_deposit_in_thick_slices_is_no_blood() -> None:
    thick = Geometry.regular(shape=(9, 80, 80), spacing_mm=(7.0, 0.6, 0.6), origin_mm=(-24.0, -24.0, -28.0))
    found = detect_lesions(*phantom([Ball(centre_mm=(0.0, 0.0, 3.0), volume_mm3=150, hu=330)], thick))
    assert len(found.lesions) == 1
    assert codes(found) == []
    assert found.left_out == ()


def test_a_large_deposit_is_calcification() -> None:
    found = detect_lesions(*phantom([Ball(centre_mm=MIDDLE, volume_mm3=2500, hu=280)], GRID))
    (lesion,) = found.lesions
    assert lesion.volume_mm3 == pytest.approx(2500, rel=0.15)
    assert found.left_out == ()
    assert codes(found) == []


def test_a_threshold_that_was_asked_for_is_kept_everywhere() -> None:
    scan, intracranial = phantom([Ball(centre_mm=MIDDLE, volume_mm3=3000, hu=120)], GRID)
    (lesion,) = detect_lesions(scan, intracranial, threshold_hu=100).lesions
    assert lesion.voxels > 5000


def test_thin_blood_in_noise_is_not_counted() -> None:
    """Blood of 88 HU, 4 mm thick, with noise of 20 HU that lifts single voxels to 150 HU."""
    sheet = Region(test=lambda xyz: np.abs(xyz[..., 0]) < 2.0, hu=88.0)
    assert detect_lesions(*phantom([sheet], GRID, noise_hu=20.0, seed=4)).lesions == ()


def test_a_deposit_beside_stained_brain_is_measured_without_it() -> None:
    scan, _ = stained(125, 10, 6)
    away_mm = np.linalg.norm(GRID.to_world(np.moveaxis(np.indices(GRID.shape), 0, -1)) - (9.0, 0.0, 0.0), axis=-1)
    deposit = ndimage.gaussian_filter((away_mm <= 3.0).astype(float), (0.5, 0.8, 0.8))
    scan = replace(scan, hu=np.rint(scan.hu + deposit * 500).astype(np.int16))
    found = detect_lesions(scan, head_of(scan, 6))
    (lesion,) = found.lesions
    assert "possible_haemorrhage" in codes(found)
    assert lesion.volume_mm3 == pytest.approx(113, rel=0.35)
