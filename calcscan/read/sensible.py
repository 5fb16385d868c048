"""Numbers that no scanner gives: said, with the field's name and its value, before memory is asked for by them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from calcscan.errors import GeometryError
from calcscan.grid.geometry import Geometry
from calcscan.model import Flag
from calcscan.read.header import Image
from calcscan.read.rules import limit


def senseless(image: Image) -> str:
    """What a slice's header says that can't be, as what is wrong with its file; empty if nothing is."""
    low, high = limit("pixel_least_mm"), limit("pixel_most_mm")
    for spacing in (image.row_spacing_mm, image.column_spacing_mm):
        if spacing is not None and not low <= spacing <= high:
            shown = image.spacing_text or f"{spacing:g}"
            return f"has PixelSpacing {_short(shown)}, where a CT has {low:g} to {high:g} mm"
    farthest = limit("position_most_mm")
    if image.position_mm is not None and max(map(abs, image.position_mm)) > farthest:
        shown = image.position_text or "\\".join(f"{value:g}" for value in image.position_mm)
        return f"has ImagePositionPatient {_short(shown)}, farther away than {farthest / 1000:g} m"
    pixels, most = image.pixels, limit("rescale_most")
    for name, value in (("RescaleSlope", pixels.slope), ("RescaleIntercept", pixels.intercept)):
        if value is not None and abs(value) > most:
            return f"has {name} {value:.12g}, where no CT goes beyond {most:g}"
    return ""


def refuse_large(images: Sequence[Image], where: str) -> None:
    """Raises `GeometryError` for slices that together have more voxels than can be held in memory."""
    rows, columns = images[0].rows, images[0].columns
    most = limit("most_voxels")
    if rows * columns * len(images) > most:
        what = f"{len(images)} slices of Rows {rows} and Columns {columns} are more than {most:,.0f} voxels"
        raise GeometryError(what, where=where, hint="check Rows and Columns, or give thicker slices")


def refuse_absurd(geometry: Geometry, where: str) -> None:
    """Raises `GeometryError` for a grid that no CT has, in whatever file it stands."""
    low, high = limit("pixel_least_mm"), limit("pixel_most_mm")
    _, row, column = geometry.spacing_mm
    for name, spacing in (("row", row), ("column", column)):
        if not low <= spacing <= high:
            what = f"the {name} spacing is {spacing:g} mm, where a CT has {low:g} to {high:g} mm"
            raise GeometryError(what, where=where, hint="check the pixel spacing, and the unit of length, in the file")
    slab = limit("slab_most_mm")
    thickest = float(geometry.slab_mm.max())
    if thickest > slab:
        what = f"slices are {thickest:g} mm apart, where a CT's are at most {slab:g} mm"
        raise GeometryError(what, where=where, hint="check the slices' positions, and the unit of length, in the file")
    slices, rows, columns = geometry.shape
    most = limit("most_voxels")
    if slices * rows * columns > most:
        what = f"{slices} × {rows} × {columns} are more than {most:,.0f} voxels"
        raise GeometryError(what, where=where, hint="check the size that the file says")
    corners = np.array([(k, j, i) for k in (0, slices - 1) for j in (0, rows - 1) for i in (0, columns - 1)], float)
    extent = np.ptp(geometry.to_world(corners), axis=0)
    longest = limit("extent_most_mm")
    if not (extent <= longest).all():
        shown = " × ".join(f"{value:g}" for value in extent)
        what = f"the slices reach over {shown} mm, farther than any scanner's table ({longest:g} mm)"
        raise GeometryError(what, where=where, hint="check positions, spacing, and the unit of length, in the file")


def without_strays(images: Sequence[Image]) -> tuple[tuple[Image, ...], tuple[Flag, ...]]:
    """The slices, in ascending order, without those that lie far from the most of them; and a flag for these.

    Where they truly belong is not known, so they count as missing.
    """
    reach = limit("stray_mm")
    groups: list[list[Image]] = []
    for image in images:
        if image.position_mm is None:
            return tuple(images), ()
        near = next((group for group in groups if _apart_mm(group[-1], image) <= reach), None)
        if near is None:
            groups.append([image])
        else:
            near.append(image)
    if len(groups) < 2:
        return tuple(images), ()
    kept = max(groups, key=len)
    if len(kept) <= len(images) / 2:  # none is the rule from which others stray
        return tuple(images), ()
    strays = [image for group in groups if group is not kept for image in group]
    nearest = min(_apart_mm(stray, image) for stray in strays for image in (kept[0], kept[-1]))
    many = len(strays) > 1
    message = (
        f"{len(strays)} slice{'s' * many} of {len(images)} lie{'s' * (not many)} {nearest:.0f} mm or more from the "
        f"others ({strays[0].blob.name}) and {'were' if many else 'was'} left out."
    )
    return tuple(kept), (Flag(code="missing_slices", message=message, value=float(len(strays)), limit=0.0),)


def _apart_mm(one: Image, other: Image) -> float:
    return float(np.linalg.norm(np.subtract(one.position_mm or (), other.position_mm or ())))


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]} …"
