"""Does contrast medium fill the spaces of the cerebrospinal fluid?

Fluid is dark, and so is whatever lies in it but vessels. Where the atlas has fluid, a head without contrast medium is
bright in spots only (plexus, pineal gland, arterial walls); after myelography or cisternography whole cisterns and
sulci are. Blood in them stays below 90 HU.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.grid.geometry import Array, apply
from calcscan.grid.isotropic import sample_at
from calcscan.grid.masks import places
from calcscan.grid.smooth import gaussian
from calcscan.inspection.evidence import Evidence
from calcscan.knowledge.inspection import InspectionSettings
from calcscan.model import BRAIN_ZONE, Atlas, Intracranial, Registration, Scan

_THIN = 2
"""Every so many voxels of the template are looked at."""
_RIM = 2
"""Fluid lies within the template's brain, or so many of these voxels outside it."""
_SMOOTH = 0.6
_CALCIFY = ("basal_ganglia", "deep", "physiological")
_WHERE = "the spaces of the cerebrospinal fluid"


def enhanced_fluid(
    scan: Scan, intracranial: Intracranial, registration: Registration, atlas: Atlas, settings: InspectionSettings
) -> Evidence | None:
    """The spaces of the fluid, where several of them are filled, or the ventricles plainly are."""
    atlas_mm, site = _fluid_of(atlas, settings)
    coarse = intracranial.isotropic_hu
    world_mm = apply(np.linalg.inv(registration.scan_to_atlas), atlas_mm)
    if registration.accepted:
        world_mm = registration.to_scan(atlas_mm)
    deeper_mm = settings.fluid_depth_mm + settings.fluid_depth_share * float(np.median(scan.slice_thickness_mm))
    seen = sample_at(intracranial.depth_mm, coarse.affine, world_mm) > deeper_mm
    smooth = gaussian(coarse.values, _SMOOTH)
    hu = sample_at(smooth, coarse.affine, world_mm)
    inside = seen & _in_ventricles(atlas_mm, settings) & ~site
    filling = inside & (hu >= settings.ventricles_low_hu)
    if inside.sum() >= settings.fluid_points and filling.sum() >= settings.ventricles_share * inside.sum():
        return Evidence(where=_WHERE, hu=float(np.median(hu[filling])), extent="ventricles")
    bright = seen & (hu >= settings.fluid_low_hu) & (hu <= settings.enhanced_high_hu)
    filled = _filled(atlas_mm, seen, bright, settings)
    if len(filled) < settings.fluid_regions:
        return None
    bright &= ~_within_lump(smooth, coarse.affine, world_mm, coarse.spacing_mm, settings)
    filled = _filled(atlas_mm, seen, bright, settings)
    if len(filled) < settings.fluid_regions:
        return None
    return Evidence(where=_WHERE, hu=float(np.median(hu[bright])), extent=", ".join(filled))


def _fluid_of(atlas: Atlas, settings: InspectionSettings) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Where the template has fluid in and around the brain, LPS mm of the atlas; and what of it belongs to plexus or
    nuclei, which calcify."""
    part = (slice(None, None, _THIN),) * 3
    template = atlas.template_hu[part]
    low, high = settings.fluid_template_hu
    brain = ndimage.binary_dilation(atlas.zones[part] & BRAIN_ZONE > 0, iterations=_RIM)
    fluid = brain & (template > low) & (template < high)
    calcify = [number for number, site in atlas.sites.items() if site.group in _CALCIFY]
    return apply(atlas.affine, _THIN * places(fluid)), np.isin(atlas.labels[part][fluid], calcify)


def _in_ventricles(atlas_mm: Array, settings: InspectionSettings) -> npt.NDArray[np.bool_]:
    low, high = np.array(settings.ventricles_from_lps_mm), np.array(settings.ventricles_to_lps_mm)
    return np.asarray(((atlas_mm > low) & (atlas_mm < high)).all(axis=1))


def _filled(
    atlas_mm: Array, seen: npt.NDArray[np.bool_], bright: npt.NDArray[np.bool_], settings: InspectionSettings
) -> list[str]:
    """The regions of which a fair share is bright."""
    x, y, z = atlas_mm.T
    half_mm = settings.fluid_middle_half_mm
    ventricles = _in_ventricles(atlas_mm, settings)
    below = z < settings.base_below_mm
    base = (np.abs(x) < half_mm) & below & (y < settings.fossa_behind_mm)
    back = ~base & below & ((y >= settings.fossa_behind_mm) | (z < settings.fossa_below_mm))
    fissure = ~back & (np.abs(z) < settings.fissure_half_height_mm)
    regions = {
        "ventricles": ventricles,
        "basal cisterns, left": base & (x > 0),
        "basal cisterns, right": base & (x <= 0),
        "left Sylvian fissure": fissure & (x > half_mm),
        "right Sylvian fissure": fissure & (x < -half_mm),
        "posterior fossa, left": back & (x > 0),
        "posterior fossa, right": back & (x <= 0),
        "sulci of the vertex": z >= settings.ventricles_to_lps_mm[2],
    }
    return [
        name
        for name, region in regions.items()
        if int((region & seen).sum()) >= settings.fluid_points
        and float((region & bright).sum() / (region & seen).sum()) >= settings.fluid_share
    ]


def _within_lump(
    smooth: npt.NDArray[np.float32], affine: Array, world_mm: Array, spacing_mm: float, settings: InspectionSettings
) -> npt.NDArray[np.bool_]:
    """Which points lie in something as thick as no cistern is: a calcified mass."""
    bright = (smooth >= settings.fluid_low_hu).astype(np.float32)
    side = 2 * int(settings.fluid_lump_mm / spacing_mm / 2.0) + 1
    full = ndimage.uniform_filter(bright, side) > settings.fluid_lump_share
    grown = ndimage.maximum_filter(full, side)
    return sample_at(grown.astype(np.float32), affine, world_mm, nearest=True) > 0.5
