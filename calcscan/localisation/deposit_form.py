"""Whether a calcification is a shell: hollow, or a thin layer under the inner table.

Both are recognised by the calcification itself, without the atlas. A wall of an aneurysm or of a cyst, or the rim of a
tumour, surrounds a middle without calcium in nearly all directions. The membrane of an old subdural haematoma is thin,
wide and smooth, and lies along the inner table at an even or slowly changing depth. Neither follows the structures that
the atlas draws in its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from calcscan.grid.geometry import Array
from calcscan.grid.isotropic import sample_at
from calcscan.grid.masks import box_around, corner_of
from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.model import Scan, SearchRegion

_MOST_POINTS = 8000
"""Of larger calcifications an even sample is looked at."""
_STEP_MM = 1.5
"""A voxel is as long as its slab: it is looked at in steps of this."""
_DIRECTIONS = 200
_CONE = 0.19
"""Radians: half the distance of neighbouring directions, and room for the sample."""
_GOLDEN = np.pi * (1.0 + np.sqrt(5.0))
_DEGREE = 4
"""Of the polynomial in two angles that a smooth layer's depth follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hollow:
    """How much a calcification is like the wall of something round; lengths as shares of the radius."""

    width_mm: float
    """The least width of the ellipsoid that fits it best."""
    roundness: float
    """Its least spread beside its greatest: 1 for a ball."""
    core_fill: float
    """The share of the ellipsoid's middle (to 0.6 of its radius) that is calcified: 1 for a solid ball."""
    cover: float
    """The share of all directions, from the middle, in which there is a wall."""
    spread: float
    """How far the calcification lies from the ellipsoid, root mean square."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """How much a calcification is like a layer along the inner table."""

    area_mm2: float
    width_mm: float
    """Its lesser width along the table."""
    thick_mm: float
    """How far it extends in depth at one place of the table; the median."""
    rough_mm: float
    """How far its depth lies from a smooth course along the table, root mean square."""
    slope: float
    """How much its depth changes, beside its width."""
    depth_mm: float
    """Its median depth under the inner table."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cloud:
    """An even sample of points in a calcification."""

    world_mm: Array
    """(n, 3), LPS, as many along each slab as it is thick."""
    mm3: Array
    """The volume that each stands for; together that of all voxels."""
    dense: npt.NDArray[np.bool_]
    """Which are at least half as dense as the densest tenth: the blur of a wall is not."""

    @classmethod
    def of(cls, scan: Scan, kji: npt.NDArray[np.int64]) -> Cloud:
        """Of the voxels (n, 3) of a calcification."""
        total_mm3 = float(scan.geometry.voxel_mm3[kji[:, 0]].sum())
        kji = kji[:: max(1, len(kji) // _MOST_POINTS)]
        slab_mm, mm3 = scan.geometry.slab_mm[kji[:, 0]], scan.geometry.voxel_mm3[kji[:, 0]]
        count = max(1, int(np.ceil(float(slab_mm.max()) / _STEP_MM)))
        steps = (np.arange(count) + 0.5) / count - 0.5
        along = steps[:, None, None] * slab_mm[:, None] * scan.geometry.normal
        world = scan.geometry.to_world(kji)[None] + along
        hu = scan.hu[tuple(kji.T)]
        return cls(
            world_mm=world.reshape(-1, 3),
            mm3=np.tile(mm3 * (total_mm3 / mm3.sum() / count), count),
            dense=np.tile(hu >= 0.5 * np.percentile(hu, 90), count),
        )

    @classmethod
    def joined(cls, clouds: Sequence[Cloud]) -> Cloud:
        """Of several calcifications together."""
        return cls(
            world_mm=np.concatenate([cloud.world_mm for cloud in clouds]),
            mm3=np.concatenate([cloud.mm3 for cloud in clouds]),
            dense=np.concatenate([cloud.dense for cloud in clouds]),
        )


def measure_hollow(cloud: Cloud) -> Hollow:
    """How much a calcification is like the wall of something round."""
    world_mm, mm3 = cloud.world_mm, cloud.mm3
    middle = np.average(world_mm, axis=0, weights=mm3)
    spread, axes = np.linalg.eigh(np.cov((world_mm - middle).T, aweights=mm3))
    sd_mm = np.sqrt(np.maximum(spread, 1e-6))
    roundness = float(sd_mm[0] / sd_mm[2])
    sd_mm = np.maximum(sd_mm, 0.5 * sd_mm[2])
    place = (world_mm - middle) @ axes / sd_mm
    root = np.sqrt(mm3)[:, None]
    sphere = np.column_stack([2.0 * place, np.ones(len(place))])
    fit = np.linalg.lstsq(sphere * root, (place**2).sum(axis=1) * root[:, 0], rcond=None)[0]
    radius = float(np.sqrt(max(fit[3] + fit[:3] @ fit[:3], 1e-6)))
    offset = (place - fit[:3]) / radius
    far = np.linalg.norm(offset, axis=1)
    core_mm3 = 4.0 / 3.0 * np.pi * (0.6 * radius) ** 3 * float(sd_mm.prod())
    wall = (far > 0.7) & (far < 1.35)
    cover = 0.0
    if wall.any():
        tree = cKDTree(offset[wall] / far[wall, None])
        cover = float((tree.query(_directions())[0] < _CONE).mean())
    return Hollow(
        width_mm=float(2.0 * radius * sd_mm.min()),
        roundness=roundness,
        core_fill=float(mm3[(far < 0.6) & cloud.dense].sum() / core_mm3),
        cover=cover,
        spread=float(np.sqrt(np.average((far - 1.0) ** 2, weights=mm3))),
    )


def measure_layer(cloud: Cloud, region: SearchRegion, middle_mm: Array, cell_mm: float) -> Layer:
    """How much a calcification is like a layer along the inner table.

    `middle_mm` is the middle of the head, `cell_mm` the width of the squares along the table in which thickness and
    depth are measured.
    """
    world_mm, mm3 = cloud.world_mm, cloud.mm3
    depth_mm = sample_at(region.depth_mm, region.isotropic_hu.affine, world_mm)
    along = _along_table(world_mm, mm3, middle_mm)
    cells = np.floor(along / cell_mm).astype(np.int64)
    _, cell = np.unique(cells, axis=0, return_inverse=True)
    cell = np.asarray(cell).ravel()
    weight = np.bincount(cell, mm3)
    mean_mm = np.bincount(cell, mm3 * depth_mm) / weight
    low_mm, high_mm = np.full(len(weight), np.inf), np.full(len(weight), -np.inf)
    np.minimum.at(low_mm, cell, depth_mm)
    np.maximum.at(high_mm, cell, depth_mm)
    centre = np.column_stack([np.bincount(cell, mm3 * axis) / weight for axis in along.T])
    width_mm = np.sqrt(12.0 * np.maximum(np.linalg.eigvalsh(np.cov(along.T, aweights=mm3)), 0.0))
    high, low = np.percentile(mean_mm, (90.0, 10.0))
    return Layer(
        area_mm2=float(len(weight) * cell_mm**2),
        width_mm=float(width_mm[0]),
        thick_mm=float(np.median(high_mm - low_mm)),
        rough_mm=_rough_mm(centre, mean_mm),
        slope=float((high - low) / max(width_mm[0], 1e-6)),
        depth_mm=float(np.median(depth_mm)),
    )


def is_hollow(hollow: Hollow, settings: LocalisationSettings, *, hangs_on_bone: bool = False) -> bool:
    """Whether it is the wall of something; some of the bone that a mass hangs on may be counted with it."""
    roundness = settings.hollow_roundness_mass if hangs_on_bone else settings.hollow_roundness
    spread = settings.hollow_spread_mass if hangs_on_bone else settings.hollow_spread
    return (
        settings.hollow_mm <= hollow.width_mm <= settings.hollow_most_mm
        and hollow.roundness >= roundness
        and hollow.core_fill <= settings.hollow_core
        and hollow.cover >= settings.hollow_cover
        and hollow.spread <= spread
    )


def is_layer(layer: Layer, hollow: Hollow, slab_mm: float, settings: LocalisationSettings) -> bool:
    """Whether it is a layer along the table; a slab smears it by as much as it is thick, and the table aslant."""
    return (
        hollow.roundness <= settings.layer_roundness
        and layer.area_mm2 >= settings.layer_mm2
        and layer.width_mm >= settings.layer_wide_mm
        and layer.thick_mm <= settings.layer_thick_mm + slab_mm
        and layer.rough_mm <= settings.layer_rough_mm + 0.25 * slab_mm
        and layer.slope <= settings.layer_slope
        and layer.depth_mm <= settings.layer_deep_mm
    )


def is_widespread_and_thin(
    kji: npt.NDArray[np.int64], scan: Scan, diameter_mm: float, settings: LocalisationSettings
) -> bool:
    """Whether voxels (n, 3) wind over a lobe, as calcified gyri do, and nowhere are as thick as a mass of their
    volume."""
    if diameter_mm <= settings.lump_across_mm:
        return False
    box = box_around(kji, np.ones(3, np.int64), scan.hu.shape)
    own = np.zeros(scan.hu[box].shape, np.bool_)
    own[tuple((kji - corner_of(box)).T)] = True
    thick_mm = float(np.max(ndimage.distance_transform_edt(own, sampling=scan.geometry.spacing_mm)))
    volume_mm3 = float(scan.geometry.voxel_mm3[kji[:, 0]].sum())
    return thick_mm < settings.gyri_thick * float(np.cbrt(volume_mm3 * 3.0 / (4.0 * np.pi)))


def _along_table(world_mm: Array, mm3: Array, middle_mm: Array) -> Array:
    """Where points lie along the table, (n, 2), mm: across the way from the middle of the head to their own middle."""
    offset = world_mm - middle_mm
    far_mm = np.linalg.norm(offset, axis=1)
    way = offset / np.maximum(far_mm, 1e-6)[:, None]
    outwards = np.average(way, axis=0, weights=mm3)
    outwards /= max(float(np.linalg.norm(outwards)), 1e-6)
    one = np.cross(outwards, np.eye(3)[int(np.abs(outwards).argmin())])
    one /= np.linalg.norm(one)
    return np.asarray(way @ np.column_stack([one, np.cross(outwards, one)]) * np.average(far_mm, weights=mm3))


def _rough_mm(place: Array, depth_mm: Array) -> float:
    """The residual of a polynomial in the place; the plain spread where there are too few places to fit one."""
    if len(place) < 40:
        return float(depth_mm.std())
    x, y = ((axis - axis.mean()) / max(float(np.abs(axis - axis.mean()).max()), 1e-6) for axis in place.T)
    powers = [x**a * y**b for a in range(_DEGREE + 1) for b in range(_DEGREE + 1 - a)]
    terms = np.column_stack(powers)
    return float(np.sqrt(np.mean((depth_mm - terms @ np.linalg.lstsq(terms, depth_mm, rcond=None)[0]) ** 2)))


def _directions() -> Array:
    """Unit vectors everywhere: a spiral by the golden angle."""
    step = np.arange(_DIRECTIONS) + 0.5
    high = 1.0 - 2.0 * step / _DIRECTIONS
    wide = np.sqrt(1.0 - high**2)
    return np.column_stack([wide * np.cos(_GOLDEN * step), wide * np.sin(_GOLDEN * step), high])
