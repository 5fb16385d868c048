"""A NIfTI file → `Scan`. NIfTI is RAS millimetres with i fastest; here it is LPS and (k, j, i)."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calcscan.errors import GeometryError
from calcscan.grid.geometry import Array, Geometry, ras_to_lps
from calcscan.knowledge.reading import ReadingSettings
from calcscan.model import AIR_HU, Flag, Scan, SeriesChoice, StoredGrid
from calcscan.read.nifti.file import NiftiFile, open_nifti
from calcscan.read.nifti.grid import NiftiGrid, grid_of_file
from calcscan.read.nifti.sidecar import NAME, Sidecar, read_sidecar
from calcscan.read.pixels.air import air_flags
from calcscan.read.pixels.picture_flags import picture_flags
from calcscan.read.series.geometry import thick_flag_for, tilt_flag, unseen_tilt_flag
from calcscan.read.series.missing_extent import gap_flag
from calcscan.read.stated import Stated

_PLAINLY_THICKER = 1.2
_SPATIAL = (
    "pixdim", "qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y",
    "qoffset_z", "srow_x", "srow_y", "srow_z",
)  # fmt: skip
_ALIGNED = 2
_SAMPLED = 8
"""Every so many rows and columns are looked at before values are cut off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisOrder:
    """How the file's axes became (k, j, i): `axes` are those of its array (k, j, i) in the new order; `flipped` says
    whether the first of them then runs the other way."""

    axes: tuple[int, int, int]
    flipped: bool


def read_nifti(path: Path, settings: ReadingSettings, stated: Stated) -> Scan:
    """Read one volume. Errors as `calcscan.read.read_scan`."""
    where = str(path)
    file = open_nifti(path, settings)
    grid = grid_of_file(file, settings)
    steps_mm = np.linalg.norm(grid.affine[:3, :3], axis=0).tolist()
    sidecar = read_sidecar(path, file.shape, steps_mm, settings, stated)
    hu, without_value, sample = _hounsfield(file)
    labels = _label_flag(file, hu, settings)
    to_lps = ras_to_lps(grid.affine)
    turned = axis_order(to_lps)
    hu, matrix = as_slices(hu, to_lps, turned)
    try:
        geometry = Geometry.from_affine(matrix, hu.shape)
    except ValueError as error:
        raise GeometryError(
            f"the affine does not define a volume ({error})", where=where, hint="convert it again"
        ) from error
    thickness = sidecar.acquisition.slice_thickness_mm
    choice = SeriesChoice(
        uid=sidecar.study.series_uid,
        description=sidecar.description or NAME,
        images=len(hu),
        chosen=True,
        reason="the only volume given",
    )
    return Scan(
        hu=hu,
        geometry=geometry,
        acquisition=sidecar.acquisition,
        study=sidecar.study,
        series=(choice,),
        flags=(
            *sidecar.flags,
            *grid.flags,
            *tilt_flag(geometry, settings),
            *_tilted_steps(sidecar, geometry, settings),
            *_tilt_not_in_grid(sidecar, geometry, path, settings),
            *thick_flag_for(thickness or 0.0, float(geometry.slab_mm.max()), settings),
            *gap_flags(geometry.spacing_mm[0], thickness, settings),
            *labels,
            *_without_value_flag(without_value, hu.size),
            *(seen := picture_flags(hu, settings, rescale_type=sidecar.unit)),
            *(() if any(flag.code == "not_hounsfield" for flag in seen) else air_flags(sample, settings)),
        ),
        sources=_sources(path.name, len(hu), flipped=turned.flipped),
        stored=StoredGrid(axes=turned.axes, flipped=turned.flipped, frame=grid.frame, header=stored_header(file, grid)),
    )


def _sources(name: str, count: int, *, flipped: bool) -> tuple[str, ...]:
    """The file and the number of each slice in it."""
    numbers = range(count, 0, -1) if flipped else range(1, count + 1)
    return tuple(f"{name}#{number}" for number in numbers)


def gap_flags(between_mm: float, thickness_mm: float | None, settings: ReadingSettings) -> tuple[Flag, ...]:
    """`missing_slices` where the slices are thinner than they lie apart."""
    return () if thickness_mm is None else gap_flag(np.array([between_mm]), np.array([thickness_mm]), settings)


def _hounsfield(file: NiftiFile) -> tuple[npt.NDArray[np.int16], int, npt.NDArray[np.float64]]:
    """int16 (k, j, i), slice by slice so that the volume is in memory once; NaN becomes air, and is counted. And some
    of the values as they are, before what is below air was cut off."""
    out, without_value, sample = np.empty(file.shape[::-1], dtype=np.int16), 0, list[npt.NDArray[np.float64]]()
    for k, stored in enumerate(file.slices()):
        values = stored * np.float64(file.slope) + file.intercept
        without_value += int(np.isnan(values).sum())
        sample.append(values[::_SAMPLED, ::_SAMPLED].ravel())
        out[k] = np.clip(np.rint(np.nan_to_num(values, nan=AIR_HU)), AIR_HU, 32767)
    return out, without_value, np.concatenate(sample)


def _without_value_flag(voxels: int, of: int) -> tuple[Flag, ...]:
    if not voxels:
        return ()
    message = f"{voxels:,} voxels ({voxels / of:.1%}) have no value (NaN) and are taken for air."
    return (Flag(code="left_out", message=message, value=float(voxels)),)


def _label_flag(file: NiftiFile, hu: npt.NDArray[np.int16], settings: ReadingSettings) -> tuple[Flag, ...]:
    """`not_hounsfield` for a mask or label map: few whole numbers, from 0 on."""
    if int(hu.min()) < 0:
        return ()
    found = np.flatnonzero(np.bincount(hu.ravel()))
    if len(found) > settings.label_values or not _all_whole(file):
        return ()
    message = f"It holds {len(found)} different values, {found[0]} to {found[-1]}: a mask or label map, not a CT."
    return (Flag(code="not_hounsfield", message=message, value=float(len(found)), limit=settings.label_values),)


def _all_whole(file: NiftiFile) -> bool:
    if file.header.get_data_dtype().kind != "f" and file.slope == 1 and file.intercept == 0:
        return True
    each = (stored * np.float64(file.slope) + file.intercept for stored in file.slices())
    return all((~np.isfinite(values) | (values == np.rint(values))).all() for values in each)


def _tilt_not_in_grid(sidecar: Sidecar, geometry: Geometry, path: Path, settings: ReadingSettings) -> tuple[Flag, ...]:
    """`gantry_tilt` where the JSON states a tilt that the grid lacks, unless the file name says it was corrected."""
    return () if "_Tilt" in path.name else unseen_tilt_flag(sidecar.tilt_deg, "The JSON", geometry, settings)


def _tilted_steps(sidecar: Sidecar, geometry: Geometry, settings: ReadingSettings) -> tuple[Flag, ...]:
    """That dcm2niix gives the steps of a tilted stack the length that they have across the slices (seen with
    1.0.20260724 on a scan of known positions; the table moves farther)."""
    if sidecar.converter != "dcm2niix" or geometry.tilt_deg <= settings.tilt_deg:
        return ()
    short = 1.0 - float(np.cos(np.radians(geometry.tilt_deg)))
    message = (
        "dcm2niix states how far tilted slices lie apart across them in place of along the table: distances along the "
        f"table, and volumes, may come out {short:.1%} too small. Use the DICOM files."
    )
    return (Flag(code="gantry_tilt", message=message, value=round(100.0 * short, 2)),)


def axis_order(affine: Array) -> AxisOrder:
    """Which axis of the file's array (k, j, i) runs across the slices, and which way; `affine` as for `as_slices`.

    The slice axis is the one of plainly thicker steps; with equal steps the one nearest to the body's long axis.
    """
    steps = affine[:3, :3][:, ::-1].T  # step_k, step_j, step_i of the array as it is
    lengths = np.linalg.norm(steps, axis=1)
    order = np.argsort(lengths)
    thicker = lengths[order[2]] > _PLAINLY_THICKER * lengths[order[1]]
    across = int(order[2] if thicker else np.argmax(np.abs(steps[:, 2]) / lengths))
    row, column = (axis for axis in range(3) if axis != across)
    flipped = bool(steps[across] @ np.cross(steps[column], steps[row]) < 0)
    return AxisOrder(axes=(across, row, column), flipped=flipped)


def as_slices(values: npt.NDArray[Any], affine: Array, turned: AxisOrder) -> tuple[npt.NDArray[Any], Array]:
    """Order the axes so that k runs across the slices, advancing along step_i × step_j.

    `affine` takes (i, j, k, 1), the matrix returned (k, j, i, 1), to LPS mm.
    """
    steps, origin = affine[:3, :3][:, ::-1].T[list(turned.axes)], affine[:3, 3].copy()
    values = values.transpose(turned.axes)
    if turned.flipped:
        origin += steps[0] * (values.shape[0] - 1)
        steps[0] *= -1
        values = values[::-1]
    matrix = np.eye(4)
    matrix[:3, 0], matrix[:3, 1], matrix[:3, 2], matrix[:3, 3] = steps[0], steps[1], steps[2], origin
    return np.ascontiguousarray(values), matrix


def stored_header(file: NiftiFile, grid: NiftiGrid) -> bytes:
    """The header for a label map on this file's grid: where voxels lie, and nothing else of its header.

    Always NIfTI-1, as ITK opens no other. Where the sform alone says where the voxels lie, `pixdim` is made to agree
    with it, and a sheared one gets the nearest qform beside it: without, ITK puts the labels elsewhere or refuses them.
    """
    from nibabel.nifti1 import Nifti1Header

    stored = file.header
    header: Any = Nifti1Header()
    header.set_data_shape(stored.get_data_shape())
    for name in _SPATIAL:
        if name in stored:
            header[name] = stored[name]
    if file.analyze:
        header["pixdim"][0] = 1
    if grid.frame == "pixdim":
        header["qform_code"] = 0  # there is none, or its quaternion is none
    if grid.lonely_sform is not None:
        header.set_qform(grid.lonely_sform, code=_ALIGNED)
        header["qform_code"] = _ALIGNED if grid.sheared else 0
    time_unit = int(stored["xyzt_units"]) & 0x38 if "xyzt_units" in stored else 0
    header["xyzt_units"] = time_unit | grid.unit
    block = io.BytesIO()
    header.write_to(block)
    return block.getvalue()
