"""The sample heads, each 2 × 2 × 2 voxels averaged into one, as NIfTI files: quick to analyse."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np

import calcscan
from calcscan.grid.geometry import ras_to_lps

SAMPLES = Path(__file__).resolve().parents[2] / "sample_data"
HEADS = ("bilateral_pallidum", "clean", "falx_plaque")


def small_heads(folder: Path) -> list[Path]:
    """Write them; returns the files in the order of `HEADS`."""
    paths = []
    for name in HEADS:
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
        paths.append(folder / f"{name}.nii.gz")
    return paths
