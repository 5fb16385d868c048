"""NIfTI: what the file holds, how it is packed, and whether its values are Hounsfield units."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from support.ball_phantom import BALL_MM
from support.messages import one_line
from support.nifti_phantom import PLAIN, SHAPE, ball, codes, head

from calcscan.errors import GeometryError, InputError, UnreadableError
from calcscan.model import AIR_HU
from calcscan.read import read_scan
from calcscan.report.labelmaps import affine_off_mm

rng = np.random.default_rng(7)
HEAD = head(PLAIN)
NOISY = HEAD + rng.normal(0, 6, HEAD.shape)
"""No two voxels alike, as in a scan: not to be taken for a map of labels."""


def save(path: Path, data: np.ndarray, kind: Any = nibabel.Nifti1Image) -> Path:
    nibabel.save(kind(data, PLAIN), path)
    return path


NOT_HOUNSFIELD = {
    "1024 added": NOISY + 1024,
    "1000 added": NOISY + 1000,
    "1024 added, unsigned": np.clip(NOISY + 1024, 0, None).astype(np.uint16),
    "cut off at 0": np.clip(NOISY, 0, None),
    "brain window": np.clip(NOISY, 0, 80),
    "brain window, 8 bits": (np.clip(NOISY, 0, 80) / 80 * 255).astype(np.uint8),
    "wide window, 8 bits": (np.clip(NOISY + 200, 0, 1000) / 1000 * 255).astype(np.uint8),
    "0 to 100": np.clip(NOISY + 20, 0, 100).astype(np.int16),
    "0 to 1": ((NOISY - NOISY.min()) / np.ptp(NOISY)).astype(np.float32),
    "-1 to 1": (2 * (NOISY - NOISY.min()) / np.ptp(NOISY) - 1).astype(np.float32),
    "z scores": ((NOISY - NOISY.mean()) / NOISY.std()).astype(np.float32),
    "MR": np.abs(np.where(HEAD > -200, 700, 0) + rng.normal(0, 40, HEAD.shape)).astype(np.int16),
    "1024 added, corners filled": np.where(HEAD[..., :1] < -900, AIR_HU, NOISY + 1024),
    "upside down": -NOISY,
    "attenuation per cm": ((NOISY / 1000 + 1) * 0.19).astype(np.float32),
}


@pytest.mark.parametrize("name", NOT_HOUNSFIELD)
def test_what_is_not_hounsfield_units(tmp_path: Path, name: str) -> None:
    data = NOT_HOUNSFIELD[name]
    data = data.astype(np.float32) if data.dtype == np.float64 else data
    assert "not_hounsfield" in codes(read_scan(save(tmp_path / "head.nii.gz", data)))


def test_1024_added_and_the_rest_not_a_number(tmp_path: Path) -> None:
    body = HEAD > -500
    grown = body | np.roll(body, 3, 0) | np.roll(body, -3, 0) | np.roll(body, 3, 1) | np.roll(body, -3, 1)
    data = np.where(grown, NOISY + 1024, np.nan).astype(np.float32)
    assert "not_hounsfield" in codes(read_scan(save(tmp_path / "head.nii.gz", data)))


@pytest.mark.parametrize("labels", [np.arange(2), np.arange(0, 40), np.array([0, 1, 7, 14175])])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_a_mask_or_label_map(tmp_path: Path, labels: np.ndarray, dtype: type) -> None:
    if labels.max() > np.iinfo(np.uint8).max and dtype == np.uint8:
        return
    scan = read_scan(save(tmp_path / "mask.nii.gz", rng.choice(labels, SHAPE).astype(dtype)))
    assert any(flag.code == "not_hounsfield" and "mask or label map" in flag.message for flag in scan.flags)


def test_hounsfield_units_in_every_type(tmp_path: Path) -> None:
    expected = np.rint(NOISY.clip(AIR_HU)).astype(np.int16).T[:, ::1, ::1]
    for dtype in (np.int16, np.int32, np.float32, np.float64, ">i2", ">f4"):
        path = save(tmp_path / "head.nii", np.rint(NOISY).astype(dtype))
        scan = read_scan(path)
        assert np.array_equal(np.sort(scan.hu, axis=None), np.sort(expected, axis=None))
        assert not scan.flags
        assert np.linalg.norm(ball(scan) - BALL_MM) < 1.0


def test_a_big_endian_header(tmp_path: Path) -> None:
    header = nibabel.Nifti1Header(endianness=">")
    header.set_data_dtype(">i2")
    image = nibabel.Nifti1Image(np.rint(NOISY).astype(">i2"), PLAIN, header)
    nibabel.save(image, tmp_path / "head.nii.gz")
    assert gzip.decompress((tmp_path / "head.nii.gz").read_bytes())[:4] == b"\0\0\1\\"
    scan = read_scan(tmp_path / "head.nii.gz")
    assert not scan.flags
    assert np.linalg.norm(ball(scan) - BALL_MM) < 1.0


def test_not_a_number_and_infinite(tmp_path: Path) -> None:
    data = NOISY.astype(np.float32)
    data[:2], data[2, 0, 0], data[2, 0, 1] = np.nan, np.inf, -np.inf
    scan = read_scan(save(tmp_path / "head.nii", data))
    assert set(np.unique(scan.hu[:, :, :2])) == {AIR_HU}
    (flag,) = (flag for flag in scan.flags if "have no value" in flag.message)
    assert flag.value == np.isnan(data).sum()
    assert scan.hu[0, 0, 2] == 32767
    assert scan.hu[1, 0, 2] == AIR_HU


def scaled(path: Path, data: np.ndarray, slope: float, intercept: float) -> Path:
    save(path, data)
    with path.open("r+b") as file:
        file.seek(112)
        file.write(np.array([slope, intercept], "<f4").tobytes())
    return path


@pytest.mark.parametrize("slope", [0.0, float("nan"), float("inf")])
def test_a_slope_that_means_no_scaling(tmp_path: Path, slope: float) -> None:
    scan = read_scan(scaled(tmp_path / "head.nii", np.rint(NOISY).astype(np.int16), slope, -1024.0))
    assert not scan.flags
    assert scan.hu.max() == np.rint(NOISY).max()


def test_an_intercept_that_is_not_a_number(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="scl_inter") as caught:
        read_scan(scaled(tmp_path / "head.nii", np.rint(NOISY).astype(np.int16), 1.0, float("nan")))
    one_line(caught.value)


def test_not_one_greyscale_volume(tmp_path: Path) -> None:
    volume = np.rint(NOISY).astype(np.int16)
    cases: dict[str, tuple[np.ndarray, str]] = {
        "colour": (np.zeros((20, 20, 20), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")]), "colours"),
        "complex": (volume.astype(np.complex64), "complex"),
        "several": (np.stack([volume] * 5, axis=-1), r"4-dimensional data: 5 volumes"),
        "six": (np.stack([volume] * 6, axis=-1).reshape(*SHAPE, 1, 2, 3), r"6-dimensional data: 6 volumes"),
        "flat": (volume[:, :, 3], "2-dimensional"),
        "slices in time": (volume[:, :, None, :], "28 volumes"),
    }
    for name, (data, words) in cases.items():
        with pytest.raises(InputError, match=words) as caught:
            read_scan(save(tmp_path / f"{name}.nii", data))
        one_line(caught.value)
    assert read_scan(save(tmp_path / "one.nii", volume[..., None, None])).hu.shape == (28, 48, 44)


@pytest.mark.parametrize("name", ["head.nii", "head.nii.gz", "HEAD.NII", "head.NII.GZ", "head", "head.img.nii"])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_compressed_or_not_whatever_the_name(tmp_path: Path, name: str, packed: bool, kind: Any) -> None:
    content = save(tmp_path / "own.nii", np.rint(NOISY).astype(np.int16), kind).read_bytes()
    (tmp_path / name).write_bytes(gzip.compress(content) if packed else content)
    scan = read_scan(tmp_path / name)
    assert not scan.flags
    assert np.linalg.norm(ball(scan) - BALL_MM) < 1.0


@pytest.mark.parametrize("kind", [nibabel.Nifti1Pair, nibabel.Nifti2Pair])
def test_a_pair_by_either_half(tmp_path: Path, kind: Any) -> None:
    save(tmp_path / "head.img", np.rint(NOISY).astype(np.int16), kind)
    for name in ("head.img", "head.hdr"):
        scan = read_scan(tmp_path / name)
        assert not scan.flags
        assert np.linalg.norm(ball(scan) - BALL_MM) < 1.0
    (tmp_path / "head.img").unlink()
    with pytest.raises(UnreadableError, match=r"head\.img, is missing") as caught:
        read_scan(tmp_path / "head.hdr")
    one_line(caught.value)


def test_analyze_has_no_orientation(tmp_path: Path) -> None:
    nibabel.save(nibabel.AnalyzeImage(np.rint(NOISY).astype(np.int16), None), tmp_path / "head.img")
    scan = read_scan(tmp_path / "head.hdr")
    assert scan.hu.size == NOISY.size
    assert scan.hu.max() == np.rint(NOISY).max()
    assert codes(scan) == {"laterality_unknown"}


def test_a_file_without_read_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "head.nii.gz", np.rint(NOISY).astype(np.int16))

    def refuse(self: Path, *args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UnreadableError, match="Permission denied") as caught:
        read_scan(path)
    one_line(caught.value)


@pytest.mark.parametrize("kept", [0.02, 0.5, 0.98])
@pytest.mark.parametrize("name", ["head.nii", "head.nii.gz"])
def test_cut_short(tmp_path: Path, name: str, kept: float) -> None:
    path = save(tmp_path / name, np.rint(NOISY).astype(np.int16))
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(UnreadableError) as caught:
        read_scan(path)
    assert "truncated" in one_line(caught.value)


def test_a_flipped_bit_in_a_packed_file(tmp_path: Path) -> None:
    path = save(tmp_path / "head.nii.gz", np.rint(NOISY).astype(np.int16))
    content = bytearray(path.read_bytes())
    content[-8] ^= 1  # the checksum itself
    path.write_bytes(content)
    with pytest.raises(UnreadableError, match="CRC"):
        read_scan(path)
    content[-8] ^= 1
    path.write_bytes(bytes(content) + b"and something that was appended")
    assert not read_scan(path).flags


@pytest.mark.parametrize(("size", "at"), [(348, 123), (540, 500)])
def test_any_value_in_the_unit_field(tmp_path: Path, size: int, at: int) -> None:
    kind = nibabel.Nifti1Image if size == 348 else nibabel.Nifti2Image
    content = bytearray(save(tmp_path / "head.nii", np.rint(NOISY).astype(np.int16), kind).read_bytes())
    for value in (6, 7, 0xFE):
        content[at] = value
        content[at + 1] = 0xFE if size == 540 else content[at + 1]
        (tmp_path / "head.nii").write_bytes(content)
        scan = read_scan(tmp_path / "head.nii")
        assert np.linalg.norm(ball(scan) - BALL_MM) < 1.0
        assert scan.stored is not None
        assert affine_off_mm(scan.geometry, scan.stored) < 1e-3


def test_a_header_that_does_not_say_what_it_is(tmp_path: Path) -> None:
    for kind, at in ((nibabel.Nifti1Image, 344), (nibabel.Nifti2Image, 4)):
        content = bytearray(save(tmp_path / "head.nii", np.rint(NOISY).astype(np.int16), kind).read_bytes())
        content[at : at + 4] = bytes(4)
        (tmp_path / "head.nii").write_bytes(content)
        if kind is nibabel.Nifti1Image:  # what Analyze looks like
            assert codes(read_scan(tmp_path / "head.nii")) == {"laterality_unknown"}
        else:
            with pytest.raises(UnreadableError, match="NIfTI-2"):
                read_scan(tmp_path / "head.nii")


def bomb(path: Path, shape: tuple[int, int, int], dtype: type) -> Path:
    """A small file that says and would unpack to a huge volume."""
    header = nibabel.Nifti1Header()
    header.set_data_shape(shape)
    header.set_data_dtype(dtype)
    header.set_sform(np.diag([0.2, 0.2, 0.2, 1]), 1)
    header["pixdim"][1:4], header["vox_offset"] = 0.2, 352
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(header.binaryblock + b"\0\0\0\0")
        for _ in range(64):
            stream.write(bytes(1 << 20))
    return path


@pytest.mark.parametrize(("shape", "dtype"), [((2000, 2000, 1000), np.uint8), ((1000, 1000, 1000), np.int16)])
def test_a_volume_larger_than_any_head_is_refused_before_it_is_unpacked(
    tmp_path: Path, shape: tuple[int, int, int], dtype: type
) -> None:
    path = bomb(tmp_path / "head.nii.gz", shape, dtype)
    tracemalloc.start()
    with pytest.raises(GeometryError, match="larger than any head CT") as caught:
        read_scan(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    one_line(caught.value)
    assert peak < 2e7


def test_reading_takes_the_memory_of_one_volume(tmp_path: Path) -> None:
    big = np.kron(np.rint(NOISY).astype(np.float32), np.ones((3, 3, 2), np.float32))
    steps = PLAIN.copy()
    steps[:3, :3] /= [3, 3, 2]
    nibabel.save(nibabel.Nifti1Image(big, steps), tmp_path / "head.nii.gz")
    read_scan(tmp_path / "head.nii.gz")
    tracemalloc.start()
    scan = read_scan(tmp_path / "head.nii.gz")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2.5 * scan.hu.nbytes  # the file's own array, and the one in slices
