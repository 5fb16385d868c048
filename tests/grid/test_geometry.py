"""Where voxels lie: `Geometry` against the textbook."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from calcscan.grid.geometry import Geometry

angles = st.floats(-180.0, 180.0)
spacings = st.floats(0.3, 8.0)


@st.composite
def geometries(draw: st.DrawFn) -> Geometry:
    """Any stack: turned, tilted, unevenly spaced, anisotropic."""
    turn = Rotation.from_euler("xyz", [draw(angles) for _ in range(3)], degrees=True).as_matrix()
    tilt = np.tan(np.radians(draw(st.floats(-30.0, 30.0))))
    gaps = np.array([draw(spacings) for _ in range(draw(st.integers(1, 6)))])
    heights = np.concatenate([[0.0], np.cumsum(gaps)])
    away = np.full_like(heights, draw(st.floats(-200, 200)))
    origins = np.stack([away, heights * tilt, heights], axis=1)
    return Geometry(
        origins_mm=origins @ turn.T,
        step_i_mm=turn @ [draw(spacings), 0, 0],
        step_j_mm=turn @ [0, draw(spacings), 0],
        slab_mm=np.concatenate([gaps, gaps[-1:]]),
        rows=7,
        columns=9,
    )


@given(geometries(), st.integers(0, 2**32 - 1))
def test_index_and_world_undo_each_other(grid: Geometry, seed: int) -> None:
    kji = np.random.default_rng(seed).uniform(-0.5, 1.0, (20, 3)) * np.array(grid.shape)
    np.testing.assert_allclose(grid.to_index(grid.to_world(kji)), kji, atol=1e-6)


@given(geometries())
def test_voxel_centres_lie_where_dicom_puts_them(grid: Geometry) -> None:
    for k, j, i in [(0, 0, 0), (grid.shape[0] - 1, 3, 2)]:
        expected = grid.origins_mm[k] + j * grid.step_j_mm + i * grid.step_i_mm
        np.testing.assert_allclose(grid.to_world([k, j, i]), expected, atol=1e-9)


@given(st.floats(-30, 30), spacings, spacings, spacings)
def test_a_voxel_is_the_determinant_not_the_product_of_spacings(
    tilt_deg: float, dk: float, dj: float, di: float
) -> None:
    matrix = np.eye(4)
    matrix[:3, 0] = [0.0, dk * np.tan(np.radians(tilt_deg)), dk]
    matrix[:3, 1], matrix[:3, 2] = [0.0, dj, 0.0], [di, 0.0, 0.0]
    grid = Geometry.from_affine(matrix, (5, 4, 3))
    np.testing.assert_allclose(grid.voxel_mm3, abs(np.linalg.det(matrix[:3, :3])))
    assert grid.tilt_deg == pytest.approx(abs(tilt_deg), abs=1e-6)
    np.testing.assert_allclose(grid.affine(), matrix, atol=1e-9)
    assert grid.irregularity_mm() == pytest.approx(0.0, abs=1e-9)


def test_uneven_slices_are_told() -> None:
    grid = Geometry(
        origins_mm=np.array([[0.0, 0, 0], [0, 0, 1], [0, 0, 8]]),
        step_i_mm=np.array([1.0, 0, 0]),
        step_j_mm=np.array([0, 1.0, 0]),
        slab_mm=np.array([1.0, 4.0, 7.0]),
        rows=2,
        columns=2,
    )
    assert grid.irregularity_mm() == pytest.approx(3.0)
    np.testing.assert_allclose(grid.to_world([1.5, 0, 0]), [0, 0, 4.5])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"origins_mm": np.array([[0.0, 0, 1], [0, 0, 0]])}, "advance"),
        ({"slab_mm": np.array([1.0, 0.0])}, "slab_mm"),
        ({"slab_mm": np.array([1.0])}, "slab_mm"),
        ({"step_j_mm": np.array([2.0, 0, 0])}, "span a plane"),
        ({"origins_mm": np.array([[0.0, 0, np.nan], [0, 0, 1]])}, "finite"),
        ({"origins_mm": np.zeros((2, 2))}, "shape"),
    ],
)
def test_what_is_no_stack_is_refused(change: dict[str, np.ndarray], message: str) -> None:
    good = {
        "origins_mm": np.array([[0.0, 0, 0], [0, 0, 1]]),
        "step_i_mm": np.array([1.0, 0, 0]),
        "step_j_mm": np.array([0, 1.0, 0]),
        "slab_mm": np.array([1.0, 1.0]),
    }
    with pytest.raises(ValueError, match=message):
        Geometry(**{**good, **change}, rows=2, columns=2)


def test_the_arrays_of_a_geometry_can_not_be_changed() -> None:
    grid = Geometry.regular(shape=(2, 2, 2), spacing_mm=(1.0, 1.0, 1.0))
    with pytest.raises(ValueError, match="read-only"):
        grid.origins_mm[0, 0] = 5.0


@given(geometries())
def test_many_points_lie_where_each_does_by_itself(grid: Geometry) -> None:
    kji = np.random.default_rng(4).uniform(-3.0, 12.0, (700, 3))
    assert np.array_equal(grid.to_world(kji), np.array([grid.to_world(one) for one in kji]))
    assert grid.to_world(kji.reshape(7, 100, 3)).shape == (7, 100, 3)
