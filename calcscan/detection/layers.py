"""Blood that lies as a layer under the inner table: subdural or epidural.

A layer is too thin to hold the ball that tells blood elsewhere, and lies where sinuses run, which are as bright. But it
is wide: at one depth it is bright over centimetres in both directions along the table, as no sinus is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from calcscan.detection.haemorrhage import BrightRegion
from calcscan.detection.surround import Surround
from calcscan.grid.masks import distance_mm, reached
from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.model import Intracranial

Mask = npt.NDArray[np.bool_]


def find_layers(
    intracranial: Intracranial, surround: Surround, known: Sequence[BrightRegion], settings: ThresholdSettings
) -> list[BrightRegion]:
    """The layers that are no part of the bright regions `known` already, the largest first."""
    step_mm = intracranial.isotropic_hu.spacing_mm
    bright_hu = max(surround.brain_hu + settings.bright_excess_hu, float(settings.bright_hu))
    inside = intracranial.isotropic_mask & intracranial.isotropic_hu.covered
    bright = inside & (surround.tissue_hu >= bright_hu)
    for region in known:
        bright &= ~region.where
    shell = inside & (intracranial.depth_mm >= settings.layer_from_mm) & (intracranial.depth_mm < settings.layer_to_mm)
    wide = _wide_part(shell, bright & shell, surround.clear, step_mm, settings)
    if not wide.any():
        return []
    pieces, count = ndimage.label(bright & reached(wide, step_mm, settings.layer_half_mm), np.ones((3, 3, 3)))
    found = []
    for number in range(1, count + 1):
        where = pieces == number
        if not (where & wide).any():
            continue
        told = where & surround.clear
        found.append(
            BrightRegion(
                where=where,
                ml=float(where.sum()) * step_mm**3 / 1000.0,
                mean_hu=float(surround.tissue_hu[told if told.any() else where].mean()),
                radius_mm=float(distance_mm(~where, step_mm).max()),
            )
        )
    return sorted(found, key=lambda region: -region.ml)


def _wide_part(shell: Mask, bright: Mask, clear: Mask, step_mm: float, settings: ThresholdSettings) -> Mask:
    """What of a shell is bright so far in every direction along it that no sinus is as wide, if it is large enough."""
    out = np.zeros(shell.shape, np.bool_)
    least = 100.0 * settings.layer_cm2 * (settings.layer_to_mm - settings.layer_from_mm) / step_mm**3
    points, dark = np.argwhere(bright), np.argwhere(shell & ~bright)
    if len(points) < least or not len(dark):
        return out
    middle = cKDTree(dark).query(points, workers=1)[0] * step_mm >= settings.layer_half_mm
    if not middle.any():
        return out
    near = cKDTree(points[middle]).query(points, workers=1)[0] * step_mm <= settings.layer_half_mm
    out[tuple(points[near].T)] = True
    pieces, _ = ndimage.label(out, np.ones((3, 3, 3)))
    voxels = np.bincount(pieces.ravel())
    told = np.bincount(pieces[clear], minlength=len(voxels)) >= settings.layer_clear * voxels
    large = told & (voxels >= least)
    large[0] = False
    return np.asarray(large[pieces])
