"""What lies around a lesion: how far its blur reaches, and what it lies in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.components import Table
from calcscan.knowledge.volume import VolumeSettings
from calcscan.measurement.blur import blur_of
from calcscan.model import Intracranial, Scan

Mask = npt.NDArray[np.bool_]
Field = npt.NDArray[np.float64]
_UPRIGHT = np.ones((3, 1, 1), np.bool_)
_SLICES = 2
"""Slices looked at beyond the lesion's own, and beyond those that its slab may reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """A lesion and its surround, cut out of the scan. Arrays (k, j, i) unless said otherwise.

    `signal` is HU above background within `near`, 0 elsewhere. `counted` is what of the lesion is dense enough to be
    counted, `clear_share` what share of its surround is neither bone nor its blur. `at_mm`, `slab_mm`, `thick_mm` (k,):
    position along the normal, the slab a slice stands for, and the thickness it averages over; `across_mm` (k,) and
    `psf_mm` the blur across the slices, `across_measured` or not, and within them, with the standard errors of their
    logarithms; of the variance of a slice's profile a box makes up the share `profile_box`. `pixel_mm` is the length of
    a pixel's sides (row, column), `pixel_mm2` its area: less than their product where the grid is sheared.
    """

    signal: Field
    lesion: Mask
    counted: Mask
    near: Mask
    clear_share: float
    background_hu: float
    at_mm: Field
    slab_mm: Field
    thick_mm: Field
    across_mm: Field
    across_error: float
    profile_box: float
    psf_mm: float
    psf_error: float
    pixel_mm: tuple[float, float]
    pixel_mm2: float
    across_measured: bool

    def sum_mm3(self, share: Field | Mask) -> float:
        """The sum of a share of each voxel, (k, j, i), times the voxel's volume."""
        return float((share.sum(axis=(1, 2)) * self.slab_mm).sum() * self.pixel_mm2)


def cut_patch(
    scan: Scan,
    intracranial: Intracranial,
    components: npt.NDArray[np.int32],
    table: Table,
    number: int,
    *,
    rim_hu: float,
    counted_hu: float,
    settings: VolumeSettings,
) -> Patch:
    """Cut out component `number` of the label map `components` (k, j, i), with its row in `table`.

    Other components and everything outside the intracranial mask are left out, as is the blur of bone; a faint rim
    within that blur is taken for it.
    """
    geometry, blur = scan.geometry, blur_of(scan)
    thick_mm = blur.thickness_mm
    near_mm = max(float(settings.near_mm), settings.near_blur * blur.in_plane_mm)
    pixel_mm = geometry.spacing_mm[1:]
    own = slice(*table["bbox"][number - 1][0])
    overlap = float(np.median(thick_mm[own] / geometry.slab_mm[own]))
    reach = int(np.ceil(overlap / 2)) + _SLICES
    wide_mm = near_mm + settings.shell_mm + settings.bone_clear_mm
    margin = (reach, *(int(np.ceil(wide_mm / step)) + 1 for step in pixel_mm))
    box = tuple(
        slice(max(int(a) - m, 0), min(int(b) + m, n))
        for (a, b), m, n in zip(table["bbox"][number - 1], margin, scan.hu.shape, strict=True)
    )
    hu = scan.hu[box].astype(np.float64)
    lesion = components[box] == number
    inside = intracranial.mask[box]
    bone = ndimage.binary_dilation((hu >= rim_hu) & ~inside, _UPRIGHT)
    blurred = within_mm(bone, settings.bone_clear_mm, pixel_mm)
    lesion &= ~blurred | (hu >= counted_hu)
    clear = inside & ~blurred | lesion
    usable = clear & (components[box] == 0) | lesion
    slices = max(1, round(overlap / 2))
    tall = ndimage.binary_dilation(lesion, _UPRIGHT, iterations=slices)
    around = within_mm(tall, near_mm, pixel_mm)
    near = around & usable
    shell = within_mm(tall, near_mm + settings.shell_mm, pixel_mm) & usable & ~near
    if shell.sum() < settings.shell_voxels:
        shell = usable & ~near
    enough = shell.sum() >= settings.shell_voxels
    background = float(np.median(hu[shell])) if enough else float(intracranial.brain_hu or 0.0)
    return Patch(
        signal=np.where(
            near, hu - _background(hu, shell, background, geometry.slab_mm[box[0]], pixel_mm, settings), 0.0
        ),
        lesion=lesion,
        counted=lesion & (hu >= counted_hu),
        near=near,
        clear_share=float(clear[around].mean()) if around.any() else 0.0,
        background_hu=background,
        at_mm=geometry.positions_mm[box[0]],
        slab_mm=geometry.slab_mm[box[0]],
        thick_mm=thick_mm[box[0]],
        across_mm=blur.across_mm[box[0]],
        across_error=blur.across_error,
        across_measured=blur.across_measured,
        profile_box=_profile_box(scan.expected_thickness_mm[box[0]], blur.across_mm[box[0]], settings),
        psf_mm=blur.in_plane_mm,
        psf_error=blur.in_plane_error,
        pixel_mm=(pixel_mm[0], pixel_mm[1]),
        pixel_mm2=geometry.pixel_mm2,
    )


def _profile_box(expected_mm: Field, across_mm: Field, settings: VolumeSettings) -> float:
    """The share of a box in the variance of the slices' profile: that of a box as thick as the slices are said to be.
    Of slices thicker than they are said to be, little is known: resampling makes bells."""
    share = float(np.median(expected_mm**2 / 12.0 / across_mm**2))
    return float(np.clip(share, settings.profile_box.low, settings.profile_box.high))


def _background(
    hu: Field,
    shell: Mask,
    background_hu: float,
    slab_mm: Field,
    pixel_mm: tuple[float, ...],
    settings: VolumeSettings,
) -> Field:
    """The background as it varies around the lesion: a local mean of the shell, with a little of its median."""
    reach = settings.field_reach_mm / np.array([np.median(slab_mm), *pixel_mm])
    clipped = np.clip(hu, settings.field_low_hu, settings.field_high_hu)
    weight = ndimage.gaussian_filter(shell.astype(np.float64), reach, mode="constant")
    total = ndimage.gaussian_filter(np.where(shell, clipped, 0.0), reach, mode="constant")
    few = settings.field_faint
    return np.asarray((total + few * background_hu) / (weight + few))


def within_mm(mask: Mask, distance_mm: float, pixel_mm: tuple[float, ...]) -> Mask:
    """Voxels within this distance of one of the mask in the same slice."""
    out = np.zeros_like(mask)
    for k in np.flatnonzero(mask.any(axis=(1, 2))):
        out[k] = ndimage.distance_transform_edt(~mask[k], sampling=pixel_mm) <= distance_mm
    return out
