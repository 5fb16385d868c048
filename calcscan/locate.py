"""Say where each calcification lies: LesionMap, Scan, Head, AtlasFit, Atlas → LesionMap with sites.

Each voxel of a lesion votes for the sites around its place in the atlas, spread by the registration's uncertainty and
weighted by how often each site calcifies. What the anatomy of this head says comes first: dense tissue that hangs on
the skull base is bone and no lesion; what lies flat under the vault is dura.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from calcscan._kernels.touching import touches_outside
from calcscan.coarse import sample_at
from calcscan.geometry import Array, apply
from calcscan.knowledge import table, values
from calcscan.model import Atlas, AtlasFit, Head, Lesion, LesionMap, Scan

BRAIN, BASE, SELLA = 1, 2, 4
"""Bits of `Atlas.zones`."""

CEREBRAL = ("cortex", "white_matter", "unassigned")
PARENCHYMA = (*CEREBRAL, "cerebellum", "brainstem")
Shares = Mapping[tuple[str, str], float]


def locate(lesions: LesionMap, scan: Scan, head: Head, fit: AtlasFit, atlas: Atlas) -> LesionMap:
    """Give every lesion its site, side and share, and drop what is skull.

    Lesions of an unaccepted fit come back `unassigned`, and all that touches the skull or lies close under it is
    dropped. Dropped bone is told by the setting `bone_dropped_mm3`.
    """
    limits = values("locating")
    on_bone = _on_bone(lesions, scan, head)
    in_plaque = _in_plaque(lesions, head)
    ballot = _Ballot(atlas, fit, table("locating")["prior"], float(limits["uncertainty_mm"]))
    order = _voxels_by_lesion(lesions)
    kept, dropped_mm3 = [], 0.0
    for lesion in lesions.lesions:
        world = lesions.geometry.to_world(order[lesion.id])
        told: Lesion | None
        if fit.accepted:
            evidence = _evidence(world, head, fit, atlas, bool(on_bone[lesion.id]), bool(in_plaque[lesion.id]))
            told = _placed(lesion, ballot.shares(world), evidence, limits)
        else:
            told = _unplaced(lesion, world, head, on_bone, limits)
        if told is None:
            dropped_mm3 += lesion.volume_130_mm3
        else:
            kept.append(told)
    return _renumbered(lesions, kept, dropped_mm3)


def _placed(lesion: Lesion, shares: Shares, evidence: _Evidence, limits: Mapping[str, float]) -> Lesion | None:
    """The lesion with its site; None if it is bone."""
    if _is_bone(evidence, _ranked(shares)[0][0][0], limits):
        return None
    return _with_site(lesion, shares, evidence, limits)


def _unplaced(
    lesion: Lesion, world: Array, head: Head, on_bone: npt.NDArray[np.bool_], limits: Mapping[str, float]
) -> Lesion | None:
    """The lesion where no atlas can be believed; None if it touches the skull or lies close under it."""
    deepest_mm = float(sample_at(head.depth_mm, head.coarse_hu.affine, world).max())
    if on_bone[lesion.id] or deepest_mm < limits["base_depth_mm"]:
        return None
    return replace(lesion, site="unassigned", side="", site_share=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evidence:
    """What this head's own anatomy says about one lesion."""

    on_bone: bool
    """It touches dense tissue outside the inside of the skull."""
    in_plaque: bool
    """The skull stage has told it from the vault that it hangs on."""
    deepest_mm: float
    base_share: float
    outside_share: float
    sella_share: float
    atlas_x_mm: float


def _evidence(world: Array, head: Head, fit: AtlasFit, atlas: Atlas, on_bone: bool, in_plaque: bool) -> _Evidence:
    there = apply(fit.scan_to_atlas, world)
    zones = sample_at(atlas.zones, atlas.affine, there, nearest=True).astype(np.uint8)
    labels = sample_at(atlas.labels, atlas.affine, there, nearest=True)
    depth = sample_at(head.depth_mm, head.coarse_hu.affine, world)
    return _Evidence(
        on_bone=on_bone,
        in_plaque=in_plaque,
        deepest_mm=float(depth.max()),
        base_share=float(((zones & BASE) > 0).mean()),
        sella_share=float(((zones & SELLA) > 0).mean()),
        outside_share=float((((zones & BRAIN) == 0) & (labels == 0)).mean()),
        atlas_x_mm=float(there[:, 0].mean()),
    )


def _is_bone(evidence: _Evidence, site: str, limits: Mapping[str, float]) -> bool:
    shallow = evidence.on_bone or evidence.deepest_mm < limits["base_depth_mm"]
    if evidence.outside_share >= limits["outside_share"] and shallow and not evidence.in_plaque:
        return True
    if evidence.sella_share >= limits["base_share"]:
        return True
    if evidence.on_bone:
        return evidence.base_share >= limits["bone_share"]
    in_base = evidence.base_share >= limits["base_share"]
    return in_base and (evidence.deepest_mm < limits["base_depth_mm"] or site in PARENCHYMA)


def _is_dura(evidence: _Evidence, site: str, limits: Mapping[str, float]) -> bool:
    return site in CEREBRAL and (evidence.in_plaque or evidence.deepest_mm <= limits["convexity_depth_mm"])


def _with_site(lesion: Lesion, shares: Shares, evidence: _Evidence, limits: Mapping[str, float]) -> Lesion:
    ranked = _ranked(shares)
    (site, side), share = ranked[0]
    if _is_dura(evidence, site, limits):
        return replace(
            lesion, site="convexity_dura", side="left" if evidence.atlas_x_mm > 0 else "right", site_share=None
        )
    also = tuple((name, which, round(part, 3)) for (name, which), part in ranked[1:] if part >= limits["also_share"])
    return replace(lesion, site=site, side=side, site_share=round(share, 3), also=also)


def _ranked(shares: Shares) -> list[tuple[tuple[str, str], float]]:
    """Largest share first; ties by name, so that the answer doesn't hang on an order."""
    return sorted(shares.items(), key=lambda item: (-item[1], item[0]))


class _Ballot:
    """The atlas's votes around a set of points."""

    def __init__(self, atlas: Atlas, fit: AtlasFit, prior: Mapping[str, float], spread_mm: float) -> None:
        self._atlas, self._matrix = atlas, fit.scan_to_atlas
        steps = [-1.5, -0.75, 0.0, 0.75, 1.5]
        self._offsets = spread_mm * np.array(list(product(steps, steps, steps)))
        self._weights = np.exp(-0.5 * (self._offsets**2).sum(axis=1) / spread_mm**2)
        self._prior = np.zeros(256)
        for number, site in atlas.sites.items():
            self._prior[number] = prior.get(site.site, 0.0)

    def shares(self, world: Array) -> dict[tuple[str, str], float]:
        """Share of the vote of every site and side that gets any; `unassigned` where there is none."""
        points = world[:: max(1, len(world) // 400)]
        there = apply(self._matrix, points)
        around = (there[:, None] + self._offsets).reshape(-1, 3)
        labels = sample_at(self._atlas.labels, self._atlas.affine, around, nearest=True).astype(np.uint8)
        votes = self._prior[labels].reshape(len(points), -1) * self._weights
        totals = votes.sum(axis=1, keepdims=True)
        share = np.bincount(labels, (votes / np.where(totals > 0, totals, 1.0)).ravel(), minlength=256) / len(points)
        out = {
            (site.site, site.side): float(share[number])
            for number, site in self._atlas.sites.items()
            if share[number] > 0
        }
        left_over = float((totals == 0).mean())
        if left_over > 0:
            out["unassigned", ""] = left_over
        return out


def _on_bone(lesions: LesionMap, scan: Scan, head: Head) -> npt.NDArray[np.bool_]:
    """For each lesion number, whether it touches dense tissue outside the inside of the skull."""
    out = np.zeros(max((lesion.id for lesion in lesions.lesions), default=0) + 1, dtype=np.bool_)
    dense_hu = int(values("skull")["attached_hu"])
    touches_outside(scan.hu, head.inside, np.ascontiguousarray(lesions.labels), dense_hu, out)
    return out


def _in_plaque(lesions: LesionMap, head: Head) -> npt.NDArray[np.bool_]:
    """For each lesion number, whether most of it lies in the plaques of the vault."""
    size = int(lesions.labels.max(initial=0)) + 1
    held = np.bincount(lesions.labels[tuple(head.plaques_kji.T)], minlength=size)
    return np.asarray(2 * held > np.bincount(lesions.labels.ravel(), minlength=size))


def _voxels_by_lesion(lesions: LesionMap) -> dict[int, npt.NDArray[Any]]:
    """The (k, j, i) of every lesion's voxels."""
    kji = np.argwhere(lesions.labels > 0)
    owner = lesions.labels[tuple(kji.T)]
    order = np.argsort(owner, kind="stable")
    numbers, starts = np.unique(owner[order], return_index=True)
    return dict(zip(numbers.tolist(), np.split(kji[order], starts[1:]), strict=True))


def _renumbered(lesions: LesionMap, kept: list[Lesion], dropped_mm3: float) -> LesionMap:
    """Only the lesions kept, numbered 1…n again, in the label map too."""
    numbers = np.zeros(int(lesions.labels.max(initial=0)) + 1, dtype=np.int32)
    out = []
    for new, lesion in enumerate(kept, start=1):
        numbers[lesion.id] = new
        out.append(replace(lesion, id=new))
    labels = numbers[lesions.labels]
    labels.flags.writeable = False
    settings = {**lesions.settings, "bone_dropped_mm3": round(dropped_mm3, 1)}
    return replace(lesions, labels=labels, lesions=tuple(out), settings=settings)
