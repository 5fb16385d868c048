"""Where deposits can be inserted: in the depth of each site, or at random in the brain, away from bone and from
existing calcifications."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.grid.geometry import Array, apply
from calcscan.grid.isotropic import sample_at
from calcscan.knowledge.settings import load
from calcscan.knowledge.verification import VerificationSettings
from calcscan.model import Atlas, Intracranial, LesionMap, Registration, Scan, Site


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Room:
    """Points at which a deposit may be centred: LPS mm (n, 3); depth of each below the inner table, and its distance
    to the nearest calcification of the original scan, mm (n,)."""

    points_mm: Array
    depth_mm: Array
    clear_mm: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePlace:
    """A position in one site; `radius_mm` is that of the largest ball around it within the site."""

    site: str
    side: str
    centre_mm: tuple[float, float, float]
    radius_mm: float


def find_room(
    scan: Scan, intracranial: Intracranial, lesions: LesionMap, *, settings: VerificationSettings | None = None
) -> Room:
    """Every point of the isotropic grid inside the skull and well within the scan. `lesions` are all those detected,
    whether or not locating keeps them."""
    settings = settings or load(VerificationSettings)
    kji = np.argwhere(intracranial.isotropic_mask & intracranial.isotropic_hu.covered)
    points = apply(intracranial.isotropic_hu.affine, kji)
    at = scan.geometry.to_index(points)
    margin = settings.border_mm / np.array(scan.geometry.spacing_mm)
    whole = ((at >= margin) & (at <= np.array(scan.geometry.shape) - 1 - margin)).all(axis=1)
    points = points[whole]
    dense = np.zeros(intracranial.isotropic_mask.shape, np.bool_)
    known = apply(
        np.linalg.inv(intracranial.isotropic_hu.affine), scan.geometry.to_world(np.argwhere(lesions.labels > 0))
    )
    dense[tuple(np.clip(np.rint(known).astype(int), 0, np.array(dense.shape) - 1).T)] = True
    distance_mm = (
        ndimage.distance_transform_edt(~dense, sampling=intracranial.isotropic_hu.spacing_mm) if dense.any() else None
    )
    index = tuple(kji[whole].T)
    return Room(
        points_mm=points,
        depth_mm=intracranial.depth_mm[index].astype(np.float64),
        clear_mm=np.full(len(points), np.inf) if distance_mm is None else np.asarray(distance_mm[index]),
    )


def site_places(
    room: Room, registration: Registration, atlas: Atlas, settings: VerificationSettings
) -> tuple[list[SitePlace], dict[str, str]]:
    """A position for each site and side, and the reason where there is none."""
    atlas_points = registration.to_atlas(room.points_mm)
    boxes = ndimage.find_objects(atlas.labels)
    labels = sample_at(atlas.labels, atlas.affine, atlas_points, nearest=True).astype(np.uint8)
    found, missing = [], {}
    for number, site in sorted(atlas.sites.items()):
        name = f"{site.site} {site.side}"
        box = boxes[number - 1] if number <= len(boxes) else None
        inside = np.flatnonzero(labels == number)
        if box is None:
            place = _on_vault(room, atlas_points, site, settings)
        else:
            place = _within(room, atlas_points, inside, box, atlas, number, settings)
        if isinstance(place, str):
            missing[name] = place
        else:
            found.append(place)
    return found, missing


def _within(
    room: Room,
    atlas_points: Array,
    inside: npt.NDArray[np.intp],
    box: tuple[slice, ...],
    atlas: Atlas,
    number: int,
    settings: VerificationSettings,
) -> SitePlace | str:
    """As deep in the site as possible; `inside` are the points of the room that lie in it."""
    if len(inside) == 0:
        return "the scan does not reach it"
    steps_mm = np.linalg.norm(atlas.affine[:3, :3], axis=0)
    volume = np.pad(atlas.labels[box] == number, 1)
    deep_mm = ndimage.distance_transform_edt(volume, sampling=steps_mm)
    affine = atlas.affine.copy()
    affine[:3, 3] = apply(atlas.affine, [part.start - 1 for part in box])
    inside_mm = sample_at(deep_mm, affine, atlas_points[inside])
    radius = np.clip(inside_mm, settings.site_min_mm / 2, settings.site_max_mm / 2)
    free = room.clear_mm[inside] >= radius + settings.site_distance_mm
    if not free.any() or inside_mm[free].max() < settings.site_depth_share * inside_mm.max():
        return "calcified already"
    return _place(atlas.sites[number], room.points_mm[inside[free]], inside_mm[free])


def _on_vault(room: Room, atlas_points: Array, site: Site, settings: VerificationSettings) -> SitePlace | str:
    """For dura of the convexity, which the atlas does not delineate: just under the vault."""
    vault = settings.vault
    if site.site != vault.site:
        return "calcscan does not look at it"
    sign = 1.0 if site.side == "left" else -1.0
    away = np.linalg.norm(atlas_points - np.array(vault.atlas_mm) * [sign, 1.0, 1.0], axis=1)
    near = (np.abs(room.depth_mm - vault.depth_mm) <= vault.depth_tolerance_mm) & (away <= vault.reach_mm)
    near &= room.clear_mm >= vault.reach_mm / 2
    if not near.any():
        return "the scan does not reach it"
    return _place(site, room.points_mm[near], -away[near], radius_mm=float(vault.diameter_mm) / 2)


def _place(site: Site, points: Array, rank: Array, *, radius_mm: float | None = None) -> SitePlace:
    best = points[int(rank.argmax())]
    return SitePlace(
        site=site.site,
        side=site.side,
        centre_mm=(float(best[0]), float(best[1]), float(best[2])),
        radius_mm=float(rank.max()) if radius_mm is None else radius_mm,
    )
