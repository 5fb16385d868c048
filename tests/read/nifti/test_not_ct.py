"""What is no head CT is told before it is analysed, and nothing that may be one is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from support.nifti_phantom import PLAIN, head, save

from calcscan.read.nifti.not_ct import why_not_ct

HEAD = head(PLAIN).astype(np.int16)
INSIDE = HEAD > 0


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("sub-01_T1w.nii.gz", "MR image"),
        ("sub-01_ses-1_FLAIR.nii", "MR image"),
        ("sub-01_task-rest_bold.nii.gz", "MR image"),
        ("sub-01_pet.nii.gz", "no head CT"),
        ("sub-01_ct_mask.nii.gz", ""),
        ("sub-01_desc-brain_mask.nii.gz", "mask or label map"),
        ("sub-01_dseg.nii.gz", "mask or label map"),
        ("sub-01_space-T1w_label-GM_probseg.nii.gz", "mask or label map"),
        ("sub-01_rec-MIP_ct.nii.gz", "rec-MIP"),
        ("sub-01_acq-scout_ct.nii.gz", "acq-scout"),
        ("sub-01_space-MNI152NLin2009cAsym_ct.nii.gz", "template"),
        ("sub-01_space-T1w_ct.nii.gz", ""),
        ("sub-01_ct.nii.gz", ""),
        ("sub-01_rec-soft_run-2_ct.nii.gz", ""),
        ("head.nii.gz", ""),
        ("head_mask.nii.gz", ""),
        ("T1w.nii.gz", ""),
    ],
)
def test_by_its_name(tmp_path: Path, name: str, why: str) -> None:
    """All hold the same CT: a name that isn't made as BIDS asks for tells nothing alone."""
    found = why_not_ct(save(tmp_path / name, HEAD))
    assert (why in found) if why else (found == "")


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (INSIDE.astype(np.uint8), "holds no Hounsfield units"),
        (INSIDE.astype(np.int16), "it holds 2 different values, 0 to 1"),
        ((INSIDE * 7).astype(np.float32), "it holds 2 different values, 0 to 7"),
        (np.clip(HEAD / 1000.0, 0.0, 1.0).astype(np.float32), "from 0 to 1 only"),
        (np.clip(HEAD, 0, 255).astype(np.uint8), "can only lie between 0 and 255"),
        (np.zeros(HEAD.shape, np.int16), "it holds 1 different values"),
        (HEAD, ""),
        (HEAD.astype(np.float32), ""),
        (np.clip(HEAD, 0, None).astype(np.int16), ""),
        ((HEAD + 1024).astype(np.uint16), ""),
    ],
)
def test_by_its_values(tmp_path: Path, values: np.ndarray[Any, Any], why: str) -> None:
    rng = np.random.default_rng(1)
    if not why:  # the phantom has few values, a scan has noise
        values = (values + rng.integers(0, 90, values.shape)).astype(values.dtype)
    elif "from 0 to 1" in why:
        values = np.clip(values + rng.random(values.shape).astype(np.float32) / 3, 0, 1)
    found = why_not_ct(save(tmp_path / "head.nii.gz", values))
    assert (why in found) if why else (found == "")


def test_a_mask_is_called_by_its_word(tmp_path: Path) -> None:
    path = save(tmp_path / "Mueller_lesion_mask.nii.gz", INSIDE.astype(np.int16))
    assert why_not_ct(path) == "is a mask or label map by its name (mask) and its values"


def test_eight_bits_with_a_scale_may_hold_hounsfield_units(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.zeros(HEAD.shape, np.uint8), PLAIN)
    image.header.set_slope_inter(16.0, -1024.0)
    noise = np.random.default_rng(1).integers(0, 255, HEAD.shape).astype(np.uint8)
    image = nibabel.Nifti1Image(noise, PLAIN, image.header)
    image.header.set_slope_inter(16.0, -1024.0)
    image.to_filename(tmp_path / "head.nii")
    assert why_not_ct(tmp_path / "head.nii") == ""


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"Modality": "MR"}, "says that it is MR, not CT"),
        ({"ImageType": ["DERIVED", "SECONDARY", "MIP"]}, "not a plain CT"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "localizer"),
        ({"Modality": "CT", "KVP": "abc"}, ""),
    ],
)
def test_by_the_json_beside_it(tmp_path: Path, fields: dict[str, Any], why: str) -> None:
    (tmp_path / "head.json").write_text(json.dumps(fields))
    path = save(tmp_path / "head.nii.gz", HEAD - np.random.default_rng(1).integers(0, 90, HEAD.shape).astype(np.int16))
    found = why_not_ct(path)
    assert (why in found) if why else (found == "")


def test_what_cannot_be_one_volume_is_said(tmp_path: Path) -> None:
    series = np.stack([HEAD, HEAD], axis=-1)
    assert "2 volumes" in why_not_ct(save(tmp_path / "series.nii.gz", series))
    assert "too small" in why_not_ct(save(tmp_path / "scout.nii.gz", HEAD[:, :, :2]))


@pytest.mark.parametrize("content", [b"", b"hello", b"\x1f\x8bdamaged"])
def test_what_cannot_be_read_is_left_to_the_reader(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "head.nii.gz").write_bytes(content)
    assert why_not_ct(tmp_path / "head.nii.gz") == ""
