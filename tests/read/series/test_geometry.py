"""Where the slices lie, whatever order, tilt, spacing or gaps they come with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import dicom_faults as faults
from support.ball_phantom import measured

from calcscan.errors import GeometryError
from calcscan.knowledge.reading import ReadingSettings
from calcscan.knowledge.settings import load
from calcscan.model import Scan
from calcscan.read import read_scan
from calcscan.read.series.spacing import spacing_of

SETTINGS = load(ReadingSettings)


def codes(scan: Scan) -> set[str]:
    return {flag.code for flag in scan.flags}


def assert_ball(scan: Scan, *, within_mm: float = 0.3, share: float = 0.01) -> None:
    places = scan.geometry.to_world(np.moveaxis(np.indices(scan.hu.shape), 0, -1))
    ball = measured(scan.hu, places, scan.geometry.voxel_mm3[:, None, None])
    assert ball is not None
    assert ball.error_mm < within_mm
    assert ball.volume_ratio == pytest.approx(1, abs=share)


@pytest.mark.parametrize(
    ("plane", "tilt"), [("axial", 0.0), ("axial", 18.0), ("axial", -18.0), ("coronal", 0.0), ("sagittal", 0.0)]
)
def test_the_ball_is_where_it_was_put(tmp_path: Path, plane: str, tilt: float) -> None:
    faults.write(faults.series(plane=plane, tilt_deg=tilt, slices=40, spacing_mm=4.0), tmp_path)
    scan = read_scan(tmp_path)
    assert_ball(scan)
    assert scan.geometry.tilt_deg == pytest.approx(abs(tilt), abs=1e-3)
    assert codes(scan) == ({"gantry_tilt"} if tilt else set())


@pytest.mark.parametrize("fault", [faults.shuffled, faults.equal_numbers, lambda images: images[::-1]])
def test_numbers_and_names_do_not_matter(tmp_path: Path, fault) -> None:  # type: ignore[no-untyped-def]
    images = faults.series()
    faults.write(images, tmp_path / "clean")
    clean = read_scan(tmp_path / "clean")
    faults.write(fault(images), tmp_path / "fault")
    scan = read_scan(tmp_path / "fault")
    assert np.array_equal(scan.hu, clean.hu)
    assert np.array_equal(scan.geometry.origins_mm, clean.geometry.origins_mm)
    assert scan.sources == clean.sources
    assert not scan.flags


def test_jitter_is_not_flagged(tmp_path: Path) -> None:
    faults.write(faults.jittered(faults.series(slices=100, spacing_mm=1.25)), tmp_path)
    scan = read_scan(tmp_path)
    assert not scan.flags
    assert_ball(scan)


def test_missing_slices_are_flagged_and_add_no_volume(tmp_path: Path) -> None:
    faults.write(faults.missing(faults.series(), 5, 20, 21), tmp_path)
    scan = read_scan(tmp_path)
    assert codes(scan) == {"missing_slices"}
    assert scan.geometry.slab_mm == pytest.approx(np.full(25, 5.0))
    (flag,) = scan.flags
    assert flag.value == pytest.approx(15.0)


def test_fossa_and_vertex_are_uneven_not_missing(tmp_path: Path) -> None:
    low = np.arange(-70, -20, 3.0)
    high = np.arange(low[-1] + 1.2, 70, 8.0)
    images = faults.series(positions_mm=[*low, *high], tilt_deg=18.0, SliceThickness=3.0)
    faults.with_tags(images[len(low) :], SliceThickness=8.0)
    faults.write(images, tmp_path)
    scan = read_scan(tmp_path)
    assert codes(scan) == {"gantry_tilt", "irregular_spacing", "thick_slices"}
    normal_share = np.cos(np.radians(18.0))
    flag = next(flag for flag in scan.flags if flag.code == "irregular_spacing")
    assert [float(word) for word in str(flag.value).split(", ")] == pytest.approx(
        [1.2 * normal_share, 3 * normal_share, 8 * normal_share], abs=0.01
    )
    assert_ball(scan, within_mm=1.5, share=0.15)


def test_every_second_slice_left_out_is_missing_only_if_the_thickness_says_so(tmp_path: Path) -> None:
    at = [*np.arange(-70, 0, 2.5), *np.arange(0, 70, 5.0)]
    faults.write(faults.series(positions_mm=at, SliceThickness=2.5), tmp_path / "thin")
    assert "missing_slices" in codes(read_scan(tmp_path / "thin"))
    images = faults.series(positions_mm=at, SliceThickness=2.5)
    faults.with_tags(images[28:], SliceThickness=5.0)
    faults.write(images, tmp_path / "mixed")
    assert codes(read_scan(tmp_path / "mixed")) == {"irregular_spacing"}


def test_overlapping_slices_stand_for_their_spacing(tmp_path: Path) -> None:
    faults.write(faults.series(slices=120, spacing_mm=1.0, SliceThickness=1.25), tmp_path)
    scan = read_scan(tmp_path)
    assert scan.geometry.slab_mm == pytest.approx(np.ones(120))
    assert not scan.flags
    assert scan.acquisition.slice_thickness_mm == 1.25


def test_duplicates_are_left_out(tmp_path: Path) -> None:
    for fault in (faults.copied, faults.resent):
        folder = tmp_path / fault.__name__
        faults.write(fault(faults.series(), 3, 4), folder)
        scan = read_scan(folder)
        assert codes(scan) == {"duplicate_slices"}
        assert len(scan.hu) == 28
        assert scan.flags[0].value == 2.0


def test_a_repeated_slice_replaces_the_first(tmp_path: Path) -> None:
    faults.write(faults.retaken(faults.series(), 3), tmp_path)
    scan = read_scan(tmp_path)
    assert codes(scan) == {"duplicate_slices"}
    assert scan.hu[3].min() == -980
    assert scan.hu[4].min() == -1000


def test_too_few_slices(tmp_path: Path) -> None:
    faults.write(faults.series(slices=1), tmp_path)
    with pytest.raises(GeometryError, match="too few slices"):
        read_scan(tmp_path)


def test_without_orientation_left_and_right_are_unknown(tmp_path: Path) -> None:
    faults.write(faults.series(ImageOrientationPatient=None), tmp_path)
    assert codes(read_scan(tmp_path)) == {"laterality_unknown"}


def test_contradictory_patient_orientation(tmp_path: Path) -> None:
    faults.write(faults.series(PatientOrientation=["R", "P"]), tmp_path / "wrong")
    assert codes(read_scan(tmp_path / "wrong")) == {"laterality_unknown"}
    faults.write(faults.series(PatientOrientation=["L", "P"]), tmp_path / "right")
    assert not read_scan(tmp_path / "right").flags


gap = st.floats(0.5, 10.0)


@given(st.lists(gap, min_size=7, max_size=40))
def test_slabs_fill_the_stack_exactly_where_nothing_is_missing(gaps: list[float]) -> None:
    at = np.concatenate([[0.0], np.cumsum(gaps)])
    spacing = spacing_of(at, np.full(len(at), 10.0), SETTINGS)  # ten mm of thickness fill every gap
    assert not spacing.missing.any()
    ends = (gaps[0] + gaps[-1]) / 2
    assert spacing.slab_mm.sum() == pytest.approx(at[-1] + ends)
    assert (spacing.slab_mm > 0).all()


@given(st.integers(10, 60), st.sets(st.integers(0, 59), max_size=4), gap, st.floats(-0.05, 0.05))
def test_any_lone_gap_in_an_even_stack_is_found(count: int, left_out: set[int], step: float, shift: float) -> None:
    step = max(step, 0.9)
    kept = np.array([k for k in range(count) if k not in left_out])
    at = kept * step
    at[len(at) // 2] += shift * step  # positions jitter
    thickness = np.full(len(at), step)
    runs = np.diff(np.flatnonzero(np.concatenate([[True], np.diff(kept) > 1, [True]])))
    spacing = spacing_of(at, thickness, SETTINGS)
    if runs.max() > 8:  # enough in a row to tell what is regular
        assert np.array_equal(spacing.missing, np.diff(kept) > 1)
        assert spacing.slab_mm == pytest.approx(np.full(len(at), step), rel=0.06)
    mirrored = spacing_of(-at[::-1], thickness, SETTINGS)
    assert np.array_equal(mirrored.missing[::-1], spacing.missing)
    assert mirrored.slab_mm[::-1] == pytest.approx(spacing.slab_mm)


@pytest.mark.parametrize("times", [0.1, 1 / 25.4])
def test_positions_in_another_unit_than_location_and_thickness_are_refused(tmp_path: Path, times: float) -> None:
    images = faults.series()
    for image in images:
        x, y, z = (float(value) for value in image.ImagePositionPatient)
        image.SliceLocation, image.ImagePositionPatient = f"{z:.3f}", [x, y, round(z * times, 4)]
    faults.write(images, tmp_path)
    with pytest.raises(GeometryError, match="in another unit"):
        read_scan(tmp_path)


def test_thick_slices_close_together_are_in_no_other_unit(tmp_path: Path) -> None:
    images = faults.series(slices=140, spacing_mm=1.0, thickness_mm=8.0)
    for number, image in enumerate(images):
        image.SliceLocation = f"{number:.1f}"
    faults.write(images, tmp_path)
    assert len(read_scan(tmp_path).hu) == 140
