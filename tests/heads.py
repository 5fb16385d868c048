"""The sample heads, read once for all tests that look at them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from calcscan.geometry import Geometry
from calcscan.model import Head, Scan
from calcscan.read import read_scan
from calcscan.skull import find_skull

SAMPLES = Path(__file__).parent.parent / "sample_data"
PALLIDUM, FALX, CLEAN = "bilateral_pallidum", "falx_plaque", "clean"


@cache
def truth(name: str) -> dict[str, Any]:
    return dict(json.loads((SAMPLES / "truth.json").read_text(encoding="utf-8"))[name])


@cache
def sample(name: str) -> Scan:
    return read_scan(SAMPLES / name)


@cache
def sample_head(name: str) -> Head:
    return find_skull(sample(name))


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
