"""Accept or refuse a fit.

Limits on how well a fit agrees can't be strict: heads differ more than a fit rotated by 10 degrees differs from the
correct one. But for one head the correct fit agrees best: how the agreement changes when the fit is rotated or shifted
a little shows where it would be best, and that must not be far away.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy.spatial.transform import Rotation

from calcscan.grid.displacement import Displacement
from calcscan.grid.geometry import Array, apply
from calcscan.knowledge.registration import RegistrationSettings
from calcscan.model import Flag, Registration
from calcscan.processors import at_once
from calcscan.registration.agreement import Agreement
from calcscan.registration.preprocess import RegistrationImage


def accept(
    head: RegistrationImage,
    template: RegistrationImage,
    scan_to_atlas: Array,
    displacement: Displacement,
    settings: RegistrationSettings,
    *,
    outline: Array | None = None,
) -> Registration:
    """The registration, accepted if it keeps within all limits, else with a flag for each that it exceeds.

    `outline` is the 4×4 matrix from scan to atlas before the deep nuclei were recentred; where they were moved farther
    than `recentre_again_mm`, the overlap is its.
    """
    agreement = Agreement.between(head, template, settings)
    atlas_to_scan = np.asarray(np.linalg.inv(scan_to_atlas), dtype=np.float64)
    correlation = agreement.correlation(partial(apply, atlas_to_scan))
    outline = scan_to_atlas if outline is None else outline
    recentred_mm = float(np.linalg.norm(scan_to_atlas[:3, 3] - outline[:3, 3]))
    whole = outline if recentred_mm > settings.recentre_again_mm else scan_to_atlas
    overlap = agreement.overlap(partial(apply, np.linalg.inv(whole)))
    scale, anisotropy = _shape(atlas_to_scan)
    rotation_error_deg, shift_error_mm = _misalignment(agreement, atlas_to_scan, correlation, settings)
    orientation = float(np.linalg.det(scan_to_atlas[:3, :3]))
    # The less of a head is pictured, the less pins its fit down, and the nearer it must be to where it fits best.
    pictured = min(1.0, agreement.covered(partial(apply, atlas_to_scan)) / settings.covered_low)
    checks = (
        _at_least(
            "the interior of the brain correlates too little with the atlas", correlation, settings.correlation_low
        ),
        _at_least("the brain overlaps too little with that of the atlas", overlap, settings.overlap_low),
        _at_least("the head would be too small", scale, settings.scale_low),
        _at_most("the head would be too large", scale, settings.scale_high),
        _at_most("the head would have to be stretched too unevenly", anisotropy, settings.anisotropy_high),
        _at_most(
            "the deep nuclei would have to be displaced too far", displacement.rms_mm, settings.displacement_rms_high_mm
        ),
        _at_most("the deep nuclei would have to be moved too far as a whole", recentred_mm, settings.recentre_high_mm),
        _at_most(
            "the brain would correlate better with the atlas if it were rotated",
            rotation_error_deg,
            settings.rotation_error_high_deg * pictured,
        ),
        _at_most(
            "the brain would correlate better with the atlas if it were shifted",
            shift_error_mm,
            settings.shift_error_high_mm * pictured,
        ),
        _at_least("left and right would be swapped", orientation, 0.0),
    )
    failed = tuple(flag for flag in checks if flag is not None)
    return Registration(
        scan_to_atlas=scan_to_atlas,
        displacement=displacement,
        method="similarity from nine initial orientations, affine on skull and brain, smooth deformation around the "
        "deep nuclei; metric: correlation within the brain before the deformation, without the worst "
        f"{settings.correlation_trimmed:.0%}",
        metric=correlation,
        overlap=overlap,
        accepted=not failed,
        reason="; ".join(flag.message for flag in failed) or "within all limits",
        flags=failed or _contradiction(scan_to_atlas, settings),
    )


def _contradiction(scan_to_atlas: Array, settings: RegistrationSettings) -> tuple[Flag, ...]:
    """A flag where the head's left is not the header's: a patient turned over, or lying on a side, looks the same as a
    file that is mirrored from front to back or from top to bottom, or of which two axes were exchanged."""
    cosine = left_cosine(scan_to_atlas)
    if cosine >= settings.reversed_cosine_low:
        return ()
    angle_deg = float(np.degrees(np.arccos(max(-1.0, cosine))))
    message = (
        f"The head's left lies {angle_deg:.0f} degrees from what the header calls left; the head is turned, or the "
        "file is mirrored or its axes are exchanged, so left and right can't be told apart."
    )
    limit = settings.reversed_cosine_low
    return (Flag(code="laterality_unknown", message=message, value=round(cosine, 2), limit=limit),)


def _shape(atlas_to_scan: Array) -> tuple[float, float]:
    """The size of the head relative to the template, and the ratio of its largest to its smallest stretch."""
    stretch = np.linalg.svd(atlas_to_scan[:3, :3], compute_uv=False)
    return float(np.cbrt(stretch.prod())), float(stretch.max() / stretch.min())


def left_cosine(scan_to_atlas: Array) -> float:
    """The cosine between the left of the head, as the atlas lies in it, and the left of the scan's header (LPS).

    >>> left_cosine(np.diag([-1.0, -1.0, 1.0, 1.0]))
    -1.0
    """
    u, _, v = np.linalg.svd(scan_to_atlas[:3, :3])
    return float((u @ v)[0, 0])


def _misalignment(
    agreement: Agreement, atlas_to_scan: Array, correlation: float, settings: RegistrationSettings
) -> tuple[float, float]:
    """How far the fit is from where it would correlate best: rotated by how many degrees, shifted by how many mm.

    About and along each axis, a parabola through its correlation and those to either side.
    """

    angle_deg, distance_mm = settings.probe_rotation_deg, settings.probe_shift_mm
    axes, ways = np.eye(3), (-1.0, 1.0)
    moves = [_rotated_about(agreement.centre, way * angle_deg, axis) for axis in axes for way in ways]
    moves += [_shifted(way * distance_mm, axis) for axis in axes for way in ways]
    found = at_once(partial(agreement.correlation, partial(apply, atlas_to_scan @ moved)) for moved in moves)
    best = [
        _parabola_maximum(before, correlation, after) for before, after in zip(found[::2], found[1::2], strict=True)
    ]
    rotations_deg, shifts_mm = np.array(best[:3]) * angle_deg, np.array(best[3:]) * distance_mm
    return float(np.linalg.norm(rotations_deg)), float(np.linalg.norm(shifts_mm))


def _rotated_about(centre: Array, angle_deg: float, axis: Array) -> Array:
    """The 4×4 rotation about an axis through `centre`."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(np.radians(angle_deg) * axis).as_matrix()
    matrix[:3, 3] = centre - matrix[:3, :3] @ centre
    return matrix


def _shifted(distance_mm: float, axis: Array) -> Array:
    """The 4×4 translation along an axis."""
    matrix = np.eye(4)
    matrix[:3, 3] = distance_mm * axis
    return matrix


def _parabola_maximum(before: float, centre: float, after: float) -> float:
    """Where the parabola through values at -1, 0 and 1 is highest, at most 2 away.

    >>> _parabola_maximum(0.5, 0.875, 0.75)
    0.25
    """
    if 2.0 * centre - before - after <= abs(after - before) / 4.0:
        return 2.0 * float(np.sign(after - before))
    return (after - before) / (2.0 * (2.0 * centre - before - after))


def _at_least(failure: str, value: float, limit: float) -> Flag | None:
    """A flag unless `value` reaches `limit`; NaN never does."""
    return None if value >= limit else _flag(failure, value, limit)


def _at_most(failure: str, value: float, limit: float) -> Flag | None:
    return None if value <= limit else _flag(failure, value, limit)


def _flag(failure: str, value: float, limit: float) -> Flag:
    return Flag(code="registration_poor", message=failure, value=round(float(value), 3), limit=round(float(limit), 3))
