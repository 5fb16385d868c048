"""One volume along every order and direction of its axes."""

from __future__ import annotations

from itertools import permutations, product

import nibabel as nib
import numpy as np
import SimpleITK

from calcscan.grid.geometry import ras_to_lps

WAYS = [(order, signs) for order in permutations(range(3)) for signs in product((1, -1), repeat=3)]
"""The 48: in which order the axes come, and which way each runs."""


def turned(values, affine, way):
    """Values (k, j, i) and their matrix from (i, j, k, 1) to LPS mm with the axes otherwise: the same voxels at the
    same places."""
    order, signs = way
    matrix = affine.copy()
    ijk = values.transpose(2, 1, 0)
    for axis, sign in enumerate(signs):
        if sign < 0:
            matrix[:3, 3] += matrix[:3, axis] * (ijk.shape[axis] - 1)
            matrix[:3, axis] *= -1
            ijk = np.flip(ijk, axis)
    return ijk.transpose(order).transpose(2, 1, 0), matrix[:, [*order, 3]]


def as_nibabel(values, affine):
    """A NIfTI image of values (k, j, i), `affine` from (i, j, k, 1) to LPS mm."""
    image = nib.Nifti1Image(np.ascontiguousarray(values.transpose(2, 1, 0)), ras_to_lps(affine))
    image.header.set_xyzt_units("mm")
    image.header.set_sform(ras_to_lps(affine), 1)
    image.header.set_qform(ras_to_lps(affine), 1, strip_shears=True)
    return image


def as_itk(values, affine):
    """The same for SimpleITK."""
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(values))
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    image.SetSpacing(steps.tolist())
    image.SetDirection((affine[:3, :3] / steps).ravel().tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    return image
