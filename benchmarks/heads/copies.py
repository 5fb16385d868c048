"""Copies of a scan: turned, averaged to thicker slices, cropped, sharpened, with noise added.

A copy is named by words joined with `,`: `turn_x+25` (degrees; x nods, y tilts the head to a shoulder, z shakes it), a
thickness `thick5` or `thick2.5` (mm),
`crop_base30`, `crop_vertex20` (per cent of the slices that hold bone), `sharp`, `noise15` (HU).
"""

from __future__ import annotations

import re
import zlib
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial.transform import Rotation

from calcscan.grid.geometry import Array, Geometry
from calcscan.model import AIR_HU, Acquisition, Scan

FINE_MM = 1.25
SHARPEN_MM, SHARPEN_BY = 0.8, 0.8
PLAIN = "plain"


def copy_of(scan: Scan, name: str) -> Scan:
    """The copy that a name describes; `plain` is the scan itself.

    Raises
    ------
    ValueError
        There is no such copy.
    """
    for word in name.split(","):
        scan = _changed(scan, word)
    return scan


def _changed(scan: Scan, word: str) -> Scan:
    if word == PLAIN:
        return scan
    if match := re.fullmatch(r"turn_([xyz])([+-]?\d+)", word):
        return turned(scan, match[1], float(match[2]))
    if match := re.fullmatch(r"thick(\d+(?:\.\d+)?)", word):
        return averaged(scan, float(match[1]))
    if match := re.fullmatch(r"crop_(base|vertex)(\d+)", word):
        return cropped(scan, match[1], int(match[2]) / 100.0)
    if match := re.fullmatch(r"noise(\d+)", word):
        return noisy(scan, float(match[1]), seed=zlib.crc32(word.encode()))
    if word == "sharp":
        return sharpened(scan)
    raise ValueError(f"no such copy: {word!r}")


def turned(scan: Scan, axis: str, degrees: float) -> Scan:
    """The head turned in the scanner and scanned again in slices as thick, but even and upright. Trilinear."""
    grid = scan.geometry
    thick_mm = float(np.median(scan.slice_thickness_mm))
    gap_mm = grid.spacing_mm[0]
    pixel_mm = max(grid.spacing_mm[1:])
    corners, around = _bone_box(scan)
    turn = Rotation.from_euler(axis, degrees, degrees=True).as_matrix()
    box = (corners - around) @ turn.T
    low, high = box.min(axis=0) - 8.0, box.max(axis=0) + 8.0
    shape = np.ceil((high - low) / (pixel_mm, pixel_mm, gap_mm)).astype(int)[::-1]
    out = Geometry.regular(shape=tuple(int(n) for n in shape), spacing_mm=(gap_mm, pixel_mm, pixel_mm))
    subs = max(1, round(thick_mm / FINE_MM))
    offsets = thick_mm * ((np.arange(subs) + 0.5) / subs - 0.5)
    j, i = np.indices(shape[1:])
    hu = np.empty(tuple(shape), dtype=np.int16)
    source = np.ascontiguousarray(scan.hu)
    for k in range(shape[0]):
        total = np.zeros(shape[1:])
        for offset in offsets:
            x = low + np.stack([i * pixel_mm, j * pixel_mm, np.full(i.shape, k * gap_mm + offset)], axis=-1)
            index = grid.to_index(x @ turn + around)
            total += ndimage.map_coordinates(
                source, np.moveaxis(index, -1, 0), output=np.float32, order=1, mode="constant", cval=AIR_HU
            )
        hu[k] = np.rint(total / subs)
    acquisition = replace(scan.acquisition, slice_thickness_mm=thick_mm)
    return Scan(hu=hu, geometry=out, acquisition=acquisition)


def averaged(scan: Scan, thick_mm: float) -> Scan:
    """The mean of every few slices, as one slice; a scan as thick already stays."""
    count = slices_of(scan, thick_mm)
    if count == 1:
        return scan
    hu, thick = mean_of_slices(scan, count)
    acquisition: Acquisition = replace(scan.acquisition, slice_thickness_mm=None)
    return Scan(hu=hu, geometry=thick, acquisition=acquisition)


def slices_of(scan: Scan, thick_mm: float) -> int:
    """How many slices are about this thick, at least one."""
    return max(1, round(thick_mm / scan.geometry.spacing_mm[0]))


def mean_of_slices(scan: Scan, count: int) -> tuple[npt.NDArray[np.int16], Geometry]:
    """The means of so many slices each, (k, j, i), and their grid."""
    grid = scan.geometry
    whole = grid.shape[0] // count * count
    hu = scan.hu[:whole].astype(np.float32).reshape(-1, count, *grid.shape[1:]).mean(axis=1)
    thick = Geometry(
        origins_mm=grid.origins_mm[:whole].reshape(-1, count, 3).mean(axis=1),
        step_i_mm=grid.step_i_mm,
        step_j_mm=grid.step_j_mm,
        slab_mm=grid.slab_mm[:whole].reshape(-1, count).sum(axis=1),
        rows=grid.rows,
        columns=grid.columns,
    )
    return np.rint(hu).astype(np.int16), thick


def cropped(scan: Scan, end: str, share: float) -> Scan:
    """Without this share of the slices that hold bone, at the base or at the vertex."""
    grid = scan.geometry
    slices = np.flatnonzero((scan.hu > 300).sum(axis=(1, 2)) * grid.pixel_mm2 > 100.0)
    cut = round(share * len(slices))
    first, last = (slices[0] + cut, grid.shape[0]) if end == "base" else (0, slices[-1] + 1 - cut)
    geometry = grid.part((slice(first, last), slice(0, grid.rows), slice(0, grid.columns)))
    return Scan(hu=np.array(scan.hu[first:last]), geometry=geometry, acquisition=scan.acquisition)


def sharpened(scan: Scan) -> Scan:
    """Each slice less its own blur, as a sharp kernel shows it; the header doesn't say so."""
    pixels = SHARPEN_MM / np.array(scan.geometry.spacing_mm[1:])
    hu = scan.hu.astype(np.float32)
    soft = ndimage.gaussian_filter(hu, (0.0, *pixels))
    return with_hu(scan, hu + SHARPEN_BY * (hu - soft))


def noisy(scan: Scan, sigma_hu: float, *, seed: int) -> Scan:
    """With noise added whose grain is that of a soft kernel."""
    rng = np.random.default_rng(seed)
    grain = 0.5 / np.array(scan.geometry.spacing_mm[1:])
    noise = ndimage.gaussian_filter(rng.standard_normal(scan.hu.shape, dtype=np.float32), (0.0, *grain))
    return with_hu(scan, scan.hu + noise * (sigma_hu / float(noise.std())))


def with_hu(scan: Scan, hu: np.ndarray) -> Scan:
    """The scan with other densities, rounded, in the range of a scanner."""
    return replace(scan, hu=np.clip(np.rint(hu), AIR_HU, 3071).astype(np.int16))


def _bone_box(scan: Scan) -> tuple[Array, Array]:
    """The corners (8, 3) of the box around the bone, LPS mm, and its middle."""
    kji = np.argwhere(scan.hu[:, ::4, ::4] > 300) * (1, 4, 4)
    world = scan.geometry.to_world(kji)
    low, high = np.percentile(world, 0.1, axis=0), np.percentile(world, 99.9, axis=0)
    corners = np.stack(np.meshgrid(*zip(low, high, strict=True), indexing="ij"), axis=-1).reshape(-1, 3)
    return corners, (low + high) / 2
