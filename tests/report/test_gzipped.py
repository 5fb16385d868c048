"""A gzip file made in parts is one that any program reads."""

from __future__ import annotations

import gzip
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calcscan.report import gzipped as module
from calcscan.report.gzipped import gzipped

contents = st.lists(st.sampled_from([0, 0, 0, 1, 255]), max_size=200)


@given(st.binary(max_size=20), contents)
def test_it_holds_what_was_put_in(head: bytes, values: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_PART_BYTES", 16)
        made = gzipped(head, np.array(values, dtype=np.uint8))
    assert gzip.decompress(made) == head + bytes(values)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, ">i4"])
def test_a_large_array_that_is_mostly_empty(dtype: str | type) -> None:
    array = np.zeros((40, 256, 301), dtype=dtype)
    array[17, 100:120, 30:50] = np.random.default_rng(1).integers(1, 200, (20, 20))
    for given_array in (array, array[::-1], array.T):
        made = gzipped(b"head", given_array)
        reader = zlib.decompressobj(zlib.MAX_WBITS | 16)  # reads one member and no more
        assert reader.decompress(made) + reader.flush() == b"head" + given_array.tobytes()
        assert reader.eof
        assert not reader.unused_data
        assert made == gzipped(b"head", given_array)
