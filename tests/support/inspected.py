"""The atlas's own template in a skull, with whatever is drawn into it on its even grid."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from scipy import ndimage

from calcscan.atlas import load_atlas
from calcscan.grid.geometry import apply
from calcscan.grid.isotropic import IsotropicVolume, resample_isotropic, sample_at
from calcscan.inspection import inspect_scan
from calcscan.model import BRAIN_ZONE, Acquisition, Flag, Intracranial, Scan, SearchRegion, Study
from support.atlas_head import FIT, grid

KNOWN = Acquisition(kvp_kv=120.0, slice_thickness_mm=1.0, kernel="SOFT")


@cache
def template_head() -> tuple[Scan, SearchRegion]:
    """The template in its own place: where a site lies is exact."""
    atlas = load_atlas()
    hu = np.ascontiguousarray(np.rint(atlas.template_hu[:, ::-1, ::-1]).astype(np.int16))
    scan = Scan(hu=hu, geometry=grid(), acquisition=KNOWN, study=Study(age_years=50.0))
    coarse = resample_isotropic(scan.hu, scan.geometry, 1.5, outside_hu=-1000)
    at = apply(coarse.affine, np.moveaxis(np.indices(coarse.values.shape), 0, -1)).reshape(-1, 3)
    brain = sample_at((atlas.zones & BRAIN_ZONE > 0).astype(np.float32), atlas.affine, at).reshape(coarse.values.shape)
    inside = ndimage.distance_transform_edt(brain < 0.5, sampling=1.5) < 3.0
    depth_mm = ndimage.distance_transform_edt(inside, sampling=1.5) - ndimage.distance_transform_edt(
        ~inside, sampling=1.5
    )
    values = np.where(inside, np.maximum(coarse.values, 5.0), 1000.0).astype(np.float32)
    head = IsotropicVolume(values=values, covered=coarse.covered, affine=coarse.affine, spacing_mm=1.5)
    bare = Intracranial(
        mask=np.ones(scan.hu.shape, np.bool_),
        isotropic_hu=head,
        isotropic_mask=inside,
        depth_mm=depth_mm.astype(np.float32),
        intracranial_ml=float(inside.sum()) * 1.5**3 / 1000.0,
        noise_hu=4.0,
        brain_hu=30.0,
    )
    return scan, SearchRegion.of(bare)


@cache
def places() -> tuple[np.ndarray, np.ndarray]:
    """Atlas position (k, j, i, 3) and depth (k, j, i) of the even grid."""
    _, region = template_head()
    coarse = region.isotropic_hu
    return apply(coarse.affine, np.moveaxis(np.indices(coarse.values.shape), 0, -1)), region.depth_mm


@cache
def at_site(*sites: str) -> np.ndarray:
    """Which points of the even grid lie in one of these sites."""
    atlas = load_atlas()
    drawn = np.isin(atlas.labels, [number for number, site in atlas.sites.items() if site.site in sites])
    at, _ = places()
    return sample_at(drawn.astype(np.float32), atlas.affine, at.reshape(-1, 3)).reshape(at.shape[:3]) > 0.5


def drawn(where: np.ndarray, hu: float | np.ndarray) -> SearchRegion:
    """The head with `hu` at these points, as soft as a scanner shows it."""
    _, region = template_head()
    coarse = region.isotropic_hu
    share = ndimage.gaussian_filter(where.astype(np.float32), 0.45)
    values = (coarse.values + share * (hu - coarse.values)).astype(np.float32)
    shown = IsotropicVolume(values=values, covered=coarse.covered, affine=coarse.affine, spacing_mm=coarse.spacing_mm)
    return replace(region, isotropic_hu=shown)


def flags_of(region: SearchRegion, **changes: object) -> dict[str, Flag]:
    """What the inspection says of it, by code; `changes` are made to the scan."""
    scan, _ = template_head()
    flags = inspect_scan(replace_scan(scan, **changes), region, FIT, load_atlas())
    return {str(flag.code): flag for flag in flags}


def replace_scan(scan: Scan, **changes: object) -> Scan:
    """A scan with other headers."""
    parts = {"hu": scan.hu, "geometry": scan.geometry, "acquisition": scan.acquisition, "study": scan.study}
    return Scan(**(parts | changes))
