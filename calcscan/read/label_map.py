"""A label map in a file → `LabelMap`: its labelled voxels alone, which are few, and the grid that they lie on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from calcscan.errors import GeometryError, InputError
from calcscan.grid.geometry import Array, apply
from calcscan.knowledge.reading import ReadingSettings
from calcscan.knowledge.settings import load
from calcscan.read.images import given_image
from calcscan.read.labels import grid_in_words, whole_numbers
from calcscan.values import Value

_PARTIAL = (".seg.nrrd", ".seg.nhdr")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class LabelMap(Value):
    """Labelled voxels of a volume of `shape` (k, j, i).

    `index` (n,) are their flat indices, ascending, `label` (n,) their labels, all above 0; `affine` takes (i, j, k, 1)
    to LPS mm.
    """

    shape: tuple[int, int, int]
    affine: Array
    index: npt.NDArray[np.int64]
    label: npt.NDArray[np.int32]
    names: Mapping[int, str] = field(default_factory=dict)
    """Of labels, where the file or a table beside it tells them."""
    sha256: str = ""
    partial: bool = False
    """Whether the grid is only as large as the labels reach, as in a segmentation of DICOM or of 3D Slicer."""
    resampled: str = ""
    """From which grid it was taken; empty where it was on this one."""

    @property
    def voxel_mm3(self) -> float:
        """Volume of a voxel: the parallelepiped that it stands for."""
        return abs(float(np.linalg.det(self.affine[:3, :3])))

    @property
    def numbers(self) -> tuple[int, ...]:
        """Every label, ascending."""
        return tuple(int(number) for number in np.unique(self.label))

    def world_mm(self, index: npt.NDArray[np.int64]) -> Array:
        """Where voxels lie, LPS mm, shape (n, 3)."""
        return apply(self.affine, np.stack(np.unravel_index(index, self.shape)[::-1], axis=1).astype(float))


def read_label_map(path: Path, *, settings: ReadingSettings | None = None) -> LabelMap:
    """The labelled voxels of a NIfTI, NRRD or MetaImage file.

    Raises
    ------
    InputError, UnreadableError, GeometryError
        It can't be read, or holds no labels: fractions, NaN, negative numbers, more than one volume.
    """
    settings = settings or load(ReadingSettings)
    given = given_image(path, path.name, settings)
    values = given.values
    try:
        if values.dtype.kind != "u":
            values = whole_numbers(values, "the label map", step=given.step)
    except (ValueError, TypeError) as error:
        raise InputError(str(error), where=str(path), hint="give a label map: whole numbers, 0 for none") from error
    flat = values.reshape(-1)
    index = np.flatnonzero(flat != 0)  # six times as fast as on the numbers themselves
    return LabelMap(
        shape=(values.shape[0], values.shape[1], values.shape[2]),
        affine=given.affine,
        index=index.astype(np.int64),
        label=flat[index].astype(np.int32),
        names=given.names,
        sha256=given.sha256,
        partial=path.name.casefold().endswith(_PARTIAL),
    )


def on_grid_of(
    labels: LabelMap,
    other: LabelMap,
    *,
    resample: bool = False,
    where: str = "",
    settings: ReadingSettings | None = None,
) -> LabelMap:
    """The same labels on the grid of another map: voxel for voxel where the grids are the same but for the order and
    direction of axes, else by nearest neighbour if that is asked for.

    Raises
    ------
    GeometryError
        The grids differ, and `resample` is false: both are named.
    """
    settings = settings or load(ReadingSettings)
    to_other = np.linalg.inv(other.affine) @ labels.affine
    if _same_voxels(to_other, labels, other, settings.same_grid_voxels):
        ijk = np.stack(np.unravel_index(labels.index, labels.shape)[::-1], axis=1)
        there = np.rint(apply(to_other, ijk)).astype(np.int64)
        if not labels.partial or ((there >= 0) & (there < np.array(other.shape[::-1]))).all():
            return _at(labels, other, there, labels.label)
    grids = f"{_words(labels)}; against {_words(other)}"
    if not resample:
        raise GeometryError(
            f"the label maps lie on different grids: {grids}",
            where=where,
            hint="bring them onto one grid, or ask for nearest neighbour with --resample (resample=True)",
        )
    if not len(labels.index):
        return _at(labels, other, np.zeros((0, 3), dtype=np.int64), labels.label, f"by nearest neighbour: {grids}")
    there, label = _nearest(labels, other, to_other)
    after = len(label) * other.voxel_mm3
    how = f"by nearest neighbour: {grids}; {len(labels.index) * labels.voxel_mm3:.0f} mm3 before, {after:.0f} mm3 after"
    lost = sorted(set(labels.numbers) - set(np.unique(label).tolist()))
    return _at(labels, other, there, label, how + (f"; nothing is left of label {lost}" if lost else ""))


def _same_voxels(to_other: Array, labels: LabelMap, other: LabelMap, tolerance: float) -> bool:
    """Whether every voxel of one grid is a voxel of the other, and, unless the labels are partial, the reverse."""
    last, extent = np.array(labels.shape[::-1]) - 1, np.array(other.shape[::-1]) - 1
    corners = apply(to_other, np.array(list(product((0, 1), repeat=3))) * last)
    turns = np.rint(to_other[:3, :3])
    if (np.abs(turns).sum(axis=0) != 1).any() or (np.abs(turns).sum(axis=1) != 1).any():
        return False
    if np.abs(corners - np.rint(corners)).max() > tolerance:
        return False
    at_ends = ((np.rint(corners) == 0) | (np.rint(corners) == extent)).all()
    return labels.partial or bool(at_ends and np.array_equal(np.abs(turns) @ last, extent))


def _nearest(labels: LabelMap, other: LabelMap, to_other: Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """The voxels (i, j, k) of the other grid whose nearest voxel here is labelled, and that label."""
    ijk = np.stack(np.unravel_index(labels.index, labels.shape)[::-1], axis=1)
    box = np.array(list(product(*zip(ijk.min(axis=0) - 1, ijk.max(axis=0) + 1, strict=True))))
    within = apply(to_other, box)
    first = np.maximum(np.floor(within.min(axis=0)).astype(int), 0)
    last = np.minimum(np.ceil(within.max(axis=0)).astype(int), np.array(other.shape[::-1]) - 1)
    back = np.linalg.inv(to_other)
    size = np.array(labels.shape[::-1])
    found, values = [], []
    for k in range(first[2], last[2] + 1):  # slice by slice: the box may be the whole head
        i, j = np.meshgrid(np.arange(first[0], last[0] + 1), np.arange(first[1], last[1] + 1), indexing="ij")
        places = np.stack([i.ravel(), j.ravel(), np.full(i.size, k)], axis=1)
        near = np.floor(apply(back, places) + 0.5).astype(np.int64)
        inside = ((near >= 0) & (near < size)).all(axis=1)
        flat = np.ravel_multi_index(tuple(near[inside].T[::-1]), labels.shape)
        at = np.searchsorted(labels.index, flat)
        hit = labels.index[np.minimum(at, len(labels.index) - 1)] == flat
        found.append(places[inside][hit])
        values.append(labels.label[at[hit]])
    return (
        np.concatenate(found).astype(np.int64) if found else np.zeros((0, 3), dtype=np.int64),
        np.concatenate(values) if values else np.zeros(0, dtype=np.int32),
    )


def _at(
    labels: LabelMap, other: LabelMap, ijk: npt.NDArray[np.int64], label: npt.NDArray[np.int32], how: str = ""
) -> LabelMap:
    index = np.ravel_multi_index(tuple(ijk.T[::-1]), other.shape).astype(np.int64)
    order = np.argsort(index)
    return replace(
        labels, shape=other.shape, affine=other.affine, index=index[order], label=label[order], resampled=how
    )


def _words(labels: LabelMap) -> str:
    return grid_in_words(labels.shape, labels.affine)
