"""Blood of every form, drawn into a prepared head: the share of each voxel that it fills.

`lump` is a haematoma or stained brain, uneven and soft; the others follow what the head has: a `layer` along the inner
table (subdural), along the midline (`falx`), `sulci` filled with blood, a `ventricle` with blood and a fluid level, a
`tube` (a dense sinus or artery).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from benchmarks.heads.prepared import Prepared
from calcscan.grid.geometry import Array
from calcscan.grid.masks import box_around

Field = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Box = tuple[slice, ...]
FLUID_HU = 14.0


def lump(
    head: Prepared, rng: np.random.Generator, ml: float, soft_mm: float, *, rough: float, clear_mm: float
) -> tuple[Box, Field]:
    """A box of voxels and the share of each that is filled; the place is anywhere in the brain where it fits."""
    radius_mm = (3000.0 * ml / (4 * np.pi)) ** (1 / 3)
    deep = head.depth_mm[:, ::4, ::4]
    places = np.argwhere(deep >= min(0.8 * radius_mm + clear_mm, 0.8 * float(deep.max()))) * (1, 4, 4)
    centre = places[rng.integers(len(places))]
    stretch = np.exp(rng.uniform(-0.3, 0.3, 3))
    stretch /= stretch.prod() ** (1 / 3)
    margin = np.ceil((radius_mm * 1.9 + 4 * soft_mm) / head.steps_mm).astype(np.int64)
    box = box_around(centre[None], margin, head.scan.hu.shape)
    far = _far_mm(head, box, centre, stretch)
    bumps = texture(rng, far.shape, 5.0 / head.steps_mm)
    filled = (far <= radius_mm * (1 + rough * bumps)) & head.inside.mask[box] & (head.depth_mm[box] > 2.0)
    return box, _soft(filled, soft_mm, head)


def layer(head: Prepared, rng: np.random.Generator, thick_mm: float) -> tuple[Box, Field]:
    """Subdural blood over one side: up to 40 mm from a place on the inner table."""
    box, near = _around(head, rng, head.depth_mm < 6.0, 40.0)
    depth = head.depth_mm[box]
    return box, _soft(near & (depth > 0.3) & (depth < thick_mm + 0.3), 0.5, head) * head.inside.mask[box]


def falx(head: Prepared, rng: np.random.Generator, thick_mm: float) -> tuple[Box, Field]:
    """Blood along the midline, up to 35 mm from a place on it."""
    middle = np.argwhere(head.inside.mask[:, ::4, ::4]).mean(axis=0)[2] * 4
    column_mm = (np.arange(head.scan.hu.shape[2]) - middle) * head.steps_mm[2]
    box, near = _around(head, rng, (np.abs(column_mm) < 2.0) & (head.depth_mm > 4.0), 35.0)
    return box, _soft(near & (np.abs(column_mm[box[2]]) < thick_mm / 2), 0.5, head) * head.inside.mask[box]


def sulci(head: Prepared, rng: np.random.Generator) -> tuple[Box, Field]:
    """Sulci and cisterns filled with blood, up to 40 mm from a place in them."""
    fluid = _fluid(head) & (head.depth_mm < 30.0) & (head.depth_mm > 1.0)
    box, near = _around(head, rng, fluid, 40.0)
    return box, _soft(near & fluid[box], 0.6, head)


def ventricle(head: Prepared, rng: np.random.Generator) -> tuple[Box, Field]:
    """Blood that lies in the lower (rear) part of the ventricles, with a level."""
    fluid = _fluid(head) & (head.depth_mm > 25.0)
    pieces, count = ndimage.label(fluid)
    if count == 0:
        return box_around(np.zeros((1, 3), np.int64), 1, fluid.shape), np.zeros((2, 2, 2), np.float32)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    kji = np.argwhere(pieces == sizes.argmax())
    level = np.quantile(kji[:, 1], rng.uniform(0.3, 0.8))
    box = box_around(kji, 6, fluid.shape)
    filled = (pieces[box] == sizes.argmax()) & (np.arange(box[1].start, box[1].stop)[:, None] >= level)
    return box, _soft(filled, 0.5, head)


def tube(head: Prepared, rng: np.random.Generator, wide_mm: float) -> tuple[Box, Field]:
    """A bent tube of 40 mm, as a dense artery or sinus."""
    places = np.argwhere(head.depth_mm[:, ::4, ::4] > 5.0) * (1, 4, 4)
    centre = places[rng.integers(len(places))]
    margin = np.ceil(30.0 / head.steps_mm).astype(np.int64)
    box = box_around(centre[None], margin, head.scan.hu.shape)
    way, bend = rng.normal(size=(2, 3))
    way /= np.linalg.norm(way)
    bend -= way * (bend @ way)
    bend /= np.linalg.norm(bend)
    along = np.linspace(-20.0, 20.0, 120)
    line = along[:, None] * way + (along[:, None] ** 2 / 60.0 - 3.0) * bend
    index = np.rint(line / head.steps_mm + centre).astype(np.int64)
    index = index[((index >= 0) & (index < head.scan.hu.shape)).all(axis=1)]
    drawn = np.ones(tuple(part.stop - part.start for part in box), np.bool_)
    corner = np.array([part.start for part in box])
    held = ((index >= corner) & (index < corner + drawn.shape)).all(axis=1)
    drawn[tuple((index[held] - corner).T)] = False
    near = ndimage.distance_transform_edt(drawn, sampling=head.steps_mm) <= wide_mm / 2
    return box, _soft(near & head.inside.mask[box] & (head.depth_mm[box] > 1.0), 0.5, head)


def texture(rng: np.random.Generator, shape: tuple[int, ...], sigma: Array) -> Field:
    """Smooth noise of unit variance."""
    out = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), sigma)
    return np.asarray(out / out.std(), dtype=np.float32)


def _around(head: Prepared, rng: np.random.Generator, where: Mask, reach_mm: float) -> tuple[Box, Mask]:
    places = np.argwhere(where & head.inside.mask)
    centre = places[rng.integers(len(places))]
    box = box_around(centre[None], np.ceil(reach_mm / head.steps_mm).astype(np.int64), head.scan.hu.shape)
    return box, _far_mm(head, box, centre, np.ones(3)) <= reach_mm


def _far_mm(head: Prepared, box: Box, centre: Array, stretch: Array) -> Field:
    grid = np.ogrid[box]
    parts = (
        ((axis - c) * step / s) ** 2 for axis, c, step, s in zip(grid, centre, head.steps_mm, stretch, strict=True)
    )
    return np.asarray(np.sqrt(sum(parts)), dtype=np.float32)


def _soft(filled: Mask, soft_mm: float, head: Prepared) -> Field:
    return np.asarray(ndimage.gaussian_filter(filled.astype(np.float32), soft_mm / head.steps_mm))


def _fluid(head: Prepared) -> Mask:
    spread = (0.7, 1.5, 1.5) / head.steps_mm * (head.steps_mm[0] < 2.0, 1, 1)
    tissue = ndimage.gaussian_filter(np.clip(head.scan.hu, -20, 80).astype(np.float32), spread)
    return np.asarray(head.inside.mask & (tissue < FLUID_HU))
