"""A label map of a report, edited in another program, back onto the scan's grid: → `EditedMap`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calcscan.errors import GeometryError, InputError
from calcscan.grid.geometry import Array, Geometry, apply
from calcscan.knowledge.reading import ReadingSettings
from calcscan.knowledge.settings import load
from calcscan.model import EditedMap, LocatedLesionMap, MapKind, OwnLabels, Result
from calcscan.read.images import GivenImage, given_image
from calcscan.read.labels import read_labels, reordered, whole_numbers
from calcscan.report.labelmaps import EvenGrid, even_grid, on_grid, site_map
from calcscan.report.nrrd import name_of
from calcscan.report.sitelabels import site_labels

_KINDS: tuple[MapKind, ...] = ("lesions", "sites")
_HINT = "edit the label maps that lie in OUT, and save them with the grid that they have"
_SEGMENTATION = re.compile(r"\.seg\.nrrd$", re.IGNORECASE)


def read_edited_map(
    source: Any, result: Result, *, kind: MapKind | None = None, settings: ReadingSettings | None = None
) -> EditedMap:
    """An edited lesions.nii.gz, sites.nii.gz or sites.seg.nrrd, on the scan's grid.

    Parameters
    ----------
    source
        A file; an array (k, j, i) like `result.scan.hu`; or a SimpleITK or nibabel image. Its axes may be in another
        order, and a segmentation of 3D Slicer may be cropped to what it holds, as Slicer saves it.
    result
        What it is an edited map of.
    kind
        `lesions` or `sites`: which numbers it holds; else whichever it resembles.

    Raises
    ------
    GeometryError
        It lies on another grid.
    InputError
        It holds no labels, or none of this report's, or numbers or names that no site has; or it may be of either kind.
    """
    settings = settings or load(ReadingSettings)
    if kind is not None and kind not in _KINDS:
        raise ValueError(f"kind must be one of {', '.join(_KINDS)}, not {kind!r}")
    lesions = result.lesions
    if lesions is None:
        raise InputError("the scan was not analysed: there is no label map to edit", hint="calcscan run --mask FILE")
    own = _on_scan(source, result, lesions, settings)
    where = str(source) if isinstance(source, str | Path) else "edited map"
    by_name = _sites_by_name(own)
    kind = kind or ("sites" if by_name is not None else _kind(own.values, lesions, where))
    values = own.values
    if kind == "sites":
        values = _site_numbers(own, by_name or {}, where)
    return EditedMap(kind=kind, values=values, sha256=own.sha256)


def _on_scan(source: Any, result: Result, lesions: LocatedLesionMap, settings: ReadingSettings) -> OwnLabels:
    """The map voxel for voxel on the scan's grid."""
    try:
        return read_labels(source, result.scan, name="the edited map", settings=settings)
    except GeometryError as error:
        found = _otherwise(Path(source), result, lesions, settings) if isinstance(source, str | Path) else None
        if found is None:
            raise GeometryError(error.what, where=error.where, hint=_HINT) from error
        return found


def _otherwise(path: Path, result: Result, lesions: LocatedLesionMap, settings: ReadingSettings) -> OwnLabels | None:
    """The map where it lies on the even grid that a report's NIfTI has of a scan which NIfTI can't hold, or is a
    segmentation that 3D Slicer has cropped; None where it is neither."""
    given = given_image(path, "the edited map", settings)
    values = whole_numbers(given.values, "the edited map")
    geometry, even = lesions.geometry, None
    if result.scan.stored is None:
        grid = even_grid(geometry)
        even = None if grid.native else grid
    on = geometry if even is None else _geometry_of(even)
    own = reordered(values, given.affine, on, settings.same_grid_voxels)
    if own is None and _SEGMENTATION.search(path.name):
        own = _uncropped(values, given.affine, on, settings.same_grid_voxels)
    if own is None:
        return None
    if even is not None:
        own = _off_even(own, even, lesions, given)
    return OwnLabels(values=own, names=given.names, sha256=given.sha256)


def _geometry_of(grid: EvenGrid) -> Geometry:
    return Geometry.from_affine(grid.affine, (len(grid.source), grid.rows, grid.columns))


def _uncropped(
    values: npt.NDArray[np.int32], affine: Array, grid: Geometry, tolerance: float
) -> npt.NDArray[np.int32] | None:
    """A part of the grid, with 0 around it; None where its voxels are none of the grid's."""
    out = np.zeros(grid.shape, dtype=np.int32)
    kji = np.argwhere(values > 0)
    corners = np.array(np.meshgrid(*((0, size - 1) for size in values.shape), indexing="ij")).reshape(3, -1).T
    index = grid.to_index(apply(affine, np.concatenate([corners, kji])[:, ::-1]))
    nearest = np.rint(index).astype(np.int64)
    inside = (nearest >= 0) & (nearest < np.array(grid.shape))
    if np.abs(index - nearest).max() > tolerance or not inside.all():
        return None
    out[tuple(nearest[len(corners) :].T)] = values[tuple(kji.T)]
    return out


def _off_even(
    edited: npt.NDArray[np.int32], grid: EvenGrid, lesions: LocatedLesionMap, given: GivenImage
) -> npt.NDArray[np.int32]:
    """The scan's own voxels, from an edited map on the even grid, where a slice of the scan may stand several times:
    what was changed in any of them is changed."""
    shown = {"lesions": lesions.labels, "sites": site_map(lesions).astype(np.int32)}
    before = min(shown.values(), key=lambda one: int((on_grid(one, grid) != edited).sum()))
    out = before.copy()
    changed = np.argwhere(edited != on_grid(before, grid))
    native = np.column_stack([grid.source[changed[:, 0]], changed[:, 1:] + grid.shift_ji[changed[:, 0]]])
    within = ((native >= 0) & (native < np.array(out.shape))).all(axis=1)
    out[tuple(native[within].T)] = edited[tuple(changed[within].T)]
    return out


def _sites_by_name(own: OwnLabels) -> Mapping[int, int] | None:
    """The number of each label's site by the name that a file gives it; None unless all labels have such a name."""
    if not own.names:
        return None
    numbers = {_plain(name_of(site)): site.label for site in site_labels().values()}
    numbers |= {_plain(f"{site.site} {site.side}"): site.label for site in site_labels().values()}
    found = {label: numbers.get(_plain(own.names.get(label, ""))) for label in own.numbers}
    known = {label: number for label, number in found.items() if number is not None}
    return known if known and len(known) == len(found) else None


def _plain(name: str) -> str:
    return " ".join(name.lower().replace("_", " ").split())


def _site_numbers(own: OwnLabels, by_name: Mapping[int, int], where: str) -> npt.NDArray[np.int32]:
    """The map with the numbers of sites.nii.gz."""
    known = {site.label for site in site_labels().values()}
    table = {label: by_name.get(label, label) for label in own.numbers}
    for label, number in table.items():
        if number not in known:
            named = f" ({own.names[label]!r:.60})" if label in own.names else ""
            what = f"no site has the number {label}{named}"
            hint = "sites_dseg.tsv lists the numbers; name a segment as there, such as 'left pallidum'"
            raise InputError(what, where=where, hint=hint)
    if all(label == number for label, number in table.items()):
        return own.values
    lookup = np.zeros(max(table, default=0) + 1, dtype=np.int32)
    lookup[list(table)] = list(table.values())
    return lookup[own.values]


def _kind(values: npt.NDArray[np.int32], lesions: LocatedLesionMap, where: str) -> MapKind:
    """Which of the report's maps it agrees with in more voxels."""
    sites = site_map(lesions)
    some = values > 0
    if not some.any():
        return "lesions"  # of either kind: nothing is left
    shown: dict[MapKind, npt.NDArray[Any]] = {"lesions": lesions.labels, "sites": sites}
    alike = {name: int((values == one)[some].sum()) for name, one in shown.items()}
    if not any(alike.values()) and lesions.lesions:
        what = "holds nothing that this report's label maps hold: is it of another report?"
        raise InputError(what, where=where, hint="for a segmentation of your own: calcscan run INPUT --mask FILE")
    if alike["lesions"] == alike["sites"] and not np.array_equal(sites, lesions.labels):
        what = "may be an edited lesions.nii.gz or an edited sites.nii.gz"
        raise InputError(what, where=where, hint="say which: --labels lesions or --labels sites")
    return max(alike, key=lambda name: alike[name])
