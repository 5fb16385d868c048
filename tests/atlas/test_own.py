"""An atlas of one's own: what is wrong with a folder is said, and a sound one is used."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from support.heads import PALLIDUM
from support.small_scans import small_head

import calcscan
from calcscan.atlas import atlas_folder, check_atlas, load_atlas
from calcscan.batch.model import Settings
from calcscan.batch.status import settings_digest
from calcscan.cli import main
from calcscan.errors import AtlasError

VOLUMES = ("template.nii.gz", "labels.nii.gz", "zones.nii.gz")
Change = Callable[[np.ndarray], np.ndarray]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A copy of the shipped atlas, by a name of its own."""
    folder = tmp_path / "own"
    shutil.copytree(atlas_folder(), folder)
    rewrite(folder, 'name = "mni_ct"', 'name = "ours"')
    return folder


def rewrite(folder: Path, old: str, new: str) -> None:
    path = folder / "manifest.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def stored(folder: Path, name: str, array: np.ndarray, affine: np.ndarray) -> None:
    """Write a volume, and its checksum into the manifest."""
    before = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    nibabel.Nifti1Image(array, affine).to_filename(folder / name)
    rewrite(folder, before, hashlib.sha256((folder / name).read_bytes()).hexdigest())


def changed(folder: Path, name: str, change: Change, *, shift_mm: float = 0.0) -> None:
    """The array (i, j, k) of a volume changed; or all of it moved."""
    image = nibabel.load(folder / name)
    affine = image.affine.copy()
    affine[0, 3] += shift_mm
    stored(folder, name, change(np.asarray(image.dataobj)), affine)


def same(array: np.ndarray) -> np.ndarray:
    return array


def number(site: str, side: str) -> int:
    return next(n for n, held in load_atlas().sites.items() if (held.site, held.side) == (site, side))


def one_fault(folder: Path) -> str:
    faults = check_atlas(folder)
    assert len(faults) == 1, faults
    with pytest.raises(AtlasError, match="can't be used") as refused:
        load_atlas(folder)
    assert faults[0] in str(refused.value)
    return faults[0]


def test_a_copy_by_another_name_has_no_fault_and_says_what_it_is(own: Path) -> None:
    assert check_atlas(own) == ()
    atlas = load_atlas(own)
    assert (atlas.name, atlas.version) == ("ours", load_atlas().version)
    assert load_atlas(str(own)).sha256 == atlas.sha256


def test_a_folder_without_a_manifest_or_with_a_wrong_one_is_refused(own: Path, tmp_path: Path) -> None:
    assert "there is no such folder" in one_fault(tmp_path / "nowhere")
    rewrite(own, 'version = "4"', "version = 4")
    assert "Expected `str`, got `int` - at `$.version`" in one_fault(own)
    (own / "manifest.toml").unlink()
    assert "there is no manifest" in one_fault(own)


def test_unknown_sites_and_sides_are_named(own: Path) -> None:
    rewrite(own, 'site = "pineal"', 'site = "pinael"')
    assert any("unknown site 'pinael'" in fault for fault in check_atlas(own))
    rewrite(own, 'site = "pinael"\nside = "midline"', 'site = "pineal"\nside = "left"')
    assert any("pineal has no side 'left'" in fault for fault in check_atlas(own))


@pytest.mark.parametrize("name", VOLUMES)
def test_missing_damaged_and_changed_files_are_named(own: Path, name: str) -> None:
    content = (own / name).read_bytes()
    (own / name).write_bytes(content[:-100])
    assert f"{name} differs from its checksum" in one_fault(own)
    rewrite(own, hashlib.sha256(content).hexdigest(), hashlib.sha256(content[:-100]).hexdigest())
    assert f"{name} is no compressed NIfTI volume" in one_fault(own)
    (own / name).unlink()
    assert f"{name} is missing" in one_fault(own)


def test_volumes_on_different_grids_are_refused(own: Path) -> None:
    changed(own, "labels.nii.gz", same, shift_mm=2.0)
    assert "labels.nii.gz lies elsewhere in space" in one_fault(own)
    changed(own, "labels.nii.gz", lambda array: array[:-1], shift_mm=-2.0)
    assert "labels.nii.gz has 192 × 233 × 193 voxels" in one_fault(own)


def test_volumes_that_are_not_stored_as_ras_are_refused(own: Path) -> None:
    for name in VOLUMES:
        image = nibabel.load(own / name)
        turned = image.as_reoriented(nibabel.orientations.axcodes2ornt(("L", "A", "S")))
        stored(own, name, np.asarray(turned.dataobj), turned.affine)
    faults = check_atlas(own)
    assert len(faults) == 3
    assert all("not stored as RAS" in fault for fault in faults)


def test_swapped_sides_are_told_in_the_labels_and_in_the_manifest(own: Path) -> None:
    left, right = number("putamen", "left"), number("putamen", "right")
    changed(own, "labels.nii.gz", lambda a: np.where(a == left, right, np.where(a == right, left, a)).astype(np.uint8))
    faults = check_atlas(own)
    assert len(faults) == 2
    assert all("putamen" in fault and "sides swapped" in fault for fault in faults)
    text = (own / "manifest.toml").read_text(encoding="utf-8")
    swapped = text.replace('"left"', '"x"').replace('"right"', '"left"').replace('"x"', '"right"')
    (own / "manifest.toml").write_text(swapped, encoding="utf-8")
    told = [fault for fault in check_atlas(own) if "sides swapped" in fault]
    assert len(told) > 20
    assert not any("putamen" in fault for fault in told)


def test_labels_without_a_site_and_sites_without_labels_are_named(own: Path) -> None:
    thalamus = number("thalamus", "left")
    changed(own, "labels.nii.gz", lambda a: np.where(a == thalamus, 201, a).astype(np.uint8))
    first, second = check_atlas(own)
    assert "the number 201" in first
    assert "thalamus left is not drawn" in second


def test_a_template_that_is_no_ct_or_holds_no_brain_is_refused(own: Path) -> None:
    whole = np.asarray(nibabel.load(own / "template.nii.gz").dataobj)
    changed(own, "template.nii.gz", lambda a: (a / 40).astype(np.float32))
    assert "no CT in HU" in one_fault(own)
    changed(own, "template.nii.gz", lambda a: np.where(whole > 0, whole, np.nan).astype(np.float32))
    assert any("no number" in fault for fault in check_atlas(own))
    changed(own, "template.nii.gz", lambda a: whole)
    changed(own, "zones.nii.gz", lambda a: a & 6)
    assert any("marks no brain" in fault for fault in check_atlas(own))


def test_an_atlas_in_another_space_is_refused(own: Path) -> None:
    for name in VOLUMES:
        image = nibabel.load(own / name)
        affine = image.affine.copy()
        affine[1, 3] += 25.0
        stored(own, name, np.asarray(image.dataobj), affine)
    assert "must be in MNI152 space" in one_fault(own)


def test_a_changed_atlas_may_not_go_by_the_name_of_the_shipped_one(own: Path) -> None:
    rewrite(own, 'name = "ours"', 'name = "mni_ct"')
    assert check_atlas(own) == ()
    assert load_atlas(own).sha256 == load_atlas().sha256
    putamen = number("putamen", "left")
    changed(own, "labels.nii.gz", lambda a: np.where((a == putamen) & (np.arange(193) > 80), 0, a).astype(np.uint8))
    assert "has the name of the shipped atlas" in one_fault(own)


def test_what_the_numbers_stand_for_is_in_the_checksum(own: Path) -> None:
    before = load_atlas(own).sha256
    text = (own / "manifest.toml").read_text(encoding="utf-8")
    renamed = text.replace('"caudate"', '"x"').replace('"putamen"', '"caudate"').replace('"x"', '"putamen"')
    (own / "manifest.toml").write_text(renamed, encoding="utf-8")
    assert load_atlas(own).sha256 != before


def test_a_batch_is_repeated_when_the_atlas_has_changed_and_not_when_it_has_moved(own: Path) -> None:
    without, with_own = settings_digest(Settings()), settings_digest(Settings(atlas=str(own)))
    assert without != with_own
    moved = own.rename(own.with_name("moved"))
    assert settings_digest(Settings(atlas=str(moved))) == with_own
    changed(moved, "zones.nii.gz", lambda a: np.where(a == 7, 1, a).astype(np.uint8))
    assert settings_digest(Settings(atlas=str(moved))) != with_own


def test_the_commands_check_and_use_it(own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["atlas", "--check", str(own)]) == 0
    assert "no fault (ours 4" in capsys.readouterr().out
    pallidum, putamen = (number(site, "left") for site in ("pallidum", "putamen"))
    changed(
        own,
        "labels.nii.gz",
        lambda a: np.where(a == putamen, pallidum, np.where(a == pallidum, putamen, a)).astype(np.uint8),
    )
    scan = small_head(PALLIDUM, tmp_path)
    assert main(["run", str(scan), "-o", str(tmp_path / "out"), "--atlas", str(own), "--quiet"]) == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["atlas"]["name"] == "ours"
    assert report["atlas"]["sha256"] == load_atlas(own).sha256
    assert {(one["site"], one["side"]) for one in report["lesions"]} == {("putamen", "left"), ("pallidum", "right")}

    verified = [
        "verify",
        str(scan),
        "-o",
        str(tmp_path / "verified"),
        "--atlas",
        str(own),
        "--deposits",
        "1",
        "--quiet",
    ]
    assert main(verified) == 0
    tried = json.loads((tmp_path / "verified" / "verify.json").read_text(encoding="utf-8"))
    assert tried["atlas"]["name"] == "ours"

    (own / "zones.nii.gz").unlink()
    assert main(["atlas", "--check", str(own), "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {"faults": ["zones.nii.gz is missing"]}
    assert main(["run", str(scan), "-o", str(tmp_path / "no"), "--atlas", str(own), "--quiet"]) == 1
    assert main(["batch", str(tmp_path), "-o", str(tmp_path / "no"), "--atlas", str(own), "--quiet"]) == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 2
    assert all("zones.nii.gz is missing" in line and "calcscan atlas --check" in line for line in errors)
    assert not (tmp_path / "no").exists()


def test_an_atlas_may_be_given_as_it_was_loaded(sample_result: calcscan.Result) -> None:
    named = replace(load_atlas(), name="of ours")
    again = calcscan.analyse_scan(sample_result.scan, atlas=named)
    assert again.atlas.name == "of ours"
    assert again.lesions is not None
    assert sample_result.lesions is not None
    assert again.lesions.lesions == sample_result.lesions.lesions
