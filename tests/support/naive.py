"""Slow, obvious twins of the kernels: plain loops, written for reading."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from calcscan.grid.geometry import Geometry


def components(
    hu: npt.NDArray[np.int16], threshold: float, mask: npt.NDArray[np.bool_] | None, connectivity: int
) -> npt.NDArray[np.int32]:
    """Flood from every voxel in C order that has no label yet."""
    above = hu >= threshold
    if mask is not None:
        above = above & mask
    reach = {6: 1, 18: 2, 26: 3}[connectivity]
    steps = [s for s in product((-1, 0, 1), repeat=3) if 0 < sum(map(abs, s)) <= reach]
    labels = np.zeros(hu.shape, np.int32)
    count = 0
    for start in np.ndindex(hu.shape):
        if not above[start] or labels[start]:
            continue
        count += 1
        labels[start] = count
        front = [start]
        while front:
            here = front.pop()
            for step in steps:
                there = tuple(a + b for a, b in zip(here, step, strict=True))
                if all(0 <= a < n for a, n in zip(there, hu.shape, strict=True)) and above[there] and not labels[there]:
                    labels[there] = count
                    front.append(there)
    return labels


def distances(mask: npt.NDArray[np.bool_], spacing_mm: float) -> npt.NDArray[np.float64]:
    """From every voxel to each True one, and the shortest of them."""
    true = np.argwhere(mask) * spacing_mm
    out = np.empty(mask.shape)
    for here in np.ndindex(mask.shape):
        out[here] = min(np.linalg.norm(true - np.array(here) * spacing_mm, axis=1))
    return out


def component_rows(hu: npt.NDArray[np.int16], labels: npt.NDArray[np.int32]) -> list[dict[str, object]]:
    """What each component adds up to, one at a time."""
    rows: list[dict[str, object]] = []
    for number in range(1, int(labels.max(initial=0)) + 1):
        where = np.argwhere(labels == number)
        values = [int(hu[tuple(v)]) for v in where]
        rows.append(
            {
                "voxels": len(values),
                "sum_hu": sum(values),
                "max_hu": max(values),
                "centroid_kji": where.mean(axis=0).tolist(),
                "bbox": [[int(a.min()), int(a.max()) + 1] for a in where.T],
            }
        )
    return rows


def lesion_measures(hu: npt.NDArray[np.int16], lesion: npt.NDArray[np.bool_], grid: Geometry) -> dict[str, float]:
    """Plain numbers of one lesion, voxel by voxel and slice by slice."""
    volume = mass = 0.0
    values: list[int] = []
    by_slice: dict[int, list[int]] = {}
    for k, j, i in np.argwhere(lesion):
        value = int(hu[k, j, i])
        values.append(value)
        by_slice.setdefault(int(k), []).append(value)
        volume += float(grid.voxel_mm3[k])
        mass += value * float(grid.voxel_mm3[k])
    area_mm2 = float(np.linalg.norm(np.cross(grid.step_i_mm, grid.step_j_mm)))
    agatston = 0.0
    for k, here in by_slice.items():
        peak = max(here)
        weight = 4 if peak >= 400 else 3 if peak >= 300 else 2 if peak >= 200 else 1
        agatston += len(here) * area_mm2 * weight * float(grid.slab_mm[k]) / 3.0
    return {
        "voxels": len(values),
        "volume_130_mm3": volume,
        "mass_hu_mm3": mass,
        "mean_hu": mass / volume,
        "max_hu": max(values),
        "agatston": agatston,
    }


def stands_out(
    hu: npt.NDArray[np.int16],
    order: npt.NDArray[np.int64],
    bone: npt.NDArray[np.bool_],
    brain: float,
    ratio: float,
    floor: float,
) -> list[int]:
    """Pieces as lists of voxels that grow and are merged, densest voxel first."""
    pieces: list[dict[str, Any]] = []
    for n, here in enumerate(map(tuple, order.tolist())):
        density = int(hu[here])
        new = {"voxels": [n], "peak": density, "kind": "bone" if bone[n] else "loose", "touch": 40000}
        near = []
        for piece in pieces:
            touching = [int(hu[tuple(order[m])]) for m in piece["voxels"] if max(abs(np.array(here) - order[m])) <= 1]
            if touching:
                piece["touch"] = max(touching)
                near.append(piece)
        if bone[n]:
            near.append(new)
            pieces.append(new)
        for kind in ("loose", "bone"):
            same = [piece for piece in near if piece["kind"] == kind]
            for piece in same[1:]:
                _swallow(same[0], piece)
                pieces.remove(piece)
            near = [piece for piece in near if piece not in same[1:]]
        firm = [piece for piece in near if piece["kind"] != "loose"]
        for piece in [piece for piece in near if piece["kind"] == "loose"]:
            if firm and density - brain < ratio * (piece["peak"] - brain):
                piece["kind"] = "knot"
            elif firm:
                to = max(firm, key=lambda f: (f["touch"], f["kind"] == "bone"))
                _swallow(to, piece)
                pieces.remove(piece)
                near.remove(piece)
        if bone[n]:
            continue
        if near:
            _swallow(max(near, key=lambda f: (f["touch"], f["kind"] == "bone")), new)
        else:
            pieces.append(new)
    out = [0] * len(order)
    for piece in pieces:
        if piece["kind"] == "knot" or (piece["kind"] == "loose" and floor - brain < ratio * (piece["peak"] - brain)):
            for n in piece["voxels"]:
                out[n] = min(piece["voxels"]) + 1
    return out


def _swallow(piece: dict[str, Any], other: dict[str, Any]) -> None:
    if piece is not other:
        piece["voxels"] += other["voxels"]
        piece["peak"] = max(piece["peak"], other["peak"])
        piece["touch"] = max(piece["touch"], other["touch"])
