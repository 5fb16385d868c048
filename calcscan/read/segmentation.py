"""A DICOM segmentation (SEG) → `LabelMap`: each segment a label, by its number and name."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calcscan.errors import GeometryError, InputError, UnreadableError
from calcscan.grid.geometry import Array
from calcscan.read.headers.fields import one_line
from calcscan.read.label_map import LabelMap

SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66."
"""How the class UIDs of segmentations begin: `4`, binary and fractional, and `7`, label maps."""
_EVEN_MM = 0.01
_ALIGNED = 1e-4


def is_dicom(path: Path) -> bool:
    """By its content."""
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def read_segmentation(path: Path) -> LabelMap:
    """The labelled voxels of a DICOM segmentation. Its frames may leave slices out in which nothing is marked, so its
    grid is as large as they reach (`partial`).

    Raises
    ------
    InputError, UnreadableError
        It is no segmentation, can't be read, is one of probabilities, or its segments overlap.
    GeometryError
        Its frames make no even, upright grid.
    """
    import pydicom

    content = path.read_bytes()
    try:
        dataset = pydicom.dcmread(path)
        if not str(dataset.get("SOPClassUID", "")).startswith(SEGMENTATION_STORAGE):
            what = f"it is DICOM, but no segmentation ({dataset.get('Modality', 'no modality')})"
            raise InputError(what, where=str(path), hint="give a DICOM SEG, or label maps as NIfTI")
        kind = str(dataset.get("SegmentationType", ""))
        if kind not in ("BINARY", "LABELMAP"):
            what = f"a segmentation of type {kind or 'unknown'} says how probable, not what"
            raise InputError(what, where=str(path), hint="save it as binary, or as NIfTI")
        pixels = dataset.pixel_array
        frames = pixels if pixels.ndim == 3 else pixels[None]
        marked = list(_marked(dataset, frames, kind))
        affine, slices = _grid(dataset, path)
        names = {int(one.SegmentNumber): str(one.get("SegmentLabel", "")) for one in dataset.SegmentSequence}
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, OSError, NotImplementedError) as error:
        what = f"can't be read as a DICOM segmentation ({one_line(error)[-200:]})"
        raise UnreadableError(what, where=str(path), hint="save it as NIfTI and give that") from error
    shape = (int(slices.max()) + 1, frames.shape[1], frames.shape[2])
    index = np.concatenate([slices[n] * shape[1] * shape[2] + at for n, at, _ in marked])
    label = np.concatenate([values for _, _, values in marked])
    order = np.argsort(index, kind="stable")
    index, label = index[order].astype(np.int64), label[order].astype(np.int32)
    if (np.diff(index) == 0).any():
        both = sorted({int(label[n + k]) for n in np.flatnonzero(np.diff(index) == 0) for k in (0, 1)})
        what = f"segments {', '.join(map(str, both))} overlap, and a voxel can be at one place only"
        raise InputError(what, where=str(path), hint="separate them, or give one file for each")
    return LabelMap(
        shape=shape,
        affine=affine,
        index=index,
        label=label,
        names={number: name for number, name in names.items() if number},
        sha256=sha256(content).hexdigest(),
        partial=True,
    )


def _marked(
    dataset: Any, frames: npt.NDArray[Any], kind: str
) -> Iterator[tuple[int, npt.NDArray[np.int64], npt.NDArray[np.int32]]]:
    """Each frame: which of its pixels are marked, and with what."""
    for n, frame in enumerate(frames):
        flat = frame.reshape(-1)
        at = np.flatnonzero(flat != 0)
        if kind == "LABELMAP":
            yield n, at, flat[at].astype(np.int32)
        else:
            identified = _of_frame(dataset, n, "SegmentIdentificationSequence")
            yield n, at, np.full(len(at), int(identified.ReferencedSegmentNumber), dtype=np.int32)


def _of_frame(dataset: Any, n: int, sequence: str) -> Any:
    """The only item of a functional group of a frame, its own or that of all frames."""
    own = dataset.PerFrameFunctionalGroupsSequence[n]
    return (own if sequence in own else dataset.SharedFunctionalGroupsSequence[0])[sequence][0]


def _grid(dataset: Any, path: Path) -> tuple[Array, npt.NDArray[np.int64]]:
    """The matrix from (i, j, k, 1) to LPS mm, and the slice of each frame."""
    count = len(dataset.PerFrameFunctionalGroupsSequence)
    directions = np.array(
        [_of_frame(dataset, n, "PlaneOrientationSequence").ImageOrientationPatient for n in range(count)], dtype=float
    )
    if np.abs(directions - directions[0]).max() > _ALIGNED:
        raise GeometryError("its frames lie in different directions", where=str(path), hint="save it as NIfTI")
    right, down = directions[0, :3], directions[0, 3:]
    normal = np.cross(right, down)
    at = np.array(
        [_of_frame(dataset, n, "PlanePositionSequence").ImagePositionPatient for n in range(count)], dtype=float
    )
    measures = _of_frame(dataset, 0, "PixelMeasuresSequence")
    height = at @ normal
    apart = np.diff(np.unique(np.round(height, 3)))
    between = float(measures.get("SpacingBetweenSlices", 0) or (apart.min() if len(apart) else 0))
    between = between or float(measures.SliceThickness)
    first = at[int(height.argmin())]
    slices = np.rint((height - height.min()) / between).astype(np.int64)
    expected = first + slices[:, None] * between * normal
    if np.abs(at - expected).max() > _EVEN_MM * max(1.0, float(slices.max())):
        what = "its frames are not evenly spaced, or not stacked along their normal"
        raise GeometryError(what, where=str(path), hint="bring it onto the results' grid, and save it as NIfTI")
    row_mm, column_mm = (float(mm) for mm in measures.PixelSpacing)
    affine = np.eye(4)
    affine[:3, :3] = np.stack([right * column_mm, down * row_mm, normal * between], axis=1)
    affine[:3, 3] = first
    return affine, slices
