"""The sample heads, read once for all tests that look at them."""

from __future__ import annotations

import json
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from calcscan.atlas import load_atlas
from calcscan.components import lesion_table
from calcscan.grid.geometry import Geometry, apply
from calcscan.grid.isotropic import sample_at
from calcscan.intracranial import segment_intracranial
from calcscan.model import Intracranial, Registration, Scan
from calcscan.read import read_scan
from calcscan.registration import register_atlas

SAMPLES = Path(__file__).parents[2] / "sample_data"
PALLIDUM, FALX, CLEAN = "bilateral_pallidum", "falx_plaque", "clean"


@cache
def truth(name: str) -> dict[str, Any]:
    return dict(json.loads((SAMPLES / "truth.json").read_text(encoding="utf-8"))[name])


@cache
def sample(name: str) -> Scan:
    return read_scan(SAMPLES / name)


@cache
def sample_head(name: str) -> Intracranial:
    return segment_intracranial(sample(name))


@cache
def sample_registration(name: str) -> Registration:
    return register_atlas(sample_head(name), load_atlas())


def moved(scan: Scan, *, angles_deg: tuple[float, float, float], shift_mm: tuple[float, float, float]) -> Scan:
    """The same voxels, turned and shifted in space: exact, nothing is resampled."""
    turn = Rotation.from_euler("xyz", angles_deg, degrees=True).as_matrix()
    grid = scan.geometry
    return Scan(
        hu=np.array(scan.hu),
        geometry=Geometry(
            origins_mm=grid.origins_mm @ turn.T + np.array(shift_mm),
            step_i_mm=turn @ grid.step_i_mm,
            step_j_mm=turn @ grid.step_j_mm,
            slab_mm=grid.slab_mm,
            rows=grid.rows,
            columns=grid.columns,
        ),
        acquisition=scan.acquisition,
        study=scan.study,
    )


def box_scan(hu: np.ndarray, spacing_mm: float = 2.0) -> Scan:
    """Any array as a scan of cubic voxels."""
    grid = Geometry.regular(shape=hu.shape, spacing_mm=(spacing_mm,) * 3)
    return Scan(hu=np.ascontiguousarray(hu, dtype=np.int16), geometry=grid)


def ball(shape: tuple[int, int, int], radius: float, centre: tuple[float, float, float] | None = None) -> np.ndarray:
    """True within a sphere; lengths in voxels."""
    middle = centre or tuple((n - 1) / 2 for n in shape)
    grid = np.indices(shape, dtype=np.float64)
    return sum((g - c) ** 2 for g, c in zip(grid, middle, strict=True)) <= radius**2


def egg(*, brain_hu: int = 32, skull_mm: float = 6.0) -> np.ndarray:
    """The simplest head: a ball of brain in a shell of bone in scalp, 2 mm voxels."""
    shape = (92, 92, 92)
    hu = np.full(shape, -1000)
    hu[ball(shape, 43.0)] = 60
    hu[ball(shape, 40.0)] = 1000
    hu[ball(shape, 40.0 - skull_mm / 2)] = brain_hu
    return hu


def edited(scan: Scan, hu: np.ndarray) -> Scan:
    """The same person with other voxels."""
    return Scan(
        hu=np.asarray(hu, dtype=np.int16), geometry=scan.geometry, acquisition=scan.acquisition, study=scan.study
    )


def cropped(scan: Scan, first: int, last: int) -> Scan:
    """Only the slices first … last."""
    g = scan.geometry
    return Scan(
        hu=np.array(scan.hu[first:last]),
        geometry=Geometry(
            origins_mm=g.origins_mm[first:last],
            step_i_mm=g.step_i_mm,
            step_j_mm=g.step_j_mm,
            slab_mm=g.slab_mm[first:last],
            rows=g.rows,
            columns=g.columns,
        ),
        acquisition=scan.acquisition,
        study=scan.study,
    )


def averaged(scan: Scan, slices: int) -> Scan:
    """The mean of every so many slices, as thick slices show the head."""
    g, count = scan.geometry, scan.hu.shape[0] // slices
    hu = scan.hu[: count * slices].reshape(count, slices, *scan.hu.shape[1:]).mean(axis=1)
    first = g.origins_mm[: count * slices].reshape(count, slices, 3).mean(axis=1)
    slab_mm = g.slab_mm[: count * slices].reshape(count, slices).sum(axis=1)
    geometry = Geometry(
        origins_mm=first, step_i_mm=g.step_i_mm, step_j_mm=g.step_j_mm, slab_mm=slab_mm, rows=g.rows, columns=g.columns
    )
    return Scan(hu=np.rint(hu).astype(np.int16), geometry=geometry)


def shrunk(scan: Scan, factor: float) -> Scan:
    """A smaller head: every length times `factor`."""
    g = scan.geometry
    return Scan(
        hu=np.array(scan.hu),
        geometry=Geometry(
            origins_mm=g.origins_mm * factor,
            step_i_mm=g.step_i_mm * factor,
            step_j_mm=g.step_j_mm * factor,
            slab_mm=g.slab_mm * factor,
            rows=g.rows,
            columns=g.columns,
        ),
        acquisition=scan.acquisition,
        study=scan.study,
    )


def vault_point(scan: Scan, intracranial: Intracranial, *, forward: float, up: float, side: float) -> np.ndarray:
    """The inner table in a direction from the middle of the head (LPS, side to the left), LPS mm."""
    coarse = intracranial.isotropic_hu
    middle = apply(coarse.affine, np.argwhere(intracranial.isotropic_mask)).mean(axis=0)
    way = np.array([side, -forward, up]) / np.linalg.norm([side, forward, up])
    steps_mm = np.arange(30.0, 120.0, 0.25)
    kji = np.rint(scan.geometry.to_index(middle + steps_mm[:, None] * way)).astype(int)
    kji = np.clip(kji, 0, np.array(scan.hu.shape) - 1)
    return middle + steps_mm[np.argmax(scan.hu[tuple(kji.T)] > 400)] * way


@lru_cache(maxsize=2)
def to_bone_mm(scan: Scan) -> np.ndarray:
    """Distance of every voxel from bone."""
    bone = ndimage.binary_opening(scan.hu > 400)
    return np.asarray(ndimage.distance_transform_edt(~bone, sampling=scan.geometry.spacing_mm))


def away_mm(scan: Scan, point_mm: np.ndarray) -> np.ndarray:
    """Distance of every voxel from a point."""
    g = scan.geometry
    k, j, i = (np.arange(n) for n in g.shape)
    world = g.origins_mm[k][:, None, None] + j[None, :, None, None] * g.step_j_mm + i[None, None, :, None] * g.step_i_mm
    return np.asarray(np.linalg.norm(world - point_mm, axis=-1))


def without_a_piece_of_vault(scan: Scan, intracranial: Intracranial, *, flap: bool) -> Scan:
    """After a craniotomy: a hole of 5 cm filled with soft tissue, or with `flap` only a gap of 4 mm around the flap."""
    far = away_mm(scan, vault_point(scan, intracranial, forward=0.3, up=0.6, side=1.0))
    hole = (np.abs(far - 25.0) < 2.0) if flap else far < 25.0
    return edited(scan, np.where(hole & (scan.hu > 80), 45, scan.hu))


def with_hyperostosis(scan: Scan, intracranial: Intracranial) -> Scan:
    """Nodules of cortical bone on the inner side of the frontal bone, 12 to 20 mm wide and up to 6 mm high."""
    hu = np.array(scan.hu)
    for side, up, radius_mm, high_mm in ((0.35, 0.5, 10.0, 6.0), (-0.3, 0.45, 8.0, 5.0), (-0.45, 0.7, 6.0, 4.0)):
        point = vault_point(scan, intracranial, forward=1.0, up=up, side=side)
        inwards = point - vault_point(scan, intracranial, forward=-1.0, up=-up / 4, side=-side)
        centre = point + inwards / np.linalg.norm(inwards) * (radius_mm - high_mm)
        hu[(away_mm(scan, centre) < radius_mm) & intracranial.mask] = 1200
    return edited(scan, hu)


def with_plaque(
    scan: Scan, intracranial: Intracranial, *, hu: int, high_mm: float = 3.5, side: float = 1.0, up: float = 0.7
) -> tuple[Scan, np.ndarray]:
    """A plaque of 14 mm on the inner table of the vault, and where it lies."""
    point = vault_point(scan, intracranial, forward=-0.2, up=up, side=side)
    plaque = intracranial.mask & (to_bone_mm(scan) <= high_mm) & (away_mm(scan, point) < 7.0)
    return edited(scan, np.where(plaque, np.maximum(scan.hu, hu), scan.hu)), plaque


def with_wide_ventricles(scan: Scan, intracranial: Intracranial, *, wider_mm: float) -> Scan:
    """The tissue around the middle of the head pushed outwards, with fluid in its place."""
    coarse = intracranial.isotropic_hu
    middle = apply(coarse.affine, np.argwhere(intracranial.isotropic_mask)).mean(axis=0)
    kji = np.indices(scan.hu.shape).reshape(3, -1).T
    world = scan.geometry.to_world(kji)
    out = np.array(scan.hu, dtype=np.float64).ravel()
    for side in (-1.0, 1.0):
        centre = middle + np.array([side * 16.0, 0.0, 8.0])
        offset = world - centre
        far = np.linalg.norm(offset, axis=1)
        near = far < 45.0
        push = wider_mm * np.exp(-((far[near] / 18.0) ** 2))
        inner = np.maximum(far[near] - push, 0.0)
        source = centre + offset[near] / np.maximum(far[near], 1e-6)[:, None] * inner[:, None]
        moved = ndimage.map_coordinates(scan.hu.astype(np.float32), scan.geometry.to_index(source).T, order=1)
        out[near] = np.where(inner <= 0.5, 6.0, moved)
    return edited(scan, np.rint(out.reshape(scan.hu.shape)))


def dense_ml(scan: Scan, intracranial: Intracranial) -> float:
    """What is left inside of 130 HU and more, pieces of 10 mm3 at least."""
    _, table = lesion_table(scan.hu, 130, mask=intracranial.mask)
    mm3 = table["voxels"] * scan.geometry.voxel_mm3[0]
    return float(mm3[mm3 >= 10.0].sum()) / 1000.0


def site_numbers(scan: Scan, registration: Registration) -> np.ndarray:
    """The atlas's label at every voxel of a scan."""
    atlas = load_atlas()
    kji = np.moveaxis(np.indices(scan.hu.shape), 0, -1).reshape(-1, 3)
    there = np.concatenate([registration.to_atlas(scan.geometry.to_world(part)) for part in np.array_split(kji, 20)])
    return sample_at(atlas.labels, atlas.affine, there, nearest=True).reshape(scan.hu.shape).astype(int)


def nuclei_of(scan: Scan, registration: Registration) -> np.ndarray:
    """True in caudate, putamen, pallidum and thalamus of both sides."""
    names = ("caudate", "putamen", "pallidum", "thalamus")
    return np.isin(site_numbers(scan, registration), [n for n, s in load_atlas().sites.items() if s.site in names])
