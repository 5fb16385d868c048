"""Slices → `Geometry`, and what is odd about it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from calcscan.errors import GeometryError
from calcscan.grid.geometry import Geometry
from calcscan.knowledge.reading import ReadingSettings
from calcscan.model import Flag
from calcscan.read.headers.image import Image
from calcscan.read.series.positions import numbered_in_turn, positions_of, thickness_of, used_thickness_of
from calcscan.read.series.spacing import Spacing, spacing_of


def geometry_of(
    images: Sequence[Image], settings: ReadingSettings, *, where: str = ""
) -> tuple[Geometry, tuple[Flag, ...]]:
    """The grid of slices in ascending order, and its flags.

    Raises
    ------
    GeometryError
        There are too few slices, or they share one position, or their positions are in another unit than mm.
    """
    fewest = settings.min_slices
    if len(images) < fewest:
        raise GeometryError(
            f"only {len(images)} usable slice{'s' * (len(images) != 1)}; a head needs at least {fewest}",
            where=where,
            hint="give the folder of the whole series",
        )
    _refuse_other_unit(images, settings, where)
    first = images[0]
    spacing = spacing_of(positions_of(images), thickness_of(images), settings, in_turn=numbered_in_turn(images))
    row_mm = float(np.median([image.row_spacing_mm or 0.0 for image in images]))
    column_mm = float(np.median([image.column_spacing_mm or 0.0 for image in images]))
    try:
        geometry = Geometry(
            origins_mm=np.array([image.position_mm for image in images]),
            step_i_mm=np.array(first.row_cosine) * column_mm,
            step_j_mm=np.array(first.column_cosine) * row_mm,
            slab_mm=spacing.slab_mm,
            rows=first.rows,
            columns=first.columns,
        )
    except ValueError as error:
        raise GeometryError(
            f"the slices do not form a volume ({error})", where=where, hint="export it again"
        ) from error
    return geometry, (
        *_missing(images, spacing, settings),
        *_uneven(spacing, settings),
        *tilt_flag(geometry, settings),
        *_stated_tilt(images, geometry, settings),
        *thick_flag(images, spacing, settings),
    )


def _refuse_other_unit(images: Sequence[Image], settings: ReadingSettings, where: str) -> None:
    """Where location and thickness agree with each other, and the positions are several times closer or wider."""
    locations = np.array([np.nan if image.slice_location_mm is None else image.slice_location_mm for image in images])
    located_mm, apart_mm = float(np.median(np.abs(np.diff(locations)))), float(np.median(np.diff(positions_of(images))))
    thick_mm = thickness_of(images)
    if np.isnan(located_mm) or np.isnan(thick_mm).any() or apart_mm <= 0:
        return
    thickness_mm, times = float(np.median(thick_mm)), located_mm / apart_mm
    agree = abs(located_mm - thickness_mm) <= settings.same_unit_share * thickness_mm
    if agree and not 1 / settings.other_unit_times < times < settings.other_unit_times:
        raise GeometryError(
            f"ImagePositionPatient puts the slices {apart_mm:.3g} mm apart, SliceLocation {located_mm:.3g} mm, and "
            f"they are {thickness_mm:.3g} mm thick: one of the three is in another unit",
            where=where,
            hint="export the series again with these fields as the scanner wrote them",
        )


def _missing(images: Sequence[Image], spacing: Spacing, settings: ReadingSettings) -> tuple[Flag, ...]:
    where = np.flatnonzero(spacing.missing)
    if not len(where):
        return ()
    regular = float(np.median(spacing.gaps_mm[~spacing.missing])) if not spacing.missing.all() else float("nan")
    shown = ", ".join(f"{spacing.gaps_mm[k]:.1f} mm after slice {k + 1}" for k in where[:3]) + (" …" * (len(where) > 3))
    message = f"Slices are missing, with gaps of {shown}; elsewhere they are {regular:.1f} mm apart."
    ratio = settings.missing_ratio
    return (Flag(code="missing_slices", message=message, value=float(spacing.gaps_mm.max()), limit=ratio * regular),)


def _uneven(spacing: Spacing, settings: ReadingSettings) -> tuple[Flag, ...]:
    distinct = spacing.distinct_mm(settings)
    if len(distinct) < 2:
        return ()
    shown = ", ".join(f"{gap:.2f}" for gap in distinct)
    message = f"Slices are unevenly spaced ({shown} mm); each slice represents half the gap on either side."
    return (Flag(code="irregular_spacing", message=message, value=shown, limit=settings.same_spacing_mm),)


def tilt_flag(geometry: Geometry, settings: ReadingSettings) -> tuple[Flag, ...]:
    """`gantry_tilt` where the slices are not stacked along their normal."""
    tilt = geometry.tilt_deg
    if tilt <= settings.tilt_deg:
        return ()
    message = f"The slices are sheared by {tilt:.1f} degrees (gantry tilt); positions and volumes allow for it."
    return (Flag(code="gantry_tilt", message=message, value=round(tilt, 2), limit=settings.tilt_deg),)


def unseen_tilt_flag(
    stated_deg: float | None, by: str, geometry: Geometry, settings: ReadingSettings
) -> tuple[Flag, ...]:
    """`gantry_tilt` where a tilt is stated (`by` what) and the slices show none: neither sheared nor turned."""
    tilt = abs(stated_deg or 0.0)
    turned = np.degrees(np.arccos(min(1.0, abs(geometry.normal[2]))))
    if tilt <= settings.tilt_deg or max(geometry.tilt_deg, turned) > settings.tilt_deg:
        return ()
    large = 1.0 / float(np.cos(np.radians(min(tilt, settings.max_tilt_deg)))) - 1.0
    message = (
        f"{by} states a gantry tilt of {tilt:.1f} degrees, but the slices lie straight: unless they were resampled, "
        f"positions are off by the shear, and volumes are {large:.1%} too large."
    )
    return (Flag(code="gantry_tilt", message=message, value=round(tilt, 2), limit=settings.tilt_deg),)


def _stated_tilt(images: Sequence[Image], geometry: Geometry, settings: ReadingSettings) -> tuple[Flag, ...]:
    """As most slices state it; a reformat keeps the tilt of what it was made from."""
    if images[0].image_type[:1] == ("DERIVED",):
        return ()
    stated = [0.0 if image.gantry_tilt_deg is None else image.gantry_tilt_deg for image in images]
    return unseen_tilt_flag(float(np.median(stated)), "The header", geometry, settings)


def thick_flag(images: Sequence[Image], spacing: Spacing, settings: ReadingSettings) -> tuple[Flag, ...]:
    """`thick_slices` by the thickest slice: its nominal thickness, or the slab that it stands for."""
    stated_mm = used_thickness_of(images, spacing.slab_mm)
    return thick_flag_for(np.nanmax(np.append(stated_mm, 0.0)), spacing.slab_mm.max(), settings)


def thick_flag_for(thickness_mm: float, slab_mm: float, settings: ReadingSettings) -> tuple[Flag, ...]:
    """`thick_slices` if any slice is thicker than the limit, or stands for more; a thickness of 0 is unknown."""
    thickest_mm = float(max(thickness_mm, slab_mm))
    if thickest_mm <= settings.thick_mm + settings.same_position_mm:
        return ()
    if 0 < thickness_mm * settings.gap_told <= slab_mm:
        message = (
            f"Slices stand for up to {slab_mm:.1f} mm of the head, of which they show {thickness_mm:.1f} mm: "
            "small calcifications are missed."
        )
    else:
        message = f"Slices are up to {thickest_mm:.1f} mm thick: small calcifications are diluted or missed."
    return (Flag(code="thick_slices", message=message, value=round(thickest_mm, 2), limit=settings.thick_mm),)
