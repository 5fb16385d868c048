"""Where a NIfTI's voxels lie, in mm: on the scan's own grid, never stretched onto a template.

A NIfTI says it up to three times: `pixdim` (the size of a voxel), the qform (a rotation and a shift of voxels of that
size) and the sform (any matrix: the scanner's own, which may hold a gantry's shear, or one onto a template, which
stretches). It also names a unit, and is often wrong about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from calcscan.errors import GeometryError
from calcscan.grid.geometry import Array
from calcscan.knowledge.reading import ReadingSettings
from calcscan.model import Flag
from calcscan.read.nifti.file import NiftiFile

_UNITS = {1: ("metre", 1000.0), 2: ("millimetre", 1.0), 3: ("micron", 0.001)}
_SCANNER, _ALIGNED = 1, 2
_HINT = "convert it again from DICOM, or give the DICOM folder"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NiftiGrid:
    """`affine` takes (i, j, k, 1) to RAS mm; `frame` (sform, qform or pixdim) is what it comes from; `unit` is the code
    of the unit that the numbers are in. `lonely_sform` is a matrix without shear, in the file's unit, near an sform
    that stands alone and that `pixdim` does not agree with or that is `sheared`; None where there is no need of it."""

    affine: Array
    frame: str
    unit: int
    flags: tuple[Flag, ...]
    lonely_sform: Array | None
    sheared: bool


def grid_of_file(file: NiftiFile, settings: ReadingSettings) -> NiftiGrid:
    """The grid of a file. Raises `GeometryError` where it has none, or one that can't hold a head."""
    where = str(file.path)
    sizes = np.array(file.header["pixdim"][1:4], dtype=np.float64)
    sform, sform_code = _sform(file.header)
    qform, qform_code = _qform(file.header)
    affine, frame, unused = _chosen(file, sizes, (sform, sform_code), (qform, qform_code), settings)
    if not np.isfinite(affine).all() or np.linalg.cond(affine[:3, :3]) > settings.max_condition_number:
        what = f"the affine is singular (pixdim {_listed(sizes)}, from the {frame})"
        raise GeometryError(what, where=where, hint=_HINT)
    unit, in_mm, other_unit = _unit(file, affine, settings)
    sheared = _shear_deg(affine) > settings.plain_shear_deg
    lonely = qform is None and frame == "sform" and (sheared or not _has_sizes(affine, sizes, settings))
    unsheared = _rotation_only(affine, _lengths(affine), file.shape) if lonely else None
    affine = affine.copy()
    affine[:3] *= in_mm
    _refuse_impossible(affine, file.shape, frame, where, settings)
    doubt = _sides(file, sform, qform)
    doubted = sides_flag(doubt) if doubt else default_grid(affine)
    flags = [_unused(message) for message in (unused, other_unit) if message]
    if doubted is not None:
        flags.insert(0, doubted)
    return NiftiGrid(affine=affine, frame=frame, unit=unit, flags=tuple(flags), lonely_sform=unsheared, sheared=sheared)


def sides_flag(doubt: str) -> Flag:
    """That left and right are not known, and why."""
    return Flag(code="laterality_unknown", message=f"{doubt}; left and right can't be told apart.")


def default_grid(affine: Array) -> Flag | None:
    """What is to be said of an image whose matrix, from (i, j, k, 1) to RAS mm, is one that programs write which were
    told of no orientation (nibabel all positive, ITK turned to its own axes); None for any other.

    A scanner's first voxel never lies at the origin to the last digit, with its axes exactly along the body's. Where
    not even the size of a voxel was set, nothing of the matrix can be believed: `laterality_unknown`. Where it was,
    somebody may have meant the sides, too: they are believed, and it is said (`default_orientation`).

    >>> default_grid(np.eye(4)).code, default_grid(np.diag([0.5, 0.5, 5.0, 1.0])).code, default_grid(np.eye(4) + 1e-3)
    ('laterality_unknown', 'default_orientation', None)
    """
    steps = np.diag(affine[:3, :3])
    plain = np.array_equal(affine[:3, :3], np.diag(steps)) and not affine[:3, 3].any()
    if not plain or steps[2] <= 0 or (steps[0] > 0) != (steps[1] > 0):
        return None
    what = "Its matrix has no turn and begins at the origin, as programs write it that do not know how the head lies"
    if (np.abs(steps) == 1.0).all():
        return sides_flag(f"{what} and what size its voxels are")
    return Flag(code="default_orientation", message=f"{what}: check that left and right are true.")


def _unused(message: str) -> Flag:
    return Flag(code="left_out", message=message)


def _sform(header: Any) -> tuple[Array | None, int]:
    code = int(header["sform_code"]) if "sform_code" in header else 0
    if code <= 0:
        return None, 0
    return np.array(header.get_sform(), dtype=np.float64), code


def _qform(header: Any) -> tuple[Array | None, int]:
    code = int(header["qform_code"]) if "qform_code" in header else 0
    if code <= 0:
        return None, 0
    from nibabel.spatialimages import HeaderDataError

    try:
        matrix = np.array(header.get_qform(), dtype=np.float64)
    except (ValueError, HeaderDataError):  # the quaternion is none
        return None, 0
    return (matrix, code) if _regular(matrix) else (None, 0)


def _regular(matrix: Array) -> bool:
    return bool(np.isfinite(matrix).all() and abs(np.linalg.det(matrix[:3, :3])) > 0)


def _chosen(
    file: NiftiFile, sizes: Array, s: tuple[Array | None, int], q: tuple[Array | None, int], settings: ReadingSettings
) -> tuple[Array, str, str]:
    """The matrix to use, where it comes from, and in words what was not used."""
    (sform, sform_code), (qform, qform_code) = s, q
    if sform is None:
        if qform is not None:
            return qform, "qform", ""
        base = np.array(file.header.get_base_affine(), dtype=np.float64)
        return base, "pixdim", ""
    if not _regular(sform):
        if qform is not None:
            return qform, "qform", f"The sform (code {sform_code}) is singular and was not used; the qform was."
        return sform, "sform", ""
    tilt = _shear_deg(sform)
    fits = _has_sizes(sform, sizes, settings) and (tilt <= settings.same_turn_deg or sform_code in (_SCANNER, _ALIGNED))
    if qform is None:
        return _by_sform(file, sizes, sform, sform_code, settings, fits=fits)
    if fits and (sform_code == _SCANNER or tilt <= settings.same_turn_deg):
        return _by_code(file, (sform, sform_code), (qform, qform_code), tilt, settings)
    why = f"its voxels measure {_listed(_lengths(sform))}, those of the scan {_listed(sizes)}"
    if _has_sizes(sform, sizes, settings):
        why = f"it shears by {tilt:.1f} degrees"
    if _unset(sizes) and not _like_a_template(sform, sizes, settings):
        return sform, "sform", f"pixdim ({_listed(sizes)}) and the qform were not used; the sform was: {why}."
    return qform, "qform", f"The sform (code {sform_code}) was not used, the qform gives the scan's own grid: {why}."


def _by_code(
    file: NiftiFile, s: tuple[Array, int], q: tuple[Array, int], tilt: float, settings: ReadingSettings
) -> tuple[Array, str, str]:
    """Both have voxels of the right size: the scanner's own frame before another, the sform before the qform."""
    (sform, sform_code), (qform, qform_code) = s, q
    centre = np.append((np.array(file.shape) - 1) / 2, 1.0)
    shift = float(np.linalg.norm((sform @ centre - qform @ centre)[:3]))
    turn = _turn_deg(sform, qform)
    # A sheared sform and the qform beside it, which can't hold the shear, are one place said twice.
    same = turn <= settings.same_turn_deg and shift <= settings.same_shift_mm
    if same or _mirrored(sform, qform) or tilt > settings.same_turn_deg:
        return sform, "sform", ""
    differ = f"they differ by {turn:.1f} degrees and {shift:.1f} mm"
    if sform_code != _SCANNER and qform_code == _SCANNER:
        return qform, "qform", f"The sform (code {sform_code}) was not used, the qform (the scanner's) was: {differ}."
    return sform, "sform", f"The qform (code {qform_code}) was not used, the sform (code {sform_code}) was: {differ}."


def _by_sform(
    file: NiftiFile, sizes: Array, sform: Array, sform_code: int, settings: ReadingSettings, *, fits: bool
) -> tuple[Array, str, str]:
    """No qform: the sform where its voxels are the scan's, else its rotation with voxels of `pixdim`."""
    if fits:
        return sform, "sform", ""
    differ = f"its voxels measure {_listed(_lengths(sform))}, but {_listed(sizes)} according to pixdim"
    if _like_a_template(sform, sizes, settings):
        message = (
            f"The scale and shear of the sform (code {sform_code}) were not used, {differ}: "
            "the scan's own voxel sizes were used, rotated as it says."
        )
        return _rotation_only(sform, sizes, file.shape), "sform", message
    if _unset(sizes):
        return sform, "sform", f"pixdim ({_listed(sizes)}) was not used, the sform was: {differ}."
    what = f"pixdim and sform contradict each other: {differ}"
    raise GeometryError(what, where=str(file.path), hint=_HINT)


def _lengths(matrix: Array) -> Array:
    return np.asarray(np.linalg.norm(matrix[:3, :3], axis=0))


def _has_sizes(matrix: Array, sizes: Array, settings: ReadingSettings) -> bool:
    """Are its voxels those of `pixdim`? Of a sheared axis `pixdim` may be the step or the height: both occur."""
    if not np.isfinite(sizes).all() or (sizes <= 0).any():
        return False
    lengths = _lengths(matrix)
    heights = abs(np.linalg.det(matrix[:3, :3])) / np.array(
        [np.linalg.norm(np.cross(*np.delete(matrix[:3, :3], axis, axis=1).T)) for axis in range(3)]
    )
    near = settings.same_size_share
    fits = np.abs(lengths / sizes - 1) <= near
    return bool(fits.all() or (fits.sum() == 2 and (fits | (np.abs(heights / sizes - 1) <= near)).all()))


def _like_a_template(sform: Array, sizes: Array, settings: ReadingSettings) -> bool:
    """Is its stretch within what differences between heads explain?"""
    if not np.isfinite(sizes).all() or (sizes <= 0).any():
        return False
    ratio = _lengths(sform) / sizes
    most = settings.max_stretch
    return bool((ratio < most).all() and (ratio > 1 / most).all())


def _unset(sizes: Array) -> bool:
    """Is `pixdim` absent or left at a default?"""
    return not np.isfinite(sizes).all() or bool((sizes <= 0).any() or (sizes == 1).all())


def _shear_deg(matrix: Array) -> float:
    """The largest deviation of the axes from right angles."""
    axes = matrix[:3, :3] / _lengths(matrix)
    cosines = np.abs(axes.T @ axes - np.eye(3)).max()
    return float(np.degrees(np.arcsin(min(1.0, float(cosines)))))


def _turn_deg(one: Array, other: Array) -> float:
    """The angle of the rotation from one to the other; mirroring ignored."""
    turn = _orthogonal(one) @ _orthogonal(other).T
    turn = turn * np.sign(np.linalg.det(turn))
    return float(np.degrees(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1.0, 1.0))))


def _orthogonal(matrix: Array) -> Array:
    """The nearest rotation (mirrored where the matrix is)."""
    left, _, right = np.linalg.svd(matrix[:3, :3] / _lengths(matrix))
    return np.asarray(left @ right)


def _mirrored(one: Array, other: Array) -> bool:
    return bool(np.linalg.det(one[:3, :3]) * np.linalg.det(other[:3, :3]) < 0)


def _rotation_only(sform: Array, sizes: Array, shape: tuple[int, int, int]) -> Array:
    """The sform's rotation with voxels of the given sizes, about the centre of the volume."""
    left, _, right = np.linalg.svd(sform[:3, :3] / sizes)
    out = np.eye(4)
    out[:3, :3] = (left @ right) * sizes
    centre = (np.array(shape) - 1) / 2
    out[:3, 3] = sform[:3, :3] @ centre + sform[:3, 3] - out[:3, :3] @ centre
    return out


def _unit(file: NiftiFile, affine: Array, settings: ReadingSettings) -> tuple[int, float, str]:
    """(code, mm, what was not used): as the header says, unless only another unit gives the size of a head."""
    said = int(file.header["xyzt_units"]) & 7 if "xyzt_units" in file.header else 0
    name, in_mm = _UNITS.get(said, _UNITS[2])
    widest = float((_lengths(affine) * file.shape).max())

    def is_a_head(mm: float) -> bool:
        return settings.min_head_mm <= widest * mm <= settings.max_head_mm

    if is_a_head(in_mm):
        return said, in_mm, ""
    for code, (other, mm) in sorted(_UNITS.items(), key=lambda one: one[0] != 2):
        if is_a_head(mm):
            message = (
                f"The unit that the header names (xyzt_units: {name}) was not used: the volume would be "
                f"{widest * in_mm:.3g} mm wide. Read in {other}s, it is {widest * mm:.0f} mm wide."
            )
            return code, mm, message
    return said, in_mm, ""


def _refuse_impossible(
    affine: Array, shape: tuple[int, int, int], frame: str, where: str, settings: ReadingSettings
) -> None:
    """Raises `GeometryError` for sizes that no scanner has, before memory is taken."""
    steps = _lengths(affine)
    extents = np.sort(steps * shape)
    if steps.min() < settings.min_step_mm or steps.max() > settings.max_step_mm:
        what = f"voxels of {_listed(steps)} mm are not those of a CT (pixdim, {frame}, xyzt_units)"
    elif (
        extents[1] > settings.max_width_mm
        or extents[2] > settings.max_length_mm
        or extents.prod() / 1e6 > settings.max_litres
    ):
        what = f"a volume of {' × '.join(f'{mm:.0f}' for mm in extents)} mm is not a head (pixdim, {frame}, xyzt_units)"
    elif np.abs(affine[:3, 3]).max() > settings.max_offset_mm:
        what = f"it lies {np.abs(affine[:3, 3]).max():.3g} mm from the origin (the {frame})"
    else:
        return
    raise GeometryError(what, where=where, hint=_HINT)


def _sides(file: NiftiFile, sform: Array | None, qform: Array | None) -> str:
    """Why the sides aren't known; empty where they are."""
    if file.analyze:
        return "The file is Analyze, which has no orientation"
    if sform is None and qform is None:
        return "Neither sform nor qform is set"
    if sform is not None and qform is not None and _mirrored(sform, qform):
        return "sform and qform mirror each other"
    return ""


def _listed(numbers: Array) -> str:
    return " × ".join(f"{number:.4g}" for number in numbers)
