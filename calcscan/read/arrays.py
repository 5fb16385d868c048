"""Arrays and images in memory → `Scan`."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calcscan.grid.geometry import Array, Geometry, ras_to_lps
from calcscan.knowledge.reading import ReadingSettings
from calcscan.knowledge.settings import load
from calcscan.model import AIR_HU, Flag, Scan, SeriesChoice, StoredGrid
from calcscan.read.images import GivenImage, given_image
from calcscan.read.nifti.scan import as_slices, axis_order, gap_flags
from calcscan.read.nifti.sidecar import described
from calcscan.read.pixels.picture_flags import picture_flags
from calcscan.read.series.geometry import thick_flag_for, tilt_flag
from calcscan.read.size_limits import refuse_impossible_grid
from calcscan.read.stated import Stated, checked

_FIELDS = {"manufacturer": "Manufacturer", "model": "ManufacturerModelName", "sex": "PatientSex"}
_KNOWN = ("kvp_kv", "slice_thickness_mm", "kernel", "contrast", "manufacturer", "model", "age_years", "sex")


def scan_from_array(hu: npt.ArrayLike, affine: npt.ArrayLike, **acquisition: Any) -> Scan:
    """As `Scan.from_array`."""
    settings = load(ReadingSettings)
    values = _hounsfield(hu, settings)
    matrix = _matrix(affine, values.shape, settings)
    return _scan(values, matrix, None, "array", acquisition, settings)


def scan_from_image(image: Any, **acquisition: Any) -> Scan:
    """As `Scan.from_image`."""
    settings = load(ReadingSettings)
    given = given_image(image, "image", settings)
    values = _hounsfield(given.values, settings)
    _matrix(given.affine[:, [2, 1, 0, 3]], values.shape, settings, mirrored=True)
    turned = axis_order(given.affine)
    values, matrix = as_slices(values, given.affine, turned)
    stored = StoredGrid(axes=turned.axes, flipped=turned.flipped, frame=given.frame, header=_header(given))
    return _scan(values, matrix, stored, "image", acquisition, settings, given.flags)


def _scan(
    hu: npt.NDArray[np.int16],
    matrix: Array,
    stored: StoredGrid | None,
    what: str,
    acquisition: Mapping[str, Any],
    settings: ReadingSettings,
    flags: tuple[Flag, ...] = (),
) -> Scan:
    geometry = Geometry.from_affine(matrix, (hu.shape[0], hu.shape[1], hu.shape[2]))
    refuse_impossible_grid(geometry, what, settings)
    fields, stated = _said(acquisition, settings)
    header = described(fields, stated, settings, what)
    thickness_mm = header.acquisition.slice_thickness_mm
    also = [f"{name} {acquisition[name]}" for name in (*_FIELDS, "age_years") if acquisition.get(name) is not None]
    others = [Flag(code="stated", message=f"Stated with the {what}: {', '.join(also)}.")] if also else []
    choice = SeriesChoice(uid="", description=f"({what})", images=len(hu), chosen=True, reason="the only volume given")
    age, contrast = acquisition.get("age_years"), acquisition.get("contrast")
    return Scan(
        hu=hu,
        geometry=geometry,
        acquisition=replace(header.acquisition, contrast=contrast),
        study=replace(header.study, age_years=None if age is None else float(age)),
        series=(choice,),
        flags=(
            *header.flags,
            *others,
            *flags,
            *tilt_flag(geometry, settings),
            *thick_flag_for(thickness_mm or 0.0, float(geometry.slab_mm.max()), settings),
            *gap_flags(geometry.spacing_mm[0], thickness_mm, settings),
            *picture_flags(hu, settings),
        ),
        sources=tuple(f"{what}#{k + 1}" for k in range(len(hu))),
        stored=stored,
    )


def _hounsfield(hu: npt.ArrayLike, settings: ReadingSettings) -> npt.NDArray[np.int16]:
    """The values as int16, or why they are none of a CT."""
    values = np.asarray(hu)
    if values.dtype.kind not in "iuf":
        kind = {"b": "truth values (a mask)", "c": "complex numbers"}.get(values.dtype.kind, f"{values.dtype}")
        raise TypeError(f"hu must hold numbers in Hounsfield units, not {kind}")
    if values.ndim != 3:
        raise ValueError(f"hu must have shape (k, j, i), not {values.shape}")
    if min(values.shape) < settings.min_slices:
        raise ValueError(f"hu must have at least {settings.min_slices} slices, rows and columns, not {values.shape}")
    if values.dtype.kind == "f":
        bad = ~np.isfinite(values)
        if bad.any():
            first = tuple(int(n) for n in np.argwhere(bad)[0])
            raise ValueError(
                f"hu holds {int(bad.sum())} values that are NaN or infinite, the first at index {first}; set what lies "
                f"outside the picture to {AIR_HU}"
            )
    top = np.iinfo(np.int16).max
    if values.max() > top:
        raise ValueError(f"hu reaches {values.max():g}, more than {top}, which no CT in Hounsfield units does")
    if values.dtype.kind == "f":
        values = np.rint(values)
    padded = values.min() < AIR_HU
    out: npt.NDArray[np.int16] = (np.maximum(values, AIR_HU) if padded else values).astype(np.int16)
    return out


def _matrix(
    affine: npt.ArrayLike, shape: tuple[int, ...], settings: ReadingSettings, *, mirrored: bool = False
) -> Array:
    """The matrix as it is, or why it is none of a CT; one that is `mirrored` only where that is allowed."""
    try:
        matrix = np.array(affine, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"affine must be a matrix of numbers, shape (4, 4) ({error})") from error
    if matrix.shape != (4, 4):
        raise ValueError(f"affine must have shape (4, 4), not {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise ValueError("affine holds NaN or infinite numbers")
    if not np.array_equal(matrix[3], [0.0, 0.0, 0.0, 1.0]):
        raise ValueError(f"affine must end with the row 0, 0, 0, 1, not {matrix[3].tolist()}")
    if np.linalg.cond(matrix[:3, :3]) > settings.max_condition_number:
        raise ValueError("affine is singular: its three steps do not span a volume")
    if not mirrored and matrix[:3, 0] @ np.cross(matrix[:3, 2], matrix[:3, 1]) < 0:
        raise ValueError(
            "affine is mirrored: slices must advance along step_i × step_j. The same scan the other way up: "
            f"hu[::-1], with affine @ [[-1, 0, 0, {shape[0] - 1}], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]"
        )
    return matrix


def _said(acquisition: Mapping[str, Any], settings: ReadingSettings) -> tuple[dict[str, Any], Stated]:
    """What is stated, as DICOM's attributes and as what a user states."""
    if unknown := sorted(set(acquisition) - set(_KNOWN)):
        raise TypeError(f"{unknown[0]!r} is no argument; known are {', '.join(_KNOWN)}")
    fields = {keyword: str(acquisition[name]) for name, keyword in _FIELDS.items() if acquisition.get(name) is not None}
    age = acquisition.get("age_years")
    if age is not None:
        if (
            isinstance(age, bool)
            or not isinstance(age, int | float | np.number)
            or not 0 <= age <= settings.max_age_years
        ):
            raise ValueError(f"age_years must lie between 0 and {settings.max_age_years}, not {age!r}")
        months = round(age * 12)
        fields["PatientAge"] = f"{months:03d}M" if months < 1000 else f"{age:03.0f}Y"
    contrast = acquisition.get("contrast")
    if contrast is not None:
        if not isinstance(contrast, bool):
            raise TypeError(f"contrast must be True or False, not {contrast!r}")
        fields["ContrastBolusAgent"] = "stated" if contrast else "NONE"
    numbers = ("kvp_kv", "slice_thickness_mm")
    for name in numbers:
        value = acquisition.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float | np.number)):
            raise TypeError(f"{name} must be a number, not {value!r}")
    stated = Stated(**{name: acquisition.get(name) for name in (*numbers, "kernel")})
    return fields, checked(stated, settings)


def _header(given: GivenImage) -> bytes:
    """A NIfTI header of the grid of an image; a sheared one has the nearest qform beside it."""
    from nibabel.nifti1 import Nifti1Header

    if given.header:
        return given.header
    header = Nifti1Header()
    header.set_data_shape(given.values.shape[::-1])
    to_ras = ras_to_lps(given.affine)
    header.set_sform(to_ras, code=1)
    header.set_qform(to_ras, code=1, strip_shears=True)
    header.set_xyzt_units("mm")
    block = io.BytesIO()
    header.write_to(block)
    return block.getvalue()


def where_of(source: Any) -> str:
    """What to name in a message: a path, or the kind of a thing in memory."""
    return str(source) if isinstance(source, str | Path) else f"the {type(source).__name__} in memory"
