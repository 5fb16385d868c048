"""Positions and orientations of slices → `Geometry`, and what is odd about their spacing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calcscan.errors import GeometryError
from calcscan.grid.geometry import Array, Geometry
from calcscan.model import Flag
from calcscan.read.header import Image
from calcscan.read.rules import limit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spacing:
    """How slices follow each other. All in mm, shape (slices - 1,) or (slices,)."""

    gaps_mm: Array
    missing: npt.NDArray[np.bool_]
    """Gaps in which slices are missing."""
    slab_mm: Array
    """What each slice stands for: half of each gap beside it, of the regular gap where slices are missing."""

    @property
    def distinct_mm(self) -> tuple[float, ...]:
        """The different spacings that occur, missing slices aside, in ascending order."""
        found: list[list[float]] = []
        for gap in np.sort(self.gaps_mm[~self.missing]):
            if found and gap - found[-1][-1] <= tolerance_mm(gap):  # a spread without a step is jitter
                found[-1].append(float(gap))
            else:
                found.append([float(gap)])
        return tuple(float(np.median(group)) for group in found)


def tolerance_mm(gap_mm: float) -> float:
    """How far two spacings may differ and still be the same."""
    return max(limit("same_spacing_mm"), limit("same_spacing_share") * float(gap_mm))


def spacing_of(positions_mm: Array, thickness_mm: Array) -> Spacing:
    """Gaps, missing slices and slabs of slices at ascending positions along their normal.

    A run of equal gaps is part of the protocol (fossa and vertex); a lone gap well above the runs on both its sides,
    and more than the slices' thickness (NaN: unknown) fills, lacks slices.

    >>> import numpy as np
    >>> spacing = spacing_of(np.array([0.0, 5, 10, 15, 30, 35, 40, 45]), np.full(8, 5.0))
    >>> spacing.missing.nonzero()[0].tolist(), spacing.slab_mm.tolist()
    ([3], [5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0])
    """
    gaps = np.diff(positions_mm)
    before, after = _regular_beside(gaps, thickness_known=not np.isnan(thickness_mm).all())
    beside = np.fmax(before, after)
    fills = np.fmax(np.fmax(thickness_mm[:-1], thickness_mm[1:]) * limit("missing_thickness_ratio"), 0.0)
    missing = (gaps > limit("missing_ratio") * beside) & (gaps > fills)
    left = np.where(missing, np.where(np.isnan(before), beside, before), gaps)
    right = np.where(missing, np.where(np.isnan(after), beside, after), gaps)
    above = np.append(left, right[-1]) / 2  # the end slice has one neighbour: its slab is as thick on the other side
    below = np.insert(right, 0, left[0]) / 2
    return Spacing(gaps_mm=gaps, missing=missing, slab_mm=above + below)


def _regular_beside(gaps: Array, *, thickness_known: bool) -> tuple[Array, Array]:
    """Spacing of the nearest run of equal gaps before and after each gap; NaN where there is none."""
    runs = _runs(gaps)
    regular = [run for run in runs if run[1] - run[0] >= limit("pattern_run")]
    if not regular:
        usual = np.full(len(gaps), _smallest_usual(gaps))
        return usual, usual
    before, after = np.full(len(gaps), np.nan), np.full(len(gaps), np.nan)
    for first, last in runs:
        own = (first, last) in regular and not (thickness_known and _is_every_other(gaps, (first, last), regular))
        if own:
            before[first:last] = after[first:last] = np.median(gaps[first:last])
            continue
        earlier = [run for run in regular if run[1] <= first]
        later = [run for run in regular if run[0] >= last]
        if earlier:
            before[first:last] = np.median(gaps[slice(*earlier[-1])])
        if later:
            after[first:last] = np.median(gaps[slice(*later[0])])
    return before, after


def _smallest_usual(gaps: Array) -> float:
    """The smallest gap that is no exception: the others may be its multiples, where slices are missing throughout."""
    for gap in np.sort(gaps):
        if np.count_nonzero(np.abs(gaps - gap) <= tolerance_mm(gap)) >= limit("usual_share") * len(gaps):
            return float(gap)
    return float(np.median(gaps))


def _is_every_other(gaps: Array, run: tuple[int, int], regular: list[tuple[int, int]]) -> bool:
    """Is this run twice, three times … as wide as the narrowest one? Then slices were left out throughout it."""
    narrow = min(float(np.median(gaps[slice(*other)])) for other in regular)
    times = float(np.median(gaps[slice(*run)])) / narrow
    return round(times) >= 2 and abs(times - round(times)) * narrow <= tolerance_mm(narrow)


def _runs(gaps: Array) -> list[tuple[int, int]]:
    """(first, last + 1) of each stretch of equal gaps."""
    edges = [0]
    for index in range(1, len(gaps)):
        if abs(gaps[index] - np.median(gaps[edges[-1] : index])) > tolerance_mm(gaps[index]):
            edges.append(index)
    return list(zip(edges, [*edges[1:], len(gaps)], strict=True))


def normal_of(image: Image) -> Array:
    """Unit vector along which slices of this orientation advance, shape (3,)."""
    normal = np.cross(image.row_cosine, image.column_cosine)
    return np.asarray(normal / np.linalg.norm(normal))


def ascending(images: Sequence[Image]) -> list[Image]:
    """The slices in order along their normal; instance numbers play no part but to break ties."""
    normal = normal_of(images[0])
    return sorted(images, key=lambda image: (position_along(image, normal), image.instance or 0))


def position_along(image: Image, normal: Array) -> float:
    """Where a slice lies along a unit vector, in mm; 0 where its position is not known."""
    return float(np.dot(image.position_mm or (0.0, 0.0, 0.0), normal))


def positions_of(images: Sequence[Image]) -> Array:
    """Position of each slice along the normal of the first, in mm."""
    return np.array([image.position_mm for image in images], dtype=np.float64) @ normal_of(images[0])


def typical_gap_of(images: Sequence[Image]) -> float:
    """From one slice to the next, in mm: the median."""
    return float(np.median(np.diff(positions_of(images))))


def thickness_of(images: Sequence[Image]) -> Array:
    """Nominal thickness of each slice in mm, NaN where unknown."""
    return np.array([np.nan if image.thickness_mm is None else image.thickness_mm for image in images])


def geometry_of(images: Sequence[Image], *, where: str = "") -> tuple[Geometry, tuple[Flag, ...]]:
    """The grid of slices in ascending order, and what is to be said about it.

    Raises
    ------
    GeometryError
        There are too few slices, or they share one position.
    """
    fewest = int(limit("min_slices"))
    if len(images) < fewest:
        raise GeometryError(
            f"only {len(images)} usable slice{'s' * (len(images) != 1)}; a head needs at least {fewest}",
            where=where,
            hint="give the folder of the whole series",
        )
    first = images[0]
    spacing = spacing_of(positions_of(images), thickness_of(images))
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
        raise GeometryError(f"the slices make no volume ({error})", where=where, hint="export it again") from error
    return geometry, (*_missing(images, spacing), *_uneven(spacing), *tilt_flag(geometry), *thick_flag(images, spacing))


def _missing(images: Sequence[Image], spacing: Spacing) -> tuple[Flag, ...]:
    where = np.flatnonzero(spacing.missing)
    if not len(where):
        return ()
    regular = float(np.median(spacing.gaps_mm[~spacing.missing])) if not spacing.missing.all() else float("nan")
    shown = ", ".join(f"{spacing.gaps_mm[k]:.1f} mm after slice {k + 1}" for k in where[:3]) + (" …" * (len(where) > 3))
    message = f"Slices are missing: {shown}, where they are {regular:.1f} mm apart elsewhere."
    ratio = limit("missing_ratio")
    return (Flag(code="missing_slices", message=message, value=float(spacing.gaps_mm.max()), limit=ratio * regular),)


def _uneven(spacing: Spacing) -> tuple[Flag, ...]:
    distinct = spacing.distinct_mm
    if len(distinct) < 2:
        return ()
    shown = ", ".join(f"{gap:.2f}" for gap in distinct)
    message = f"Slices are unevenly spaced ({shown} mm); each stands for half the gap on either side."
    return (Flag(code="irregular_spacing", message=message, value=shown, limit=limit("same_spacing_mm")),)


def tilt_flag(geometry: Geometry) -> tuple[Flag, ...]:
    """`gantry_tilt` where the slices are not stacked along their normal."""
    tilt = geometry.tilt_deg
    if tilt <= limit("tilt_deg"):
        return ()
    message = f"The slices are sheared by {tilt:.1f} degrees (gantry tilt); positions and volumes allow for it."
    return (Flag(code="gantry_tilt", message=message, value=round(tilt, 2), limit=limit("tilt_deg")),)


def thick_flag(images: Sequence[Image], spacing: Spacing) -> tuple[Flag, ...]:
    """`thick_slices` by the thickest slice: its nominal thickness, or the slab that it stands for."""
    thickest = float(max(np.nanmax(np.append(thickness_of(images), 0.0)), spacing.slab_mm.max()))
    return thick_flag_for(thickest)


def thick_flag_for(thickest_mm: float) -> tuple[Flag, ...]:
    """`thick_slices` if any slice is thicker than the limit."""
    if thickest_mm <= limit("thick_mm") + limit("same_position_mm"):
        return ()
    message = f"Slices are up to {thickest_mm:.1f} mm thick: small calcifications are diluted or missed."
    return (Flag(code="thick_slices", message=message, value=round(thickest_mm, 2), limit=limit("thick_mm")),)
