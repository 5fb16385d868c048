"""A real head as contrast medium would show it, drawn along the courses of its own sinuses, membranes and vessels.

Every agent site can be drawn alone: `sinuses` (superior sagittal, confluence, transverse, sigmoid, straight), `vessels`
(internal carotid, basilar, vertebral, middle, anterior and posterior cerebral arteries), `membranes` (falx and
tentorium), `plexus`, `cisterns` (all fluid outside the ventricles, with the uneven mixing of a myelography). Courses
are given in the atlas and brought onto the head by its registration, sinuses end at the head's own inner table.
Distances are taken on an even grid of a millimetre, softened, and averaged over the thickness of each slice.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree

from calcscan.grid.geometry import apply
from calcscan.grid.isotropic import sample_at
from calcscan.model import Atlas, Registration, Scan, SearchRegion

AGENTS = ("sinuses", "vessels", "membranes", "plexus", "cisterns")
GRID_MM = 1.0
# LPS mm of the atlas (MNI): courses of arteries, from memory of anatomy, one side; mirrored for the other
ARTERIES: dict[str, tuple[float, list[tuple[float, float, float]]]] = {
    "carotid": (2.2, [(18, -2, -38), (14, -4, -26), (11, -12, -24), (11, -4, -17), (11, -3, -12)]),
    "middle cerebral": (1.5, [(11, -3, -12), (22, -4, -15), (34, -3, -12), (41, 4, -2), (42, 18, 10), (44, 32, 18)]),
    "anterior cerebral": (1.2, [(11, -3, -12), (3, -14, -12), (2, -28, -4), (2, -33, 10), (2, -22, 24), (2, 0, 32)]),
    "posterior cerebral": (1.2, [(1, 17, -17), (9, 17, -17), (20, 25, -13), (22, 38, -6), (16, 55, 0), (12, 70, 4)]),
    "vertebral": (1.7, [(16, 38, -62), (9, 32, -54), (1, 26, -46)]),
    "basilar": (1.7, [(0, 26, -46), (0, 24, -35), (0, 19, -24), (1, 17, -17)]),
}


def enhanced(
    scan: Scan,
    region: SearchRegion,
    registration: Registration,
    atlas: Atlas,
    *,
    agents: tuple[str, ...],
    hu: float,
    seed: int = 0,
) -> Scan:
    """The scan with contrast medium of `hu` at the agent sites named."""
    field, affine = agent_field(region, registration, atlas, agents=agents, seed=seed)
    share = on_slices(field, affine, scan)
    return replace_hu(scan, scan.hu + share * np.maximum(hu - scan.hu, 0))


def agent_field(
    region: SearchRegion, registration: Registration, atlas: Atlas, *, agents: tuple[str, ...], seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """How much of each place the agent fills, 0 to 1, on an even grid (k, j, i), and that grid's affine to LPS mm."""
    rng = np.random.default_rng(seed)
    affine, shape = even_grid(region)
    world = apply(affine, np.moveaxis(np.indices(shape), 0, -1)).reshape(-1, 3)
    depth_mm = sample_at(region.depth_mm, region.isotropic_hu.affine, world)
    inside = depth_mm > -1.0
    points = world[inside]
    at = registration.to_atlas(points)
    amount = np.zeros(len(points))
    for agent in agents:
        part = {
            "sinuses": lambda: _sinuses(at, depth_mm[inside], atlas),
            "vessels": lambda: _vessels(at, rng),
            "membranes": lambda: _membranes(at, atlas),
            "plexus": lambda: _plexus(at, atlas, rng),
            "cisterns": lambda: _cisterns(points, depth_mm[inside], at, region, atlas, rng),
        }[agent]()
        amount = np.maximum(amount, part)
    field = np.zeros(world.shape[0], np.float32)
    field[inside] = amount
    field = ndimage.gaussian_filter(field.reshape(shape), 0.5 / GRID_MM)
    field[field < 0.02] = 0.0
    return field, affine


def replace_hu(scan: Scan, hu: np.ndarray) -> Scan:
    """The same scan with other values."""
    return Scan(
        hu=np.rint(hu).clip(-32768, 32767).astype(np.int16),
        geometry=scan.geometry,
        acquisition=replace(scan.acquisition, contrast=None),
        study=scan.study,
    )


def even_grid(region: SearchRegion) -> tuple[np.ndarray, tuple[int, int, int]]:
    coarse = region.isotropic_hu
    affine = coarse.affine.copy()
    affine[:3, :3] *= GRID_MM / coarse.spacing_mm
    shape = tuple(int(np.ceil(n * coarse.spacing_mm / GRID_MM)) for n in coarse.values.shape)
    return affine, shape


def on_slices(field: np.ndarray, affine: np.ndarray, scan: Scan) -> np.ndarray:
    """The field averaged over each slice, where it is not 0."""
    grid, back, step = scan.geometry, np.linalg.inv(affine), 4
    near = ndimage.maximum_filter(field, 7)
    out = np.zeros(scan.hu.shape, np.float32)
    rough_j, rough_i = np.mgrid[0 : grid.rows : step, 0 : grid.columns : step]
    for k, thickness in enumerate(scan.slice_thickness_mm):
        rough = grid.origins_mm[k] + rough_j[..., None] * grid.step_j_mm + rough_i[..., None] * grid.step_i_mm
        touched = ndimage.map_coordinates(near, np.moveaxis(apply(back, rough), -1, 0), order=0) > 0.0
        touched = ndimage.binary_dilation(touched)
        j, i = np.nonzero(np.kron(touched, np.ones((step, step), bool))[: grid.rows, : grid.columns])
        plane = grid.origins_mm[k] + j[:, None] * grid.step_j_mm + i[:, None] * grid.step_i_mm
        heights = max(3, round(float(thickness)))
        for part in (np.arange(heights) + 0.5) / heights - 0.5:
            at = apply(back, plane + part * thickness * grid.normal)
            out[k, j, i] += ndimage.map_coordinates(field, at.T, order=1) / heights
    return out


def soft(distance_mm: np.ndarray) -> np.ndarray:
    """1 within, 0 without, half at a signed distance of 0."""
    return np.clip(0.5 - distance_mm / GRID_MM, 0.0, 1.0)


def labelled(atlas: Atlas, *sites: str) -> np.ndarray:
    numbers = [number for number, site in atlas.sites.items() if site.site in sites]
    return np.isin(atlas.labels, numbers)


def away_mm(mask: np.ndarray, atlas: Atlas, at: np.ndarray) -> np.ndarray:
    spacing = np.linalg.norm(atlas.affine[:3, :3], axis=0)
    away = ndimage.distance_transform_edt(~mask, sampling=spacing) - ndimage.distance_transform_edt(
        mask, sampling=spacing
    )
    index = apply(np.linalg.inv(atlas.affine), at)
    return np.asarray(ndimage.map_coordinates(away.astype(np.float32), index.T, order=1, mode="nearest"))


def _sinuses(at: np.ndarray, depth_mm: np.ndarray, atlas: Atlas) -> np.ndarray:
    x, y, z = at.T
    upper = (z > 5) | (y > 60)
    half_mm = 4.5 - 0.45 * depth_mm
    sagittal = np.maximum(np.abs(x) - half_mm, depth_mm - 8.0)
    sagittal = np.where(upper & (z > 0) & ((y > -60) | (z > 20)), sagittal, 9.0)
    tentorium = away_mm(labelled(atlas, "tentorium"), atlas, at)
    transverse = np.where(y > 25, np.maximum(np.maximum(tentorium - 3.0, depth_mm - 6.5), 0.5 - depth_mm), 9.0)
    falx = away_mm(labelled(atlas, "falx"), atlas, at)
    straight = np.where((np.abs(x) < 4) & (y > 35), np.hypot(np.maximum(falx, 0), np.maximum(tentorium, 0)) - 2.5, 9.0)
    sigmoid_path = path_through([(62, 35, -18), (60, 27, -25), (55, 25, -33), (48, 28, -40), (42, 24, -46)])
    sigmoid = tube_mm(np.column_stack([np.abs(x), y, z]), sigmoid_path) - 4.0
    return soft(np.minimum.reduce([sagittal, transverse, straight, sigmoid]))


def _vessels(at: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    nearest = np.full(len(at), 9.0)
    for radius_mm, course in ARTERIES.values():
        for side in (1.0, -1.0):
            shift = rng.normal(0.0, 0.8, (len(course), 3))
            nearest = np.minimum(
                nearest, tube_mm(at, path_through(np.array(course) * [side, 1, 1] + shift)) - radius_mm
            )
    return soft(nearest)


def _membranes(at: np.ndarray, atlas: Atlas) -> np.ndarray:
    """Sheets of 2 mm along the middle of the atlas's drawings of falx and tentorium."""
    tentorium = labelled(atlas, "tentorium")
    falx = labelled(atlas, "falx")
    middle = np.where(away_mm(falx, atlas, at) < 0.5, np.abs(at[:, 0]) - 1.0, 9.0)
    spacing = float(np.linalg.norm(atlas.affine[:3, 0]))
    thick = ndimage.distance_transform_edt(tentorium) * spacing
    ridge = tentorium & (thick >= ndimage.maximum_filter(thick, 3) - 0.3)
    return soft(np.minimum(middle, away_mm(ridge, atlas, at) - 0.8))


def _plexus(at: np.ndarray, atlas: Atlas, rng: np.random.Generator) -> np.ndarray:
    return soft(away_mm(labelled(atlas, "choroid_plexus"), atlas, at) + 0.7 + rng.normal(0, 0.3))


def _cisterns(
    points: np.ndarray,
    depth_mm: np.ndarray,
    at: np.ndarray,
    region: SearchRegion,
    atlas: Atlas,
    rng: np.random.Generator,
) -> np.ndarray:
    coarse = region.isotropic_hu
    smooth = ndimage.gaussian_filter(coarse.values, 0.7)
    here = sample_at(smooth, coarse.affine, points)
    brain = float(region.brain_hu or 30.0)
    fluid = np.clip((brain - 4.0 - here) / 7.0, 0.0, 1.0) * (here > -30)
    ventricle = (np.abs(at[:, 0]) < 28) & (at[:, 2] > -2) & (at[:, 2] < 32) & (np.abs(at[:, 1] - 15) < 55)
    fluid[ventricle | (depth_mm < 1.5)] = 0.0
    reach = np.clip((rng.uniform(35, 70) - at[:, 2]) / 15.0, 0.0, 1.0)
    return fluid * reach * rng.uniform(0.85, 1.0)


def path_through(course: object) -> np.ndarray:
    knots = np.asarray(course, dtype=float)
    spline = CubicSpline(np.arange(len(knots)), knots)
    return np.asarray(spline(np.linspace(0, len(knots) - 1, 40 * len(knots))))


def tube_mm(at: np.ndarray, path: np.ndarray) -> np.ndarray:
    distance, _ = cKDTree(path).query(at, distance_upper_bound=8.0)
    return np.minimum(distance, 9.0)
