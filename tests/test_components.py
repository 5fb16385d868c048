"""lesion_table against the flood fill of naive.py, on every edge case we could think of."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from support.naive import component_rows, components

from calcscan._kernels import components as kernels
from calcscan.components import ROW, label_with, lesion_table

CONNECTIVITIES = (6, 18, 26)


def check(hu, threshold, mask, connectivity):
    labels, table = lesion_table(hu, threshold, mask=mask, connectivity=connectivity)
    expected = components(hu, threshold, mask, connectivity)
    assert labels.dtype == np.int32
    assert table.dtype == ROW
    np.testing.assert_array_equal(labels, expected)
    rows = component_rows(hu, expected)
    assert len(table) == len(rows)
    for got, row in zip(table, rows, strict=True):
        assert (int(got["voxels"]), int(got["sum_hu"]), int(got["max_hu"])) == (
            row["voxels"],
            row["sum_hu"],
            row["max_hu"],
        )
        np.testing.assert_allclose(got["centroid_kji"], row["centroid_kji"], rtol=1e-12)
        assert got["bbox"].tolist() == row["bbox"]


@st.composite
def volumes(draw):
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 19)))
    hu = draw(arrays.arrays(np.int16, shape, elements=st.sampled_from([-32768, -1000, 30, 129, 130, 131, 400, 32767])))
    mask = draw(st.none() | arrays.arrays(np.bool_, shape))
    return hu, mask


@settings(max_examples=120, deadline=None)
@given(
    volume=volumes(),
    connectivity=st.sampled_from(CONNECTIVITIES),
    threshold=st.sampled_from([130, -32768, 32767, 129.5]),
)
def test_same_as_flood_fill(volume, connectivity, threshold):
    hu, mask = volume
    check(hu, threshold, mask, connectivity)


@pytest.mark.parametrize("connectivity", CONNECTIVITIES)
@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.6, 0.95])
def test_noise_over_many_parts(connectivity, share):
    """40 slices: three parts, joined across their borders."""
    rng = np.random.default_rng(7)
    check(np.where(rng.random((40, 7, 23)) < share, 300, 20).astype(np.int16), 130, None, connectivity)


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_any_number_of_threads_gives_the_same(threads):
    rng = np.random.default_rng(3)
    hu = rng.integers(-100, 180, (70, 20, 33), dtype=np.int16)
    one = label_with(hu, 130, mask=None, connectivity=26, threads=1)
    many = label_with(hu, 130, mask=None, connectivity=26, threads=threads)
    np.testing.assert_array_equal(one[0], many[0])
    np.testing.assert_array_equal(one[1], many[1])


@pytest.mark.parametrize(("gap", "joined"), [((0, 0, 1), (6, 18, 26)), ((0, 1, 1), (18, 26)), ((1, 0, 1), (18, 26)),
                                             ((1, 1, 0), (18, 26)), ((1, 1, 1), (26,)), ((1, -1, 1), (26,)),
                                             ((1, -1, -1), (26,)), ((0, 0, 2), ())])  # fmt: skip
def test_touching_by_face_edge_corner(gap, joined):
    hu = np.zeros((5, 5, 5), np.int16)
    hu[2, 2, 2] = hu[2 + gap[0], 2 + gap[1], 2 + gap[2]] = 200
    for connectivity in CONNECTIVITIES:
        assert len(lesion_table(hu, connectivity=connectivity)[1]) == (1 if connectivity in joined else 2)


def test_a_snail_is_one_and_the_number_is_that_of_its_first_voxel():
    hu = np.zeros((1, 7, 9), np.int16)
    hu[0, 0, 8] = 200  # 1, met first
    for j, row in enumerate(["", "", "#######", "#.....#", "#.###.#", "#...#.#", "#####.#"]):
        hu[0, j, : len(row)] = [200 if c == "#" else 0 for c in row]
    labels, table = lesion_table(hu, connectivity=6)
    assert labels[0, 0, 8] == 1
    assert len(table) == 2
    check(hu, 130, None, 6)


@pytest.mark.parametrize("flip", [(0,), (1,), (2,), (0, 1, 2)])
def test_flips_and_padding_change_numbers_only(flip):
    rng = np.random.default_rng(11)
    hu = rng.integers(-50, 200, (6, 9, 11), dtype=np.int16)
    sizes = sorted(lesion_table(hu)[1]["voxels"].tolist())
    assert sorted(lesion_table(np.flip(hu, flip))[1]["voxels"].tolist()) == sizes
    assert sorted(lesion_table(np.pad(hu, 3, constant_values=-1024))[1]["voxels"].tolist()) == sizes


@pytest.mark.parametrize("shape", [(0, 4, 4), (4, 0, 4), (4, 4, 0), (0, 0, 0)])
def test_empty(shape):
    labels, table = lesion_table(np.zeros(shape, np.int16))
    assert labels.shape == shape
    assert len(table) == 0


def test_nothing_above():
    labels, table = lesion_table(np.zeros((3, 4, 5), np.int16))
    assert not labels.any()
    assert table.shape == (0,)
    assert table.dtype == ROW


def test_read_only_and_non_contiguous_and_untouched():
    rng = np.random.default_rng(2)
    base = rng.integers(-100, 300, (12, 10, 16), dtype=np.int16)
    before = base.copy()
    view = base[::2, ::-1, 1::3]
    frozen = np.ascontiguousarray(view)
    frozen.flags.writeable = False
    for a, b in zip(lesion_table(view), lesion_table(frozen), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(lesion_table(np.asfortranarray(frozen))[0], lesion_table(frozen)[0])
    np.testing.assert_array_equal(base, before)


def test_integer_mask_is_not_zero_for_within():
    hu = np.full((2, 3, 4), 200, np.int16)
    mask = np.zeros((2, 3, 4), np.int64)
    mask[0, 1, 2] = 256
    assert lesion_table(hu, mask=mask)[1]["voxels"].tolist() == [1]


@pytest.mark.parametrize("columns", [1, 7, 200])
def test_as_many_runs_as_there_can_be_find_room(columns):
    """Every second voxel: more runs in a row than there is room for at first."""
    hu = np.where(np.indices((5, 40, columns)).sum(axis=0) % 2, 40, 300).astype(np.int16)
    labels, table = lesion_table(hu, connectivity=6)
    np.testing.assert_array_equal(labels, components(hu, 130, None, 6))
    assert len(table) == np.count_nonzero(hu == 300)
    assert (table["voxels"] == 1).all()
    assert (table["sum_hu"] == 300).all()


@pytest.mark.parametrize(
    ("arguments", "options", "name"),
    [
        ((np.zeros((2, 2, 2), np.float32),), {}, "hu"),
        ((np.full((2, 2, 2), np.nan),), {}, "hu"),
        ((np.zeros((2, 2, 2), np.int32),), {}, "hu"),
        ((np.zeros((2, 2, 2), ">i2"),), {}, "hu"),
        ((np.zeros((2, 2), np.int16),), {}, "hu"),
        (([[[1]]],), {}, "hu"),
        ((np.zeros((2, 2, 2), np.int16), np.nan), {}, "threshold_hu"),
        ((np.zeros((2, 2, 2), np.int16), np.inf), {}, "threshold_hu"),
        ((np.zeros((2, 2, 2), np.int16), 32768), {}, "threshold_hu"),
        ((np.zeros((2, 2, 2), np.int16), -32769), {}, "threshold_hu"),
        ((np.zeros((2, 2, 2), np.int16), "130"), {}, "threshold_hu"),
        ((np.zeros((2, 2, 2), np.int16),), {"mask": np.ones((2, 2, 3), bool)}, "mask"),
        ((np.zeros((2, 2, 2), np.int16),), {"mask": np.ones((2, 2, 2))}, "mask"),
        ((np.zeros((2, 2, 2), np.int16),), {"connectivity": 8}, "connectivity"),
        ((np.zeros((2, 2, 2), np.int16),), {"connectivity": None}, "connectivity"),
    ],
)
def test_wrong_arguments_are_named(arguments, options, name):
    with pytest.raises(ValueError, match=f"^{name} "):
        lesion_table(*arguments, **options)


def test_python_source_of_the_kernels_agrees():
    """What is compiled is what is written: the same functions, uncompiled."""
    rng = np.random.default_rng(5)
    hu = rng.integers(-50, 180, (3, 4, 9), dtype=np.int16)
    expected = components(hu, 130, None, 26)
    counts, above = np.zeros(12, np.int64), np.zeros(16, np.uint8)
    plain = {name: getattr(f, "py_func", f) for name, f in vars(kernels).items() if callable(f)}
    nothing = np.empty((0, 0, 0), np.uint8)
    edge, total, top = np.zeros((60, 2), np.int32), np.zeros(60, np.int64), np.zeros(60, np.int16)
    assert plain["find_runs"](hu, nothing, 130, 0, 12, 0, above, counts, edge, total, top) == 12
    start = np.concatenate([[0], np.cumsum(counts)])
    parent = np.arange(start[-1], dtype=np.int32)
    plain["join_slices"](start, edge, parent, 4, 26, 0, 3, False)
    count = plain["number"](parent)
    labels = np.zeros(hu.shape, np.int32)
    plain["write_labels"](start, edge, parent, 0, 3, labels)
    np.testing.assert_array_equal(labels, expected)
    sums, peak, box = (
        np.zeros((count, 5), np.int64),
        np.full(count, -32768, np.int16),
        np.zeros((count, 3, 2), np.int32),
    )
    box[:, :, 0] = 99
    plain["tabulate"](start, edge, parent, total, top, 4, sums, peak, box)
    for number, row in enumerate(component_rows(hu, expected)):
        assert (sums[number, 0], sums[number, 1], peak[number]) == (row["voxels"], row["sum_hu"], row["max_hu"])
        assert box[number].tolist() == row["bbox"]


WARM = """
from calcscan._kernels import components
from calcscan._kernels.cache import is_kept
from calcscan._kernels.warm import _kernels
from calcscan.components import warm_up
kernels = [kernel for kernel in _kernels() if kernel.py_func.__module__ == components.__name__]
print(bool(kernels), any(kernel.signatures for kernel in kernels))
warm_up()
print(all(kernel.signatures for kernel in kernels), is_kept(object()))
"""


def test_warm_after_warming():
    """In a process of its own: here other tests have warmed them long since."""
    done = subprocess.run([sys.executable, "-c", WARM], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False", "True", "False"]
