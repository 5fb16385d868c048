"""How the scan lies in the atlas, as a transform of ITK: 3D Slicer, SimpleITK and ANTs read it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from calcscan.model import Registration


def transform_text(registration: Registration) -> bytes:
    """An ITK text transform (`.tfm`): points of the scan → points of the atlas, LPS mm, first the affine, then the
    bend. Same input, same bytes.

    It is what resampling needs: `SimpleITK.Resample(atlas, scan, transform)` puts the atlas onto the scan. Beyond the
    outermost nodes of the bend ITK goes on for half a node, where `Registration.to_atlas` has none.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scan_to_atlas.tfm"
        _itk_transform(registration).WriteTransform(str(path))
        return path.read_bytes()


def _itk_transform(registration: Registration) -> Any:
    import SimpleITK

    matrix = np.asarray(registration.scan_to_atlas)
    affine = SimpleITK.AffineTransform(3)
    affine.SetMatrix(matrix[:3, :3].ravel().tolist())
    affine.SetTranslation(matrix[:3, 3].tolist())
    bend = registration.displacement
    field = SimpleITK.GetImageFromArray(bend.shift_mm.astype(np.float64), isVector=True)
    axes = np.asarray(bend.affine)[:3, [2, 1, 0]]
    spacing_mm = np.linalg.norm(axes, axis=0)
    field.SetSpacing(spacing_mm.tolist())
    field.SetDirection((axes / spacing_mm).ravel().tolist())
    field.SetOrigin(np.asarray(bend.affine)[:3, 3].tolist())
    both = SimpleITK.CompositeTransform(3)
    both.AddTransform(SimpleITK.DisplacementFieldTransform(field))
    both.AddTransform(affine)  # what is added last is applied first
    return both
