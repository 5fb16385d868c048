"""Files damaged at random end in a scan or in an error of ours; odd paths in an error that says what to do."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from support import dicom_faults as faults
from support.damage import damaged
from support.messages import one_line
from support.reading_cases import CASES

from calcscan.errors import CalcscanError, InputError, NoCTError, UnreadableError
from calcscan.read import read_scan

KINDS = ("plain", "no preamble", "ZIP", "deflated", "JPEG lossless (SV1), signed", "JPEG 2000, signed",
         "Enhanced CT, many frames", "NIfTI", "NIfTI, axes flipped and swapped, .nii.gz")  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_random_damage_gives_a_scan_or_a_calcscan_error(tmp_path: Path, kind: str) -> None:
    (case,) = (one for one in CASES if one.name == kind)
    path = case.make(tmp_path)
    files = {file: file.read_bytes() for file in sorted(tmp_path.rglob("*")) if file.is_file()}
    for seed in range(16):
        chance = np.random.default_rng([seed, KINDS.index(kind)])
        every = chance.random() < 0.3  # the same harm to all of them
        harmed = list(files) if every else [list(files)[int(chance.integers(len(files)))]]
        harm = int(chance.integers(1 << 30))
        for file in harmed:
            file.write_bytes(damaged(files[file], np.random.default_rng(harm)))
        try:
            assert len(read_scan(path).hu) > 0
        except CalcscanError as error:
            one_line(error)
        for file in harmed:
            file.write_bytes(files[file])
    assert len(read_scan(path).hu) > 0


def test_a_value_of_unknown_vr_counts_as_absent(tmp_path: Path) -> None:
    paths = faults.write(faults.series(), tmp_path)
    for path in paths:  # the kind of the rescale intercept: DS → D\0
        path.write_bytes(path.read_bytes().replace(b"\x28\0\x52\x10DS", b"\x28\0\x52\x10D\0"))
    assert {flag.code for flag in read_scan(tmp_path).flags} == {"not_hounsfield"}


def test_impossible_sizes_are_refused(tmp_path: Path) -> None:
    faults.write(faults.series(Rows=65535, Columns=65535), tmp_path / "huge")
    with pytest.raises(NoCTError, match="65535"):
        read_scan(tmp_path / "huge")
    whole = faults.multi_frame(faults.series())
    whole.NumberOfFrames = 999999999
    faults.write([whole], tmp_path / "many")
    with pytest.raises(UnreadableError, match="999999999 frames"):
        read_scan(tmp_path / "many")


def test_links_are_followed_once(tmp_path: Path) -> None:
    faults.write(faults.series(), tmp_path / "there")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "study").symlink_to(tmp_path / "there")
    (tmp_path / "there" / "again").symlink_to(tmp_path / "here")
    scan = read_scan(tmp_path / "here")
    assert len(scan.hu) == 28
    assert not scan.flags


def test_archives_that_can_not_be_opened_say_why(tmp_path: Path) -> None:
    faults.write(faults.series(), tmp_path / "series")
    archive = faults.zipped(tmp_path / "series", tmp_path / "one.zip")
    whole = archive.read_bytes()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "study.zip").write_bytes(whole)
    with pytest.raises(NoCTError, match=r"give the file itself, here study\.zip"):
        read_scan(tmp_path / "folder")
    archive.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableError, match="damaged or truncated"):
        read_scan(archive)
    archive.write_bytes(_encrypted(whole))
    with pytest.raises(UnreadableError, match="password"):
        read_scan(archive)
    other = tmp_path / "study.7z"
    other.write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(200))
    with pytest.raises(NoCTError, match="unpack"):
        read_scan(other)


def _encrypted(content: bytes) -> bytes:
    """A ZIP whose members all say that they are encrypted."""
    marked = bytearray(content)
    for signature, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = content.find(signature)
        while place >= 0:
            marked[place + at] |= 1
            place = content.find(signature, place + 4)
    return bytes(marked)


def test_one_encrypted_file_in_an_archive_is_named(tmp_path: Path) -> None:
    faults.write(faults.series(), tmp_path / "series")
    archive = faults.zipped(tmp_path / "series", tmp_path / "one.zip")
    with zipfile.ZipFile(archive) as opened:
        name = "series/014.dcm"
        at = opened.getinfo(name).header_offset
    marked = bytearray(archive.read_bytes())
    marked[at + 6] |= 1
    central = marked.rindex(name.encode())
    marked[central - 46 + 8] |= 1
    archive.write_bytes(bytes(marked))
    (flag, *_) = read_scan(archive).flags
    assert flag.code == "missing_slices"
    assert name in flag.message


def test_neither_a_file_nor_a_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="neither"):
        read_scan(tmp_path / "pipe")
    with pytest.raises(UnreadableError, match="too long"):
        read_scan(tmp_path / ("x" * 5000))
    (tmp_path / "x.dcm").write_bytes(b"")
    with pytest.raises(UnreadableError, match="empty"):
        read_scan(tmp_path / "x.dcm")


def test_names_that_are_not_text_can_be_shown(tmp_path: Path) -> None:
    paths = faults.write(faults.series(), tmp_path / "ü 日本")
    faults.cut_short(paths[14])
    odd = os.fsencode(paths[14].parent) + b"/\xff\n1.dcm"
    Path(os.fsdecode(odd)).write_bytes(paths[14].read_bytes())
    paths[14].unlink()
    (flag, *_) = read_scan(tmp_path / "ü 日本").flags
    assert "??1.dcm" in flag.message
    flag.message.encode("utf-8")
