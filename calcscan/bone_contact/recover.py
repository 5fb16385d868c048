"""Calcification in contact with bone: Scan, Intracranial, Registration, Atlas → SearchRegion.

This follows registration, for where the vault ends and where arteries and dural folds run between the bones of the base
is known only in the head's own axes: a head may lie rotated in the scanner, or be cut off. Without an accepted
registration the intracranial space stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from calcscan.bone_contact.masses import Voxels, brain_centre_mm, detect_masses
from calcscan.bone_contact.rays import RADIUS_MM, Mask, directions, from_vertex_deg
from calcscan.bone_contact.skull_base import with_skull_base_peaks
from calcscan.bone_contact.vault_plaques import detect_vault_plaques
from calcscan.grid.geometry import Array
from calcscan.knowledge.air_contact import AirContactSettings
from calcscan.knowledge.bone_contact import BoneContactSettings
from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.knowledge.settings import load
from calcscan.model import Atlas, Intracranial, Registration, Scan, SearchRegion


def recover_bone_contact(
    scan: Scan,
    intracranial: Intracranial,
    registration: Registration,
    atlas: Atlas,
    *,
    settings: BoneContactSettings | None = None,
    space: IntracranialSettings | None = None,
    air: AirContactSettings | None = None,
) -> SearchRegion:
    """The intracranial space with masses and plaques that hang on bone, and peaks of the base, in its mask.

    Parameters
    ----------
    scan, intracranial
        As `segment_intracranial` left them: everything attached to bone lies outside the mask.
    registration, atlas
        From `register_atlas`. A registration that was not accepted changes nothing.
    settings, space, air
        Instead of the settings in `calcscan/knowledge` of this stage, of the intracranial space and of air contact.
    """
    if not registration.accepted:
        return SearchRegion.of(intracranial)
    settings, space = settings or load(BoneContactSettings), space or load(IntracranialSettings)
    centre_mm = brain_centre_mm(atlas)

    def to_head_axes(points: Array) -> Array:
        return registration.to_atlas(points) - centre_mm

    air = air or load(AirContactSettings)
    mask, base_peaks_kji = with_skull_base_peaks(scan, intracranial, to_head_axes, settings, space, air)
    plaques = detect_vault_plaques(scan, intracranial, to_head_axes, settings, space)
    mask[tuple(plaques.kji.T)] = True
    masses = detect_masses(scan, intracranial, registration, atlas, settings, space)
    mask[tuple(masses.kji.T)] = True
    return SearchRegion.of(
        intracranial,
        mask=mask,
        vault_plaques_kji=plaques.kji,
        base_peaks_kji=base_peaks_kji,
        masses_kji=masses.kji,
        doubtful_masses_kji=_outside(masses.doubtful_kji, mask),
        vault_assessable=_assessable_share(to_head_axes(plaques.judged), settings),
    )


def _outside(pieces: Sequence[Voxels], mask: Mask) -> tuple[Voxels, ...]:
    """What of each piece (n, 3) is not searched; pieces that are searched for the most part not at all."""
    outside = [kji[~mask[tuple(kji.T)]] for kji in pieces]
    return tuple(rest for kji, rest in zip(pieces, outside, strict=True) if 2 * len(rest) > len(kji))


def _assessable_share(points_mm: Array, settings: BoneContactSettings) -> dict[str, float]:
    """The share of the vault, left and right, that lies near one of these points, mm from the centre of the brain in
    the head's own axes: a share of the directions from the centre."""
    rays = directions(settings.judged_mm)
    rays = rays[from_vertex_deg(rays) <= settings.vault_deg]
    near: Mask = np.zeros(len(rays), dtype=np.bool_)
    if len(points_mm):
        assessed = points_mm / np.linalg.norm(points_mm, axis=1)[:, None]
        near = np.asarray(cKDTree(assessed).query(rays)[0] <= settings.judged_mm / RADIUS_MM)
    return {side: float(near[rays[:, 0] * sign > 0].mean()) for side, sign in (("left", 1.0), ("right", -1.0))}
