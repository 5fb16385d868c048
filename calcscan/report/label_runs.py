"""A label map as text: the runs of equal labels along its rows, so that report.json can hold what a reader drew."""

from __future__ import annotations

import base64
import zlib

import numpy as np
import numpy.typing as npt

_MOST_VOXELS = 1 << 31


def runs_of(labels: npt.NDArray[np.int32]) -> str:
    """Base64 of the compressed runs (start in C order, length, label), little-endian int64, of labels (k, j, i) ≠ 0.

    >>> labels = np.array([[[0, 7, 7, 0], [3, 0, 0, 0]]], dtype=np.int32)
    >>> bool((labels_of(runs_of(labels), labels.shape) == labels).all())
    True
    """
    at = np.flatnonzero(labels)
    values = labels.reshape(-1)[at].astype(np.int64)
    begins = np.ones(len(at), dtype=np.bool_)
    begins[1:] = (np.diff(at) != 1) | (np.diff(values) != 0)
    first = np.flatnonzero(begins)
    lengths = np.diff(np.append(first, len(at)))
    table = np.stack([at[first], lengths, values[first]]).astype("<i8")
    return base64.b64encode(zlib.compress(table.tobytes(), 9)).decode("ascii")


def labels_of(runs: str, shape: tuple[int, int, int]) -> npt.NDArray[np.int32]:
    """The labels (k, j, i) again.

    Raises
    ------
    ValueError
        The text holds no runs, or they don't fit the shape.
    """
    size = int(np.prod(shape))
    try:
        stream = zlib.decompressobj()
        unpacked = stream.decompress(base64.b64decode(runs, validate=True), 24 * min(size, _MOST_VOXELS) + 1)
        if not stream.eof:
            raise ValueError("cut short, or too long for the grid")
        table = np.frombuffer(unpacked, dtype="<i8").reshape(3, -1)
    except (ValueError, zlib.error) as error:
        raise ValueError(f"no runs of labels: {error}") from error
    starts, lengths, values = table
    ends = starts + lengths
    if len(starts) and (starts.min() < 0 or lengths.min() < 1 or ends.max() > size or (starts[1:] < ends[:-1]).any()):
        raise ValueError("runs of labels that don't fit the grid")
    if len(values) and not 0 < values.min() <= values.max() <= np.iinfo(np.int32).max:
        raise ValueError("runs with numbers that are no labels")
    out = np.zeros(size, dtype=np.int32)
    within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    out[np.repeat(starts, lengths) + within] = np.repeat(values, lengths)
    return out.reshape(shape)
