"""NIfTI files that are quick to analyse: a sample head, 2 × 2 × 2 voxels averaged into one, and a ball of water."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np

import calcscan
from calcscan.grid.geometry import ras_to_lps

SAMPLES = Path(__file__).resolve().parents[2] / "sample_data"


def small_head(name: str, folder: Path) -> Path:
    """Write the sample head of this name; returns its file."""
    scan = calcscan.read_scan(SAMPLES / name)
    slices, rows, columns = (length // 2 for length in scan.hu.shape)
    blocks = scan.hu[: 2 * slices, : 2 * rows, : 2 * columns].reshape(slices, 2, rows, 2, columns, 2)
    affine = scan.geometry.affine()
    affine[:, 3] = affine @ [0.5, 0.5, 0.5, 1.0]
    affine[:3, :3] *= 2.0
    hu = blocks.mean(axis=(1, 3, 5)).round().astype(np.int16)
    image = nibabel.Nifti1Image(hu.transpose(2, 1, 0), ras_to_lps(affine)[:, [2, 1, 0, 3]])
    image.header.set_xyzt_units("mm")
    image.to_filename(folder / f"{name}.nii.gz")
    return folder / f"{name}.nii.gz"


def ball_of_water(folder: Path) -> Path:
    """Write a plastic ball full of water; returns its file."""
    at = np.indices((40, 60, 60)) - np.array([20, 30, 30])[:, None, None, None]
    radius = np.sqrt((at**2).sum(axis=0))
    hu = np.where(radius < 17, 0, np.where(radius < 19, 120, -1000)).astype(np.int16)
    nibabel.Nifti1Image(hu, np.diag([4.0, 3.0, 3.0, 1.0])).to_filename(folder / "ball.nii.gz")
    return folder / "ball.nii.gz"
