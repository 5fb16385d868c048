"""Parts of the body that are no head, and things that are no body: built of ellipsoids and tubes, 3 mm voxels.

chest, abdomen, pelvis, neck, knees, arm_and_chest, jar (tissue in a dense shell without brain), two_heads and
half_heads are made of a real head.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from calcscan.grid.geometry import Geometry
from calcscan.model import Scan

MM = 3.0
SHAPE = (110, 130, 150)


def _grid() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    k, j, i = np.indices(SHAPE, dtype=np.float32)
    return (k - SHAPE[0] / 2) * MM, (j - SHAPE[1] / 2) * MM, (i - SHAPE[2] / 2) * MM


def _ellipse(x, y, cx, cy, rx, ry) -> np.ndarray:
    return ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1.0


def _torso(rng: np.random.Generator, width: float, depth: float) -> np.ndarray:
    _z, y, x = _grid()
    hu = np.full(SHAPE, -1000.0, np.float32)
    hu[_ellipse(x, y, 0, 0, width, depth)] = -100.0
    hu[_ellipse(x, y, 0, 0, width - rng.uniform(8, 25), depth - rng.uniform(6, 15))] = 50.0
    return hu


def _spine(hu: np.ndarray, y0: float, radius: float = 17.0) -> None:
    z, y, x = _grid()
    body = _ellipse(x, y, 0, y0, radius * 1.2, radius)
    hu[body] = 220.0
    hu[body & ~_ellipse(x, y, 0, y0, radius * 1.2 - 3, radius - 3)] = 500.0
    disc = (np.mod(z, 30.0) < 6.0) & body
    hu[disc] = 80.0
    arch = _ellipse(x, y, 0, y0 + radius + 9, 16, 13)
    hu[arch] = 500.0
    hu[_ellipse(x, y, 0, y0 + radius + 8, 9, 8)] = 25.0


def chest(rng: np.random.Generator) -> np.ndarray:
    width, depth = rng.uniform(150, 185), rng.uniform(95, 125)
    z, y, x = _grid()
    hu = _torso(rng, width, depth)
    wall = _ellipse(x, y, 0, 0, width - 25, depth - 20) & ~_ellipse(x, y, 0, 0, width - 34, depth - 29)
    hu[wall & (np.mod(z + 0.5 * np.abs(x) + 0.3 * y, 26.0) < 11.0)] = 450.0
    for side in (-1, 1):
        lung = _ellipse(x, y, side * (width * 0.46), -5, width * 0.33, depth * 0.62)
        hu[lung] = -820.0
        vessels = ndimage.gaussian_filter(rng.standard_normal(SHAPE), 1.2)
        hu[lung & (vessels > 2.2 * vessels.std())] = 30.0
    heart = ((x - 18) / 55) ** 2 + ((y + 15) / 45) ** 2 + ((z + 25) / 55) ** 2 <= 1
    hu[heart] = 45.0
    hu[_ellipse(x, y, 0, -depth + 30, 16, 6)] = 350.0
    _spine(hu, depth - 52)
    return hu


def abdomen(rng: np.random.Generator) -> np.ndarray:
    width, depth = rng.uniform(145, 185), rng.uniform(95, 130)
    z, y, x = _grid()
    hu = _torso(rng, width, depth)
    inner = _ellipse(x, y, 0, -5, width - 45, depth - 38)
    hu[inner] = -90.0
    hu[inner & (((x + 60) / 65) ** 2 + ((y + 10) / 60) ** 2 + (z / 75) ** 2 <= 1)] = 58.0
    for side in (-1, 1):
        hu[((x - side * 55) / 26) ** 2 + ((y - 35) / 24) ** 2 + ((z + 20) / 50) ** 2 <= 1] = 32.0
    bowel = ndimage.gaussian_filter(rng.standard_normal(SHAPE), 4.0)
    hu[inner & (bowel > 0.4 * bowel.std()) & (y < 25)] = 25.0
    hu[inner & (bowel > 2.0 * bowel.std()) & (y < 25)] = -700.0
    _spine(hu, depth - 55, 20.0)
    return hu


def pelvis(rng: np.random.Generator) -> np.ndarray:
    width, depth = rng.uniform(155, 190), rng.uniform(95, 120)
    z, y, x = _grid()
    hu = _torso(rng, width, depth)
    ring = np.abs(np.hypot(x / 1.35, y * 1.1 - 5) - 75 - 0.25 * z) < 7
    hu[ring & (np.abs(z) < 95) & ~((y < -40) & (z > -20))] = 420.0
    for side in (-1, 1):
        hu[((x - side * 110) ** 2 + y**2 + (z + 60) ** 2) <= 26**2] = 480.0
    hu[(x / 45) ** 2 + ((y + 15) / 35) ** 2 + ((z + 30) / 40) ** 2 <= 1] = 8.0
    _spine(hu, depth - 50)
    return hu


def neck(rng: np.random.Generator) -> np.ndarray:
    _z, y, x = _grid()
    hu = np.full(SHAPE, -1000.0, np.float32)
    width = rng.uniform(58, 75)
    hu[_ellipse(x, y, 0, 0, width, width)] = -90.0
    hu[_ellipse(x, y, 0, 0, width - 7, width - 7)] = 55.0
    hu[_ellipse(x, y, 0, -25, 11, 9)] = -1000.0
    hu[_ellipse(x, y, 0, -25, 13, 11) & ~_ellipse(x, y, 0, -25, 11, 9)] = 180.0
    _spine(hu, 5.0, 13.0)
    return hu


def knees(rng: np.random.Generator) -> np.ndarray:
    z, y, x = _grid()
    hu = np.full(SHAPE, -1000.0, np.float32)
    for side in (-1, 1):
        away = _ellipse(x, y, side * 95, 0, 70, 65)
        hu[away] = 50.0
        swell = 18.0 + 24.0 * np.exp(-((z / 45) ** 2))
        bone = np.hypot(x - side * 95, y) < swell
        hu[bone] = np.where(np.abs(z) < 50, 280.0, 40.0)[bone]
        hu[bone & (np.hypot(x - side * 95, y) > swell - 5)] = 900.0
        hu[(np.hypot(x - side * 95, y) < 55) & (np.abs(z) < 3)] = 60.0
    return hu


def jar(rng: np.random.Generator) -> np.ndarray:
    z, y, x = _grid()
    hu = np.full(SHAPE, -1000.0, np.float32)
    radius = rng.uniform(60, 85)
    hu[(np.hypot(x, y) < radius) & (np.abs(z) < 110)] = 1200.0
    hu[(np.hypot(x, y) < radius - 6) & (np.abs(z) < 110)] = 0.0
    return hu


BODIES = {f.__name__: f for f in (chest, abdomen, pelvis, neck, knees, jar)}


def body(name: str, seed: int) -> Scan:
    """A part of the body with noise and blur, 3 mm voxels."""
    rng = np.random.default_rng(seed)
    hu = ndimage.gaussian_filter(BODIES[name](rng), 0.5) + rng.normal(0, 10, SHAPE)
    grid = Geometry.regular(shape=SHAPE, spacing_mm=(MM,) * 3, origin_mm=(-300.0, -200.0, -225.0))
    return Scan(hu=np.rint(hu).clip(-1024, 3071).astype(np.int16), geometry=grid)
