"""The atlas that is shipped."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from calcscan.atlas import atlas_folder, load_atlas, read_manifest
from calcscan.atlas import load as module
from calcscan.errors import AtlasError
from calcscan.knowledge.sites import all_sites

NOT_DRAWN = {name for name, site in all_sites().items() if not site.drawn}
"""Attributed by depth in the head itself, or not looked for."""


def centre_lps_mm(site: str, side: str) -> np.ndarray:
    atlas = load_atlas()
    number = next(n for n, s in atlas.sites.items() if (s.site, s.side) == (site, side))
    return np.argwhere(atlas.labels == number).mean(axis=0) @ atlas.affine[:3, :3].T + atlas.affine[:3, 3]


def test_every_site_and_side_has_a_number_and_is_drawn() -> None:
    atlas = load_atlas()
    expected = {(name, side) for name, site in all_sites().items() for side in site.sides if side}
    assert {(site.site, site.side) for site in atlas.sites.values()} == expected
    drawn = {(atlas.sites[int(n)].site, atlas.sites[int(n)].side) for n in np.unique(atlas.labels) if n}
    assert drawn == {pair for pair in expected if pair[0] not in NOT_DRAWN}


@pytest.mark.parametrize("site", [n for n, s in all_sites().items() if s.paired and n not in NOT_DRAWN])
def test_left_is_the_persons_left_and_mirrors_right(site: str) -> None:
    left, right = centre_lps_mm(site, "left"), centre_lps_mm(site, "right")
    assert left[0] > 0 > right[0]  # LPS: x grows to the person's left
    np.testing.assert_allclose(left * [-1, 1, 1], right, atol=5.0)


# Where textbooks in MNI space have them, (x, y, z) RAS mm of the right side; within 8 mm.
TEXTBOOK = {
    "caudate": (13, 10, 10),
    "putamen": (26, 2, 0),
    "pallidum": (19, -4, -1),
    "thalamus": (11, -18, 7),
    "dentate": (15, -60, -34),
}


@pytest.mark.parametrize("site", TEXTBOOK)
def test_nuclei_lie_where_textbooks_have_them(site: str) -> None:
    x, y, z = TEXTBOOK[site]
    assert np.linalg.norm(centre_lps_mm(site, "right") - [-x, -y, z]) < 8.0


def test_pineal_lies_behind_the_habenula_in_the_midline() -> None:
    pineal, habenula = centre_lps_mm("pineal", "midline"), centre_lps_mm("habenula", "midline")
    assert abs(pineal[0]) < 2
    assert abs(habenula[0]) < 2
    assert 4 < pineal[1] - habenula[1] < 12  # LPS: y grows to the back


def test_a_damaged_atlas_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "mni_ct"
    shutil.copytree(atlas_folder(), broken)
    monkeypatch.setattr(module, "atlas_folder", lambda: broken)
    load_atlas()
    raw = bytearray((broken / "labels.nii.gz").read_bytes())
    raw[200] ^= 1
    (broken / "labels.nii.gz").write_bytes(bytes(raw))
    with pytest.raises(AtlasError, match="differs from its checksum"):
        load_atlas()
    (broken / "labels.nii.gz").unlink()
    with pytest.raises(AtlasError, match="is missing"):
        load_atlas()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "mni_ct"', "name = ", "Invalid value"),
        ('name = "mni_ct"', "name = 7", "Expected `str`, got `int` - at `$.name`"),
        ('licence = "Apache-2.0"\n', "", "missing required field `licence` - at `$.source[0]`"),
        ('site = "caudate"', 'site = "nowhere"', "unknown site 'nowhere'"),
    ],
    ids=["no TOML", "wrong type", "missing entry", "unknown site"],
)
def test_a_damaged_manifest_is_refused_with_the_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, message: str
) -> None:
    broken = tmp_path / "mni_ct"
    shutil.copytree(atlas_folder(), broken)
    monkeypatch.setattr(module, "atlas_folder", lambda: broken)
    text = (broken / "manifest.toml").read_text(encoding="utf-8")
    assert old in text
    (broken / "manifest.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(AtlasError, match="manifest") as refused:
        load_atlas()
    assert message in str(refused.value)


def test_an_unknown_atlas_is_refused() -> None:
    with pytest.raises(AtlasError, match="nowhere: there is no such folder"):
        load_atlas("nowhere")
    with pytest.raises(AtlasError, match="no atlas named nowhere"):
        atlas_folder("nowhere")


def test_every_source_states_its_licence() -> None:
    sources = read_manifest(atlas_folder()).sources
    assert len(sources) == 5
    assert all(source.licence and source.version and len(source.sha256) == 64 for source in sources)
    assert not any("GPL" in source.licence or "NC" in source.licence.split() for source in sources)
