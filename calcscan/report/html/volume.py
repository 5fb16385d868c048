"""The viewer's copy of the scan and the label map on it, as NIfTI files in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calcscan.grid.geometry import Geometry, apply
from calcscan.grid.masks import filled_box, places
from calcscan.knowledge.html_page import HtmlPageSettings
from calcscan.model import Scan, SearchRegion
from calcscan.report.html.inside import Inside, inside
from calcscan.report.labelmaps import nifti_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewerVolumes:
    """Both as .nii.gz. Labels are the lesions' ids; what was left out has the numbers that follow them."""

    scan: bytes
    labels: bytes | None
    spacing_mm: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PackedInside:
    """The inside of the skull, and its .nii.gz."""

    inside: Inside
    scan: bytes


def packed_inside(scan: Scan, region: SearchRegion, settings: HtmlPageSettings) -> PackedInside | None:
    """What can be shown of a scan, before any lesion is known; None where the region is empty."""
    shown = inside(scan, region, settings)
    return None if shown is None else PackedInside(inside=shown, scan=_packed(shown, settings))


def viewer_volumes(
    inside: Inside,
    geometry: Geometry,
    voxels: npt.NDArray[np.int32] | None,
    settings: HtmlPageSettings,
    *,
    scan: bytes | None = None,
) -> ViewerVolumes:
    """What the viewer shows: blank outside the skull, rounded, on an even grid along the body's axes. `voxels`: the
    scan's, from `numbered_voxels`; `scan`: the scan, where it is packed already."""
    labels = None
    if voxels is not None:
        k, j, i = filled_box(voxels)
        if k.stop:
            box = (slice(max(k.start - 1, 0), min(k.stop + 1, len(voxels))), j, i)  # the way between slices is known
            drawn = _on_grid(voxels[box], geometry.part(box), inside)
            # without the intent, NiiVue blends the colours of neighbouring numbers, 0 with 1
            labels = nifti_bytes(drawn, inside.affine, "calcscan: lesions", intent="label")
    return ViewerVolumes(
        scan=_packed(inside, settings) if scan is None else scan,
        labels=labels,
        spacing_mm=inside.spacing_mm,
    )


def _packed(inside: Inside, settings: HtmlPageSettings) -> bytes:
    return nifti_bytes(rounded(inside.hu, settings), inside.affine, "calcscan: inside of the skull")


def rounded(hu: npt.NDArray[np.float32], settings: HtmlPageSettings) -> npt.NDArray[np.int16]:
    """HU in steps: finely where brain lies, coarsely where bone does."""
    step = np.where(
        hu < settings.coarse_from_hu, np.float32(settings.fine_step_hu), np.float32(settings.coarse_step_hu)
    )
    return np.asarray(np.clip(np.rint(hu / step) * step, -(2**15), 2**15 - 1), dtype=np.int16)


def _on_grid(
    voxels: npt.NDArray[np.int32], geometry: Geometry, inside: Inside
) -> npt.NDArray[np.uint8] | npt.NDArray[np.int16]:
    """A label map of the scan on the viewer's grid. Each of its voxels takes the label at its centre; a voxel of the
    scan that falls between the centres is drawn, too, so that nothing small is lost."""
    out = np.zeros(inside.shown.shape, dtype=np.int16)
    kji = places(voxels != 0)
    labels = voxels[tuple(kji.T)]
    at = np.rint(apply(np.linalg.inv(inside.affine), geometry.to_world(kji))).astype(np.int64)
    held = ((at >= 0) & (at < out.shape)).all(axis=1)
    out[tuple(at[held].T)] = labels[held]
    reach = np.ceil(np.array(geometry.spacing_mm).max() / inside.spacing_mm).astype(int)
    for label in np.unique(labels[held]):
        some = at[held & (labels == label)]
        low = np.maximum(some.min(axis=0) - reach, 0)
        high = np.minimum(some.max(axis=0) + reach + 1, out.shape)
        if (low >= high).any():
            continue
        centres = np.stack(np.meshgrid(*map(np.arange, low, high), indexing="ij"), axis=-1)
        index = np.rint(geometry.to_index(apply(inside.affine, centres))).astype(np.int64)
        within = ((index >= 0) & (index < voxels.shape)).all(axis=-1)
        index[~within] = 0
        is_label = within & (voxels[tuple(np.moveaxis(index, -1, 0))] == label)
        box = tuple(slice(first, last) for first, last in zip(low, high, strict=True))
        out[box][is_label] = label
    return out.astype(np.uint8) if out.max() < 2**8 else out
