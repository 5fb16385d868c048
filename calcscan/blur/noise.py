"""What noise tells of the blur: a second source, where no edge of skin and air does.

What smooths the picture smooths its noise. Noise of slices that share what they were made from is alike: a profile with
standard deviation s makes neighbours d apart correlate by exp(−d² / 4s²). Within a slice the power of noise is the
frequency (the ramp of filtered backprojection) times the square of what the kernel lets pass.

Slices as thick as they lie apart share nothing, so that noise tells their thickness from about their spacing upwards.
Programs that smooth noise more than edges make it say too much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.grid.geometry import Array
from calcscan.knowledge.blur import BlurSettings
from calcscan.model import Scan

_TINY = 1e-9
_SIDE = 6
"""Of the width and height of the picture, this part is left out on each side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseBlur:
    """What noise shows: blur within the slices (mm), and across them as a share of what their thickness lets expect;
    None where it doesn't tell. `correlation` is that of neighbouring slices, None where too little was seen."""

    in_plane_mm: float | None
    across: float | None
    correlation: float | None


def find_noise_blur(scan: Scan, expected_mm: Array, settings: BlurSettings) -> NoiseBlur:
    """The blur that noise deep inside the head shows; `expected_mm` is the thickness expected of each slice."""
    tiles = _soft_tiles(scan, settings)
    share, correlation = _across(scan, tiles, expected_mm, settings)
    return NoiseBlur(in_plane_mm=_in_plane_mm(scan, tiles, settings), across=share, correlation=correlation)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Tiles:
    """Squares of soft tissue: of each its slice, and the first row and column."""

    at: npt.NDArray[np.int64]
    rows: int
    columns: int

    def cut(self, hu: npt.NDArray[np.int16], k: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """The squares in slices `k`, (tiles, rows, columns)."""
        j = self.at[:, 1, None, None] + np.arange(self.rows)[:, None]
        i = self.at[:, 2, None, None] + np.arange(self.columns)
        return np.asarray(hu[k[:, None, None], j, i], np.float32)


def _soft_tiles(scan: Scan, settings: BlurSettings) -> _Tiles:
    """Squares in the middle of the picture that hold soft tissue only, spread over the slices."""
    row_mm, column_mm = scan.geometry.spacing_mm[1:]
    rows, columns = (max(round(settings.noise_tile_mm / mm), 8) for mm in (row_mm, column_mm))
    all_rows, all_columns = scan.hu.shape[1:]
    first_j = np.arange(all_rows // _SIDE, all_rows - all_rows // _SIDE - rows, max(rows // 2, 1))
    first_i = np.arange(all_columns // _SIDE, all_columns - all_columns // _SIDE - columns, max(columns // 2, 1))
    in_rows, in_columns = _windows(first_j, rows, all_rows), _windows(first_i, columns, all_columns)
    found = []
    looked_at = np.unique(np.linspace(0, len(scan.hu) - 1, int(settings.noise_slices)).round().astype(int))
    for k in looked_at.tolist():
        soft = (scan.hu[k] > settings.noise_low_hu) & (scan.hu[k] < settings.noise_high_hu)
        if soft.sum() < rows * columns:
            continue
        held = in_rows @ soft.astype(np.float32) @ in_columns.T
        j, i = np.nonzero(held >= settings.noise_soft_share * rows * columns)
        found.append(np.stack([np.full(len(j), k), first_j[j], first_i[i]], axis=1))
    at = np.concatenate(found) if found else np.empty((0, 3), np.int64)
    most = int(settings.noise_most_tiles)
    if len(at) > most:
        at = at[np.linspace(0, len(at) - 1, most).round().astype(int)]
    return _Tiles(at=at, rows=rows, columns=columns)


def _windows(first: npt.NDArray[np.int64], length: int, count: int) -> npt.NDArray[np.float32]:
    """What sums so many values from each of `first` (n,) on, as a matrix (n, count).

    >>> (_windows(np.array([0, 1]), 2, 3) @ np.array([1, 2, 4])).tolist()
    [3.0, 6.0]
    """
    away = np.arange(count) - first[:, None]
    return np.asarray((away >= 0) & (away < length), np.float32)


def _across(scan: Scan, tiles: _Tiles, expected_mm: Array, settings: BlurSettings) -> tuple[float | None, float | None]:
    """How many times as wide across as expected slices are by their noise, and how it correlates with the next's."""
    below = tiles.at[:, 0]
    used = below < len(scan.hu) - 1
    part = _Tiles(at=tiles.at[used], rows=tiles.rows, columns=tiles.columns)
    if len(part.at) < settings.noise_fewest_tiles:
        return None, None
    below = below[used]
    sigma = (0.0, *(settings.noise_grain_mm / np.array(scan.geometry.spacing_mm[1:])))
    first, second = (_fine(part.cut(scan.hu, k), sigma, settings) for k in (below, below + 1))
    both, one, other = ((a * b).mean(axis=(1, 2)) for a, b in ((first, second), (first, first), (second, second)))
    alike = both / np.maximum(np.sqrt(one * other), _TINY)
    middle = float(np.median(alike))
    apart_mm = np.diff(scan.geometry.positions_mm)[below]
    sd_mm = apart_mm / (2.0 * np.sqrt(-np.log(np.clip(alike, settings.noise_least_alike, settings.noise_most_alike))))
    share = float(np.median(np.sqrt(12.0) * sd_mm / (expected_mm[below] + expected_mm[below + 1]) * 2.0))
    told = settings.noise_least_alike < middle < settings.noise_most_alike
    return (share if told else None), middle


def _fine(tiles: npt.NDArray[np.float32], sigma: tuple[float, ...], settings: BlurSettings) -> npt.NDArray[np.float32]:
    """The fine grain of each square: what is coarser is anatomy."""
    limit = settings.noise_most_hu
    fine = tiles - ndimage.gaussian_filter(tiles, sigma, mode="nearest")
    return np.asarray(np.clip(fine, -limit, limit), np.float32)


def _in_plane_mm(scan: Scan, tiles: _Tiles, settings: BlurSettings) -> float | None:
    """The blur by how the power of noise falls with its frequency; None where there is too little noise to tell."""
    if len(tiles.at) < settings.noise_fewest_tiles:
        return None
    hu = tiles.cut(scan.hu, tiles.at[:, 0])
    window = np.hanning(tiles.rows)[:, None] * np.hanning(tiles.columns)
    hu = hu - hu.mean(axis=(1, 2), keepdims=True)
    power = np.median(np.abs(np.fft.rfft2(hu * window, axes=(1, 2))) ** 2, axis=0)
    row_mm, column_mm = scan.geometry.spacing_mm[1:]
    along = np.fft.fftfreq(tiles.rows, row_mm)[:, None], np.fft.rfftfreq(tiles.columns, column_mm)
    frequency = np.hypot(*along)
    highest = min(1.0 / settings.noise_shortest_wave_mm, settings.noise_nyquist / max(row_mm, column_mm) / 2.0)
    used = (frequency >= 1.0 / settings.noise_longest_wave_mm) & (frequency <= highest)
    # below this it is the rounding of the values, not noise
    used &= power > settings.noise_above_rounding * float((window**2).sum()) / 12.0
    if int(used.sum()) < settings.noise_fewest_frequencies:
        return None
    slope = float(np.polyfit(frequency[used] ** 2, np.log(power[used] / frequency[used]), 1)[0])
    if slope >= 0.0:
        return None
    return float(np.sqrt(-slope) / (2.0 * np.pi) * settings.noise_in_plane_share)
