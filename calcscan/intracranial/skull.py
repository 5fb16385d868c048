"""Which piece of bone is the skull, and whether there are two."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.errors import RefusedError
from calcscan.grid.isotropic import IsotropicVolume
from calcscan.grid.masks import largest_piece
from calcscan.knowledge.intracranial import IntracranialSettings

Mask = npt.NDArray[np.bool_]
_FRAME = 3
"""Points at the frame: the last ones of the even grid may lie beyond the picture."""


def find_skull(coarse: IsotropicVolume, settings: IntracranialSettings) -> Mask:
    """The largest piece of bone; where that is a shell around a head, the head's own.

    Raises
    ------
    RefusedError
        `not_head` where there is no bone, or more than one head.
    """
    dense = coarse.values > settings.bone_hu
    skull = largest_piece(dense)
    if not skull.any():
        raise RefusedError("no bone in it", code="not_head", hint="calcscan reads head CTs only")
    pieces, _ = ndimage.label(dense & ~skull)
    voxels = np.bincount(pieces.ravel())
    voxels[0] = 0
    enough = settings.smallest_ml * 1000.0 / coarse.spacing_mm**3
    within: Mask | None = None
    for number in np.flatnonzero(voxels >= settings.second_head_share * skull.sum()):
        other = pieces == number
        inside_other = _enclosed(other)
        if int(inside_other.sum()) < enough:
            continue
        within = _enclosed(skull) if within is None else within
        if other[within].sum() > 0.5 * other.sum():
            skull, within = other, inside_other
        elif skull[inside_other].sum() < 0.5 * skull.sum():
            raise RefusedError(
                "there is more than one head in it",
                code="not_head",
                hint="cut the picture so that it holds one head, and run again",
            )
    return skull


def _enclosed(piece: Mask) -> Mask:
    """What a piece (k, j, i) encloses in each slice, also with the help of one side of the frame that cuts it off."""
    out = np.zeros(piece.shape, dtype=np.bool_)
    for k in np.flatnonzero(piece.any(axis=(1, 2))):
        level = piece[k].copy()
        sides = (level.T[:_FRAME], level.T[-_FRAME:][::-1], level[:_FRAME], level[-_FRAME:][::-1])
        cut = [side for side in sides if side.any()]
        if len(cut) == 1:  # by more sides than one any bow of bone would be closed
            met = np.flatnonzero(cut[0].any(axis=0))
            cut[0][-1, met[0] : met[-1] + 1] = True
        out[k] = ndimage.binary_fill_holes(level) & ~piece[k]
    return out
