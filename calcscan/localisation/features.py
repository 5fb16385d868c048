"""What this head's own anatomy says about one lesion, and whether that makes it bone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan._kernels.touching import touches_outside
from calcscan.grid.geometry import Array, apply
from calcscan.grid.isotropic import IsotropicVolume, sample_at
from calcscan.knowledge import values
from calcscan.knowledge.sites import all_sites
from calcscan.localisation.atlas_vote import Place
from calcscan.localisation.shape import Shape, shape_of
from calcscan.measurement.air_contact import lines_air, near_air
from calcscan.model import BASE_ZONE, BRAIN_ZONE, SELLA_ZONE, Atlas, Lesion, LesionMap, Registration, Scan, SearchRegion

"""Sites between the bones of the skull base."""

_AROUND = np.ones((3, 3, 3), dtype=np.bool_)


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What this head's own anatomy says about one lesion."""

    on_bone: bool
    """It touches dense tissue outside the inside of the skull."""
    in_vault_plaque: bool
    """The attached stage has told it from the vault that it hangs on."""
    on_base_peak: bool
    """The attached stage has told it from the bones of the base, but it lies as shallow as they do."""
    cut: bool
    """It reaches the first or last slice, so that what it hangs on may lie outside the scan."""
    thick: bool
    """The slices are thick enough to smear bone into their neighbours."""
    joined: float
    """How high the way to bone stays, from the brain (0) to the lesion's peak (1); see `_joined`."""
    fluid_share: float
    """Share of its surround that is fluid."""
    deepest_mm: float
    base_share: float
    outside_share: float
    sella_share: float
    airy_share: float
    """Share of it that lies as near to air as the wall of a sinus or air cell does."""
    atlas_x_mm: float
    shape: Shape
    upright: float
    """How much the way across it points left or right in the atlas, 0 to 1: 1 as across the falx."""


class FeatureExtractor:
    """Gathers the evidence about lesion after lesion of one head."""

    def __init__(self, lesions: LesionMap, scan: Scan, intracranial: SearchRegion) -> None:
        self._lesions, self._scan, self._head = lesions, scan, intracranial
        self._thickness_mm = scan.slice_thickness_mm
        self._on_bone = _on_bone(lesions, scan, intracranial)
        self._in_plaque = _mostly_in(intracranial.vault_plaques_kji, lesions)
        self._in_knot = _mostly_in(intracranial.base_peaks_kji, lesions)

    def deepest_mm(self, world: Array) -> float:
        return float(sample_at(self._head.depth_mm, self._head.isotropic_hu.affine, world).max())

    def on_bone(self, lesion: Lesion) -> bool:
        return bool(self._on_bone[lesion.id])

    def on_base_peak(self, lesion: Lesion) -> bool:
        return bool(self._in_knot[lesion.id])

    def of(self, lesion: Lesion, kji: npt.NDArray[np.int64], registration: Registration, atlas: Atlas) -> Features:
        """`kji` (n, 3): the lesion's voxels."""
        world = self._scan.geometry.to_world(kji)
        there = registration.to_atlas(world)
        zones = sample_at(atlas.zones, atlas.affine, there, nearest=True).astype(np.uint8)
        labels = sample_at(atlas.labels, atlas.affine, there, nearest=True)
        base_share = float(((zones & BASE_ZONE) > 0).mean())
        (first, last), *_ = lesion.bbox_kji
        shape = shape_of(world, (first, last), self._scan.geometry, values("localisation"))
        middle = world.mean(axis=0)
        across = np.diff(registration.to_atlas(np.stack([middle, middle + shape.across])), axis=0)[0]
        thickest_mm = float(self._thickness_mm[first:last].max())
        in_base = base_share >= values("localisation")["bone_share"]
        return Features(
            on_bone=self.on_bone(lesion),
            in_vault_plaque=bool(self._in_plaque[lesion.id]),
            on_base_peak=self.on_base_peak(lesion),
            cut=first == 0 or last == self._scan.geometry.shape[0],
            thick=thickest_mm > values("localisation")["thick_mm"],
            joined=_joined(lesion, self._lesions.labels, self._scan, self._head) if in_base else 0.0,
            fluid_share=_fluid_share(world, self._head.isotropic_hu),
            deepest_mm=self.deepest_mm(world),
            base_share=base_share,
            airy_share=float(near_air(self._scan, kji).mean()),
            sella_share=float(((zones & SELLA_ZONE) > 0).mean()),
            outside_share=float((((zones & BRAIN_ZONE) == 0) & (labels == 0)).mean()),
            atlas_x_mm=float(there[:, 0].mean()),
            shape=shape,
            upright=float(abs(across[0]) / np.linalg.norm(across)),
        )


def is_bone(evidence: Features, first: Place, share: float, limits: Mapping[str, float]) -> bool:
    """Whether a lesion is skull; `first` and `share` are what the atlas says of it."""
    shallow = evidence.on_bone or evidence.deepest_mm < limits["base_depth_mm"]
    if evidence.outside_share >= limits["outside_share"] and shallow and not evidence.in_vault_plaque:
        return True
    if evidence.sella_share >= limits["base_share"]:
        return True
    in_base = evidence.base_share >= limits["bone_share"]
    if in_base and (evidence.cut or lines_air(evidence.airy_share)):
        return True
    if (
        in_base
        and all_sites()[first[0]].between_bones
        and (evidence.on_bone or evidence.thick or evidence.on_base_peak)
    ):
        least = limits["joined" if evidence.thick else "joined_thin"]
        return evidence.joined >= least or share < limits["known_share"]
    if evidence.on_base_peak:
        return True
    if evidence.on_bone:
        return in_base
    mostly = evidence.base_share >= limits["base_share"]
    return mostly and (evidence.deepest_mm < limits["base_depth_mm"] or all_sites()[first[0]].parenchyma)


def is_dura(evidence: Features, site: str, limits: Mapping[str, float]) -> bool:
    """Whether what the atlas calls brain lies on the inner table."""
    return all_sites()[site].cerebral and (
        evidence.in_vault_plaque or evidence.deepest_mm <= limits["convexity_depth_mm"]
    )


def _joined(lesion: Lesion, labels: npt.NDArray[np.int32], scan: Scan, intracranial: SearchRegion) -> float:
    """The highest density at which the lesion's peak still hangs together with bone nearby, as a share of the peak
    above brain: near 1 a spur of bone, low where the tissue between is only their blur."""
    limits = values("localisation")
    margin = np.ceil(limits["joined_mm"] / np.array(scan.geometry.spacing_mm)).astype(int)
    box = tuple(slice(max(a - m, 0), b + m) for (a, b), m in zip(lesion.bbox_kji, margin, strict=True))
    hu = scan.hu[box]
    bone = (hu >= limits["surely_bone_hu"]) & ~intracranial.mask[box]
    peak = (labels[box] == lesion.id) & (hu >= lesion.max_hu)
    brain_hu = float(intracranial.brain_hu or 0.0)
    low, high = brain_hu, float(lesion.max_hu)
    while high - low > limits["joined_step_hu"]:
        level = (low + high) / 2
        pieces, _ = ndimage.label(hu >= level, _AROUND)
        if (bone & np.isin(pieces, np.unique(pieces[peak]))).any():
            low = level
        else:
            high = level
    return (low - brain_hu) / (lesion.max_hu - brain_hu)


def _fluid_share(world: Array, coarse: IsotropicVolume) -> float:
    """Share of fluid in a shell around the lesion on the coarse grid, clear of its blur."""
    limits = values("localisation")
    index = np.rint(apply(np.linalg.inv(coarse.affine), world)).astype(int)
    margin = int(np.ceil(limits["shell_outer_mm"] / coarse.spacing_mm)) + 1
    low = np.maximum(index.min(axis=0) - margin, 0)
    high = np.minimum(index.max(axis=0) + margin + 1, coarse.values.shape)
    free = np.ones(np.maximum(high - low, 1), dtype=np.bool_)
    free[tuple(np.clip(index - low, 0, np.array(free.shape) - 1).T)] = False
    away_mm = ndimage.distance_transform_edt(free, sampling=coarse.spacing_mm)
    shell = (away_mm > limits["shell_inner_mm"]) & (away_mm <= limits["shell_outer_mm"])
    hu = coarse.values[tuple(slice(a, a + n) for a, n in zip(low, free.shape, strict=True))]
    return float((hu[shell] < limits["fluid_hu"]).mean()) if shell.any() else 0.0


def _on_bone(lesions: LesionMap, scan: Scan, intracranial: SearchRegion) -> npt.NDArray[np.bool_]:
    """For each lesion number, whether it touches dense tissue outside the inside of the skull."""
    out = np.zeros(max((lesion.id for lesion in lesions.lesions), default=0) + 1, dtype=np.bool_)
    dense_hu = int(values("intracranial")["attached_hu"])
    touches_outside(scan.hu, intracranial.mask, np.ascontiguousarray(lesions.labels), dense_hu, out)
    return out


def _mostly_in(kji: npt.NDArray[np.int64], lesions: LesionMap) -> npt.NDArray[np.bool_]:
    """For each lesion number, whether most of it lies in these voxels."""
    held = np.bincount(lesions.labels[tuple(kji.T)], minlength=len(lesions.lesions) + 1)
    voxels = np.zeros(len(held))
    for lesion in lesions.lesions:
        voxels[lesion.id] = lesion.voxels
    return np.asarray(2 * held > voxels)
