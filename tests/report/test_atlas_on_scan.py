"""What a viewer needs to see the atlas on the scan: the sites as a label map, and the transform that leads there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from support.grids import GRIDS
from support.results import make_result

from calcscan.atlas import load_atlas
from calcscan.grid.displacement import Displacement
from calcscan.grid.geometry import Geometry, apply
from calcscan.model import Atlas, Registration, Result
from calcscan.report.atlas_sites import atlas_sites
from calcscan.report.label_runs import labels_of, runs_of
from calcscan.report.transforms import transform_text
from calcscan.report.write import report_files

TURNED = np.array([[0.98, -0.17, 0.05, 4.0], [0.17, 0.98, 0.02, -7.0], [-0.05, -0.01, 1.04, 12.0], [0, 0, 0, 1]])


def bent() -> Registration:
    """A registration with an affine and a bend of some millimetres that ends at its edge."""
    nodes = np.zeros((9, 9, 9, 3), dtype=np.float32)
    nodes[1:-1, 1:-1, 1:-1] = np.random.default_rng(3).normal(0.0, 2.0, (7, 7, 7, 3))
    affine = np.array([[0, 0, 5.0, -20], [0, 5.0, 0, -20], [5.0, 0, 0, -20], [0, 0, 0, 1]])
    return Registration(
        scan_to_atlas=TURNED, method="affine", metric=0.9, overlap=0.95, accepted=True, reason="",
        displacement=Displacement(shift_mm=nodes, affine=affine),
    )  # fmt: skip


def by_every_voxel(geometry: Geometry, registration: Registration, atlas: Atlas) -> npt.NDArray[np.uint8]:
    """The naive way: each voxel by itself."""
    out = np.zeros(geometry.shape, dtype=np.uint8)
    for kji in np.ndindex(*geometry.shape):
        at = registration.to_atlas(geometry.to_world(np.array(kji, dtype=float)))
        k, j, i = np.rint(apply(np.linalg.inv(atlas.affine), at)).astype(int)
        if all(0 <= n < size for n, size in zip((k, j, i), atlas.labels.shape, strict=True)):
            out[kji] = atlas.labels[k, j, i]
    return out


@pytest.mark.parametrize("name", ["axes 0", "axes 5", "tilted", "uneven"])
def test_each_voxel_has_the_site_that_the_atlas_has_there(name: str) -> None:
    geometry, atlas = GRIDS[name], load_atlas()
    every = Geometry(
        origins_mm=geometry.origins_mm[::3],
        step_i_mm=geometry.step_i_mm * 3,
        step_j_mm=geometry.step_j_mm * 3,
        slab_mm=geometry.slab_mm[::3] * 3,
        rows=geometry.rows // 3,
        columns=geometry.columns // 3,
    )
    found = atlas_sites(every, bent(), atlas)
    assert len(np.unique(found)) > 20
    assert np.array_equal(found, by_every_voxel(every, bent(), atlas))


def test_itk_takes_a_point_of_the_scan_to_where_calcscan_does(tmp_path: Path) -> None:
    path = tmp_path / "scan_to_atlas.tfm"
    path.write_bytes(transform_text(bent()))
    transform = sitk.ReadTransform(str(path))
    points = np.random.default_rng(5).uniform(-80.0, 80.0, (500, 3))
    by_itk = np.array([transform.TransformPoint(point.tolist()) for point in points])
    assert np.abs(by_itk - bent().to_atlas(points)).max() < 1e-4
    assert np.abs(by_itk - apply(TURNED, points)).max() > 1.0  # the bend is in it
    assert transform_text(bent()) == path.read_bytes()


def test_resampled_by_it_the_atlas_lies_where_the_label_map_has_it(sample_result: Result, tmp_path: Path) -> None:
    files = report_files(sample_result)
    for name in ("scan_to_atlas.tfm", "atlas_sites.nii.gz"):
        (tmp_path / name).write_bytes(files[name])
    written = sitk.ReadImage(str(tmp_path / "atlas_sites.nii.gz"))
    atlas = sample_result.atlas
    labels = sitk.GetImageFromArray(atlas.labels)
    axes = np.asarray(atlas.affine)[:3, [2, 1, 0]]
    spacing = np.linalg.norm(axes, axis=0)
    labels.SetSpacing(spacing.tolist())
    labels.SetDirection((axes / spacing).ravel().tolist())
    labels.SetOrigin(np.asarray(atlas.affine)[:3, 3].tolist())
    transform = sitk.ReadTransform(str(tmp_path / "scan_to_atlas.tfm"))
    by_itk = sitk.GetArrayFromImage(sitk.Resample(labels, written, transform, sitk.sitkNearestNeighbor))
    ours = sitk.GetArrayFromImage(written)
    some = (ours > 0) | (by_itk > 0)
    assert (ours[some] == by_itk[some]).mean() > 0.995
    lesions = sample_result.lesions
    assert lesions is not None
    at_lesions = ours[lesions.labels > 0]
    pallida = [site.label for site in atlas.sites.values() if site.site == "pallidum"]
    assert np.isin(at_lesions, pallida).mean() > 0.7
    assert nib.load(tmp_path / "atlas_sites.nii.gz").get_data_dtype() == np.uint8


@pytest.mark.parametrize("case", ["not registered", "abstained", "refused"])
def test_where_no_site_is_stated_nothing_says_where_sites_are(case: str) -> None:
    result = make_result(refused=case == "refused", accepted=case != "not registered")
    if case == "abstained":
        result = replace(make_result(), quality=replace(result.quality, state="abstain"))
    assert not {name for name in report_files(result) if "atlas" in name}


labels = st.lists(st.sampled_from([0, 0, 0, 1, 2, 2**31 - 1]), min_size=24, max_size=24)


@given(labels)
def test_a_label_map_as_text_is_the_same_label_map(values: list[int]) -> None:
    volume = np.array(values, dtype=np.int32).reshape(2, 3, 4)
    assert np.array_equal(labels_of(runs_of(volume), (2, 3, 4)), volume)


@pytest.mark.parametrize("damage", ["", "AAAA", "not base64!", "another grid"])
def test_text_that_is_no_label_map_is_refused(damage: str) -> None:
    text = runs_of(np.full((5, 5, 5), 3, dtype=np.int32)) if damage == "another grid" else damage
    with pytest.raises(ValueError, match="runs"):
        labels_of(text, (2, 3, 4))
