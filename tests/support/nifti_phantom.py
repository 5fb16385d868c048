"""The ball phantom in NIfTI files, and what is read back of it."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np

from calcscan.grid.geometry import ras_to_lps
from calcscan.model import Scan
from support.ball_phantom import CORE_HU, grid_of, voxels_hu

SHAPE = (44, 48, 28)


def head(affine: np.ndarray, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:  # type: ignore[type-arg]
    """The phantom on a NIfTI grid: `affine` takes (i, j, k, 1) to RAS mm."""
    lps = ras_to_lps(affine)
    return voxels_hu(grid_of(shape, lps), lps[:3, :3].T[::-1])


def centred(steps: np.ndarray, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:  # type: ignore[type-arg]
    affine = np.eye(4)
    affine[:3, :3] = steps
    affine[:3, 3] = -steps @ ((np.array(shape) - 1) / 2)
    return affine


PLAIN = centred(np.diag([-4.2, -4.5, 5.0]))


def save(path: Path, data: np.ndarray, affine: np.ndarray | None = PLAIN) -> Path:  # type: ignore[type-arg]
    nibabel.Nifti1Image(data, affine).to_filename(path)
    return path


def put(root: Path, *names: str, values: np.ndarray | None = None) -> None:  # type: ignore[type-arg]
    """The phantom, or these values, in files of these names below `root`."""
    values = head(PLAIN).astype(np.int16) if values is None else values
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        save(root / name, values)


def codes(scan: Scan) -> set[str]:
    return {flag.code for flag in scan.flags}


def ball(scan: Scan) -> np.ndarray:  # type: ignore[type-arg]
    index = np.argwhere(scan.hu > CORE_HU)
    return scan.geometry.to_world(index).mean(axis=0)
