"""The committed synthetic heads: readable, small, and what `truth.json` says about them is in their pixels."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from scipy import ndimage as ndi

SAMPLES = Path(__file__).resolve().parents[1] / "sample_data"
TRUTH: dict[str, Any] = json.loads((SAMPLES / "truth.json").read_text(encoding="utf-8"))
HEADS = ("bilateral_pallidum", "falx_plaque", "clean")
LESIONS = [(head, n) for head in HEADS for n in range(len(TRUTH[head]["lesions"]))]
SIZE_LIMIT_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class Series:
    headers: tuple[pydicom.Dataset, ...]
    hu: NDArray[np.float64]
    to_index: NDArray[np.float64]  # LPS mm → (k, j, i)
    voxel_volume_mm3: float


@cache
def series(name: str) -> Series:
    """One head, put together with pydicom alone."""
    headers = [pydicom.dcmread(path) for path in (SAMPLES / name).glob("*.dcm")]
    headers.sort(key=lambda ds: float(ds.ImagePositionPatient[2]))
    hu = np.stack([ds.pixel_array * float(ds.RescaleSlope) + float(ds.RescaleIntercept) for ds in headers])
    first, last = (np.array(ds.ImagePositionPatient, dtype=float) for ds in (headers[0], headers[-1]))
    cosines = np.array(headers[0].ImageOrientationPatient, dtype=float)
    row_mm, column_mm = map(float, headers[0].PixelSpacing)
    affine = np.eye(4)
    affine[:3, 0] = (last - first) / (len(headers) - 1)
    affine[:3, 1], affine[:3, 2] = cosines[3:] * row_mm, cosines[:3] * column_mm
    affine[:3, 3] = first
    volume = float(abs(np.linalg.det(affine[:3, :3])))
    return Series(headers=tuple(headers), hu=hu, to_index=np.linalg.inv(affine), voxel_volume_mm3=volume)


def index_of(head: Series, lps_mm: list[float]) -> NDArray[np.float64]:
    return (head.to_index @ [*lps_mm, 1.0])[:3]


def test_truth_names_the_folders_that_are_there() -> None:
    assert set(TRUTH) == set(HEADS) == {path.name for path in SAMPLES.iterdir() if any(path.glob("*.dcm"))}


def test_all_heads_stay_below_ten_megabytes() -> None:
    sizes = [path.stat().st_size for name in HEADS for path in (SAMPLES / name).iterdir()]
    assert sum(sizes) < SIZE_LIMIT_BYTES


@pytest.mark.parametrize("name", HEADS)
def test_header_is_that_of_one_synthetic_person(name: str) -> None:
    truth, headers = TRUTH[name], series(name).headers
    assert len(headers) == truth["slices"]
    assert len({ds.SOPInstanceUID for ds in headers}) == len(headers)
    assert {ds.SeriesInstanceUID for ds in headers} == {truth["series_uid"]}
    assert {ds.StudyInstanceUID for ds in headers} == {truth["study_uid"]}
    for ds in headers:
        assert (ds.PatientID, ds.PatientSex) == (truth["patient_id"], truth["sex"])
        assert ds.PatientAge == f"{truth['age_years']:03d}Y"
        assert (ds.ImageComments, ds.PatientBirthDate) == ("synthetic", "")
        assert (ds.Modality, ds.PatientPosition) == ("CT", "HFS")


def test_the_three_heads_are_three_persons() -> None:
    for key in ("patient_id", "study_uid", "series_uid"):
        assert len({TRUTH[name][key] for name in HEADS}) == 3


@pytest.mark.parametrize("name", HEADS)
def test_geometry_is_regular_and_as_declared(name: str) -> None:
    truth, head = TRUTH[name], series(name)
    positions = np.array([ds.ImagePositionPatient for ds in head.headers], dtype=float)
    step = [0.0, 0.0, truth["table_step_mm"]]
    np.testing.assert_allclose(np.diff(positions, axis=0), np.tile(step, (len(positions) - 1, 1)), atol=1e-6)
    cosines = np.array(head.headers[0].ImageOrientationPatient, dtype=float)
    normal = np.cross(cosines[:3], cosines[3:])
    tilt_deg = np.degrees(np.arccos(normal[2]))
    assert tilt_deg == pytest.approx(abs(truth["gantry_tilt_deg"]), abs=1e-4)
    assert float(head.headers[0].GantryDetectorTilt) == pytest.approx(truth["gantry_tilt_deg"])
    assert float(head.headers[0].SliceThickness) == pytest.approx(truth["table_step_mm"] * normal[2], abs=1e-3)
    assert head.voxel_volume_mm3 == pytest.approx(truth["voxel_volume_mm3"], rel=1e-5)


def test_one_head_was_scanned_with_a_tilted_gantry() -> None:
    assert [name for name in HEADS if TRUTH[name]["gantry_tilt_deg"]] == ["clean"]


@pytest.mark.parametrize("name", HEADS)
def test_another_decoder_reads_the_same_pixels(name: str) -> None:
    sitk = pytest.importorskip("SimpleITK")
    head = series(name)
    for k in (0, len(head.headers) // 2, len(head.headers) - 1):
        image = sitk.ReadImage(str(head.headers[k].filename))
        np.testing.assert_array_equal(sitk.GetArrayFromImage(image)[0], head.hu[k])


@pytest.mark.parametrize("name", HEADS)
def test_values_are_those_of_a_head(name: str) -> None:
    hu = series(name).hu
    assert hu.min() == -1024  # padding
    assert hu.max() <= 3071
    assert np.mean((hu > 15) & (hu < 55)) > 0.08, "brain"
    assert np.mean(hu > 700) > 0.01, "bone"
    assert np.mean(np.abs(hu + 1000) < 40) > 0.3, "air"


@pytest.mark.parametrize(("name", "n"), LESIONS)
def test_lesion_is_where_and_as_large_as_truth_says(name: str, n: int) -> None:
    head, lesion = series(name), TRUTH[name]["lesions"][n]
    centre = index_of(head, lesion["centroid_lps_mm"])
    nearest = tuple(np.round(centre).astype(int))
    assert head.hu[nearest] > 130
    low, high = np.subtract(nearest, (7, 12, 12)), np.add(nearest, (8, 13, 13))
    block = head.hu[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
    labels, _ = ndi.label(block > 80)
    lesion_mask = ndi.binary_dilation(labels == labels[tuple(nearest - low)], iterations=1)
    around = ndi.binary_dilation(lesion_mask, iterations=1) & ~lesion_mask
    background = np.mean(block[around & (block < 80)])
    share = (block[lesion_mask] - background) / (lesion["density_hu"] - background)
    volume_mm3 = share.sum() * head.voxel_volume_mm3
    assert volume_mm3 == pytest.approx(
        lesion["volume_mm3"], rel=0.15
    )  # the plexus around its deposits is denser than what lies beyond it
    measured = np.average(np.argwhere(lesion_mask), axis=0, weights=np.clip(share, 0, None)) + low
    assert np.linalg.norm(measured - centre) < 0.6  # voxels


@pytest.mark.parametrize("name", HEADS)
def test_totals_are_the_sums_of_the_lesions(name: str) -> None:
    sums: dict[str, dict[str, float]] = {}
    for lesion in TRUTH[name]["lesions"]:
        sides = sums.setdefault(lesion["site"], {})
        sides[lesion["side"]] = sides.get(lesion["side"], 0.0) + lesion["volume_mm3"]
    assert {site: pytest.approx(sides, abs=0.02) for site, sides in sums.items()} == TRUTH[name]["totals"]


def test_left_is_the_persons_left() -> None:
    for name in HEADS:
        for lesion in TRUTH[name]["lesions"]:
            twins = [t for t in TRUTH[name]["lesions"] if t["site"] == lesion["site"] and t["side"] == "right"]
            if lesion["side"] == "left":
                assert twins
                assert all(lesion["centroid_lps_mm"][0] > twin["centroid_lps_mm"][0] + 15 for twin in twins)


def test_the_pallidal_deposits_are_bilateral_and_symmetric() -> None:
    totals = TRUTH["bilateral_pallidum"]["totals"]["pallidum"]
    assert 100 < totals["left"] < 250
    assert totals["right"] == pytest.approx(totals["left"], rel=0.15)


@pytest.mark.parametrize("name", HEADS)
def test_nothing_else_in_the_brain_is_dense(name: str) -> None:
    """Above the skull base, what is enclosed by bone and denser than 100 HU is a lesion of the truth."""
    head = series(name)
    count = len(head.hu)
    dense = []
    for k in range(int(0.39 * count), int(0.85 * count)):
        bone = head.hu[k] > 180
        pieces, _ = ndi.label(bone)
        skull = (np.bincount(pieces.ravel()) > 200)[pieces] & bone
        inside = ndi.binary_fill_holes(skull) & ~ndi.binary_dilation(skull, iterations=5)
        dense += [(k, *ji) for ji in np.argwhere(inside & (head.hu[k] > 100))]
    centres = [index_of(head, lesion["centroid_lps_mm"]) for lesion in TRUTH[name]["lesions"]]
    stray = [v for v in dense if not any(np.linalg.norm((np.array(v) - c) * (2, 0.94, 0.94)) < 15 for c in centres)]
    assert stray == []
    assert bool(dense) == bool(centres)
