"""Checksums of an input: contents count, names and places do not."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from support import dicom_faults as faults
from support.nifti_phantom import PLAIN, head, save

from calcscan.read import input_files, picture_sha256, read_scan
from calcscan.read.find_input import find_input

HEAD = head(PLAIN).astype(np.int16)


@given(contents=st.lists(st.binary(max_size=20), min_size=1, max_size=6), names=st.permutations("abcdef"))
def test_names_and_folders_do_not_count(tmp_path_factory: object, contents: list[bytes], names: list[str]) -> None:
    first: Path = tmp_path_factory.mktemp("first")  # type: ignore[attr-defined]
    second: Path = tmp_path_factory.mktemp("second") / "below" / "it"  # type: ignore[attr-defined]
    second.mkdir(parents=True)
    for number, content in enumerate(contents):
        (first / str(number)).write_bytes(content)
        (second / names[number]).write_bytes(content)
    assert input_files(first) == input_files(second.parent)
    (second / names[0]).write_bytes(contents[0] + b"!")
    assert input_files(first).sha256 != input_files(second.parent).sha256


def test_a_nifti_is_taken_with_its_json(tmp_path: Path) -> None:
    path = save(tmp_path / "head.nii.gz", HEAD)
    alone = input_files(path)
    assert (alone.kind, alone.files, alone.bytes) == ("nifti", 1, path.stat().st_size)
    (tmp_path / "head.json").write_text(json.dumps({"KVP": 120}))
    (tmp_path / "other.json").write_text("{}")
    both = input_files(path)
    assert both.files == 2
    assert both.sha256 != alone.sha256


def test_a_folder_and_a_zip_of_it_show_the_same_picture(tmp_path: Path) -> None:
    folder = tmp_path / "scan"
    faults.write(faults.series(), folder)
    with zipfile.ZipFile(tmp_path / "scan.zip", "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, path.name)
    one, other = read_scan(folder), read_scan(tmp_path / "scan.zip")
    assert picture_sha256(one) == picture_sha256(other)
    assert input_files(folder).kind == "folder"
    assert input_files(tmp_path / "scan.zip").kind == "zip"
    hu = one.hu.copy()
    hu[3, 4, 5] += 1
    assert picture_sha256(replace(one, hu=hu)) != picture_sha256(one)


def test_an_input_is_found_by_its_contents(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    path = save(tmp_path / "a" / "head.nii.gz", HEAD)
    (tmp_path / "a" / "head.json").write_text('{"KVP": 120}')
    save(tmp_path / "a" / "other.nii.gz", HEAD // 2)
    known = input_files(path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert find_input(known, [tmp_path]) == tmp_path / "b" / "head.nii.gz"
    (tmp_path / "b" / "head.json").write_text('{"KVP": 121}')
    assert find_input(known, [tmp_path]) is None
