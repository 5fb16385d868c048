"""Folders, archives and single files as they come; and every way in which they can't be read."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from support import dicom_faults as faults
from support.messages import one_line

from calcscan.errors import CalcscanError, InputError, NoCTError, UnreadableError
from calcscan.model import Scan
from calcscan.read import read_scan


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("input") / "series"
    faults.write(faults.series(), path)
    return path


@pytest.fixture(scope="module")
def clean(folder: Path) -> Scan:
    return read_scan(folder)


def same(scan: Scan, clean: Scan) -> bool:
    return np.array_equal(scan.hu, clean.hu) and np.allclose(scan.geometry.origins_mm, clean.geometry.origins_mm)


def test_what_is_known_of_the_scan(clean: Scan) -> None:
    assert clean.study.age_years == 52
    assert clean.study.sex == "F"
    assert clean.study.patient_id == "P1"
    assert clean.acquisition.kernel == "H31s"
    assert clean.acquisition.kvp_kv == 120
    assert clean.acquisition.slice_thickness_mm == 5
    assert clean.acquisition.contrast is None
    assert len(clean.sources) == len(set(clean.sources)) == 28
    assert not clean.hu.flags.writeable


def test_a_zip(folder: Path, clean: Scan, tmp_path: Path) -> None:
    archive = faults.zipped(folder, tmp_path / "series.zip")
    scan = read_scan(archive)
    assert same(scan, clean)
    assert not scan.flags
    assert len(scan.series) == 1


def test_nested_without_extension_or_preamble_among_other_files(clean: Scan, folder: Path, tmp_path: Path) -> None:
    series = [dcmread(path) for path in sorted(folder.iterdir())]
    faults.write(series[:10], tmp_path / "a" / "b", suffix="", preamble=False)
    faults.write(series[10:], tmp_path / "c d", suffix="")
    (tmp_path / "readme.txt").write_text("hello")
    (tmp_path / "a" / "._000.dcm").write_bytes(b"\0\5\26\7")
    (tmp_path / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (tmp_path / "empty").write_bytes(b"")
    scan = read_scan(tmp_path)
    assert same(scan, clean)
    assert [(flag.code, flag.message) for flag in scan.flags] == [("left_out", "1 file was not used: empty is empty.")]
    assert [choice.description for choice in scan.series[1:]] == ["empty"]


def test_a_single_file_stands_for_its_series(folder: Path, clean: Scan, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "in")
    faults.write(faults.series(spacing_mm=2.0, slices=70), tmp_path / "in")  # better, but not asked for
    assert same(read_scan(tmp_path / "in" / sorted(folder.iterdir())[3].name), clean)


def test_a_dicomdir_is_skipped(folder: Path, clean: Scan, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "in")
    (record,) = faults.write([faults.directory_record()], tmp_path / "record", suffix="")
    for name in ("DICOMDIR", "record.dcm"):
        shutil.copy(record, tmp_path / "in" / name)
    scan = read_scan(tmp_path / "in")
    assert same(scan, clean)
    assert not scan.flags
    assert len(scan.series) == 1
    assert same(read_scan(tmp_path / "in" / "DICOMDIR"), clean)


def test_random_bytes_under_a_dicom_name_are_reported(folder: Path, clean: Scan, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "in")
    (tmp_path / "in" / "x.dcm").write_bytes(np.random.default_rng(0).bytes(5000))
    scan = read_scan(tmp_path / "in")
    assert same(scan, clean)
    assert [flag.code for flag in scan.flags] == ["missing_slices"]
    assert "x.dcm" in scan.flags[0].message
    assert scan.series[-1].description == "x.dcm"
    assert not scan.series[-1].chosen


@pytest.mark.parametrize("start", [b"", b"\0" * 128 + b"DICM", b"\0" * 128 + b"DICM" + b"\x02\0\0\0UL\x04\0\xff"])
def test_damaged_headers_alone(tmp_path: Path, start: bytes) -> None:
    (tmp_path / "x.dcm").write_bytes(start + np.random.default_rng(1).bytes(3000))
    with pytest.raises(UnreadableError) as caught:
        read_scan(tmp_path)
    assert "x.dcm" in one_line(caught.value)


@pytest.mark.parametrize("share", [0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8, 0.99])
def test_a_file_truncated_anywhere_is_named(folder: Path, tmp_path: Path, share: float) -> None:
    shutil.copytree(folder, tmp_path / "in")
    path = sorted((tmp_path / "in").iterdir())[12]
    faults.cut_short(path, share)
    scan = read_scan(tmp_path / "in")
    named = [flag for flag in scan.flags if flag.code == "missing_slices" and path.name in flag.message]
    assert named
    assert len(scan.hu) == 27


def test_a_file_that_may_not_be_read(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(folder, tmp_path / "in")
    locked = sorted((tmp_path / "in").iterdir())[12]
    really_open = Path.open

    def refuse(self: Path, *args: object, **kwargs: object) -> object:
        if self == locked:
            raise PermissionError(13, "Permission denied", str(self))
        return really_open(self, *args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refuse)
    scan = read_scan(tmp_path / "in")
    assert any(f"{locked.name} can't be read (Permission denied)" in flag.message for flag in scan.flags)
    with pytest.raises(UnreadableError, match="Permission denied"):
        read_scan(locked)


def test_a_folder_that_may_not_be_listed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(UnreadableError) as caught:
        read_scan(folder)
    assert "Permission denied" in one_line(caught.value)


def test_no_such_path(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_scan(tmp_path / "no")
    assert "there is no such file" in one_line(caught.value)


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_scan(tmp_path)
    assert "empty" in one_line(caught.value)


def test_a_folder_of_other_files(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x" * 1000)
    with pytest.raises(NoCTError) as caught:
        read_scan(tmp_path)
    assert "DICOM" in one_line(caught.value)


def test_a_folder_with_a_nifti_file_says_what_to_give(tmp_path: Path) -> None:
    (tmp_path / "head.nii.gz").write_bytes(b"\x1f\x8b" + b"x" * 1000)
    with pytest.raises(NoCTError, match=r"head\.nii\.gz"):
        read_scan(tmp_path)


def test_a_file_without_pixels_of_another_series_is_ignored(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "in")
    faults.write(faults.series(slices=1, PixelData=None), tmp_path / "in")
    scan = read_scan(tmp_path / "in")
    assert not scan.flags
    assert scan.series[-1].reason.startswith("holds no pixel data")


def test_a_file_of_no_known_kind(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.4" + b"x" * 1000)
    with pytest.raises(NoCTError) as caught:
        read_scan(tmp_path / "a.pdf")
    assert "NIfTI" in one_line(caught.value)


def test_damaged_archives(folder: Path, tmp_path: Path) -> None:
    archive = faults.zipped(folder, tmp_path / "series.zip")
    whole = archive.read_bytes()
    at = whole.index(b"DICM") + 700  # in the first file's data: its checksum fails
    archive.write_bytes(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
    scan = read_scan(archive)
    assert len(scan.hu) == 27
    assert "CRC" in scan.flags[0].message
    archive.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CalcscanError) as caught:
        read_scan(archive)
    one_line(caught.value)
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    with pytest.raises(InputError, match="empty"):
        read_scan(tmp_path / "empty.zip")


def test_an_enhanced_multi_frame_file(clean: Scan, folder: Path, tmp_path: Path) -> None:
    images = [dcmread(path) for path in sorted(folder.iterdir())]
    faults.write([faults.multi_frame(images[::-1])], tmp_path)
    scan = read_scan(tmp_path)
    assert same(scan, clean)
    assert not scan.flags
    assert scan.acquisition.kernel == "H31s"
    assert len(set(scan.sources)) == 28
    cut = next(tmp_path.iterdir())
    faults.cut_short(cut, 0.9)
    short = read_scan(tmp_path)
    assert any(cut.name in flag.message for flag in short.flags)
    assert 14 < len(short.hu) < 28


def test_any_damage_gives_a_scan_or_a_calcscan_error(tmp_path: Path) -> None:
    images = faults.series(slices=9, spacing_mm=15, rows=12, columns=11, pixel_mm=(18.0, 17.0))
    paths = faults.write(images, tmp_path)
    whole = [path.read_bytes() for path in paths]
    chance = np.random.default_rng(5)
    read = 0
    for _ in range(40):
        every = chance.random() < 0.5
        places, values = chance.integers(132, len(whole[0]) - 264, 4), chance.integers(0, 256, 4)
        for number, (path, content) in enumerate(zip(paths, whole, strict=True)):
            damaged = bytearray(content)
            for place, value in zip(places, values, strict=True):
                if every or number == 4:
                    damaged[place] = value
            path.write_bytes(damaged)
        try:
            read += len(read_scan(tmp_path).hu) > 0
        except CalcscanError as error:
            one_line(error)
    assert read > 10
