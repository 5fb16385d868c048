"""Grids and volumes that no CT has, refused before memory is taken for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from calcscan.errors import GeometryError
from calcscan.grid.geometry import Geometry
from calcscan.knowledge.reading import ReadingSettings
from calcscan.read.headers.image import Image


def refuse_large(images: Sequence[Image], where: str, settings: ReadingSettings) -> None:
    """Raises `GeometryError` for slices that together have more voxels than can be held in memory."""
    rows, columns = images[0].rows, images[0].columns
    most = settings.max_voxels
    if rows * columns * len(images) > most:
        what = f"{len(images)} slices of Rows {rows} and Columns {columns} are more than {most:,.0f} voxels"
        raise GeometryError(what, where=where, hint="check Rows and Columns, or give thicker slices")


def refuse_impossible_grid(geometry: Geometry, where: str, settings: ReadingSettings) -> None:
    """Raises `GeometryError` for a grid that no CT has, whatever the file format."""
    low, high = settings.min_pixel_mm, settings.max_pixel_mm
    _, row, column = geometry.spacing_mm
    for name, spacing in (("row", row), ("column", column)):
        if not low <= spacing <= high:
            what = f"the {name} spacing is {spacing:g} mm, where a CT has {low:g} to {high:g} mm"
            raise GeometryError(what, where=where, hint="check the pixel spacing, and the unit of length, in the file")
    slab = settings.max_slab_mm
    thickest = float(geometry.slab_mm.max())
    if thickest > slab:
        what = f"slices are {thickest:g} mm apart, where a CT's are at most {slab:g} mm"
        raise GeometryError(what, where=where, hint="check the slices' positions, and the unit of length, in the file")
    slices, rows, columns = geometry.shape
    most = settings.max_voxels
    if slices * rows * columns > most:
        what = f"{slices} × {rows} × {columns} are more than {most:,.0f} voxels"
        raise GeometryError(what, where=where, hint="check the size stated in the file")
    corners = np.array([(k, j, i) for k in (0, slices - 1) for j in (0, rows - 1) for i in (0, columns - 1)], float)
    extent = np.ptp(geometry.to_world(corners), axis=0)
    longest = settings.max_extent_mm
    if not (extent <= longest).all():
        shown = " × ".join(f"{value:g}" for value in extent)
        what = f"the slices reach over {shown} mm, farther than any scanner's table travels ({longest:g} mm)"
        raise GeometryError(what, where=where, hint="check positions, spacing, and the unit of length, in the file")
