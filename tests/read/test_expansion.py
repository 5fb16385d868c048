"""Small files that unpack to more than any CT are refused before they are unpacked, and cost only themselves."""

from __future__ import annotations

import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import nibabel
import numpy as np
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian
from support import dicom_faults as faults

from calcscan.errors import UnreadableError
from calcscan.read import read_scan
from calcscan.read.files.inputs import source_files

_MOST_BYTES = 200 << 20
"""What reading the small series may take; the bombs hold several times as much."""


def _pumped(content: bytes, at: int, zeros: bytes) -> bytes:
    """Deflated content with zeros put in, which are packed once and repeated."""
    start, end = zlib.compressobj(9, zlib.DEFLATED, -15), zlib.compressobj(9, zlib.DEFLATED, -15)
    filler = zlib.compressobj(9, zlib.DEFLATED, -15)
    chunk = filler.compress(bytes(1 << 24)) + filler.flush(zlib.Z_FULL_FLUSH)
    head = start.compress(content[:at] + zeros) + start.flush(zlib.Z_FULL_FLUSH)
    return head + chunk * 64 + end.compress(content[at:]) + end.flush()


@pytest.fixture
def deflated_bomb(tmp_path: Path) -> Path:
    """A deflated series of which one file holds a private element of a GiB."""
    folder = tmp_path / "series"
    paths = faults.write(faults.series(), folder, syntax=DeflatedExplicitVRLittleEndian)
    whole = paths[5].read_bytes()
    begin = 144 + struct.unpack("<I", whole[140:144])[0]
    content = zlib.decompress(whole[begin:], -15)
    element = struct.pack("<HH2sHI", 9, 0x1010, b"OB", 0, 64 << 24)
    paths[5].write_bytes(whole[:begin] + _pumped(content, content.index(b"\x10\x00\x10\x00"), element))
    return folder


def test_a_deflated_file_made_to_fill_the_memory_costs_only_itself(deflated_bomb: Path) -> None:
    tracemalloc.start()
    scan = read_scan(deflated_bomb)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(scan.hu) == 27
    assert any("005.dcm would unpack to" in flag.message for flag in scan.flags if flag.code == "missing_slices")
    assert most < _MOST_BYTES


def test_an_entry_made_to_fill_the_memory_costs_only_itself(tmp_path: Path) -> None:
    faults.write(faults.series(), tmp_path / "series")
    archive = faults.zipped(tmp_path / "series", tmp_path / "series.zip")
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("series/more.dcm", bytes(128) + b"DICM" + bytes(80 << 20))
        opened.writestr("series/blank.txt", bytes(60 << 20))  # empty, but not too large
    tracemalloc.start()
    scan = read_scan(archive)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(scan.hu) == 28
    assert any("more.dcm would unpack to 84 MB" in flag.message for flag in scan.flags)
    assert not any("blank" in flag.message for flag in scan.flags)
    assert most < 60 << 20


def test_an_entry_that_claims_more_than_any_ct_is_not_opened(tmp_path: Path) -> None:
    faults.write(faults.series(), tmp_path / "series")
    archive = faults.zipped(tmp_path / "series", tmp_path / "series.zip")
    whole = bytearray(archive.read_bytes())
    at = whole.index(b"PK\1\2")
    whole[at + 24 : at + 28] = struct.pack("<I", 0xFFFFFFF0)
    archive.write_bytes(whole)
    with source_files(archive) as files:
        (claims,) = [file for file in files if file.problem]
        with pytest.raises(UnreadableError, match="would unpack to 4,295 MB"):
            claims.open()


def test_a_long_value_is_skipped(tmp_path: Path) -> None:
    """A private element of 3 GB, of which the disk holds nothing, takes no memory, and the slice is read."""
    path = faults.write(faults.series(), tmp_path)[3]
    whole = path.read_bytes()
    at = whole.index(b"\x10\x00\x10\x00PN")
    with path.open("wb") as file:
        file.write(whole[:at] + struct.pack("<HH2sHI", 9, 0x1010, b"OB", 0, 3 << 30))
        file.seek(3 << 30, 1)
        file.write(whole[at:])
    tracemalloc.start()
    scan = read_scan(tmp_path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(scan.hu) == 28
    assert not scan.flags
    assert most < _MOST_BYTES


def test_a_nifti_whose_values_begin_far_behind_its_header_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "head.nii"
    nibabel.Nifti1Image(np.zeros((16, 16, 10), np.int16), np.eye(4)).to_filename(path)
    whole = bytearray(path.read_bytes())
    whole[108:112] = struct.pack("<f", 6e9)
    path.write_bytes(whole)
    with pytest.raises(UnreadableError, match="values begin at byte 6,000,000,000"):
        read_scan(path)
