"""Bringing the atlas onto heads: repeatable, from any position, and honest about failure."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from heads import FALX, PALLIDUM, box_scan, egg, moved, sample, sample_head

from calcscan.atlas import load_atlas
from calcscan.geometry import Array
from calcscan.model import AtlasFit
from calcscan.register import register
from calcscan.skull import find_skull


def to_atlas(fit: AtlasFit, points: Array) -> Array:
    return fit.to_atlas(points)


@pytest.fixture(scope="module")
def fit() -> AtlasFit:
    return register(sample_head(PALLIDUM), load_atlas())


def test_the_fit_is_believed_and_keeps_left_left(fit: AtlasFit) -> None:
    assert fit.accepted
    assert fit.flags == ()
    assert fit.overlap > 0.93
    assert fit.metric > 0.6
    assert np.linalg.det(fit.scan_to_atlas[:3, :3]) > 0


def test_the_same_head_gives_the_same_transform_to_the_last_bit(fit: AtlasFit) -> None:
    threads = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    try:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(4)
        again = register(sample_head(PALLIDUM), load_atlas())
        assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == 4
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
    np.testing.assert_array_equal(again.scan_to_atlas, fit.scan_to_atlas)


@pytest.mark.parametrize("angles_deg", [(25.0, -10.0, 15.0), (-28.0, 20.0, -30.0)])
def test_a_turned_head_comes_to_the_same_place(fit: AtlasFit, angles_deg: tuple[float, float, float]) -> None:
    scan, shift_mm = sample(PALLIDUM), (40.0, -55.0, 300.0)
    turned = moved(scan, angles_deg=angles_deg, shift_mm=shift_mm)
    found = register(find_skull(turned), load_atlas())
    assert found.accepted
    index = np.array([[35.0, 110, 100], [35, 110, 150], [41, 150, 128], [50, 90, 128]])
    here = to_atlas(found, turned.geometry.to_world(index))
    np.testing.assert_allclose(here, to_atlas(fit, scan.geometry.to_world(index)), atol=2.0)


def test_what_does_not_fit_is_not_believed() -> None:
    """A ball of brain has no face, no ventricles, no hemispheres."""
    found = register(find_skull(box_scan(egg())), load_atlas())
    assert not found.accepted
    assert {flag.code for flag in found.flags} == {"registration_poor"}
    assert all(flag.limit is not None for flag in found.flags)
    assert found.reason


def test_calcification_does_not_steer() -> None:
    scan = sample(FALX)
    hu = np.array(scan.hu)
    k, j, i = np.rint(scan.geometry.to_index([18.0, 0.0, -40.0])).astype(int)
    hu[k - 6 : k + 6, j - 14 : j + 14, i - 14 : i + 14] = 600  # 24 mm across
    large = type(scan)(hu=hu, geometry=scan.geometry)
    plain, full = (register(h, load_atlas()) for h in (sample_head(FALX), find_skull(large)))
    points = scan.geometry.to_world(np.array([[k, j, i], [k + 10, j, i - 30]], dtype=float))
    assert full.accepted
    np.testing.assert_allclose(to_atlas(full, points), to_atlas(plain, points), atol=2.0)
