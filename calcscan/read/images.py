"""Images in memory (SimpleITK, nibabel) and files of label maps → their values, and where their voxels lie."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calcscan.errors import InputError, UnreadableError
from calcscan.grid.geometry import Array, ras_to_lps
from calcscan.knowledge.quality import FlagCode
from calcscan.knowledge.reading import ReadingSettings
from calcscan.model import Flag
from calcscan.read.files.inputs import must_exist
from calcscan.read.headers.fields import one_line
from calcscan.read.nifti.file import NiftiFile, is_nifti, open_nifti
from calcscan.read.nifti.grid import default_grid, grid_of_file
from calcscan.read.nifti.scan import stored_header

_BY_ITK = (".nrrd", ".nhdr", ".mha", ".mhd")
_HEADER_BYTES = 1 << 20
_SEGMENT = re.compile(r"^Segment(\d+)_(Name|LabelValue|Layer):=(.*)$", re.MULTILINE)


DOUBTFUL_SIDES = frozenset({FlagCode.LATERALITY_UNKNOWN, FlagCode.DEFAULT_ORIENTATION})
"""Flags of images whose left and right may not be what their matrix says."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GivenImage:
    """Values (k, j, i) in the order of the image; `affine` takes (i, j, k, 1) to LPS mm."""

    values: npt.NDArray[Any]
    affine: Array
    frame: str
    """What the affine comes from: `sform`, `qform` or `pixdim` of a NIfTI; else `image`."""
    header: bytes = b""
    """For a NIfTI: a header for label maps on its grid, as `StoredGrid` has it."""
    flags: tuple[Flag, ...] = ()
    names: Mapping[int, str] = field(default_factory=dict)
    sha256: str = ""
    step: float = 0.0
    """By how much neighbouring values differ where they are scaled numbers; 0 where they are stored as they are."""

    @property
    def sides_unknown(self) -> str:
        """Why left and right of it can't be told apart; empty where they can."""
        return next((flag.message for flag in self.flags if flag.code in DOUBTFUL_SIDES), "")


def given_image(image: Any, name: str, settings: ReadingSettings) -> GivenImage:
    """A SimpleITK or nibabel image, or the file of one.

    Raises
    ------
    TypeError
        It is none; `name` is the argument that a message speaks of.
    ValueError, InputError
        It holds more than one volume of plain numbers.
    """
    if isinstance(image, str | Path):
        return _of_file(Path(image), settings)
    kind = type(image).__module__.partition(".")[0]
    if kind == "SimpleITK":
        return _of_itk(image, name)
    if kind == "nibabel" and hasattr(image, "affine"):
        return _of_nibabel(image, name, settings)
    raise TypeError(f"{name} must be a SimpleITK or nibabel image, not {type(image).__name__}")


def _of_itk(image: Any, name: str) -> GivenImage:
    import SimpleITK

    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        size = " × ".join(map(str, image.GetSize()))
        each = image.GetNumberOfComponentsPerPixel()
        raise ValueError(f"{name} must hold one volume of one number a voxel, not {size} with {each}")
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    doubt = default_grid(ras_to_lps(affine))
    flags = () if doubt is None else (doubt,)
    return GivenImage(values=SimpleITK.GetArrayFromImage(image), affine=affine, frame="image", flags=flags)


def _of_nibabel(image: Any, name: str, settings: ReadingSettings) -> GivenImage:
    from nibabel.nifti1 import Nifti1Header

    shape = tuple(int(n) for n in image.shape)
    if len(shape) < 3 or any(n != 1 for n in shape[3:]):
        raise ValueError(f"{name} must hold one volume, not data of shape {shape}")
    values = np.asanyarray(image.dataobj).reshape(shape[:3]).transpose(2, 1, 0)
    if not isinstance(image.header, Nifti1Header):
        if image.affine is None:
            raise ValueError(f"{name} has no affine: where its voxels lie is not known")
        return GivenImage(values=values, affine=ras_to_lps(image.affine), frame="image")
    header = image.header.copy()
    header.set_data_shape(shape)
    file = NiftiFile(
        path=Path(name), pixels=Path(name), alone=True, header=header, shape=(shape[0], shape[1], shape[2]),
        slope=1.0, intercept=0.0,
    )  # fmt: skip
    slope = getattr(image.dataobj, "slope", 1.0)
    return _on_grid_of(file, values, settings, step=0.0 if slope == 1.0 else abs(float(slope)))


def _on_grid_of(file: NiftiFile, values: npt.NDArray[Any], settings: ReadingSettings, **more: Any) -> GivenImage:
    grid = grid_of_file(file, settings)
    return GivenImage(
        values=values,
        affine=ras_to_lps(grid.affine),
        frame=grid.frame,
        header=stored_header(file, grid),
        flags=grid.flags,
        **more,
    )


def _of_file(path: Path, settings: ReadingSettings) -> GivenImage:
    must_exist(path)
    if path.is_file() and path.name.lower().endswith(_BY_ITK):
        return _of_itk_file(path)
    if not path.is_file() or not is_nifti(path, settings):
        hint = f"give a NIfTI, or {', '.join(_BY_ITK)}"
        raise InputError("is no label map that can be read", where=str(path), hint=hint)
    file = open_nifti(path, settings)
    plain = file.slope == 1.0 and file.intercept == 0.0
    each = [stored if plain else stored * np.float64(file.slope) + file.intercept for stored in file.slices()]
    step = 0.0 if plain else abs(file.slope)
    return _on_grid_of(file, np.stack(each), settings, names=_names_beside(path), sha256=_digest(path), step=step)


def _of_itk_file(path: Path) -> GivenImage:
    import SimpleITK

    try:
        image = _of_itk(SimpleITK.ReadImage(str(path)), "the file")
    except (RuntimeError, ValueError) as error:
        hint = "give one volume with a whole number for each voxel"
        raise UnreadableError(f"can't be read ({one_line(error)[-200:]})", where=str(path), hint=hint) from error
    names = _names_in_segmentation(path) | _names_beside(path)
    return replace(image, names=names, sha256=_digest(path))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return sha256(file.read()).hexdigest()


def _names_in_segmentation(path: Path) -> dict[int, str]:
    """The names of the segments of a segmentation of 3D Slicer, by the label of each."""
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES).partition(b"\n\n")[0].decode("utf-8", "replace")
    segments: dict[str, dict[str, str]] = {}
    for number, key, value in _SEGMENT.findall(head):
        segments.setdefault(number, {})[key] = value.strip()
    return {
        int(one["LabelValue"]): one["Name"]
        for one in segments.values()
        if one.get("LabelValue", "").isdecimal() and one.get("Name")
    }


def _names_beside(path: Path) -> dict[int, str]:
    """Names from the table of the same name beside a label map, with the columns `index` and `name` (BIDS); none where
    there is no such table."""
    stem = re.sub(r"(\.seg)?\.(nii|nrrd|nhdr|mha|mhd)(\.gz)?$", "", path.name, flags=re.IGNORECASE)
    table = path.with_name(f"{stem}.tsv")
    if not table.is_file():
        return {}
    with table.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {
        int(row["index"]): str(row["name"])
        for row in rows
        if (row.get("index") or "").strip().isdecimal() and row.get("name")
    }
