"""A real head with more calcification than one person has, at every site and of every kind: what contrast is not.

Plaques along falx and tentorium, walls of the siphons, vertebral and basilar arteries, both plexuses, pineal gland,
nuclei, dentate nuclei and streaks of white matter as in Fahr's disease, a ribbon of cortex. Densities are uneven, as
calcification is.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from benchmarks.inspection.enhanced_head import (
    ARTERIES,
    away_mm,
    even_grid,
    labelled,
    on_slices,
    path_through,
    replace_hu,
    soft,
    tube_mm,
)
from calcscan.grid.geometry import apply
from calcscan.grid.isotropic import sample_at
from calcscan.model import Atlas, Registration, Scan, SearchRegion

KINDS = ("plaques", "walls", "physiological", "nuclei", "ribbon")


def calcified(
    scan: Scan,
    region: SearchRegion,
    registration: Registration,
    atlas: Atlas,
    *,
    kinds: tuple[str, ...] = KINDS,
    hu: tuple[float, float] = (180.0, 700.0),
    seed: int = 0,
) -> Scan:
    """The scan with calcification of these kinds, each deposit of a density between `hu`, uneven within."""
    rng = np.random.default_rng(seed)
    affine, shape = even_grid(region)
    world = apply(affine, np.moveaxis(np.indices(shape), 0, -1)).reshape(-1, 3)
    depth_mm = sample_at(region.depth_mm, region.isotropic_hu.affine, world)
    inside = depth_mm > 0.5
    at, deep = registration.to_atlas(world[inside]), depth_mm[inside]
    texture = ndimage.gaussian_filter(rng.standard_normal(shape), 2.0)
    texture = (texture / texture.std()).reshape(-1)[inside]
    draw = {"plaques": _plaques, "walls": _walls, "physiological": _physiological, "nuclei": _nuclei, "ribbon": _ribbon}
    share, value = np.zeros(len(at)), np.zeros(len(at))
    for kind in kinds:
        for part in draw[kind](at, deep, texture, atlas, rng):
            level = rng.uniform(*hu) * np.clip(1.0 + 0.3 * texture, 0.4, 1.8)
            value = np.where(part > share, level, value)
            share = np.maximum(share, part)
    amount, dense = np.zeros(len(world), np.float32), np.zeros(len(world), np.float32)
    amount[inside], dense[inside] = share, share * value
    fields = [ndimage.gaussian_filter(field.reshape(shape), 0.4) for field in (amount, dense)]
    for field in fields:
        field[fields[0] < 0.02] = 0.0
    covered, added = (on_slices(field, affine, scan) for field in fields)
    return replace_hu(scan, np.where(covered > 0.0, np.maximum(scan.hu, scan.hu * (1 - covered) + added), scan.hu))


def _patches(
    at: np.ndarray, away: np.ndarray, rng: np.random.Generator, count: int, thick_mm: float
) -> list[np.ndarray]:
    """Patches of 5 to 14 mm in radius of a sheet."""
    sheet = np.flatnonzero(away < 0.5)
    out = []
    for centre in at[rng.choice(sheet, count)] if len(sheet) else ():
        from_centre = np.linalg.norm(at - centre, axis=1)
        out.append(soft(np.maximum(away - thick_mm, from_centre - rng.uniform(5.0, 14.0))))
    return out


def _plaques(at, deep, texture, atlas, rng) -> list[np.ndarray]:
    falx = np.where(away_mm(labelled(atlas, "falx"), atlas, at) < 0.5, np.abs(at[:, 0]), 9.0)
    tentorium = away_mm(labelled(atlas, "tentorium"), atlas, at) + 1.0
    convexity = np.where((at[:, 2] > 20) & (np.abs(at[:, 0]) > 12), np.abs(deep - 2.0), 9.0)
    return [
        *_patches(at, falx, rng, 9, 1.5),
        *_patches(at, tentorium, rng, 5, 0.3),
        *_patches(at, convexity, rng, 4, 1.5),
    ]


def _walls(at, deep, texture, atlas, rng) -> list[np.ndarray]:
    out = [soft(away_mm(labelled(atlas, "carotid_siphon", "vertebral"), atlas, at) + 0.5) * (texture > -0.5)]
    for name in ("carotid", "vertebral", "basilar", "middle cerebral"):
        radius_mm, course = ARTERIES[name]
        for side in (1.0, -1.0):
            shell = np.abs(tube_mm(at, path_through(np.array(course) * [side, 1, 1])) - radius_mm) - 0.6
            out.append(soft(shell) * (texture > 0.6))
    return out


def _physiological(at, deep, texture, atlas, rng) -> list[np.ndarray]:
    plexus = away_mm(labelled(atlas, "choroid_plexus"), atlas, at)
    pineal = away_mm(labelled(atlas, "pineal", "habenula"), atlas, at)
    return [soft(plexus - 0.5) * (texture > 0.0), soft(pineal)]


def _nuclei(at, deep, texture, atlas, rng) -> list[np.ndarray]:
    nuclei = away_mm(labelled(atlas, "caudate", "putamen", "pallidum", "thalamus", "dentate"), atlas, at)
    white = away_mm(labelled(atlas, "white_matter"), atlas, at)
    cerebellum = away_mm(labelled(atlas, "cerebellum"), atlas, at)
    return [
        soft(nuclei + 1.0) * (texture > -0.8),
        soft(np.abs(white + 1.5) - 1.5) * (texture > 0.9) * (at[:, 2] > 5),
        soft(cerebellum + 6.0) * (texture > 0.4),
    ]


def _ribbon(at, deep, texture, atlas, rng) -> list[np.ndarray]:
    side = rng.choice([-1.0, 1.0])
    folded = deep + 3.0 * np.sin(at[:, 1] / 4.0) * np.cos(at[:, 2] / 6.0)
    area = (at[:, 0] * side > 15) & (at[:, 1] > 20) & (at[:, 2] > 5)
    return [soft(np.abs(folded - 7.0) - 1.2) * area]
