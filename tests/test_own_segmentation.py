"""What a user brings along: arrays, a segmentation, a brain mask, regions; in Python and on the command line."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage
from support.heads import CLEAN, PALLIDUM, SAMPLES, sample, sample_head
from support.orientations import WAYS, as_nibabel, turned
from support.phantoms import Ball, phantom, stack

import calcscan
from calcscan.cli import main
from calcscan.errors import InputError
from calcscan.model import Result, Scan

Run = Callable[[Path], tuple[int, Path]]
NUMBERS = ("volume_mm3", "volume_low_mm3", "volume_high_mm3", "volume_130_mm3")


def of_sample(name: str) -> Scan:
    """A sample head as an array with what its header says."""
    read = sample(name)
    said = read.acquisition
    return Scan.from_array(
        np.array(read.hu), read.geometry.affine(), kvp_kv=said.kvp_kv, slice_thickness_mm=said.slice_thickness_mm,
        kernel=said.kernel, contrast=said.contrast, age_years=read.study.age_years, sex=read.study.sex,
    )  # fmt: skip


@cache
def found() -> Result:
    return calcscan.analyse_scan(of_sample(PALLIDUM))


def thirds(scan: Scan) -> np.ndarray:
    """Regions that hold all of the head: by thirds from right to left, 1 to 3."""
    i = np.arange(scan.hu.shape[2]) * 3 // scan.hu.shape[2] + 1
    return np.broadcast_to(i, scan.hu.shape).astype(np.int32)


def affine_ijk(scan: Scan) -> np.ndarray:
    return scan.geometry.affine()[:, [2, 1, 0, 3]]


def test_an_array_is_analysed_as_its_files_are(run_once: Run) -> None:
    _, out = run_once(SAMPLES / PALLIDUM)
    document = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert found().quality.state == document["quality"]["state"] == "ok"
    assert len(found().lesions.lesions) == len(document["lesions"])
    for lesion, row in zip(found().lesions.lesions, document["lesions"], strict=True):
        assert (lesion.site, lesion.side) == (row["site"], row["side"])
        assert lesion.volume_mm3 == pytest.approx(row["volume_mm3"], rel=0.01)


def test_what_was_found_measures_the_same_when_it_is_given() -> None:
    scan, lesions = found().scan, found().lesions
    measured = calcscan.measure(scan, np.array(lesions.labels))
    assert np.array_equal(measured.labels, lesions.labels)
    assert [lesion.id for lesion in measured.lesions] == [lesion.id for lesion in lesions.lesions]
    for one, other in zip(measured.lesions, lesions.lesions, strict=True):
        assert one.volume_mm3 == pytest.approx(other.volume_mm3, rel=0.05)
        assert one.volume_130_mm3 == other.volume_130_mm3
        assert (one.site, one.side) == (other.site, other.side)
    assert "own_lesions" in {flag.code for flag in measured.flags}


def test_nothing_that_is_given_is_left_out_as_bone_or_as_too_small() -> None:
    scan = found().scan
    labels = np.zeros(scan.hu.shape, np.int32)
    skull = np.argwhere(scan.hu > 900)[::4000][:3]
    for number, (k, j, i) in enumerate(skull, start=1):
        labels[k, j : j + 2, i : i + 2] = number
    labels[2:4, 2:4, 2:4] = 9  # in air
    measured = calcscan.measure(scan, labels)
    assert measured.settings["label_values"] == [*range(1, len(skull) + 1), 9]
    assert len(measured.lesions) == len(skull) + 1
    assert measured.left_out == ()
    assert measured.lesions[-1].volume_mm3 == 0.0


@pytest.mark.parametrize(("mirrored", "state"), [(False, "caution"), (True, "abstain")])
def test_a_segmentation_under_which_nothing_is_dense_is_doubted(mirrored: bool, state: str) -> None:
    """As one of another scan is, or one that a program has mirrored about the middle of the picture."""
    scan = found().scan
    labels = np.where(np.isin(found().lesions.labels, (1, 2)), found().lesions.labels, 0)
    labels = labels[:, ::-1] if mirrored else labels
    assert (scan.hu[labels > 0].mean() > 100) is not mirrored
    result = calcscan.analyse_scan(scan, mask=labels)
    flags = {flag.code: flag for flag in result.quality.flags}
    assert result.quality.state == state
    assert ("outline_faint" in flags) is mirrored
    if mirrored:
        assert "2 of 2 outlined lesions hold no voxel of 100 HU" in flags["outline_faint"].message
        assert result.facts.get("findings", []) == []


def test_an_outline_without_calcium_is_no_finding() -> None:
    """One of several: the scan is not in doubt, but nothing is present where nothing is dense."""
    scan = found().scan
    labels = np.array(found().lesions.labels)
    brain = sample_head(PALLIDUM).mask & (scan.hu > 20) & (scan.hu < 45) & (labels == 0)
    k, j, i = np.argwhere(brain)[len(np.argwhere(brain)) // 2]
    labels[k, j, i] = labels.max() + 1
    result = calcscan.analyse_scan(scan, mask=labels)
    lesion = result.lesions.lesions[-1]
    assert (lesion.volume_mm3, result.quality.state) == (0.0, "caution")
    (row,) = (row for row in result.summary.sites if (row.site, row.side) == (lesion.site, lesion.side))
    assert (row.count, row.grade) == (1, None)
    assert {finding["site"] for finding in result.facts["findings"]} == {"basal_ganglia"}


def test_where_there_is_no_head_volumes_are_measured_and_no_site_is_given() -> None:
    scan, _ = phantom([Ball(centre_mm=(0.0, 0.0, 0.0), volume_mm3=200.0, hu=500.0)], stack((1.25, 0.5, 0.5)), seed=2)
    made = Scan.from_array(np.array(scan.hu), scan.geometry.affine(), slice_thickness_mm=1.25)
    measured = calcscan.measure(made, made.hu > 130)
    (lesion,) = measured.lesions
    assert (lesion.site, lesion.side) == ("unassigned", "")
    assert lesion.volume_mm3 == pytest.approx(200.0, rel=0.15)
    assert lesion.volume_low_mm3 <= 200.0 <= lesion.volume_high_mm3
    assert {flag.code for flag in measured.flags} & {"not_head", "no_brain"}
    rows = calcscan.regions(made, thirds(made), lesions=measured)
    assert sum(row.volume_mm3 for row in rows) == pytest.approx(lesion.volume_mm3, abs=0.1)


def test_regions_sum_to_the_whole_with_names_and_with_what_lies_in_none() -> None:
    scan, lesions = found().scan, found().lesions
    values = np.where(np.arange(scan.hu.shape[0])[:, None, None] > 40, thirds(scan), 0)
    rows = calcscan.regions(scan, values, {1: "right", 3: "left"}, lesions=lesions)
    assert [(row.label, row.name) for row in rows] == [(1, "right"), (2, None), (3, "left"), (0, "elsewhere")]
    for column in NUMBERS[:1] + NUMBERS[3:]:
        whole = sum(getattr(lesion, column) for lesion in lesions.lesions)
        assert sum(getattr(row, column) for row in rows) == pytest.approx(whole, abs=0.1)


def test_regions_without_lesions_searches_the_scan() -> None:
    scan = found().scan
    rows = calcscan.regions(scan, thirds(scan))
    again = calcscan.regions(scan, thirds(scan), lesions=found().lesions)
    assert rows == again
    assert sum(row.volume_mm3 for row in rows) > 100


def test_regions_of_lesions_of_another_scan_are_refused() -> None:
    other = of_sample(CLEAN)
    with pytest.raises(ValueError, match="lesions are of another scan"):
        calcscan.regions(other, thirds(other), lesions=found().lesions)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The head as NIfTI, and label maps of it whose axes run otherwise."""
    folder = tmp_path_factory.mktemp("own")
    scan, affine = found().scan, affine_ijk(found().scan)
    brain = ndimage.binary_fill_holes(sample_head(PALLIDUM).mask)
    for name, values, way in (
        ("head", scan.hu, WAYS[0]),
        ("mask", (found().lesions.labels > 0).astype(np.uint8), WAYS[11]),
        ("brain", brain.astype(np.uint8), WAYS[22]),
        ("regions", thirds(scan).astype(np.int16), WAYS[33]),
    ):
        nib.save(as_nibabel(*turned(values, affine, way)), folder / f"{name}.nii.gz")
    (folder / "regions.tsv").write_text("index\tname\n1\tright\n2\tmiddle\n3\tleft\n")
    small = as_nibabel((found().lesions.labels > 0).astype(np.uint8)[:, ::2, ::2], affine @ np.diag([2, 2, 1, 1.0]))
    nib.save(small, folder / "other.nii.gz")
    return folder


def test_the_command_takes_all_three_and_the_report_says_so(files: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = [f"--{name}={files / file}.nii.gz" for name, file in (
        ("mask", "mask"), ("brain-mask", "brain"), ("regions", "regions"))]  # fmt: skip
    stated = ["--kvp", "120", "--thickness-mm", str(found().scan.acquisition.slice_thickness_mm)]
    assert main(["run", str(files / "head.nii.gz"), "-o", str(out), "--quiet", *options, *stated]) == 0
    document = json.loads((out / "report.json").read_text(encoding="utf-8"))
    codes = {flag["code"]: flag["severity"] for flag in document["quality"]["flags"]}
    assert codes["own_lesions"] == codes["own_brain_mask"] == "caution"
    assert codes["own_regions"] == "note"
    for name in ("own_lesions", "own_brain_mask", "own_regions"):
        assert len(document["settings"][name]["sha256"]) == 64
        assert document["settings"][name]["resampled"] is None
    assert document["settings"]["lesions_given"] == "connected pieces of a mask"
    whole = sum(lesion["volume_mm3"] for lesion in document["lesions"])
    assert whole == pytest.approx(sum(lesion.volume_mm3 for lesion in found().lesions.lesions), rel=0.1)
    assert {(row["site"], row["side"]) for row in document["lesions"]} == {("pallidum", "left"), ("pallidum", "right")}
    assert [row["name"] for row in document["regions"]] == ["right", "middle", "left", "elsewhere"]
    assert sum(row["volume_mm3"] for row in document["regions"]) == pytest.approx(whole, abs=0.1)
    with (out / "regions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:6] == ["label", "name", *NUMBERS]
    assert [float(row["volume_mm3"]) for row in rows] == [row["volume_mm3"] for row in document["regions"]]
    others = [row for row in document["sites"] if row["site"] != "pallidum"]
    assert all(row["volume_mm3"] is None and row["grade"] is None for row in others)
    assert document["detection_floor_mm3"] is None
    assert document["multiple"] in (None, True)
    assert not any(finding.get("present") is False for finding in document["facts"].get("findings", ()))


def test_a_map_on_another_grid_is_refused_unless_resampling_is_asked_for(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["run", str(files / "head.nii.gz"), "-o", str(tmp_path / "out"), f"--mask={files / 'other.nii.gz'}"]
    assert main(command) == 1
    said = capsys.readouterr().err
    assert "another grid" in said
    assert "--resample" in said
    assert not (tmp_path / "out").exists()
    result = calcscan.analyse(files / "head.nii.gz", mask=files / "other.nii.gz", resample=True, kvp_kv=120)
    (flag,) = (flag for flag in result.quality.flags if flag.code == "own_lesions")
    assert "nearest neighbour" in flag.message
    assert result.settings["own_lesions"]["resampled"]


def test_without_regions_there_is_no_table_of_them(run_once: Run) -> None:
    _, out = run_once(SAMPLES / PALLIDUM)
    assert not (out / "regions.csv").exists()
    assert json.loads((out / "report.json").read_text(encoding="utf-8"))["regions"] is None


@pytest.mark.parametrize("name", ["mask", "brain_mask", "regions"])
def test_what_is_wrong_with_a_map_names_the_argument(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must have the shape"):
        calcscan.analyse_scan(found().scan, **{name: np.zeros((3, 3, 3), int)})
    with pytest.raises(InputError, match="no such file"):
        calcscan.analyse_scan(found().scan, **{name: Path("gone.nii.gz")})


@pytest.mark.parametrize("code", ["LAS", "PIR"])
def test_a_head_in_any_orientation_has_its_lesions_at_the_same_voxels_and_sites(code: str, tmp_path: Path) -> None:
    scan = found().scan
    upright = as_nibabel(scan.hu, affine_ijk(scan))
    now, then = nib.io_orientation(upright.affine), nib.orientations.axcodes2ornt(tuple(code))
    image = upright.as_reoriented(nib.orientations.ornt_transform(now, then))
    nib.save(image, tmp_path / "head.nii.gz")
    out = tmp_path / "out"
    stated = ["--kvp", "120", "--thickness-mm", str(scan.acquisition.slice_thickness_mm)]
    assert main(["run", str(tmp_path / "head.nii.gz"), "-o", str(out), "--quiet", *stated]) == 0
    ct, labels = nib.load(tmp_path / "head.nii.gz"), nib.load(out / "lesions.nii.gz")
    assert labels.shape == ct.shape
    assert np.array_equal(labels.affine, ct.affine)
    within = np.asarray(ct.dataobj)[np.asarray(labels.dataobj) > 0]
    assert np.array_equal(np.sort(within), np.sort(scan.hu[found().lesions.labels > 0]))
    document = json.loads((out / "report.json").read_text(encoding="utf-8"))
    expected = sorted((lesion.site, lesion.side, lesion.centroid_lps_mm) for lesion in found().lesions.lesions)
    seen = sorted((row["site"], row["side"], row["centroid_lps_mm"]) for row in document["lesions"])
    assert [place[:2] for place in seen] == [place[:2] for place in expected]
    for (*_, one), (*_, other) in zip(seen, expected, strict=True):
        assert one == pytest.approx(other, abs=0.01)


@pytest.mark.parametrize("name", ["thin_pineal_choroid", "tilted_variable_spacing"])
def test_on_real_scans_the_sum_over_nuclei_of_another_map_is_the_whole(real_scans: Path, name: str) -> None:
    """The map: spheres about points of another coordinate table, in the scan by its own registration."""
    result = calcscan.analyse(real_scans / name)
    scan, lesions = result.scan, result.lesions
    points = {
        1: (20.0, -5.0, 0.0),
        2: (-20.0, -5.0, 0.0),
        3: (0.0, 27.0, 2.0),
        4: (25.0, 33.0, 6.0),
        5: (-25.0, 33.0, 6.0),
    }
    values = np.zeros(scan.hu.shape, np.int32)
    rows, columns = np.mgrid[: scan.geometry.rows, : scan.geometry.columns]
    centres = {label: result.registration.to_scan(np.array(place)) for label, place in points.items()}
    for k in range(len(values)):
        world = scan.geometry.to_world(np.stack([np.full_like(rows, k), rows, columns], axis=-1))
        for label, at in centres.items():
            values[k][((world - at) ** 2).sum(axis=-1) < 13.0**2] = label
    found = calcscan.regions(
        scan, values, dict(zip(points, ("lp", "rp", "pi", "lc", "rc"), strict=True)), lesions=lesions
    )
    by_name = {row.name: row for row in found}
    assert set(by_name) == {"lp", "rp", "pi", "lc", "rc", "elsewhere"}
    for column in ("volume_mm3", "volume_130_mm3"):
        whole = sum(getattr(lesion, column) for lesion in lesions.lesions)
        assert sum(getattr(row, column) for row in found) == pytest.approx(whole, abs=0.1)
    assert by_name["pi"].volume_mm3 > 15
    assert by_name["lp"].volume_mm3 < 1
