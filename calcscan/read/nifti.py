"""A NIfTI file → `Scan`. NIfTI is RAS millimetres with i fastest; here it is LPS and (k, j, i)."""

from __future__ import annotations

import logging
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calcscan.errors import GeometryError, InputError, UnreadableError
from calcscan.geometry import Array, Geometry
from calcscan.model import AIR_HU, Acquisition, Flag, Scan, SeriesChoice
from calcscan.read.plausible import hounsfield_flags
from calcscan.read.rules import limit
from calcscan.read.stack import thick_flag_for, tilt_flag

_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_TO_MM = {"meter": 1000.0, "micron": 0.001}
_PLAINLY_THICKER = 1.2
_READ_ERRORS = (OSError, EOFError, ValueError, TypeError, KeyError, OverflowError, MemoryError, zlib.error)


def is_nifti(path: Path) -> bool:
    """By name: `.nii` or `.nii.gz`."""
    return path.name.lower().endswith((".nii", ".nii.gz"))


def scan_of_nifti(path: Path) -> Scan:
    """Read one volume. Errors as `calcscan.read.read_scan`."""
    image, hu = _load(path)
    affine = _RAS_TO_LPS @ _affine(image, str(path))
    hu, matrix = _as_slices(hu, affine)
    if min(hu.shape) < limit("min_slices"):
        what = f"a volume of {' × '.join(map(str, hu.shape))} voxels is too small"
        raise GeometryError(what, where=str(path), hint=f"a head needs at least {limit('min_slices'):g} slices")
    try:
        geometry = Geometry.from_affine(matrix, hu.shape)
    except ValueError as error:
        raise GeometryError(
            f"the affine makes no volume ({error})", where=str(path), hint="convert it again"
        ) from error
    thickest = float(geometry.slab_mm.max())
    choice = SeriesChoice(uid="", description=path.name, images=len(hu), chosen=True, reason="the only volume given")
    return Scan(
        hu=hu,
        geometry=geometry,
        acquisition=Acquisition(slice_thickness_mm=None),
        series=(choice,),
        flags=(*_sides(image), *tilt_flag(geometry), *thick_flag_for(thickest), *hounsfield_flags(hu)),
        sources=tuple(f"{path.name}#{k + 1}" for k in range(len(hu))),
    )


def _load(path: Path) -> tuple[Any, npt.NDArray[np.int16]]:
    """The nibabel image, and its values as HU (k, j, i)."""
    import nibabel
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError

    talk = logging.getLogger("nibabel.global")  # tells on stderr what it mends
    level = talk.level
    talk.setLevel(logging.CRITICAL)
    try:
        image = nibabel.load(path)
        return image, _hounsfield(_raw(image, path), image.dataobj)
    except (*_READ_ERRORS, ImageFileError, HeaderDataError) as error:
        what = f"can't be read as NIfTI ({' '.join(str(error).split())[:120]})"
        raise UnreadableError(what, where=str(path), hint="copy or convert it again") from error
    finally:
        talk.setLevel(level)


def _raw(image: Any, path: Path) -> npt.NDArray[Any]:
    """The stored values, (i, j, k), before slope and intercept."""
    data: npt.NDArray[Any] = np.asanyarray(image.dataobj.get_unscaled())
    while data.ndim > 3 and data.shape[-1] == 1:
        data = data[..., 0]
    if data.ndim != 3 or data.dtype.kind not in "iuf":
        what = f"holds {data.ndim}-dimensional data of type {data.dtype}, not one volume"
        raise InputError(what, where=str(path), hint="give one CT volume")
    return data


def _hounsfield(raw: npt.NDArray[Any], scaling: Any) -> npt.NDArray[np.int16]:
    """int16 (k, j, i), slice by slice so that no second volume of floats is made; not a number becomes air."""
    slope, intercept = float(scaling.slope), float(scaling.inter)
    out = np.empty(raw.shape[::-1], dtype=np.int16)
    for k in range(raw.shape[2]):
        values = raw[:, :, k].T * np.float64(slope) + intercept
        out[k] = np.clip(np.rint(np.nan_to_num(values, nan=AIR_HU)), AIR_HU, 32767)
    return out


def _affine(image: Any, where: str) -> Array:
    """(i, j, k, 1) to RAS mm."""
    affine = np.array(image.affine, dtype=np.float64)
    try:
        units = image.header.get_xyzt_units()[0]
    except (AttributeError, KeyError):  # Analyze has none; a damaged header has a code that means nothing
        units = "mm"
    affine[:3] *= _TO_MM.get(units, 1.0)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise GeometryError("the affine is singular", where=where, hint="convert it again")
    return affine


def _as_slices(hu: npt.NDArray[np.int16], affine: Array) -> tuple[npt.NDArray[np.int16], Array]:
    """Order the axes so that k runs across the slices, advancing along step_i × step_j.

    The slice axis is the one of plainly thicker steps; with equal steps the one nearest to the body's long axis.
    `affine` takes (i, j, k, 1), the matrix returned (k, j, i, 1), to LPS mm.
    """
    steps = affine[:3, :3][:, ::-1].T  # step_k, step_j, step_i of the array as it is
    lengths = np.linalg.norm(steps, axis=1)
    order = np.argsort(lengths)
    thicker = lengths[order[2]] > _PLAINLY_THICKER * lengths[order[1]]
    across = int(order[2] if thicker else np.argmax(np.abs(steps[:, 2]) / lengths))
    axes = [across, *(axis for axis in range(3) if axis != across)]
    hu, steps, origin = hu.transpose(axes), steps[axes], affine[:3, 3].copy()
    if steps[0] @ np.cross(steps[2], steps[1]) < 0:
        origin += steps[0] * (hu.shape[0] - 1)
        steps[0] *= -1
        hu = hu[::-1]
    matrix = np.eye(4)
    matrix[:3, 0], matrix[:3, 1], matrix[:3, 2], matrix[:3, 3] = steps[0], steps[1], steps[2], origin
    return np.ascontiguousarray(hu), matrix


def _sides(image: Any) -> tuple[Flag, ...]:
    """`laterality_unknown` where the file has no orientation, or two that mirror each other."""
    header = image.header
    if not hasattr(header, "get_sform"):
        doubt = "The file is Analyze, which has no orientation"
    else:
        sform, qform = header.get_sform(coded=True), header.get_qform(coded=True)
        if not sform[1] and not qform[1]:
            doubt = "Neither sform nor qform is set"
        elif sform[1] and qform[1] and np.linalg.det(sform[0][:3, :3]) * np.linalg.det(qform[0][:3, :3]) < 0:
            doubt = "sform and qform mirror each other"
        else:
            return ()
    return (Flag(code="laterality_unknown", message=f"{doubt}; left and right can't be told."),)
