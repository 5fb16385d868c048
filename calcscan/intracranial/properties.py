"""What is told of an intracranial space: noise, where the picture cuts it off, and the flags of both."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from calcscan.grid.geometry import Array, apply
from calcscan.grid.masks import places, worn
from calcscan.intracranial.pictured import near
from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.model import Edge, Flag, Scan

Mask = npt.NDArray[np.bool_]
Field = npt.NDArray[np.float32]


def noise_hu(scan: Scan, affine: Array, to_bone_mm: Field, settings: IntracranialSettings) -> float | None:
    """Standard deviation of the noise in HU, from differences of voxels four columns apart deep in the brain.

    Differences cancel anatomy; the median makes edges and calcifications harmless. Points of the coarse grid are taken
    to their nearest voxels. None where there is too little to say.
    """
    deep = apply(affine, places(to_bone_mm > settings.noise_depth_mm))
    kji = np.rint(scan.geometry.to_index(deep)).astype(np.int64)
    kji = kji[((kji >= 0) & (kji < np.array(scan.geometry.shape) - (0, 0, 4))).all(axis=1)]
    if len(kji) < 1000:
        return None
    here = scan.hu[kji[:, 0], kji[:, 1], kji[:, 2]].astype(np.int32)
    there = scan.hu[kji[:, 0], kji[:, 1], kji[:, 2] + 4]
    return float(np.median(np.abs(here - there))) * 1.4826 / float(np.sqrt(2.0))


def cut_edges(
    scan: Scan, affine: Array, inside: Mask, empty: Mask, settings: IntracranialSettings
) -> dict[Edge, float]:
    """The edges of the picture that cut off the inside, with the share of its surface that lies on each; `empty` is
    what the picture shows nothing of."""
    index = places(inside & ~worn(inside))
    kji = scan.geometry.to_index(apply(affine, index))
    last = np.array(scan.geometry.shape) - 1
    # The even grid ends up to one of its steps before the picture does, and the surface lies a step within
    step = np.array([0.75, *(2.0 * settings.grid_mm / np.array(scan.geometry.spacing_mm[1:]))])
    on = {
        Edge.FIRST_SLICE: kji[:, 0] < step[0],
        Edge.LAST_SLICE: kji[:, 0] > last[0] - step[0],
        Edge.LEFT_OR_FRONT: (kji[:, 1:] < step[1:]).any(axis=1),
        Edge.RIGHT_OR_BACK: (kji[:, 1:] > last[1:] - step[1:]).any(axis=1),
    }
    if empty.any():
        on[Edge.FIELD_OF_VIEW] = near(empty, index)
    share = {edge: float(where.mean()) for edge, where in on.items()}
    return {edge: part for edge, part in share.items() if part > settings.cropped_share}


def space_flags(
    scan: Scan, cut_at: Mapping[Edge, float], intracranial_ml: float, settings: IntracranialSettings
) -> tuple[Flag, ...]:
    """`cropped` for each edge that cuts it off, and `not_head` where it is too large to be the inside of a skull."""
    other_way = {Edge.FIRST_SLICE: Edge.LAST_SLICE, Edge.LAST_SLICE: Edge.FIRST_SLICE}
    counted_down = scan.slice_number(0) != 1  # the input's slices run the other way
    flags = [
        Flag(
            code="cropped",
            message=f"the head is cut off at the {other_way.get(edge, edge) if counted_down else edge}",
            value=round(share, 3),
            limit=settings.cropped_share,
        )
        for edge, share in cut_at.items()
    ]
    if intracranial_ml > settings.largest_ml:
        message = "the inside of the skull could not be told from the outside"
        value = round(intracranial_ml)
        flags.insert(0, Flag(code="not_head", message=message, value=value, limit=settings.largest_ml))
    return tuple(flags)
