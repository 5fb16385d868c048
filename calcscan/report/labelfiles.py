"""The label maps of a report: which files there are, on which grid each lies, and what it is good for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from calcscan.grid.geometry import Array, Geometry
from calcscan.grid.masks import filled_box
from calcscan.model import LocatedLesionMap, StoredGrid
from calcscan.report.labelmaps import (
    EVEN_ENOUGH_MM,
    EvenGrid,
    affine_off_mm,
    even_grid,
    lesion_labels,
    nifti_bytes,
    on_grid,
    site_map,
    stored_bytes,
)
from calcscan.report.labeltables import dseg_tsv, itksnap_labels
from calcscan.report.nrrd import nrrd_bytes, segmentation_fields
from calcscan.report.schema import FileEntry
from calcscan.report.sitelabels import site_labels

LABEL_TABLE = "sites_dseg.tsv"
_SHEARED_DEG = 0.01
_REVIEWED = " reviewed by a person"
LABEL_FILES = {
    "lesions.nii.gz": "each lesion by its id, for any viewer of NIfTI",
    "sites.nii.gz": "each site and side by its number (site_labels), for any viewer of NIfTI",
    "lesions.nrrd": "lesions.nii.gz on the scan's own voxels, with their shear: to compute with, or to give back with "
    "--mask; a program that can't show a sheared grid shows it wrongly or not at all",
    "sites.nrrd": "sites.nii.gz on the scan's own voxels, with their shear: to compute with; a program that can't show "
    "a sheared grid shows it wrongly or not at all",
    "atlas_sites.nii.gz": "where the atlas has each site, calcified or not, by the numbers of sites.nii.gz",
    "atlas_sites.nrrd": "atlas_sites.nii.gz on the scan's own voxels, with their shear: to compute with",
    "sites.seg.nrrd": "the sites in which something lies, as a segmentation of 3D Slicer with names, sides and colours",
    LABEL_TABLE: "what the numbers in sites.nii.gz mean, with the columns that BIDS has beside a segmentation",
    "sites_itksnap.txt": "what the numbers in sites.nii.gz mean, for ITK-SNAP (Import Label Descriptions)",
}
"""Each label map and table of labels, and what it is good for."""


def label_maps(
    lesions: LocatedLesionMap | None,
    stored: StoredGrid | None = None,
    *,
    more: Mapping[str, npt.NDArray[Any]] | None = None,
    reviewed: bool = False,
) -> tuple[dict[str, bytes], Mapping[str, FileEntry]]:
    """The label maps and the tables of their numbers, by name, and what report.json says of each; nothing where the
    scan was not analysed.

    With `stored`, that of a scan which came as NIfTI, they lie on that file's grid. Of a sheared stack, evenly spaced,
    there are NRRDs too, which keep the shear. `more` are further maps of the scan (k, j, i) by name. `reviewed`: each
    map's header says that a person changed or confirmed it.
    """
    if lesions is None:
        return {}, {}
    values = {"lesions": lesion_labels(lesions), "sites": site_map(lesions), **(more or {})}
    by = _REVIEWED if reviewed else ""
    geometry = lesions.geometry
    maps, about = _on_even(values, geometry, by) if stored is None else _on_stored(values, geometry, stored, by)
    maps |= {LABEL_TABLE: dseg_tsv().encode(), "sites_itksnap.txt": itksnap_labels().encode()}
    return maps, {name: replace(about.get(name, FileEntry()), use=LABEL_FILES[name]) for name in maps}


Maps = tuple[dict[str, bytes], dict[str, FileEntry]]


def _on_even(values: Mapping[str, npt.NDArray[Any]], geometry: Geometry, by: str) -> Maps:
    grid = even_grid(geometry)
    even = {name: on_grid(one, grid) for name, one in values.items()}
    maps = {
        f"{name}.nii.gz": nifti_bytes(one, grid.affine, f"calcscan {name}.nii.gz{by}", intent="label")
        for name, one in even.items()
    }
    maps["sites.seg.nrrd"] = _segmentation(even["sites"], grid.affine, by)
    about = dict.fromkeys(maps, _about_even(geometry, grid))
    if not grid.native and geometry.irregularity_mm() <= EVEN_ENOUGH_MM:
        sheared, entry = _sheared(values, geometry.affine(), geometry, by)
        return maps | sheared, about | entry
    return maps, about


def _on_stored(values: Mapping[str, npt.NDArray[Any]], geometry: Geometry, stored: StoredGrid, by: str) -> Maps:
    maps = {f"{name}.nii.gz": stored_bytes(one, stored, f"calcscan {name}.nii.gz{by}") for name, one in values.items()}
    in_file = {name: stored.in_order(one) for name, one in values.items()}
    affine = stored.affine(geometry)
    entry = _about_stored(geometry, stored)
    upright = stored.upright_affine() if entry.sheared else affine
    maps["sites.seg.nrrd"] = _segmentation(in_file["sites"], upright, by)
    about = dict.fromkeys(maps, entry)
    if entry.sheared:
        shown = "that of the input file without its shear, as ITK and 3D Slicer show the input"
        about["sites.seg.nrrd"] = replace(entry, grid=shown)
        sheared, more = _sheared(in_file, affine, geometry, by)
        return maps | sheared, about | more
    return maps, about


def _segmentation(sites: npt.NDArray[Any], affine_lps: Array, by: str) -> bytes:
    present = set(np.unique(sites[filled_box(sites)]).tolist())
    segments = [site for site in site_labels().values() if site.label in present]
    return nrrd_bytes(sites, affine_lps, segmentation_fields(segments, sites.shape) | _told(by))


def _told(by: str) -> dict[str, str]:
    return {"calcscan": by.strip()} if by else {}


def _sheared(values: Mapping[str, npt.NDArray[Any]], affine_lps: Array, geometry: Geometry, by: str) -> Maps:
    """NRRDs on the scan's own voxels."""
    maps = {f"{name}.nrrd": nrrd_bytes(one, affine_lps, _told(by)) for name, one in values.items()}
    entry = FileEntry(
        grid="the scan's own voxels, sheared as its slices are",
        slices=geometry.shape[0],
        native_slices=geometry.shape[0],
        sheared=True,
    )
    return maps, dict.fromkeys(maps, entry)


def _about_even(geometry: Geometry, grid: EvenGrid) -> FileEntry:
    """How the label maps' grid comes from the scan's."""
    entry = FileEntry(
        grid="native",
        slices=len(grid.source),
        rows=grid.rows,
        columns=grid.columns,
        native_slices=geometry.shape[0],
        sheared=False,
    )
    if grid.native:
        return entry
    note = (
        "Made to be looked at: a slice of the scan may come several times, and be moved by up to half a pixel. Given "
        "back with --mask and --resample, every voxel returns to its own slice and place."
    )
    if geometry.irregularity_mm() > EVEN_ENOUGH_MM:
        note += " The slices are unevenly spaced, which NIfTI and NRRD can't hold: no map has the scan's own voxels."
    return replace(
        entry,
        note=note,
        grid="even and square: each slice copies the nearest native one, moved by whole pixels within its plane",
        native_slice=tuple((grid.source + 1).tolist()),
        native_row_minus_row=tuple(grid.shift_ji[:, 0].tolist()),
        native_column_minus_column=tuple(grid.shift_ji[:, 1].tolist()),
    )


def _about_stored(geometry: Geometry, stored: StoredGrid) -> FileEntry:
    """That the label maps lie on the input's grid, and what of its header the report's positions rest on."""
    sheared = geometry.tilt_deg > _SHEARED_DEG
    off_mm = affine_off_mm(geometry, stored)
    entry = FileEntry(
        grid="that of the input file: same shape, axes, sform and qform",
        positions_by=stored.frame,
        slices=geometry.shape[0],
        native_slices=geometry.shape[0],
        sheared=sheared,
        affine_off_mm=round(off_mm, 2),
    )
    if off_mm > EVEN_ENOUGH_MM:
        note = (
            f"The positions in this report go by the scan's own grid ({stored.frame}), up to {off_mm:.0f} mm from "
            "where software that takes the file's sform shows the input, and these maps on it."
        )
        return replace(entry, note=note)
    if sheared:
        note = (
            "The sform is sheared. Software that goes by the qform instead (ITK, 3D Slicer) shows these maps, like the "
            "input, without the shear: not where the positions in this report are."
        )
        return replace(entry, note=note)
    return entry
