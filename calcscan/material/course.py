"""Follow something thin through a scan: its course, and how even it is along it.

Like a reader who scrolls along a catheter: from a place and a direction, step by step, the centre and the signal in a
plane across the course. Nothing is thresholded, so noise and thin parts break nothing, and the signal summed over the
plane (HU mm2) is the same however the slices cut the thing and however thick they are. For a tube or a wire it is
constant; calcification is knotted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.grid.geometry import Array, apply
from calcscan.knowledge.foreign_body import ForeignBodySettings
from calcscan.model import AIR_HU, Scan, SearchRegion

_SLICES_UP = 3
"""How far above and below a course its height is looked at: a tube reaches one slice at most."""
_BASE_POINTS = 5
"""Fewest centres that a direction is fitted to."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Course:
    """What was followed, from end to end, one row a step.

    `points` (n, 3) LPS mm; `signal` (n,) above its surround, summed across, HU mm2; `spread_mm` (n,) the standard
    deviation across it, within the slice; `peak_hu` (n,); `depth_mm` (n,) under the inner table; `seen` (n,) bool,
    False where a gap was bridged.
    """

    points: Array
    signal: Array
    spread_mm: Array
    height_mm: Array
    smear_mm: Array
    peak_hu: Array
    depth_mm: Array
    seen: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Station:
    point: Array
    signal: float
    spread_mm: float
    height_mm: float
    peak_hu: float
    surround_hu: float
    smear_mm: float
    crowded: float
    depth_mm: float


class Follower:
    """Follows courses in one scan."""

    def __init__(self, scan: Scan, region: SearchRegion, settings: ForeignBodySettings) -> None:
        self._scan, self._settings = scan, settings
        self._noise_hu = float(region.noise_hu or 0.0)
        self._brain_hu = float(region.brain_hu or 0.0)
        self._depth = region.depth_mm
        self._to_depth = np.linalg.inv(region.isotropic_hu.affine)
        grid = scan.geometry
        self._normal, self._positions_mm = grid.normal, grid.positions_mm
        self._to_plane = np.linalg.pinv(np.column_stack([grid.step_j_mm, grid.step_i_mm]))

    def follow(self, start_mm: Array, way: Array) -> Course | None:
        """The course through a point (3,) along a direction (3,), both ways, to where nothing goes on; None where
        nothing is there."""
        ahead = self._one_way(start_mm, way, first=0)
        behind = self._one_way(start_mm, -way, first=1)
        stations = [*behind[::-1], *ahead]
        if not stations:
            return None
        return Course(
            points=np.array([s.point for s, _ in stations]),
            signal=np.array([s.signal for s, _ in stations]),
            spread_mm=np.array([s.spread_mm for s, _ in stations]),
            height_mm=np.array([s.height_mm for s, _ in stations]),
            smear_mm=np.array([s.smear_mm for s, _ in stations]),
            peak_hu=np.array([s.peak_hu for s, _ in stations]),
            depth_mm=np.array([s.depth_mm for s, _ in stations]),
            seen=np.array([seen for _, seen in stations], dtype=np.bool_),
        )

    def along(self, points: Array) -> Course:
        """What lies along a given course (n, 3), which is not corrected."""
        ways = np.gradient(points, axis=0)
        ways /= np.linalg.norm(ways, axis=1, keepdims=True)
        stations = [self._station(point, way)[0] for point, way in zip(points, ways, strict=True)]
        return Course(
            points=points,
            signal=np.array([s.signal for s in stations]),
            spread_mm=np.array([s.spread_mm for s in stations]),
            height_mm=np.array([s.height_mm for s in stations]),
            smear_mm=np.array([s.smear_mm for s in stations]),
            peak_hu=np.array([s.peak_hu for s in stations]),
            depth_mm=np.array([s.depth_mm for s in stations]),
            seen=np.array([self._is_seen(s, []) for s in stations], dtype=np.bool_),
        )

    def slices_high(self, points: Array, slab_mm: float) -> float:
        """Over how many slices what lies at points (n, 3) reaches right above and below: the median."""
        steps = np.arange(-_SLICES_UP, _SLICES_UP + 1)
        at = points[:, None] + (steps * slab_mm)[:, None] * self._normal
        contrast = self._hu_at(at) - self._brain_hu
        most = contrast[:, _SLICES_UP - 1 : _SLICES_UP + 2].max(axis=1, keepdims=True)
        held = contrast >= np.maximum(self._settings.beside_share * most, self._settings.seen_hu)
        up, down = held[:, _SLICES_UP:], held[:, _SLICES_UP::-1]
        high = np.cumprod(up, axis=1).sum(axis=1) + np.cumprod(down, axis=1).sum(axis=1) - 1
        return float(np.median(high))

    def depth_mm(self, points: Array) -> Array:
        """The depth of points (n, 3) under the inner table."""
        index = apply(self._to_depth, points)
        return np.asarray(ndimage.map_coordinates(self._depth, index.T, order=1, mode="nearest"), dtype=np.float64)

    def _one_way(self, start_mm: Array, way: Array, *, first: int) -> list[tuple[_Station, bool]]:
        settings = self._settings
        point, out = np.asarray(start_mm, dtype=np.float64), list[tuple[_Station, bool]]()
        centres, signals, missing_mm = list[Array](), list[float](), 0.0
        for number in range(int(settings.longest_mm / settings.step_mm)):
            ahead = point + settings.step_mm * way if number >= first else point
            station, slab_mm = self._station(ahead, way)
            if station.depth_mm < -settings.beyond_table_mm:
                break
            seen = self._is_seen(station, signals)
            if seen:
                aside = station.point - ahead
                point = ahead + aside * min(1.0, settings.step_mm / max(float(np.linalg.norm(aside)), 1e-6))
                centres.append(point)
                signals.append(station.signal)
                missing_mm = 0.0
            else:
                point, missing_mm = ahead, missing_mm + settings.step_mm
                if missing_mm > settings.gap_mm:
                    break
            out.append((replace(station, point=point), seen))
            base_mm = max(settings.direction_mm, settings.direction_slices * slab_mm)
            recent = centres[-int(base_mm / settings.step_mm) :]
            if seen and len(recent) >= _BASE_POINTS:
                way = _turned(way, np.array(recent), settings.turn)
        while out and not out[-1][1]:
            out.pop()
        return out

    def _is_seen(self, station: _Station, signals: list[float]) -> bool:
        settings = self._settings
        contrast = station.peak_hu - station.surround_hu
        if contrast < max(settings.seen_noise * self._noise_hu, settings.seen_hu):
            return False
        if station.crowded > settings.crowded_share or station.surround_hu < settings.air_hu:
            return False
        return not signals or station.signal > settings.seen_share * float(np.median(signals[-20:]))

    def _station(self, point: Array, way: Array) -> tuple[_Station, float]:
        """What a plane across the course shows, and how thick the slices are along it, mm."""
        settings, grid = self._settings, self._scan.geometry
        level = _cross(way, self._normal)
        if np.linalg.norm(level) < 0.05:
            level = grid.step_i_mm - (grid.step_i_mm @ way) * way
        level = level / np.linalg.norm(level)
        steep = _cross(level, way)
        k = int(np.rint(self._slice_at(point @ self._normal)))
        reach_mm = float(self._scan.slice_reach_mm[k])
        smear_mm = reach_mm * abs(float(steep @ self._normal))
        wide, high = settings.window_mm, settings.window_mm + smear_mm / 2
        a = _steps(high + settings.ring_mm, settings.sample_mm)[:, None]
        b = _steps(wide + settings.ring_mm, settings.sample_mm)[None, :]
        at = point + a[..., None] * steep + b[..., None] * level
        hu = self._hu_at(at)
        away = np.hypot(a / high, b / wide)
        ring, within = away > 1.0, away <= 1.0
        surround_hu = float(np.median(hu[ring]))
        signal = (hu - surround_hu) * within
        weight = np.maximum(signal - 2.0 * self._noise_hu, 0.0)
        near = weight * np.exp(-0.5 * (away / 0.6) ** 2)
        total, near_total = float(weight.sum()), float(near.sum())
        centre, spread_mm, height_mm = point, float("inf"), float("inf")
        if near_total > 0:
            centre = point + float((near * a).sum()) / near_total * steep + float((near * b).sum()) / near_total * level
            middle_a, middle_b = float((weight * a).sum()) / total, float((weight * b).sum()) / total
            spread_mm = float(np.sqrt((weight * (b - middle_b) ** 2).sum() / total))
            # the thickness of a slice adds a twelfth of its square, interpolation between slices a sixth
            height_2 = float((weight * (a - middle_a) ** 2).sum()) / total - smear_mm**2 / 4.0
            height_mm = float(np.sqrt(max(height_2, 0.0)))
            both = float((weight * (a - middle_a) * (b - middle_b)).sum()) / total
            if smear_mm <= settings.shape_slab_mm:
                height_2 += smear_mm**2 / 6.0  # interpolation counts for little where slices are thin
                across = np.array([[spread_mm**2, both], [both, height_2]])
                spread_mm, height_mm = np.sqrt(np.maximum(np.linalg.eigvalsh(across), 0.0)).tolist()
        station = _Station(
            point=centre,
            signal=float(signal.sum()) * settings.sample_mm**2,
            spread_mm=spread_mm,
            height_mm=height_mm,
            peak_hu=float(hu[away <= 0.6].max()),
            surround_hu=surround_hu,
            smear_mm=smear_mm,
            crowded=float((hu[ring] > settings.crowded_hu).mean()),
            depth_mm=float(self.depth_mm(point[None])[0]),
        )
        return station, reach_mm * abs(float(way @ self._normal))

    def _hu_at(self, points: Array) -> Array:
        """The density at points (…, 3), interpolated; air outside the scan."""
        flat = points.reshape(-1, 3)
        position_mm = flat @ self._normal
        k = self._slice_at(position_mm)
        origins = self._scan.geometry.origins_mm
        low = np.minimum(k.astype(np.int64), max(len(origins) - 2, 0))
        step = origins[np.minimum(low + 1, len(origins) - 1)] - origins[low]
        plane = (flat - origins[low] - (k - low)[:, None] * step) @ self._to_plane.T
        half_mm = self._scan.slice_reach_mm[[0, -1]] / 2
        outside = (position_mm < self._positions_mm[0] - half_mm[0]) | (
            position_mm > self._positions_mm[-1] + half_mm[1]
        )
        index = np.column_stack([np.where(outside, -9.0, k), plane])
        hu = ndimage.map_coordinates(self._scan.hu, index.T, order=1, output=np.float32, cval=AIR_HU)
        return np.asarray(hu.reshape(points.shape[:-1]), dtype=np.float64)

    def _slice_at(self, position_mm: Array) -> Array:
        """The fractional number of the slice at positions along the normal; the end slices beyond the ends."""
        return np.interp(position_mm, self._positions_mm, np.arange(len(self._positions_mm), dtype=np.float64))


def _cross(a: Array, b: Array) -> Array:
    """`numpy.cross` of two vectors, many times as fast."""
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def _turned(way: Array, points: Array, share: float) -> Array:
    """The direction, turned by a share towards the line through the points (n, 3)."""
    axis = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)[2][0]
    axis = axis * np.sign(axis @ way)
    turned = way + share * (axis - way)
    return np.asarray(turned / np.linalg.norm(turned))


def _steps(reach_mm: float, step_mm: float) -> Array:
    count = int(np.ceil(reach_mm / step_mm))
    return step_mm * np.arange(-count, count + 1, dtype=np.float64)
