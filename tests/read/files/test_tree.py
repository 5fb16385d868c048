"""What is in a folder, whatever it is: each thing once, nothing opened that may hang, nothing lost without a word."""

from __future__ import annotations

import gzip
import os
import shutil
import socket
import warnings
import zipfile
from pathlib import Path

import msgspec
import numpy as np
import pytest
from support import dicom_faults as faults
from support.messages import one_line

from calcscan.errors import NoCTError, UnreadableError
from calcscan.knowledge.reading import ReadingSettings
from calcscan.knowledge.settings import load
from calcscan.model import Scan
from calcscan.read import read_scan
from calcscan.read.files.inputs import source_files
from calcscan.read.files.kinds import kind_of
from calcscan.read.files.tree import walk

SETTINGS = load(ReadingSettings)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("input") / "series"
    faults.write(faults.series(rows=24, columns=22, pixel_mm=(9.0, 8.4)), path)
    return path


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "in"))


def listed(root: Path, **named: Path) -> dict[str, str]:
    """Path below the root → problem; what is reached twice in brackets."""
    found = [entry for folder in walk(root, **named) for entry in folder.entries]
    problems = {
        str(entry.path.relative_to(root)): f"({entry.problem})" if entry.again else entry.problem for entry in found
    }
    assert len(problems) == len(found)
    return problems


def flags(scan: Scan) -> dict[str, str]:
    return {code: " ".join(f.message for f in scan.flags if f.code == code) for code in {f.code for f in scan.flags}}


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


# ---- the tree


def test_names_that_begin_with_a_dot_count(tmp_path: Path) -> None:
    touch(tmp_path / ".scan" / "1", tmp_path / ".hidden.dcm", tmp_path / "__MACOSX" / "2")
    assert listed(tmp_path) == {".hidden.dcm": "", ".scan/1": "", "__MACOSX/2": ""}


def test_pipes_sockets_and_devices_are_listed_and_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "to pipe").symlink_to("pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket"))
        assert listed(tmp_path) == {
            "device": "is a device, not a file",
            "pipe": "is a pipe, not a file",
            "socket": "is a socket, not a file",
            "to pipe": "is a pipe, not a file",
        }


def test_links_to_nothing_and_to_themselves(tmp_path: Path) -> None:
    (tmp_path / "dead").symlink_to("nothing")
    (tmp_path / "through a file").symlink_to("file/nothing")
    (tmp_path / "self").symlink_to("self")
    touch(tmp_path / "file")
    assert listed(tmp_path) == {
        "dead": "is a broken link",
        "file": "",
        "self": "is a link to itself",
        "through a file": "is a broken link",
    }


def test_linked_folders_are_followed_and_loops_end(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere" / "deep" / "1", tmp_path / "root" / "own" / "2")
    root = tmp_path / "root"
    (root / "a").symlink_to(tmp_path / "elsewhere")
    (root / "b").symlink_to(tmp_path / "elsewhere" / "deep")  # within the one before
    (root / "c").symlink_to(root / "own")
    (root / "loop").symlink_to(root)
    (root / "up").symlink_to(tmp_path)
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "elsewhere")
    same = "(is a folder that was already read under another name)"
    assert listed(root) == {
        "a/back": same,
        "a/deep": same,
        "b/1": "",
        "c": same,
        "loop": same,
        "own/2": "",
        "up": "is a link to a folder that contains it",
    }


def test_a_linked_file_is_listed_once(tmp_path: Path) -> None:
    touch(tmp_path / "root" / "one", tmp_path / "two")
    (tmp_path / "root" / "a").symlink_to("one")
    for name in "bc":
        (tmp_path / "root" / name).symlink_to(tmp_path / "two")
    same = "(is a link to a file that is already in the input)"
    assert listed(tmp_path / "root") == {"a": same, "b": "", "c": same, "one": ""}


def test_version_control_folders_are_skipped_but_links_into_them_are_read(tmp_path: Path) -> None:
    touch(tmp_path / ".git" / "annex" / "objects" / "k1")
    (tmp_path / "IM1").symlink_to(".git/annex/objects/k1")
    assert listed(tmp_path) == {".git": "is a version-control folder", "IM1": ""}


def test_one_folder_may_be_left_out(tmp_path: Path) -> None:
    touch(tmp_path / "out" / "1", tmp_path / "in" / "2")
    (tmp_path / "again").symlink_to("out")
    place = "is the output folder"
    assert listed(tmp_path, without=tmp_path / "in" / ".." / "out") == {"again": place, "in/2": "", "out": place}


def test_a_folder_that_may_not_be_opened_costs_only_itself(
    copy: Path, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    shutil.move(copy, copy.with_name("moved"))
    copy = copy.with_name("moved")
    (copy / "locked").mkdir()
    really = os.scandir

    def refuse(path: object) -> object:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return really(path)  # type: ignore[call-overload]

    monkeypatch.setattr("os.scandir", refuse)
    assert listed(copy)["locked"] == "is a folder that can't be opened (Permission denied)"
    scan = read_scan(copy)
    assert len(scan.hu) == 28
    assert "locked is a folder that can't be opened (Permission denied)" in flags(scan)["missing_slices"]


# ---- what a file is


@pytest.mark.parametrize(
    ("name", "start", "use"),
    [
        ("x.zip", b"", "image"),
        ("x", b"PK\3\4rest", "image"),
        ("x", b"\x1f\x8b\x08", "image"),
        ("x", b"\0" * 257 + b"ustar", "image"),
        ("IM1.DCM.GZ", b"\x1f\x8b\x08", "slice"),
        ("IM1", b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "slice"),
        ("IM1", b"/annex/objects/MD5E-s1--0.dcm\n", "slice"),
        ("head.nrrd", b"", "image"),
        ("head", b"NRRD0004\n", "image"),
        ("head.mha", b"", "image"),
        ("._IM1.dcm", b"\0\5\26\7", "leftover"),
        ("a/.DS_Store", b"\0\0\0\1Bud1", "leftover"),
        ("report.docx", b"PK\3\4rest", "none"),
        ("viewer.exe", b"MZ", "none"),
        ("IM1", b"", "image"),
        ("IM1", b"anything", "image"),
        # content before name
        ("IM1.gz", gzip.compress(bytes(128) + b"DICM" + bytes(400), mtime=0), "slice"),
        ("IM1", gzip.compress(bytes(128) + b"DICM" + bytes(400), mtime=0), "slice"),
        ("readme.txt", b"NRRD0004\n", "image"),
        ("viewer.exe", b"PK\3\4rest", "image"),
        ("head.nii", b"%PDF-1.4", "none"),
        ("IM1.dcm.gz", gzip.compress(b"%PDF-1.4", mtime=0), "none"),
        ("scene.vti", b'<?xml version="1.0"?>\n<VTKFile type="ImageData">', "image"),
        ("page", b'<?xml version="1.0"?>\n<html>', "none"),
        ("disc", bytes(32769) + b"CD001", "image"),
        ("IM1", b"BM and what follows is no picture", "image"),
        ("notes.txt", gzip.compress(bytes(148) + b"calcscan 0.1" + bytes(184) + b"n+1\0", mtime=0), "none"),
    ],
)
def test_the_use_of_a_file_follows_from_name_and_content(name: str, start: bytes, use: str) -> None:
    assert kind_of(name, start, SETTINGS.kinds).use == use


def test_every_kind_of_the_table_can_be_found() -> None:
    kinds = SETTINGS.kinds.kind
    for key, kind in kinds.items():
        assert kind.begins or kind.packed_begins or kind.names, key
        assert set(kind.within) <= set(kinds), key
        assert kind.command.count("FILE") == bool(kind.command), key


# ---- a series among all this


def test_files_that_are_no_slices_are_named_and_cost_nothing(copy: Path) -> None:
    os.mkfifo(copy / "pipe.dcm")
    (copy / "inner.zip").write_bytes(b"PK\3\4")
    (copy / "all.tar").write_bytes(b"tar")
    scan = read_scan(copy)
    assert len(scan.hu) == 28
    assert set(flags(scan)) == {"left_out"}
    said = flags(scan)["left_out"]
    for part in ("inner.zip is an archive", "unpack it", "all.tar", "pipe.dcm is a pipe, not a file", "3 files were"):
        assert part in said
    assert {choice.description for choice in scan.series if not choice.chosen} == {"inner.zip", "all.tar", "pipe.dcm"}


@pytest.mark.parametrize("kind", ["dead link", "pointer", "annex pointer", "gzip"])
def test_a_placeholder_file_may_be_a_missing_slice(copy: Path, kind: str) -> None:
    path = copy / "005.dcm"
    content = path.read_bytes()
    path.unlink()
    if kind == "dead link":
        path.symlink_to("../gone")
    elif kind == "gzip":
        path = copy / "005.dcm.gz"
        path.write_bytes(b"\x1f\x8b\x08" + content)
    else:
        pointers = {"pointer": "version https://git-lfs.github.com/spec/v1\n", "annex pointer": "/annex/objects/X\n"}
        path = copy / "005"
        path.write_text(pointers[kind])
    scan = read_scan(copy)
    assert len(scan.hu) == 27
    assert path.name in flags(scan)["missing_slices"]
    assert "left_out" not in flags(scan)


def test_names_of_any_bytes(copy: Path) -> None:
    for number, path in enumerate(sorted(copy.iterdir())):
        name = os.fsdecode(b"\xff\n\x1b[31m=" + str(number).encode())
        path.rename(copy / name)
    (copy / os.fsdecode(b"\xfe.dcm")).write_bytes(b"nothing")
    scan = read_scan(copy)
    assert len(scan.hu) == 28
    assert "?.dcm" in flags(scan)["missing_slices"]
    one_line_of_flags = " ".join(flag.message for flag in scan.flags)
    assert one_line_of_flags.isprintable()
    one_line_of_flags.encode()


def test_hidden_names_are_read(copy: Path, tmp_path: Path) -> None:
    for path in sorted(copy.iterdir()):
        path.rename(copy / f".{path.name}")
    copy.rename(tmp_path / ".scan")
    assert len(read_scan(tmp_path).hu) == 28


def test_two_studies_in_one_folder_are_flagged(copy: Path) -> None:
    faults.write(faults.series(slices=9, StudyDate="20250101", PatientID="P1"), copy)
    scan = read_scan(copy)
    assert len(scan.hu) == 28
    assert "1 other study in the input was not used" in flags(scan)["left_out"]
    assert "calcscan batch" in flags(scan)["left_out"]
    assert any(choice.reason.startswith("another study") for choice in scan.series)


# ---- archives


def pack(folder: Path, archive: Path, names: list[str]) -> Path:
    with warnings.catch_warnings(), zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        warnings.simplefilter("ignore")
        for name, path in zip(names, sorted(folder.iterdir()), strict=True):
            target.writestr(name, path.read_bytes())
    return archive


@pytest.mark.parametrize("together", [2, 3, 28])
def test_entries_of_one_name_are_all_read(folder: Path, tmp_path: Path, together: int) -> None:
    archive = pack(folder, tmp_path / "x.zip", [f"DICOM/{n // together:03d}.dcm" for n in range(28)])
    scan = read_scan(archive)
    assert np.array_equal(scan.hu, read_scan(folder).hu)
    assert not scan.flags
    with source_files(archive) as files:
        assert len({file.name for file in files}) == 28
        assert all(file.claims_dicom for file in files)


def test_entries_of_one_name_without_instance_uids_are_all_read(tmp_path: Path) -> None:
    faults.write(faults.series(rows=24, columns=22, pixel_mm=(9.0, 8.4)), tmp_path / "s")
    from pydicom import dcmread

    for path in (tmp_path / "s").iterdir():
        image = dcmread(path)
        del image.SOPInstanceUID
        image.save_as(path)
    assert len(read_scan(pack(tmp_path / "s", tmp_path / "x.zip", ["IM"] * 28)).hu) == 28


def test_names_in_an_archive_may_be_anything(folder: Path, tmp_path: Path) -> None:
    names = [f"\x1b[31m{'üüü日'[n % 2 * 3]}{n % 2 * 'x'}üüü\\..\\{n}\n.dcm" for n in range(28)]
    archive = pack(folder, tmp_path / "x.zip", names)
    content = archive.read_bytes().replace("üüü".encode(), 3 * b"\xff\xfe")  # no UTF-8, though it is marked as such
    archive.write_bytes(content)
    assert len(read_scan(archive).hu) == 28
    pack(folder, archive, names)
    assert len(read_scan(archive).hu) == 28
    with source_files(archive) as files:
        assert all(file.name.isprintable() for file in files)


def test_mac_leftovers_in_an_archive_are_ignored_but_hidden_slices_are_read(folder: Path, tmp_path: Path) -> None:
    archive = pack(folder, tmp_path / "x.zip", [f"__MACOSX/.{n}" for n in range(28)])
    with zipfile.ZipFile(archive, "a") as target:
        target.writestr("__MACOSX/._1.dcm", b"\0\5\26\7resource fork")
        target.writestr(".DS_Store", b"\0\0\0\1Bud1")
    scan = read_scan(archive)
    assert len(scan.hu) == 28
    assert not scan.flags


def test_an_archive_within_an_archive_is_named(folder: Path, tmp_path: Path) -> None:
    inner = pack(folder, tmp_path / "inner.zip", [f"{n}" for n in range(28)])
    outer = tmp_path / "outer.zip"
    with zipfile.ZipFile(outer, "w") as target:
        target.write(inner, "study/inner.zip")
    with pytest.raises(NoCTError) as caught:
        read_scan(outer)
    assert "inner.zip" in one_line(caught.value)
    with zipfile.ZipFile(outer, "a") as target:
        for path in folder.iterdir():
            target.write(path, path.name)
    assert "study/inner.zip is an archive within the input: unpack it" in flags(read_scan(outer))["left_out"]


def test_entries_that_share_their_bytes_are_refused(folder: Path, tmp_path: Path) -> None:
    archive = pack(folder, tmp_path / "x.zip", [f"{n}.dcm" for n in range(28)])
    with zipfile.ZipFile(archive, "a") as target:
        for n in range(200):
            info = zipfile.ZipInfo(f"more{n}.dcm")
            first = target.filelist[0]
            info.header_offset, info.compress_size = first.header_offset, first.compress_size
            info.file_size, info.CRC, info.compress_type = first.file_size, first.CRC, first.compress_type
            target.filelist.append(info)
        target._didModify = True  # type: ignore[attr-defined]
    with pytest.raises(UnreadableError, match="overlap"):
        read_scan(archive)


def test_an_archive_has_a_limit_as_a_whole(folder: Path, tmp_path: Path) -> None:
    archive = pack(folder, tmp_path / "x.zip", [f"{n}.dcm" for n in range(28)])
    settings = msgspec.structs.replace(SETTINGS, max_archive_bytes=20_000)
    with pytest.raises(UnreadableError, match="would unpack to"):
        read_scan(archive, settings=settings)


def test_other_files_in_an_archive_are_not_unpacked(folder: Path, tmp_path: Path) -> None:
    archive = pack(folder, tmp_path / "x.zip", [f"{n}.dcm" for n in range(28)])
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as target:
        target.writestr("bomb.bin", bytes(50_000_000))
    with source_files(archive) as files:
        (bomb,) = [file for file in files if file.name == "bomb.bin"]
        import tracemalloc

        from calcscan.read.headers.parse import read_images

        tracemalloc.start()
        assert read_images(bomb, SETTINGS) == []
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
        tracemalloc.stop()
