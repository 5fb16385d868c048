"""Numbers that no scanner gives end in a message that names them, in one slice and in all, before memory runs out."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless
from support import dicom_faults as faults

from calcscan.errors import GeometryError, UnreadableError
from calcscan.grid.geometry import Geometry
from calcscan.knowledge.reading import ReadingSettings
from calcscan.knowledge.settings import load
from calcscan.read import read_scan
from calcscan.read.files.source import SourceFile
from calcscan.read.headers.parse import read_images
from calcscan.read.size_limits import refuse_impossible_grid, refuse_large

SETTINGS = load(ReadingSettings)


@pytest.fixture(autouse=True)
def little_memory() -> Iterator[None]:
    """What asks for more than another 4 GB fails."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (4 << 30), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def changed(folder: Path, numbers: list[int], **tags: str) -> None:
    """Files of a clean series in which some slices say something else, written as it stands."""
    for number, path in enumerate(faults.write(faults.series(), folder)):
        if number in numbers:
            image = dcmread(path)
            for name, value in tags.items():
                image[name]._value = value
            image.save_as(path)


ALL = list(range(28))
SENSELESS = {
    "intercept beyond int16": ("RescaleIntercept", "99999999999"),
    "intercept as large as can be": ("RescaleIntercept", "1e300"),
    "intercept beyond int32": ("RescaleIntercept", "-2147483649"),
    "slope": ("RescaleSlope", "1e30"),
    "spacing of metres": ("PixelSpacing", "5000\\5000"),
    "spacing of 50 mm": ("PixelSpacing", "50\\50"),
    "spacing without end": ("PixelSpacing", "1e30\\1e30"),
    "spacing of next to nothing": ("PixelSpacing", "1e-30\\1e-30"),
    "one spacing of next to nothing": ("PixelSpacing", "0.001\\1"),
    "position beyond the building": ("ImagePositionPatient", "0\\0\\1e30"),
    "position beyond all": ("ImagePositionPatient", "-1e300\\0\\1e300"),
    "position of a kilometre": ("ImagePositionPatient", "0\\1000000\\3"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), SENSELESS.values(), ids=SENSELESS)
def test_an_impossible_value_is_named_and_costs_one_slice_where_one_has_it(tmp_path, name, value):
    changed(tmp_path / "one", [5], **{name: value})
    scan = read_scan(tmp_path / "one")
    assert scan.hu.shape == (27, 48, 44)
    assert any(name in flag.message for flag in scan.flags if flag.code == "missing_slices")
    assert [choice.reason for choice in scan.series if name in choice.reason]
    changed(tmp_path / "all", ALL, **{name: value})
    with pytest.raises(UnreadableError, match=name) as caught:
        read_scan(tmp_path / "all")
    assert value in str(caught.value).replace("e+", "e")


@pytest.mark.parametrize("value", ["1e200\\0\\0\\0\\1e200\\0", "\\".join(["1e308"] * 6), "\\".join("000000")])
def test_an_invalid_orientation_raises_no_other_error(tmp_path, value):
    changed(tmp_path, ALL, ImageOrientationPatient=value)
    assert any(flag.code == "laterality_unknown" for flag in read_scan(tmp_path).flags)


@pytest.mark.parametrize("syntax", [None, RLELossless, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
@pytest.mark.parametrize("tag", ["Rows", "Columns"])
@pytest.mark.parametrize("times", [0.5, 2])
def test_pixels_of_another_size_than_the_header_says_are_refused(tmp_path, syntax, tag, times):
    """Too few rows would be half of a head."""
    folder = tmp_path / "in"
    if syntax == ExplicitVRBigEndian:
        faults.write_big_endian(faults.series(), folder)
    else:
        faults.write(faults.series(), folder)
    for path in folder.iterdir():
        image = dcmread(path)
        if syntax == RLELossless:
            image.compress(RLELossless)
        elif syntax == DeflatedExplicitVRLittleEndian:
            image.file_meta.TransferSyntaxUID = syntax
        setattr(image, tag, int(getattr(image, tag) * times))
        image.save_as(path)
    with pytest.raises(UnreadableError, match=r"Rows|truncated|can't be (decoded|read)") as caught:
        read_scan(folder)
    assert "Rows" in str(caught.value) or times == 2


@pytest.mark.parametrize("numbers", [[5], ALL], ids=["one", "all"])
@pytest.mark.parametrize("frames", [2, 99999])
def test_more_frames_than_a_file_has_room_for_are_refused(tmp_path, numbers, frames):
    for number, path in enumerate(faults.write(faults.series(), tmp_path)):
        if number in numbers:
            image = dcmread(path)
            image.NumberOfFrames = frames
            image.save_as(path)
    if numbers == ALL:
        with pytest.raises(UnreadableError, match=f"NumberOfFrames is {frames}"):
            read_scan(tmp_path)
    else:
        scan = read_scan(tmp_path)
        assert len(scan.hu) == 27
        assert any(f"NumberOfFrames is {frames}" in flag.message for flag in scan.flags)


@pytest.mark.parametrize("far", [(0, 0, 3000), (0, 0, -20000), (1000, 0, 0), (0, -500, 400), (99000, 0, 99000)])
@pytest.mark.parametrize("numbers", [[0], [14], [27], [3, 20]])
def test_an_outlying_slice_is_left_out_and_flagged(tmp_path, far, numbers):
    for number, path in enumerate(faults.write(faults.series(), tmp_path)):
        if number in numbers:
            image = dcmread(path)
            image.ImagePositionPatient = [a + b for a, b in zip(image.ImagePositionPatient, far, strict=True)]
            image.save_as(path)
    scan = read_scan(tmp_path)
    assert len(scan.hu) == 28 - len(numbers)
    flags = [flag for flag in scan.flags if "left out" in flag.message]
    assert [(flag.code, flag.value) for flag in flags] == [("missing_slices", float(len(numbers)))]
    assert np.ptp(scan.geometry.positions_mm) < 200


@pytest.mark.parametrize("apart_mm", [250, 1000])
def test_slices_too_far_apart_are_refused(tmp_path, apart_mm):
    faults.write(faults.series(positions_mm=[apart_mm * k for k in range(28)]), tmp_path)
    with pytest.raises(GeometryError, match=f"slices are {apart_mm} mm apart"):
        read_scan(tmp_path)


@pytest.mark.parametrize(
    ("spacing_mm", "words"),
    [((1000, 1, 1), "1000 mm apart"), ((5, 50, 50), "spacing is 50 mm"), ((5, 1, 1e30), "1e.30 mm"),
     ((5, 1e-3, 1e-3), "spacing is 0.001 mm"), ((190, 1, 15), "reach over")],
)  # fmt: skip
def test_an_impossible_grid_is_refused_in_any_format(spacing_mm, words):
    with pytest.raises(GeometryError, match=words):
        refuse_impossible_grid(Geometry.regular(shape=(28, 44, 48), spacing_mm=spacing_mm), "here", SETTINGS)
    refuse_impossible_grid(Geometry.regular(shape=(28, 44, 48), spacing_mm=(5, 4, 4)), "here", SETTINGS)


def test_more_voxels_than_memory_are_refused(tmp_path):
    paths = faults.write(faults.series(), tmp_path)
    images = [
        replace(read_images(SourceFile(path.name, path=path), SETTINGS)[0], rows=8192, columns=8192) for path in paths
    ]
    with pytest.raises(GeometryError, match="28 slices of Rows 8192 and Columns 8192"):
        refuse_large(images, "here", SETTINGS)
    refuse_large(images[:7], "here", SETTINGS)
    with pytest.raises(GeometryError, match="2000 × 2000 × 1000 are more than 500,000,000 voxels"):
        refuse_impossible_grid(Geometry.regular(shape=(2000, 2000, 1000), spacing_mm=(0.1, 0.1, 0.1)), "here", SETTINGS)


def test_a_file_that_can_be_opened_and_not_read_costs_only_itself(tmp_path):
    faults.write(faults.series(), tmp_path)
    (tmp_path / "zz.dcm").symlink_to("/proc/self/mem")
    scan = read_scan(tmp_path)
    assert len(scan.hu) == 28
    assert any("zz.dcm can't be read" in flag.message for flag in scan.flags)
