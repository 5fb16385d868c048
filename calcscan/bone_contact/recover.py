"""Calcification in contact with bone: Scan, Intracranial, Registration, Atlas → SearchRegion.

This follows registration, for where the vault ends and where arteries and dural folds run between the bones of the base
is known only in the head's own axes: a head may lie rotated in the scanner, or be cut off. Without an accepted
registration the intracranial space stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from calcscan.bone_contact.bone_rises import RefusedRise
from calcscan.bone_contact.cut_off import cut_off, dense_inside
from calcscan.bone_contact.masses import Voxels, brain_centre_mm, detect_masses
from calcscan.bone_contact.mirrored_skull import mirror_skull
from calcscan.bone_contact.other_side import other_side, unlike_voxels
from calcscan.bone_contact.rays import RADIUS_MM, Mask, Numbers, directions, from_vertex_deg
from calcscan.bone_contact.skull_base import with_skull_base_peaks
from calcscan.bone_contact.thickened import part_bone, pieces
from calcscan.bone_contact.vault_holes import vault_holes_mm
from calcscan.bone_contact.vault_plaques import detect_vault_plaques
from calcscan.grid.geometry import Array
from calcscan.knowledge.air_contact import AirContactSettings
from calcscan.knowledge.bone_contact import BoneContactSettings
from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.knowledge.left_out import LeftOutReason
from calcscan.knowledge.settings import load
from calcscan.model import Atlas, Intracranial, LeftOut, Registration, Scan, SearchRegion
from calcscan.processors import both


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
        From `register_atlas`. Where the registration was not accepted, the mask stays as it is.
    settings, space, air
        Instead of the settings in `calcscan/knowledge` of this stage, of the intracranial space and of air contact.
    """
    settings, space = settings or load(BoneContactSettings), space or load(IntracranialSettings)
    dense_kji = dense_inside(scan, intracranial, space)
    if not registration.accepted:
        bone = cut_off(scan, intracranial, dense_kji, intracranial.mask, None, None, settings, space)
        return SearchRegion.of(intracranial, left_out=bone)
    centre_mm = brain_centre_mm(atlas)

    def to_head_axes(points: Array) -> Array:
        return registration.to_atlas(points) - centre_mm

    air = air or load(AirContactSettings)
    mirrored = mirror_skull(intracranial, registration, settings, space)
    other = other_side(scan, mirrored, settings, space)
    holes_mm = vault_holes_mm(intracranial, other, to_head_axes, settings, space)
    plaques, ((mask, base_peaks_kji), masses) = both(
        lambda: detect_vault_plaques(scan, intracranial, to_head_axes, holes_mm, settings, space),
        lambda: (
            with_skull_base_peaks(scan, intracranial, to_head_axes, settings, space, air),
            detect_masses(scan, intracranial, registration, atlas, mirrored, settings, space),
        ),
    )
    judged = part_bone(scan, _without_hyperostosis(masses.kji, plaques.refused, scan), settings, space)
    plaques_kji, masses_kji = plaques.kji, judged.kji
    refused = (*plaques.refused, *judged.refused)
    if judged.thickened_mm2:
        thickened = {"thickened_mm2": round(judged.thickened_mm2, 1)}
        refused += tuple(RefusedRise(kji=kji, evidence=thickened) for kji in pieces(plaques_kji))
        plaques_kji = plaques_kji[:0]
    for rise in refused:
        mask[tuple(rise.kji.T)] = False
    mask[tuple(plaques_kji.T)] = True
    mask[tuple(masses_kji.T)] = True
    bone = _bone(scan, refused, mask, settings)
    doubtful = _doubtful(scan, masses.doubtful_kji, mask, bone)
    known = np.array(mask)
    for item in (*bone, *doubtful):
        known[tuple(item.kji.T)] = True
    rest = cut_off(scan, intracranial, dense_kji, known, to_head_axes, other, settings, space)
    return SearchRegion.of(
        intracranial,
        mask=mask,
        vault_plaques_kji=plaques_kji,
        base_peaks_kji=base_peaks_kji,
        masses_kji=masses_kji,
        vault_assessable=_assessable_share(to_head_axes(plaques.judged), settings),
        unlike_kji=unlike_voxels(scan, dense_kji, other),
        vault_holes_mm=holes_mm,
        left_out=(*bone, *doubtful, *rest),
    )


def _without_hyperostosis(masses_kji: Numbers, refused: tuple[RefusedRise, ...], scan: Scan) -> Numbers:
    """The masses but for those that are a rise of the table with its like on the other side: the sides of a
    hyperostosis differ by more than the mirror image of a normal skull does."""
    knobs = [rise.kji for rise in refused if "mirrored_share" in rise.evidence]
    if not knobs or not len(masses_kji):
        return masses_kji
    knob = np.zeros(scan.hu.shape, dtype=np.bool_)
    knob[tuple(np.concatenate(knobs).T)] = True
    kept = [kji for kji in pieces(masses_kji) if 4 * int(knob[tuple(kji.T)].sum()) < len(kji)]
    return np.concatenate([masses_kji[:0], *kept])


def _bone(
    scan: Scan, refused: tuple[RefusedRise, ...], mask: Mask, settings: BoneContactSettings
) -> tuple[LeftOut, ...]:
    """What was taken for bone or can't be told from it, each voxel once: as far as no mass claims it."""
    items, listed = [], np.array(mask)
    for rise in refused:
        kji = rise.kji[~listed[tuple(rise.kji.T)]]
        listed[tuple(kji.T)] = True
        if float(scan.geometry.voxel_mm3[kji[:, 0]].sum()) >= settings.bone_listed_mm3:
            items.append(LeftOut.of(scan, kji, rise.reason, rise.evidence))
    return tuple(items)


def _doubtful(scan: Scan, doubtful: Sequence[Voxels], mask: Mask, bone: Sequence[LeftOut]) -> tuple[LeftOut, ...]:
    """What of each piece (n, 3) that may be a mass, or bone that differs from the other side's, is neither searched nor
    listed already; not those of which most is."""
    known = np.array(mask)
    for item in bone:
        known[tuple(item.kji.T)] = True
    outside = [kji[~known[tuple(kji.T)]] for kji in doubtful]
    return tuple(
        LeftOut.of(scan, rest, LeftOutReason.BONE, {"may_be_mass": 1.0})
        for kji, rest in zip(doubtful, outside, strict=True)
        if 2 * len(rest) > len(kji)
    )


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
