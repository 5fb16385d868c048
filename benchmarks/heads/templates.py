"""Heads of known anatomy: average CTs in MNI space, and the same deformed by smooth known fields.

The templates are scct_cormack_2mm.nii and scct_stripped.nii of https://github.com/neurolabusc/Clinical (BSD-2): average
CTs of older adults in MNI space, in Cormack units. The labels of any atlas in MNI space are valid in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial.transform import Rotation

from calcscan.grid.geometry import Array, Geometry, apply
from calcscan.grid.isotropic import resample_isotropic, sample_at
from calcscan.model import AIR_HU, Intracranial, Scan

Volume = npt.NDArray[np.float64]
WHOLE, STRIPPED = "scct_cormack_2mm.nii", "scct_stripped.nii"
BRAIN_HU = 32.0
"""Median of the brain, to which a template is shifted: the zero of its Cormack units isn't recorded."""
KINDS = (
    "plain",
    "wide ventricles",
    "narrow ventricles",
    "atrophy",
    "asymmetry",
    "calcification",
    "bleed",
    "infarct",
    "noise",
    "cupping",
    "cropped",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KnownHead:
    """A head whose every point is known in MNI space.

    `to_scan` (4, 4) takes points of the unmoved head to the scan; `shift` (3; k, j, i), on the grid of `affine`, is the
    way from there to MNI space along x, y and z. LPS mm.
    """

    name: str
    intracranial: Intracranial
    to_scan: Array
    shift: Volume
    affine: Array

    def in_scan(self, points: Array) -> Array:
        """Points of the unmoved head in the scan."""
        return apply(self.to_scan, points)

    def in_mni(self, points: Array) -> Array:
        """Points of the unmoved head in MNI space."""
        return points + np.stack([sample_at(part, self.affine, points) for part in self.shift], axis=-1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BaseHead:
    """A head to be deformed, in MNI space: HU (k, j, i), matrix to LPS mm, and its brain on the same grid (2 mm)."""

    hu: Volume
    affine: Array
    brain: npt.NDArray[np.bool_]


def older_adults(folder: Path) -> BaseHead:
    """The whole template."""
    hu, affine = load_hu(folder / WHOLE)
    return BaseHead(hu=hu, affine=affine, brain=brain_of(folder / STRIPPED))


def load_hu(path: Path) -> tuple[Volume, Array]:
    """A template in HU as (k, j, i) with slices that advance along step_i × step_j, and its matrix to LPS mm."""
    image = nibabel.load(path)
    cormack = np.asarray(image.get_fdata())
    boost = np.clip(cormack - 900.0, 0.0, 2200.0)
    hu = cormack - boost * 10.0 / 11.0 - 1000.0
    affine = (np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine)[:, [2, 1, 0, 3]]
    hu = hu.transpose(2, 1, 0)
    if np.linalg.det(affine[:3, [2, 1, 0]]) < 0:
        affine = affine @ np.array([[1, 0, 0, 0], [0, -1, 0, hu.shape[1] - 1], [0, 0, 1, 0], [0, 0, 0, 1.0]])
        hu = hu[:, ::-1]
    deep_hu = sample_at(hu, affine, np.random.default_rng(0).uniform([-45, -30, 0], [45, 60, 40], (20000, 3)))
    offset_hu = BRAIN_HU - float(np.median(deep_hu))
    return np.ascontiguousarray(np.where(cormack.transpose(2, 1, 0).max() > 0, hu + offset_hu, hu)), affine


def as_scan(hu: Volume, affine: Array) -> Scan:
    return Scan(hu=np.rint(np.clip(hu, -1024, 3000)).astype(np.int16), geometry=Geometry.from_affine(affine, hu.shape))


def brain_of(path: Path) -> npt.NDArray[np.bool_]:
    """The stripped template's brain: the largest piece of soft tissue, holes closed."""
    hu, _ = load_hu(path)
    brain = ndimage.binary_opening(hu > -60.0, iterations=1)
    pieces, _ = ndimage.label(brain)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return np.asarray(ndimage.binary_fill_holes(ndimage.binary_closing(pieces == sizes.argmax(), iterations=3)))


def head_with(scan: Scan, brain: npt.NDArray[np.bool_], affine: Array) -> Intracranial:
    """A head whose intracranial space is given: an average's bone is too blurred for its inner table to be found."""
    isotropic = resample_isotropic(scan.hu, scan.geometry, 1.5, outside_hu=AIR_HU)
    kji = np.moveaxis(np.indices(isotropic.values.shape), 0, -1)
    world = apply(isotropic.affine, kji).reshape(-1, 3)
    mask = sample_at(brain.astype(np.float32), affine, world).reshape(isotropic.values.shape) > 0.5
    depth_mm = 1.5 * (ndimage.distance_transform_edt(mask) - ndimage.distance_transform_edt(~mask))
    return Intracranial(
        mask=brain,
        isotropic_hu=isotropic,
        isotropic_mask=mask,
        depth_mm=depth_mm.astype(np.float32),
        intracranial_ml=float(mask.sum()) * 1.5**3 / 1000.0,
        noise_hu=None,
        brain_hu=BRAIN_HU,
    )


def deformed_head(base: BaseHead, kind: str, seed: int) -> KnownHead:
    """A head with its skull, rotated, scaled, randomly deformed, and with what `kind` names."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    hu, affine = base.hu, base.affine
    inner = ndimage.binary_dilation(base.brain)
    fade = np.clip(ndimage.distance_transform_edt(ndimage.binary_erosion(inner, iterations=2)) * 2.0 / 15.0, 0.0, 1.0)
    shift = _random_deformation(rng, hu.shape, 2.0)
    widening_mm = {"wide ventricles": 5.0, "atrophy": 4.0, "narrow ventricles": -2.5}.get(kind, 0.0) * rng.uniform(
        0.7, 1.2
    )
    if widening_mm:
        shift = shift + _ventricles_widened(hu, affine, widening_mm)
    if kind == "asymmetry":
        shift = shift + _midline_shifted(affine, hu.shape, rng)
    shift = _flow(shift * fade, affine)
    world = apply(affine, np.moveaxis(np.indices(hu.shape), 0, -1)).reshape(-1, 3)
    in_mni = world + np.moveaxis(shift, 0, -1).reshape(-1, 3)
    deformed = sample_at(hu + 1024.0, affine, in_mni).reshape(hu.shape) - 1024.0
    deformed = _with_pathology(deformed, affine, kind, inner, rng)
    rotation = Rotation.from_euler("xyz", rng.uniform(-12, 12, 3), degrees=True).as_matrix()
    to_scan = np.eye(4)
    to_scan[:3, :3] = rotation @ np.diag(rng.uniform(0.92, 1.08, 3))
    to_scan[:3, 3] = rng.uniform(-30, 30, 3)
    first, last = {0: (0, None), 1: (0, -13), 2: (13, None)}[(1 + seed % 2) if kind == "cropped" else 0]
    cropped = affine.copy()
    cropped[:3, 3] += affine[:3, 0] * first
    mask = sample_at(inner.astype(np.float32), affine, in_mni).reshape(hu.shape)[first:last] > 0.5
    intracranial = head_with(as_scan(deformed[first:last], to_scan @ cropped), mask, to_scan @ cropped)
    return KnownHead(name=kind, intracranial=intracranial, to_scan=to_scan, shift=shift, affine=affine)


def template_head(folder: Path, name: str) -> KnownHead:
    """A template as it is."""
    hu, affine = load_hu(folder / name)
    intracranial = head_with(as_scan(hu, affine), ndimage.binary_dilation(brain_of(folder / STRIPPED)), affine)
    return KnownHead(
        name=name, intracranial=intracranial, to_scan=np.eye(4), shift=np.zeros((3, *hu.shape)), affine=affine
    )


def _flow(velocity: Volume, affine: Array) -> Volume:
    """The displacement after following a velocity field (3; x, y, z) for unit time, by scaling and squaring: it can't
    fold."""
    grid = np.indices(velocity.shape[1:], dtype=np.float64)
    to_index = np.linalg.inv(affine)[:3, :3]
    shift = velocity / 32.0
    for _ in range(5):
        index = grid + np.einsum("ax,xkji->akji", to_index, shift)
        shift = shift + np.stack([ndimage.map_coordinates(part, index, order=1, mode="nearest") for part in shift])
    return np.asarray(shift)


def _random_deformation(rng: np.random.Generator, shape: tuple[int, ...], rms_mm: float) -> Volume:
    """A smooth field (3, k, j, i) of about 15 mm wavelength and `rms_mm` a component."""
    field = np.stack([ndimage.gaussian_filter(rng.standard_normal(shape), 7.0) for _ in range(3)])
    return np.asarray(field * (rms_mm / field.std()))


def _ventricles_widened(hu: Volume, affine: Array, widening_mm: float) -> Volume:
    """Away from the ventricles' wall by `widening_mm`, fading within 20 mm (a pull-back: points of the head to MNI)."""
    k, j, i = np.moveaxis(apply(affine, np.moveaxis(np.indices(hu.shape), 0, -1)), -1, 0)[[2, 1, 0]]
    box = (np.abs(i) < 40) & (j > -42) & (j < 55) & (k > -18) & (k < 36)
    box &= ~((np.abs(i) < 5) & (k < -5)) & ~((j > 28) & (np.abs(i) < 11))
    fluid = (ndimage.gaussian_filter(hu, 0.5) < 18.0) & box & (np.abs(i) < 12 + 0.55 * np.maximum(j + 5, 0))
    pieces, _ = ndimage.label(fluid)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    chambers = sizes[pieces] >= 125  # a millilitre
    distance_mm = 2.0 * (ndimage.distance_transform_edt(~chambers) - ndimage.distance_transform_edt(chambers))
    smooth = ndimage.gaussian_filter(distance_mm, 1.5)
    gradient = np.stack(np.gradient(smooth, 2.0))  # along k, j, i
    outwards = np.einsum("xa,akji->xkji", affine[:3, :3] / 2.0, gradient)
    return np.asarray(-outwards * widening_mm * np.exp(-np.maximum(distance_mm, 0.0) / 20.0))


def _midline_shifted(affine: Array, shape: tuple[int, ...], rng: np.random.Generator) -> Volume:
    """A mass on one side pushes by 5 mm, most at (±35, 0, 20)."""
    side = float(rng.choice([-1.0, 1.0]))
    world = apply(affine, np.moveaxis(np.indices(shape), 0, -1))
    near = np.exp(-0.5 * ((world - [side * 35.0, 0.0, 20.0]) ** 2).sum(axis=-1) / 22.0**2)
    return np.stack([5.0 * side * near, 0.0 * near, 0.0 * near])


def _with_pathology(
    hu: Volume, affine: Array, kind: str, inner: npt.NDArray[np.bool_], rng: np.random.Generator
) -> Volume:
    world = apply(affine, np.moveaxis(np.indices(hu.shape), 0, -1))
    side = float(rng.choice([-1.0, 1.0]))

    def ball(centre: tuple[float, float, float], radius_mm: float) -> Volume:
        return np.asarray(ndimage.gaussian_filter((((world - centre) ** 2).sum(-1) < radius_mm**2).astype(float), 0.7))

    out = hu
    if kind == "calcification":
        for which in (-1.0, 1.0):
            out = np.maximum(out, ball((which * 22.0, 4.0, 0.0), 9.0) * 500.0)
            out = np.maximum(out, ball((which * 12.0, 18.0, 8.0), 7.0) * 400.0)
    if kind == "bleed":
        blob = ball((side * 27.0, 5.0, 3.0), 15.0)
        out = out + blob * (66.0 - out)
    if kind == "infarct":
        blob = ball((side * 48.0, 10.0, 15.0), 24.0)
        out = out + blob * (14.0 - out)
    if kind == "atrophy":
        rim = inner & (ndimage.distance_transform_edt(inner) * 2.0 < 10.0) & (out < 60.0)
        out = np.where(rim, out - 9.0, out)
    if kind == "cupping":
        depth_mm = ndimage.distance_transform_edt(inner) * 2.0
        out = np.where(inner, out + 12.0 * np.exp(-depth_mm / 15.0), out)
    noise_hu = 20.0 if kind == "noise" else 4.0
    return np.asarray(out + rng.normal(0.0, noise_hu, out.shape))
