"""A simulated scanner: the head sampled finer than a voxel, blurred, averaged over the slab, cupped, and made noisy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from anatomy import GRID_ORIGIN_MM, GRID_SHAPE, Anatomy
from lesions import Deposit, Placed, place
from numpy.typing import NDArray
from person import Warp
from scipy import ndimage as ndi
from shapes import Field
from tissue import AIR_HU, hounsfield

IN_PLANE_SPLIT = 2
SLAB_SPLIT = 3
PSF_FWHM_MM = 0.9
PADDING_STORED = 0
INTERCEPT_HU = -1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """How the scan was acquired. With a tilted gantry the table still moves along z."""

    matrix: int = 256
    pixel_mm: float = 0.9375
    slices: int
    table_step_mm: float = 2.0
    tilt_deg: float
    first_z_mm: float
    noise_hu: float
    cupping_hu: float

    @property
    def slice_thickness_mm(self) -> float:
        """The table step seen along the normal of the tilted slice."""
        return float(self.table_step_mm * np.cos(np.deg2rad(self.tilt_deg)))

    def affine(self) -> NDArray[np.float64]:
        """(k, j, i) of the volume to LPS mm."""
        tilt = np.deg2rad(self.tilt_deg)
        affine = np.eye(4)
        affine[:3, 0] = (0, 0, self.table_step_mm)
        affine[:3, 1] = np.array([0, np.cos(tilt), np.sin(tilt)]) * self.pixel_mm
        affine[:3, 2] = (self.pixel_mm, 0, 0)
        half = (self.matrix - 1) / 2
        affine[:3, 3] = np.array([0, 0, self.first_z_mm]) - half * (affine[:3, 1] + affine[:3, 2])
        return affine

    def fine_affine(self) -> NDArray[np.float64]:
        """The affine of the grid that is sampled: each voxel in 3 × 2 × 2 cells."""
        affine = self.affine()
        split = np.array([SLAB_SPLIT, IN_PLANE_SPLIT, IN_PLANE_SPLIT])
        affine[:3, 3] += affine[:3, :3] @ ((1 / split - 1) / 2)
        affine[:3, :3] /= split
        return affine


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """Stored values (uint16, intercept −1024) and what was put in."""

    stored: NDArray[np.uint16]
    placed: tuple[Placed, ...]


def scan(anatomy: Anatomy, warp: Warp, deposits: Sequence[Deposit], protocol: Protocol, seed: int) -> Scan:
    """Scan one head."""
    rng = np.random.default_rng(seed)
    textures = [_noise_field(rng, GRID_SHAPE, sigma) for sigma in (6.0, 1.1)]
    placed = tuple(place(deposit, warp, protocol.fine_affine()) for deposit in deposits)
    slices = [_slice(anatomy, warp, placed, protocol, textures, k) for k in range(protocol.slices)]
    hu = np.stack([s[0] for s in slices])
    depth = np.stack([s[1] for s in slices])
    hu += _cupping(hu, depth, protocol) + _noise(rng, hu, protocol)
    return Scan(stored=_stored(hu, protocol), placed=placed)


def _slice(
    anatomy: Anatomy, warp: Warp, placed: Sequence[Placed], protocol: Protocol, textures: Sequence[Field], k: int
) -> tuple[Field, Field]:
    """HU of one slice before cupping and noise, and the depth under the inner table (mm, negative inside)."""
    n = protocol.matrix * IN_PLANE_SPLIT
    affine = protocol.fine_affine()
    j, i = np.mgrid[:n, :n]
    sums, depth = np.zeros((n, n), np.float32), np.zeros((n, n), np.float32)
    for fine_k in range(k * SLAB_SPLIT, (k + 1) * SLAB_SPLIT):
        lps = np.stack([np.full_like(j, fine_k), j, i], axis=-1) @ affine[:3, :3].T + affine[:3, 3]
        hu, depth = _sampled(anatomy, warp.to_template(lps), textures)
        hu = np.maximum(hu, _head_holder(lps))
        for one in placed:
            _insert(hu, one, fine_k)
        sums += hu
    sigma = PSF_FWHM_MM / 2.3548 / (protocol.pixel_mm / IN_PLANE_SPLIT)
    blurred = ndi.gaussian_filter(sums / SLAB_SPLIT, sigma)
    return _binned(blurred), _binned(depth)


def _sampled(anatomy: Anatomy, mni_mm: Field, textures: Sequence[Field]) -> tuple[Field, Field]:
    """HU and cavity depth at template points (n, n, 3); only points in or near the head are worked out."""
    index = np.moveaxis(mni_mm - GRID_ORIGIN_MM.astype(np.float32), -1, 0)
    index[2] = np.maximum(index[2], 0)  # below the template the neck goes on as it was
    head = ndi.map_coordinates(anatomy.head, index, order=1, mode="constant", cval=50.0)
    near = head < 1.0
    at = index[:, near]
    values = {
        f.name: ndi.map_coordinates(getattr(anatomy, f.name), at, order=1, mode="nearest") for f in fields(anatomy)
    }
    texture, fine_texture = (ndi.map_coordinates(t, at, order=1, mode="nearest") for t in textures)
    hu, depth = np.full(head.shape, AIR_HU, np.float32), np.full(head.shape, 50.0, np.float32)
    hu[near] = hounsfield(values, texture, fine_texture)
    depth[near] = values["cavity"]
    return hu, depth


def _insert(hu: Field, one: Placed, fine_k: int) -> None:
    k = fine_k - one.start[0]
    if not 0 <= k < one.fraction.shape[0]:
        return
    share = one.fraction[k]
    window = hu[one.start[1] : one.start[1] + share.shape[0], one.start[2] : one.start[2] + share.shape[1]]
    window += share * (np.float32(one.deposit.density_hu) - window)


def _head_holder(lps: NDArray[np.float64]) -> Field:
    """A thin curved shell behind the head."""
    radius = np.hypot(lps[..., 0], lps[..., 1] + 5.0)
    shell = (np.abs(radius - 111.0) < 0.9) & (lps[..., 1] > 35)
    return np.where(shell, 60.0, AIR_HU).astype(np.float32)


def _binned(fine: Field) -> Field:
    n = fine.shape[0] // IN_PLANE_SPLIT
    return fine.reshape(n, IN_PLANE_SPLIT, n, IN_PLANE_SPLIT).mean(axis=(1, 3))


def _cupping(hu: Field, depth: Field, protocol: Protocol) -> Field:
    """What beam hardening leaves: brain brighter near the skull, darker between dense bones side by side."""
    inside = np.clip(-depth, 0, None)
    rim = protocol.cupping_hu * np.exp(-inside / 7.0) * (depth < 0)
    bone = np.clip(hu - 400, 0, 1200) / 1200
    both = np.minimum(np.cumsum(bone, axis=2), np.cumsum(bone[:, :, ::-1], axis=2)[:, :, ::-1])
    band = ndi.gaussian_filter(np.clip(both * protocol.pixel_mm - 14, 0, 25), (0.6, 2.5, 4))
    return ((rim - 0.35 * band) * (hu > -200)).astype(np.float32)


def _noise(rng: np.random.Generator, hu: Field, protocol: Protocol) -> Field:
    """Noise with the grain of a soft kernel: little at the lowest and highest frequencies; more behind more bone."""
    n = protocol.matrix
    frequency = np.hypot(np.fft.fftfreq(n, protocol.pixel_mm)[:, None], np.fft.rfftfreq(n, protocol.pixel_mm)[None, :])
    shape = (0.03 + frequency) * np.exp(-((frequency / 0.30) ** 2))
    noise = np.empty_like(hu)
    for k in range(hu.shape[0]):
        white = rng.standard_normal((n, n))
        grain = np.fft.irfft2(np.fft.rfft2(white) * shape, s=(n, n))
        bone_share = float(np.clip(hu[k] - 300, 0, 1200).mean()) / 60
        noise[k] = grain / grain.std() * protocol.noise_hu * (0.75 + 0.25 * min(bone_share, 3.0))
    body = ndi.gaussian_filter((hu > -500).astype(np.float32), (0, 20, 20))
    return noise * (0.55 + 0.5 * body)


def _stored(hu: Field, protocol: Protocol) -> NDArray[np.uint16]:
    """Twelve-bit stored values; outside the circle of reconstruction there is padding."""
    stored = np.clip(np.rint(hu) - INTERCEPT_HU, 1, 4095).astype(np.uint16)
    half = (protocol.matrix - 1) / 2
    j, i = np.mgrid[: protocol.matrix, : protocol.matrix]
    stored[:, np.hypot(j - half, i - half) > protocol.matrix / 2] = PADDING_STORED
    return stored


def _noise_field(rng: np.random.Generator, shape: tuple[int, ...], sigma: float) -> Field:
    smooth = ndi.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), sigma, mode="wrap")
    return smooth / smooth.std()
