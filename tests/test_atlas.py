"""The atlas that is shipped."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from calcscan import atlas as module
from calcscan.atlas import atlas_folder, load_atlas, read_manifest
from calcscan.errors import AtlasError
from calcscan.knowledge.sites import all_sites

NOT_DRAWN = {"convexity_dura", "scalp"}
"""Told by depth in the head itself, or not looked for."""


def centre_lps_mm(site: str, side: str) -> np.ndarray:
    atlas = load_atlas()
    number = next(n for n, s in atlas.sites.items() if (s.site, s.side) == (site, side))
    return np.argwhere(atlas.labels == number).mean(axis=0) @ atlas.affine[:3, :3].T + atlas.affine[:3, 3]


def test_every_site_and_side_of_the_contract_has_a_number_and_a_place() -> None:
    atlas = load_atlas()
    expected = {(name, side) for name, site in all_sites().items() for side in site.sides if side}
    assert {(s.site, s.side) for s in atlas.sites.values()} == expected
    drawn = {(atlas.sites[int(n)].site, atlas.sites[int(n)].side) for n in np.unique(atlas.labels) if n}
    assert drawn == {pair for pair in expected if pair[0] not in NOT_DRAWN}


@pytest.mark.parametrize("site", [n for n, s in all_sites().items() if s.paired and n not in NOT_DRAWN])
def test_left_is_the_persons_left_and_right_its_mirror_image(site: str) -> None:
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
    monkeypatch.setattr(module, "atlas_folder", lambda name: broken)
    load_atlas()
    raw = bytearray((broken / "labels.nii.gz").read_bytes())
    raw[200] ^= 1
    (broken / "labels.nii.gz").write_bytes(bytes(raw))
    with pytest.raises(AtlasError, match="differs from its checksum"):
        load_atlas()
    (broken / "labels.nii.gz").unlink()
    with pytest.raises(AtlasError, match="can't be read"):
        load_atlas()
    (broken / "manifest.toml").write_text("name = ", encoding="utf-8")
    with pytest.raises(AtlasError, match="manifest"):
        load_atlas()


def test_an_unknown_atlas_is_refused() -> None:
    with pytest.raises(AtlasError, match="no atlas named nowhere"):
        load_atlas("nowhere")


def test_every_source_states_its_licence() -> None:
    sources = read_manifest(atlas_folder())["source"]
    assert len(sources) == 5
    assert all(source["licence"] and source["version"] and len(source["sha256"]) == 64 for source in sources)
    assert not any("GPL" in source["licence"] or "NC" in source["licence"].split() for source in sources)
