"""What is neither DICOM nor NIfTI nor a ZIP: said by its content, with what to do."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from PIL import Image
from support import dicom_faults as faults
from support.messages import one_line
from support.nifti_phantom import PLAIN, head

from calcscan.errors import InputError, NoCTError, UnreadableError
from calcscan.read import read_scan

VOLUME = head(PLAIN).astype(np.int16)


def by_itk(path: Path) -> None:
    image = SimpleITK.GetImageFromArray(VOLUME.T.copy())
    SimpleITK.WriteImage(image, str(path))


def mgz(path: Path) -> None:
    nibabel.save(nibabel.MGHImage(VOLUME, PLAIN), path)


def nifti(path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(VOLUME, PLAIN), path)


def slices(folder: Path) -> list[Path]:
    return faults.write(faults.series(), folder)


def tar(path: Path) -> None:
    mode = {".gz": "w:gz", ".tgz": "w:gz", ".bz2": "w:bz2", ".xz": "w:xz"}.get(path.suffix, "w")
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for one in slices(path.parent.parent / "slices"):
            archive.add(one, one.name)


def packed_slice(path: Path) -> None:
    path.write_bytes(gzip.compress(slices(path.parent.parent / "slices")[0].read_bytes()))


def picture(path: Path) -> None:
    Image.new("L", (64, 64)).save(path, format={"jpg": "JPEG", "tif": "TIFF"}.get(path.suffix[1:], path.suffix[1:]))


def of_bytes(content: bytes) -> Callable[[Path], None]:
    return lambda path: (path.write_bytes(content), None)[1]


FORMATS: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "head.nrrd": (by_itk, "NRRD", "SimpleITK"),
    "head.mha": (by_itk, "MetaImage", "SimpleITK"),
    "head.mhd": (by_itk, "MetaImage", "SimpleITK"),
    "head.mgz": (mgz, "FreeSurfer", "nibabel"),
    "head.tar": (tar, "tar archive", "unpack"),
    "head.tgz": (tar, "tar archive", "unpack"),
    "head.tar.gz": (tar, "tar archive", "unpack"),
    "head.tar.bz2": (tar, "bzip2", "unpack"),
    "head.tar.xz": (tar, "xz", "unpack"),
    "1.dcm.gz": (packed_slice, "compressed DICOM file", "gunzip"),
    "head.7z": (of_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(900)), "7z", "unpack"),
    "head.rar": (of_bytes(b"Rar!\x1a\x07\x01\x00" + bytes(900)), "RAR", "unpack"),
    "head.iso": (of_bytes(bytes(32769) + b"CD001" + bytes(900)), "disc image", "open it"),
    "head.zst": (of_bytes(b"\x28\xb5\x2f\xfd" + bytes(900)), "zstd", "unpack"),
    "head.bz2": (of_bytes(bz2.compress(b"x" * 900)), "bzip2", "unpack"),
    "head.xz": (of_bytes(lzma.compress(b"x" * 900)), "xz", "unpack"),
    "head.mnc": (of_bytes(b"\x89HDF\r\n\x1a\n" + bytes(900)), "MINC", "convert"),
    "head.jpg": (picture, "JPEG picture", "as DICOM"),
    "head.png": (picture, "PNG picture", "as DICOM"),
    "head.bmp": (picture, "BMP picture", "as DICOM"),
    "head.tif": (picture, "TIFF picture", "as DICOM"),
    "report.pdf": (of_bytes(b"%PDF-1.4" + bytes(900)), "PDF", "NIfTI"),
    "1.dcm": (
        of_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
        "large-file store", "git lfs pull",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("wrong_name", [False, True])
def test_each_kind_is_named_with_what_to_do(tmp_path: Path, name: str, wrong_name: bool) -> None:
    make, what, hint = FORMATS[name]
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / name
    make(path)
    if wrong_name:
        if name in ("head.mgz",):
            return  # packed, its content begins with small numbers: only its name tells
        path = path.rename(path.with_name("data.bin"))
    for given in (path, path.parent):
        with pytest.raises((NoCTError, UnreadableError)) as caught:
            read_scan(given)
        line = one_line(caught.value)
        assert what in line
        assert hint in caught.value.hint
        assert line.count(hint) == 1


def test_the_suggested_command_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, make in (("head.nrrd", by_itk), ("head.mgz", mgz)):
        make(tmp_path / name)
        with pytest.raises(NoCTError) as caught:
            read_scan(tmp_path / name)
        code = caught.value.hint.split('"')[1]
        exec(code, {})
        assert read_scan(tmp_path / "head.nii.gz").hu.size == VOLUME.size


def test_no_name_becomes_part_of_a_command(tmp_path: Path) -> None:
    by_itk(tmp_path / "own.nrrd")
    path = (tmp_path / "own.nrrd").rename(tmp_path / "x'); print('y.nrrd")
    with pytest.raises(NoCTError) as caught:
        read_scan(path)
    assert "print" not in caught.value.hint
    assert "ReadImage('FILE')" in caught.value.hint


@pytest.mark.parametrize("name", ["head.nii", "head.nii.gz", "volume"])
def test_a_nifti_in_a_folder_or_a_zip(tmp_path: Path, name: str) -> None:
    nifti(tmp_path / "own.nii.gz")
    content = (tmp_path / "own.nii.gz").read_bytes()
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(content if name.endswith("gz") else gzip.decompress(content))
    with pytest.raises(NoCTError, match=f"give the file itself, here {name}") as caught:
        read_scan(tmp_path / "in")
    one_line(caught.value)
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.write(tmp_path / "in" / name, f"x/{name}")
    with pytest.raises(NoCTError, match=f"NIfTI file.*unpack it and give x/{name}"):
        read_scan(tmp_path / "in.zip")


def test_a_zip_in_a_zip(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        for path in slices(tmp_path / "slices"):
            archive.write(path, path.name)
    for name in ("study.zip", "study"):
        with zipfile.ZipFile(tmp_path / "outer.zip", "w") as archive:
            archive.writestr(name, inner.getvalue())
        with pytest.raises(NoCTError, match=f"ZIP archive.*unpack it and give {name}") as caught:
            read_scan(tmp_path / "outer.zip")
        one_line(caught.value)


def test_a_mixture_names_the_kind_that_matters(tmp_path: Path) -> None:
    for number in range(3):
        picture(tmp_path / f"{number}.png")
    by_itk(tmp_path / "z.nrrd")
    with pytest.raises(NoCTError, match=r"3 × a PNG picture") as caught:
        read_scan(tmp_path)
    assert "NRRD" in str(caught.value)
    assert "z.nrrd" in caught.value.hint


@pytest.mark.parametrize("make", [by_itk, tar, packed_slice])
@pytest.mark.parametrize("name", ["head.nii", "head.nii.gz"])
def test_named_nifti_with_other_content(tmp_path: Path, make: Callable[[Path], None], name: str) -> None:
    own = {by_itk: "head.nrrd", tar: "head.tgz", packed_slice: "1.dcm.gz"}[make]
    (tmp_path / "in").mkdir()
    make(tmp_path / "in" / own)
    path = (tmp_path / "in" / own).rename(tmp_path / "in" / name)
    with pytest.raises(InputError) as caught:
        read_scan(path)
    line = one_line(caught.value)
    assert FORMATS[own][1] in line


def test_dicom_named_nifti_is_dicom(tmp_path: Path) -> None:
    for path in slices(tmp_path):
        path.rename(path.with_suffix(".nii"))
    assert read_scan(next(tmp_path.glob("*.nii"))).hu.shape == (28, 48, 44)
