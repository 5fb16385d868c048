"""The files beside the NIfTI label maps, opened by the libraries that other programs open them with."""

from __future__ import annotations

import csv
import io
import re
from functools import cache

import nibabel as nib
import nrrd
import numpy as np
import pytest
import SimpleITK
import slicerio
from pydicom.sr.codedict import codes
from support.grids import GRIDS
from support.orientations import WAYS
from support.results import BALLS, Ball, make_result

from calcscan.grid.geometry import Geometry, ras_to_lps
from calcscan.model import Result, StoredGrid
from calcscan.read import read_scan
from calcscan.report.labelfiles import label_maps
from calcscan.report.labelmaps import site_map
from calcscan.report.labeltables import dseg_tsv, itksnap_labels
from calcscan.report.outputs import OURS
from calcscan.report.sitelabels import label_of, site_labels

TILTED = ["tilted", "tilted the other way"]
NUMBERS = {
    ("caudate", "left"): 1, ("caudate", "right"): 2, ("putamen", "left"): 3, ("putamen", "right"): 4,
    ("pallidum", "left"): 5, ("pallidum", "right"): 6, ("thalamus", "left"): 7, ("thalamus", "right"): 8,
    ("dentate", "left"): 9, ("dentate", "right"): 10, ("cortex", "left"): 11, ("cortex", "right"): 12,
    ("white_matter", "left"): 13, ("white_matter", "right"): 14, ("cerebellum", "left"): 15,
    ("cerebellum", "right"): 16, ("brainstem", "midline"): 17, ("falx", "midline"): 18, ("tentorium", "midline"): 19,
    ("tentorium", "left"): 20, ("tentorium", "right"): 21, ("convexity_dura", "left"): 22,
    ("convexity_dura", "right"): 23, ("petroclinoid", "left"): 24, ("petroclinoid", "right"): 25,
    ("pineal", "midline"): 26, ("habenula", "midline"): 27, ("choroid_plexus", "left"): 28,
    ("choroid_plexus", "right"): 29, ("carotid_siphon", "left"): 30, ("carotid_siphon", "right"): 31,
    ("vertebral", "left"): 32, ("vertebral", "right"): 33, ("circle_of_willis", "left"): 34,
    ("circle_of_willis", "right"): 35, ("basilar", "midline"): 36, ("vessel", "left"): 37, ("vessel", "right"): 38,
    ("vessel", "midline"): 39, ("ventricle_wall", "left"): 40, ("ventricle_wall", "right"): 41,
    ("extra_axial", "left"): 42, ("extra_axial", "right"): 43, ("extra_axial", "midline"): 44,
    ("scalp", "left"): 45, ("scalp", "right"): 46, ("scalp", "midline"): 47, ("unassigned", ""): 48,
}  # fmt: skip
"""As version 0.1 gave them. New ones are added; none of these is ever changed."""

LARGE = (
    Ball(site="pallidum", side="left", centre_mm=(28.0, -5.0, 2.0), radius_mm=15.0),
    Ball(site="pineal", side="midline", centre_mm=(-8.0, 38.0, 2.0), radius_mm=12.0),
)
"""For coarse grids."""


@cache
def result_on(name: str) -> Result:
    return make_result(GRIDS[name])


def test_the_numbers_of_sites_never_change():
    assert {place: entry.label for place, entry in site_labels().items() if place in NUMBERS} == NUMBERS


def itk_centre(path, label: int) -> np.ndarray:
    """LPS mm, as ITK and all that is built on it has it."""
    image = SimpleITK.ReadImage(str(path))
    where = np.argwhere(SimpleITK.GetArrayFromImage(image) == label)[:, ::-1].astype(float)
    return np.mean([image.TransformContinuousIndexToPhysicalPoint(index.tolist()) for index in where], axis=0)


def pynrrd_centre(path, label: int) -> np.ndarray:
    values, header = nrrd.read(str(path))
    assert header["space"] == "left-posterior-superior"
    where = np.argwhere(values == label)
    return (where @ header["space directions"] + header["space origin"]).mean(axis=0)


@pytest.mark.parametrize("name", GRIDS)
def test_3d_slicer_gets_every_site_with_its_name_side_colour_and_place(tmp_path, name):
    path = tmp_path / "sites.seg.nrrd"
    path.write_bytes(label_maps(result_on(name).lesions)[0]["sites.seg.nrrd"])
    lesions = result_on(name).lesions.lesions
    segments = {
        segment["id"]: segment for segment in slicerio.read_segmentation(str(path), skip_voxels=True)["segments"]
    }
    assert len(segments) == len(lesions) == len(BALLS)
    for lesion in lesions:
        entry = label_of(lesion)
        segment = segments[f"{lesion.site}_{lesion.side}"]
        assert segment["labelValue"] == entry.label
        assert segment["layer"] == 0
        assert lesion.site.replace("_", " ") in segment["name"]
        assert (lesion.side in segment["name"]) == (lesion.side != "midline")
        assert segment["tags"]["calcscan.side"] == lesion.side
        assert [round(255 * part) for part in segment["color"]] == list(bytes.fromhex(entry.colour[1:]))
        within = 3.0 if "uneven" in name else 2.01 if "tilted" in name else 1e-3
        for centre in (itk_centre, pynrrd_centre):
            assert np.abs(centre(path, entry.label) - lesion.centroid_lps_mm).max() < within


def test_the_voxels_of_a_segment_are_those_of_the_site(tmp_path):
    path = tmp_path / "sites.seg.nrrd"
    path.write_bytes(label_maps(result_on("axes 0").lesions)[0]["sites.seg.nrrd"])
    whole = slicerio.read_segmentation(str(path))
    one = slicerio.extract_segments(whole, [(whole["segments"][0]["name"], 1)])
    expected = site_map(result_on("axes 0").lesions).transpose(2, 1, 0) == whole["segments"][0]["labelValue"]
    assert np.array_equal(one["voxels"] == 1, expected)
    _, header = nrrd.read(str(path))
    assert header["Segmentation_MasterRepresentation"] == "Binary labelmap"
    assert header["Segment0_Extent"] == " ".join(f"0 {size - 1}" for size in expected.shape)


def test_without_calcification_the_segmentation_is_empty(tmp_path):
    path = tmp_path / "sites.seg.nrrd"
    path.write_bytes(label_maps(make_result(balls=()).lesions)[0]["sites.seg.nrrd"])
    assert not slicerio.read_segmentation(str(path))["segments"]
    assert not SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path))).any()


@pytest.mark.parametrize("name", TILTED)
@pytest.mark.parametrize("file", ["lesions.nrrd", "sites.nrrd"])
def test_a_sheared_scan_keeps_every_voxel_and_its_shear_in_nrrd(tmp_path, name, file):
    result = result_on(name)
    files, about = label_maps(result.lesions)
    (tmp_path / file).write_bytes(files[file])
    values, header = nrrd.read(str(tmp_path / file))
    expected = result.lesions.labels if file.startswith("lesions") else site_map(result.lesions)
    assert np.array_equal(values.transpose(2, 1, 0), expected)
    index = np.array([[0.0, 0.0, 0.0], [9.0, 3.0, 7.0], [15.0, 20.0, 1.0]])
    places = index[:, ::-1] @ header["space directions"] + header["space origin"]
    assert np.abs(places - result.scan.geometry.to_world(index)).max() < 1e-6
    assert about[file].sheared
    for lesion in result.lesions.lesions:
        label = lesion.id if file.startswith("lesions") else label_of(lesion).label
        assert np.abs(itk_centre(tmp_path / file, label) - lesion.centroid_lps_mm).max() < 1e-3


@pytest.mark.parametrize("name", [name for name in GRIDS if name not in TILTED])
def test_no_other_scan_needs_or_gets_a_nrrd(name):
    files = label_maps(result_on(name).lesions)[0]
    assert not [file for file in files if file.endswith(".nrrd") and "seg" not in file]


@pytest.mark.parametrize("name", ["axes 0", "tilted", "uneven"])
def test_each_file_is_ours_and_says_what_it_is_good_for(name):
    files, about = label_maps(result_on(name).lesions)
    assert set(files) == set(about) <= OURS
    assert all(entry.use for entry in about.values())


@pytest.mark.parametrize("name", ["uneven", "uneven and tilted", "tilted"])
def test_of_a_stack_that_no_format_can_hold_it_is_said_that_no_map_has_its_voxels(name):
    note = label_maps(result_on(name).lesions)[1]["lesions.nii.gz"].note
    assert "--resample" in note
    assert ("unevenly spaced" in note) == ("uneven" in name)


def test_the_table_beside_a_segmentation_has_every_number():
    rows = list(csv.DictReader(io.StringIO(dseg_tsv()), delimiter="\t"))
    assert {(row["site"], row["side"].replace("n/a", "")): int(row["index"]) for row in rows} == NUMBERS
    for column in ("index", "name", "abbreviation", "color"):
        assert len({row[column] for row in rows}) == (len(rows) if column != "color" else 25)
        assert all(row[column] for row in rows)


DICOM_NAMES = {
    "caudate": "CaudateNucleus", "putamen": "Putamen", "pallidum": "GlobusPallidus", "thalamus": "Thalamus",
    "cortex": "CerebralCortex", "white_matter": "CerebralWhiteMatter", "cerebellum": "Cerebellum",
    "brainstem": "BrainStem", "pineal": "PinealGland", "carotid_siphon": "CarotidSiphon",
    "vertebral": "VertebralArtery", "circle_of_willis": "CircleOfWillis", "basilar": "BasilarArtery", "scalp": "Scalp",
}  # fmt: skip


def test_codes_are_those_that_the_dicom_standard_has_for_the_structure():
    coded = {row["site"]: row["snomed_ct"] for row in csv.DictReader(io.StringIO(dseg_tsv()), delimiter="\t")}
    assert {site for site, code in coded.items() if code != "n/a"} == set(DICOM_NAMES)
    for site, name in DICOM_NAMES.items():
        assert coded[site] == getattr(codes.SCT, name).value


def test_itk_snap_gets_every_label():
    """Its reader: `IDX R G B A VIS MSH "LABEL"`; lines that begin with # are comments."""
    lines = [line for line in itksnap_labels().splitlines() if not line.startswith("#")]
    parsed = [re.fullmatch(r'(\d+)((?: \d+){3}) (\d) ([01]) ([01]) "([^"]+)"', line) for line in lines]
    assert all(parsed)
    assert [int(one[1]) for one in parsed] == [0, *NUMBERS.values()]
    assert all(0 <= int(part) <= 255 for one in parsed for part in one[2].split())


def stored_of(path, affine, shape) -> tuple[Geometry, StoredGrid]:
    image = nib.Nifti1Image(np.random.default_rng(2).integers(-1000, 1500, shape).astype(np.int16), None)
    image.header.set_xyzt_units("mm")
    image.header.set_sform(affine, 1)
    image.header.set_qform(affine, 1, strip_shears=True)
    nib.save(image, path)
    scan = read_scan(path)
    return scan.geometry, scan.stored


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shear", [0.0, 0.35])
def test_of_a_nifti_every_map_has_the_voxels_of_the_file(tmp_path, way, shear):
    order, signs = way
    steps = np.diag([9.0, 9.5, 11.0])
    steps[1, 2] = 11.0 * shear
    steps = (steps @ np.diag(signs))[:, list(order)]
    shape = tuple(np.array([24, 26, 22])[list(order)])
    affine = nib.affines.from_matvec(steps, -steps @ ((np.array(shape) - 1) / 2))
    geometry, stored = stored_of(tmp_path / "head.nii.gz", affine, shape)
    result = make_result(geometry, balls=LARGE)
    files = label_maps(result.lesions, stored)[0]
    for file, content in files.items():
        (tmp_path / file).write_bytes(content)
    image = nib.load(tmp_path / "sites.nii.gz")
    assert np.array_equal(image.affine, nib.load(tmp_path / "head.nii.gz").affine)
    assert image.header.get_intent()[0] == "label"  # viewers then give each number a colour of its own
    assert image.shape == shape
    seen = SimpleITK.ReadImage(str(tmp_path / "head.nii.gz"))
    for file in ("sites.nii.gz", "sites.seg.nrrd"):
        shown = SimpleITK.ReadImage(str(tmp_path / file))
        assert shown.GetSize() == seen.GetSize() == shape
        for one, other in ((shown.GetOrigin(), seen.GetOrigin()), (shown.GetDirection(), seen.GetDirection())):
            assert np.allclose(one, other, atol=1e-3)
        assert np.array_equal(SimpleITK.GetArrayFromImage(shown).T, np.asarray(image.dataobj))
    if shear:
        values, header = nrrd.read(str(tmp_path / "sites.nrrd"))
        assert np.array_equal(values, np.asarray(image.dataobj))
        to_lps = ras_to_lps(affine)
        assert np.allclose(header["space directions"].T, to_lps[:3, :3], atol=1e-3)
        assert np.allclose(header["space origin"], to_lps[:3, 3], atol=1e-3)
    else:
        assert "sites.nrrd" not in files
