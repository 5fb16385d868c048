"""The intracranial space as the user gives it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from calcscan.errors import InputError, RefusedError
from calcscan.grid.isotropic import resample_isotropic
from calcscan.grid.masks import distance_mm
from calcscan.intracranial.bone import without_bone
from calcscan.intracranial.properties import cut_edges, noise_hu, space_flags
from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.model import AIR_HU, Intracranial, Scan

_FULL = 100
"""What stands for a voxel of the mask where it is resampled; half of it is the border."""


def space_of_mask(scan: Scan, mask: npt.NDArray[np.bool_], settings: IntracranialSettings) -> Intracranial:
    """The intracranial space of a mask (k, j, i), with all that is told of one. Bone that the mask holds at its edge is
    taken out as from any other; nothing is asked of the skull, which need not be pictured.

    Raises
    ------
    InputError
        The mask is too small or too large for the inside of a skull, or holds the skull itself.
    RefusedError
        `no_brain` where what it holds is none.
    """
    millilitres = float(mask.sum(axis=(1, 2)) @ scan.geometry.voxel_mm3) / 1000.0
    if not settings.smallest_ml <= millilitres <= settings.largest_ml:
        raise InputError(
            f"the brain mask holds {millilitres:.0f} ml, where the inside of a skull holds {settings.smallest_ml:g} to "
            f"{settings.largest_ml:g} ml",
            hint="give a mask of the whole inside of the skull, 1 within and 0 outside",
        )
    spacing_mm = float(settings.grid_mm)
    coarse = resample_isotropic(scan.hu, scan.geometry, spacing_mm, outside_hu=AIR_HU)
    share = resample_isotropic(mask.astype(np.int16) * _FULL, scan.geometry, spacing_mm, outside_hu=0)
    inside = share.values >= _FULL / 2
    depth_mm = (distance_mm(~inside, spacing_mm) - distance_mm(inside, spacing_mm)).astype(np.float32)
    core_mm = min(float(settings.core_mm), float(settings.core_share) * float(depth_mm.max()))
    brain_hu = float(np.median(coarse.values[depth_mm > core_mm]))
    if not settings.brain_low_hu <= brain_hu <= settings.brain_high_hu:
        raise RefusedError(
            f"what the brain mask holds is no brain: {brain_hu:.0f} HU in the middle, not {settings.brain_low_hu}-"
            f"{settings.brain_high_hu}",
            code="no_brain",
            hint="is it a mask of this scan?",
        )
    native = without_bone(scan, mask, depth_mm, coarse.affine, settings)
    bone_ml = float(((scan.hu > settings.bone_hu) & native).sum(axis=(1, 2)) @ scan.geometry.voxel_mm3) / 1000.0
    if bone_ml > settings.given_bone_ml:
        raise InputError(
            f"the brain mask holds {bone_ml:.0f} ml as dense as bone, more than any calcification",
            hint="give a mask of the inside of the skull, without the skull",
        )
    cut_at = cut_edges(scan, coarse.affine, inside, np.zeros_like(inside), settings)
    return Intracranial(
        mask=native,
        isotropic_hu=coarse,
        isotropic_mask=inside,
        depth_mm=depth_mm,
        intracranial_ml=millilitres,
        noise_hu=noise_hu(scan, coarse.affine, depth_mm, settings),
        brain_hu=brain_hu,
        flags=space_flags(scan, cut_at, millilitres, settings),
        cut_at=tuple(cut_at),
    )
