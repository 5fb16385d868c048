"""The inside of the skull: Scan → Intracranial.

A smooth inner-table surface rather than a brain mask: calcification grows on dura and falls out of every brain mask.

The way there: the largest piece of bone is the skull, and bone with no skull behind it belongs to it (islands of bone
density inside it are what we look for, so they bar nothing). Far from bone and air lies the core of the brain; from
there the inside grows back towards the bone round by round, admitting tissue ever closer to it, and in each round only
so far that it can't run down the spinal canal or out through a fissure. At the end, narrow intrusions of bone density
are closed over.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.errors import RefusedError
from calcscan.grid.isotropic import IsotropicVolume, on_native, resample_isotropic
from calcscan.grid.masks import box_of, distance_mm, reached, worn
from calcscan.intracranial.bone import without_bone
from calcscan.intracranial.given import space_of_mask
from calcscan.intracranial.pictured import Picture, pictured
from calcscan.intracranial.properties import cut_edges, noise_hu, space_flags
from calcscan.intracranial.skull import find_skull
from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.knowledge.settings import load
from calcscan.model import AIR_HU, Intracranial, Scan

Mask = npt.NDArray[np.bool_]
Field = npt.NDArray[np.float32]


_WHOLE_HEAD = "calcscan needs the CT of a whole head of a living person, its skull included: no phantom, no specimen"


def segment_intracranial(
    scan: Scan, *, mask: Mask | None = None, settings: IntracranialSettings | None = None
) -> Intracranial:
    """Segment the intracranial space.

    Parameters
    ----------
    scan
        A head CT on any grid.
    mask
        The intracranial space where it is known, (k, j, i): then it is not segmented, and there need be no skull.
    settings
        Instead of the settings in `calcscan/knowledge`.

    Raises
    ------
    RefusedError
        `not_head` where there is no skull around soft tissue, `no_brain` where what it holds is not brain.
    InputError
        `mask` can't be the inside of a skull.
    """
    settings = settings or load(IntracranialSettings)
    if mask is not None:
        return space_of_mask(scan, mask, settings)
    spacing_mm = float(settings.grid_mm)
    coarse = resample_isotropic(scan.hu, scan.geometry, spacing_mm, outside_hu=AIR_HU)
    bone = find_skull(coarse, settings)
    picture = pictured(scan, coarse, bone, settings)
    coarse, bone, empty = _around_bone(picture)
    bone = _with_flaps(coarse, bone, settings)
    core, to_bone_mm = _core(coarse.values, bone, spacing_mm, settings)
    if to_bone_mm.max() < settings.deepest_mm and picture.cut:
        raise RefusedError(
            f"the picture shows too little of the head: nothing lies more than {to_bone_mm.max():.0f} mm from its edge "
            "and from bone",
            code="not_head",
            hint="reconstruct the scan with a field of view that holds the whole head",
        )
    if to_bone_mm.max() < settings.deepest_mm:
        _refuse_no_enclosure(bone, spacing_mm, settings)
        raise RefusedError(
            f"nothing like brain lies more than {to_bone_mm.max():.0f} mm from bone, air and fat",
            code="no_brain",
            hint=_WHOLE_HEAD,
        )
    brain_hu = float(np.median(coarse.values[core]))
    if not settings.brain_low_hu <= brain_hu <= settings.brain_high_hu:
        _refuse_no_enclosure(bone, spacing_mm, settings)
        raise RefusedError(
            f"what the skull holds is no brain: {brain_hu:.0f} HU in the middle, not "
            f"{settings.brain_low_hu}-{settings.brain_high_hu}",
            code="no_brain",
            hint=_WHOLE_HEAD,
        )
    inside = _close(_grow(core, to_bone_mm, spacing_mm, settings), spacing_mm, float(settings.closing_mm))
    intracranial_ml = float(inside.sum()) * spacing_mm**3 / 1000.0
    if intracranial_ml < settings.smallest_ml:
        raise RefusedError(
            f"the inside of the skull is only {intracranial_ml:.0f} ml",
            code="not_head",
            hint=f"a head holds at least {settings.smallest_ml:g} ml; is this a whole head?",
        )
    _refuse_no_skull(coarse, inside, bone, intracranial_ml, settings)
    depth_mm = (distance_mm(~inside, spacing_mm) - distance_mm(inside, spacing_mm)).astype(np.float32)
    native = without_bone(
        scan, on_native(depth_mm, coarse.affine, scan.geometry, 0.0), depth_mm, coarse.affine, settings
    )
    cut_at = cut_edges(scan, coarse.affine, inside, empty, settings)
    return Intracranial(
        mask=native,
        isotropic_hu=coarse,
        isotropic_mask=inside,
        depth_mm=depth_mm,
        intracranial_ml=intracranial_ml,
        noise_hu=noise_hu(scan, coarse.affine, to_bone_mm, settings),
        brain_hu=brain_hu,
        flags=space_flags(scan, cut_at, intracranial_ml, settings),
        cut_at=tuple(cut_at),
    )


def _refuse_no_enclosure(bone: Mask, spacing_mm: float, settings: IntracranialSettings) -> None:
    """`RefusedError` where bone surrounds less than a head holds, whatever that is: a neck, a trunk, a limb.

    Surrounded is what has bone on five of six sides along the axes: a skull may be open below.
    """
    sides = np.zeros(bone.shape, dtype=np.uint8)
    for axis in range(3):
        sides += np.logical_or.accumulate(bone, axis=axis)
        sides += np.flip(np.logical_or.accumulate(np.flip(bone, axis), axis=axis), axis)
    enclosed_ml = float(np.count_nonzero((sides >= 5) & ~bone)) * spacing_mm**3 / 1000.0
    if enclosed_ml < settings.smallest_ml:
        raise RefusedError(
            f"no skull: bone surrounds only {enclosed_ml:.0f} ml",
            code="not_head",
            hint="give the series of the head; if the skull was taken out of the picture, a mask of the brain too "
            "(--brain-mask)",
        )


def _refuse_no_skull(
    coarse: IsotropicVolume, inside: Mask, bone: Mask, inside_ml: float, settings: IntracranialSettings
) -> None:
    """`RefusedError` where what was found is not enclosed by bone, or holds more than any head.

    Where the scan ends nothing is known of what would enclose it.
    """
    surface = inside & ~worn(inside)
    surface &= worn(worn(coarse.covered))
    near = reached(bone, coarse.spacing_mm, settings.enclosing_mm)[surface]
    if not near.size or (float(near.mean()) >= settings.enclosed_share and inside_ml <= settings.no_head_ml):
        return
    raise RefusedError(
        f"no skull: bone encloses only {float(near.mean()):.0%} of what would be its inside ({inside_ml:.0f} ml)",
        code="not_head",
        hint="calcscan reads head CTs only; give the series of the head",
    )


def _around_bone(picture: Picture) -> tuple[IsotropicVolume, Mask, Mask]:
    """Volume, skull and what is empty, only in the box around the skull, with a margin: what follows takes half the
    time."""
    coarse, box = picture.coarse, box_of(picture.skull, margin=3)
    affine = coarse.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [part.start for part in box]
    values = np.ascontiguousarray(coarse.values[box])
    values.flags.writeable = False
    covered = np.ascontiguousarray(coarse.covered[box])
    shown = IsotropicVolume(values=values, covered=covered, affine=affine, spacing_mm=coarse.spacing_mm)
    return shown, picture.skull[box], picture.empty[box]


def _with_flaps(coarse: IsotropicVolume, skull: Mask, settings: IntracranialSettings) -> Mask:
    """The skull and every other large piece of bone with no skull behind it: the flap of a craniotomy, the jaw. What
    has skull behind it lies inside."""
    pieces, _ = ndimage.label((coarse.values > settings.bone_hu) & ~skull)
    voxels = np.bincount(pieces.ravel())
    voxels[0] = 0
    middle = np.argwhere(skull).mean(axis=0)
    out = skull.copy()
    for number in np.flatnonzero(voxels * coarse.spacing_mm**3 >= 1000.0 * settings.flap_ml):
        kji = np.argwhere(pieces == number)
        way = (kji - middle) / np.maximum(np.linalg.norm(kji - middle, axis=1), 1e-6)[:, None]
        steps = np.arange(1.0, settings.behind_mm / coarse.spacing_mm)
        beyond = np.rint(kji[:, None] + way[:, None] * steps[:, None]).astype(np.int64)
        beyond = np.clip(beyond, 0, np.array(skull.shape) - 1)
        if skull[tuple(np.moveaxis(beyond, -1, 0))].any(axis=1).mean() < settings.behind_share:
            out |= pieces == number
    return out


def _core(hu: Field, bone: Mask, spacing_mm: float, settings: IntracranialSettings) -> tuple[Mask, Field]:
    """The middle of the brain, and the distance of every voxel from bone and air, negative within them."""
    barrier = np.pad(bone | (hu < settings.fat_hu), 1, constant_values=True)
    to_bone_mm = distance_mm(barrier, spacing_mm)[1:-1, 1:-1, 1:-1]
    deepest = np.unravel_index(int(to_bone_mm.argmax()), to_bone_mm.shape)
    radius_mm = min(float(settings.core_mm), float(settings.core_share) * float(to_bone_mm[deepest]))
    pieces, _ = ndimage.label(to_bone_mm > radius_mm)
    core: Mask = pieces == pieces[deepest]
    return core, to_bone_mm


def _grow(core: Mask, to_bone_mm: Field, spacing_mm: float, settings: IntracranialSettings) -> Mask:
    inside, admitted_mm = core, float(to_bone_mm[core].min())
    while admitted_mm > 0.0:
        following_mm = admitted_mm * settings.step if admitted_mm > 2.0 * spacing_mm / 1.5 else 0.0
        reach_mm = (admitted_mm - following_mm) * settings.reach + 0.5 * spacing_mm
        inside = reached(inside, spacing_mm, reach_mm) & (to_bone_mm > following_mm)
        admitted_mm = following_mm
    return np.asarray(ndimage.binary_fill_holes(inside))


def _close(inside: Mask, spacing_mm: float, radius_mm: float) -> Mask:
    margin = int(np.ceil(radius_mm / spacing_mm)) + 1
    padded = np.pad(inside, margin)
    swollen = reached(padded, spacing_mm, radius_mm)
    closed = ~reached(~swollen, spacing_mm, radius_mm) | padded
    return closed[margin:-margin, margin:-margin, margin:-margin]
