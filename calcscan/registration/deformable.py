"""The bend: a smooth deformation around the ventricles and deep nuclei, after the affine.

Ventricles widen with age and push the nuclei aside; an affine can't follow. A free deformation follows noise, gyri and
the brightness near the skull instead (measured: worse than the affine). So the shift is a Gaussian process: a few
millimetres of standard deviation, smooth over centimetres, and zero where nothing speaks for it. Both pictures are
freed of their slow course of brightness first, and what fits badly counts little.

The outline alone puts the middle of a head off by a few millimetres as a whole. That the frame settles is sought
together with the bend: sought first, it would take for a move of everything what only widens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg, ndimage

from calcscan.grid.displacement import Displacement
from calcscan.grid.geometry import Array, apply
from calcscan.grid.isotropic import sample_at
from calcscan.knowledge import table
from calcscan.registration.preprocess import Field, Limits, Mask, RegistrationImage

_STEP_MM = 2.0
_EVERY = 2
"""The shift is sought on every second point along each axis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Box:
    """An even grid around the middle of the template's head."""

    affine: Array
    shape: tuple[int, int, int]
    margin: int

    @classmethod
    def around(cls, limits: Limits) -> _Box:
        margin = int(np.ceil(2 * limits["even_mm"] / _STEP_MM / _EVERY)) * _EVERY
        low, high = (np.array(table("registration")["middle"][end]) for end in ("low_mm", "high_mm"))
        count = np.rint((high - low) / _STEP_MM).astype(int) + 1 + 2 * margin
        affine = np.zeros((4, 4))
        affine[0, 2] = affine[1, 1] = affine[2, 0] = _STEP_MM
        affine[:3, 3], affine[3, 3] = low - margin * _STEP_MM, 1.0
        return cls(affine=affine, shape=(int(count[2]), int(count[1]), int(count[0])), margin=margin)

    def nodes(self) -> npt.NDArray[np.int64]:
        """(k, j, i) of the points at which the shift is sought, (K, J, I, 3); the margin is only looked at."""
        axes = [np.arange(self.margin, n - self.margin, _EVERY) for n in self.shape]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Middle:
    """What the template shows around its deep nuclei, on an even grid; made once for a head."""

    box: _Box
    nodes: npt.NDArray[np.int64]
    """(k, j, i) on the grid of the points at which a shift is sought, (n, 3)."""
    points: Array
    """The same in LPS mm, (n, 3)."""
    deep: Mask
    """Which of them lie far enough from the brain's surface, (n,)."""
    template: tuple[tuple[float, int, Field], ...]
    """From coarse to fine: smoothing in mm, rounds, and the picture."""

    @classmethod
    def of(cls, template: RegistrationImage, limits: Limits) -> Middle:
        box = _Box.around(limits)
        nodes = box.nodes().reshape(-1, 3)
        points = apply(box.affine, nodes)
        calm, inside = _on_box(template, box, np.eye(4), limits)
        far_mm = _STEP_MM * ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1, 1:-1]
        course, smooth_mm = _course(calm, inside, limits), limits["bend_smooth_mm"]
        pictures = tuple((mm, n, _even(calm, course, mm, limits)) for mm, n in ((2 * smooth_mm, 1), (smooth_mm, 4)))
        deep = far_mm[tuple(nodes.T)] > limits["rim_mm"]
        return cls(box=box, nodes=nodes, points=points, deep=deep, template=pictures)


def bend(intracranial: RegistrationImage, middle: Middle, matrix: Array, limits: Limits) -> tuple[Array, Displacement]:
    """The matrix from scan to atlas, moved to settle on the middle of the head, and the shift of points of the atlas's
    frame (the scan after that matrix), LPS mm, that brings the scan's middle onto the template's; zero away from there.
    """
    modes, variance = _modes(middle, limits)
    found = _sought(intracranial, middle, matrix, modes, variance, limits)
    change = np.eye(4)
    change[:3, 3] = found[0]
    shape, affine = middle.box.nodes().shape, middle.box.affine @ np.diag([_EVERY, _EVERY, _EVERY, 1.0])
    affine[:3, 3] = middle.points[0]
    before = np.moveaxis((modes[:, 1:] @ found[1:]).reshape(shape), -1, 0)
    shift = np.stack([sample_at(part, affine, middle.points - found[0]) for part in before], axis=-1)
    return change @ matrix, Displacement(shift_mm=np.round(shift, 4).astype(np.float32).reshape(shape), affine=affine)


def _sought(
    intracranial: RegistrationImage, middle: Middle, matrix: Array, modes: Array, variance: Array, limits: Limits
) -> Array:
    """How much of each mode (nodes, modes) brings the scan onto the template, (modes, 3) in mm; `variance` is what is
    expected of each.

    Gauss-Newton with weights of Geman and McClure, coarse to fine.
    """
    box, at = middle.box, tuple(middle.nodes.T)
    calm, inside = _on_box(intracranial, box, matrix, limits)
    use = (_resampled(intracranial.clear & intracranial.mask, intracranial.affine, box, matrix) > 0.99)[
        at
    ] & middle.deep
    course = _course(calm, inside, limits)
    shift = np.zeros((modes.shape[1], 3))
    for smooth_mm, rounds, template in middle.template:
        aim = _as_bright_as(_even(calm, course, smooth_mm, limits)[at][use], template[at][use], limits)
        slope = _slope(template)
        for _ in range(rounds):
            shift += _step(shift, aim, middle.points[use], modes[use], variance, template, slope, box, limits)
    return shift


def _modes(middle: Middle, limits: Limits) -> tuple[Array, Array]:
    """The modes of the shift at the nodes (n, modes), and the variance of each in mm².

    First that of the whole head, then stretch, turn and shear of its middle, then the process's leading ones.
    """
    nodes, far_mm = middle.box.nodes(), limits["settle_far_mm"]
    fade = np.einsum("k,j,i->kji", *(_fade(count, limits) for count in nodes.shape[:3])).reshape(-1, 1)
    linear = (middle.points - middle.points.mean(axis=0)) / far_mm
    process, variance = _process(nodes.shape[:3], limits)
    modes = np.concatenate([np.ones_like(fade), linear * fade, process * fade], axis=1)
    whole = [limits["settle_sd_mm"] ** 2, *[(limits["settle_linear_sd"] * far_mm) ** 2] * 3]
    return modes, np.concatenate([whole, variance])


def _process(shape: tuple[int, ...], limits: Limits) -> tuple[Array, Array]:
    """The Gaussian process's modes with most variance, and their variance."""
    values, vectors = [], []
    for count in shape:
        away_mm = _STEP_MM * _EVERY * np.subtract.outer(np.arange(count), np.arange(count))
        value, vector = np.linalg.eigh(np.exp(-0.5 * (away_mm / limits["bend_reach_mm"]) ** 2))
        # An eigenvector's sign is the library's choice; the field doesn't depend on it.
        values.append(value[::-1])
        vectors.append(vector[:, ::-1])
    product = np.einsum("k,j,i->kji", *values)
    kept = np.argwhere(product > limits["bend_kept"] * product.max())
    parts = [vector[:, kept[:, axis]] for axis, vector in enumerate(vectors)]
    modes = np.einsum("km,jm,im->kjim", *parts).reshape(-1, len(kept))
    return modes, limits["bend_sd_mm"] ** 2 * product[tuple(kept.T)]


def _fade(count: int, limits: Limits) -> Array:
    """From 0 outside an axis of nodes to 1 inside, so that the bend ends without a step."""
    to_edge_mm = _STEP_MM * _EVERY * (1.0 + np.minimum(np.arange(count), np.arange(count)[::-1]))
    return np.sin(0.5 * np.pi * np.minimum(to_edge_mm / limits["bend_fade_mm"], 1.0)) ** 2


def _on_box(sight: RegistrationImage, box: _Box, matrix: Array, limits: Limits) -> tuple[Field, Mask]:
    """The brain in fluid on the box, through the matrix to the atlas, and the inside."""
    low_hu = np.float32(limits["low_hu"])
    calm = _resampled(sight.calm - low_hu, sight.affine, box, matrix) + low_hu
    return calm, _resampled(sight.mask, sight.affine, box, matrix) > 0.5


def _resampled(volume: npt.NDArray[np.generic], affine: Array, box: _Box, matrix: Array) -> Field:
    there = np.linalg.inv(affine) @ np.linalg.inv(matrix) @ box.affine
    return np.asarray(
        ndimage.affine_transform(volume.astype(np.float32), there[:3, :3], there[:3, 3], box.shape, order=1)
    )


def _course(calm: Field, inside: Mask, limits: Limits) -> Field:
    """The slow course of the brightness of tissue."""
    tissue = ((calm > limits["tissue_low_hu"]) & (calm < limits["tissue_high_hu"]) & inside).astype(np.float32)
    slow = limits["even_mm"] / _STEP_MM
    weight = ndimage.gaussian_filter(tissue, slow)
    course = ndimage.gaussian_filter(calm * tissue, slow) / np.maximum(weight, 1e-3)
    return np.asarray(np.where(weight > 1e-2, course, limits["tissue_hu"]))


def _even(calm: Field, course: Field, smooth_mm: float, limits: Limits) -> Field:
    """Smoothed, less its course; fluid no further below it than counts."""
    out = ndimage.gaussian_filter(calm, smooth_mm / _STEP_MM) - course
    return np.asarray(np.clip(out, -limits["contrast_hu"], limits["contrast_hu"]), dtype=np.float32)


def _slope(template: Field) -> Field:
    """(3, k, j, i): along x, y and z, HU per mm."""
    along_k, along_j, along_i = np.gradient(template, _STEP_MM)
    return np.stack([along_i, along_j, along_k])


def _as_bright_as(scan: Field, template: Field, limits: Limits) -> Array:
    """The scan with the template's contrast between grey and white matter."""
    both = np.minimum(scan, template) > -limits["contrast_hu"] / 2
    if not both.any():
        return np.asarray(scan, dtype=np.float64)
    ratio = float(template[both].std()) / max(float(scan[both].std()), 1e-3)
    ratio = float(np.clip(ratio, limits["contrast_low"], limits["contrast_high"]))
    return np.where(scan > -limits["contrast_hu"] / 2, scan * ratio, scan).astype(np.float64)


def _step(
    shift: Array,
    aim: Array,
    points: Array,
    modes: Array,
    variance: Array,
    template: Field,
    slope: Field,
    box: _Box,
    limits: Limits,
) -> Array:
    """By how much each mode should change, (modes, 3)."""
    there = points + modes @ shift
    gap = aim - sample_at(template, box.affine, there)
    along = np.stack([sample_at(part, box.affine, there) for part in slope], axis=-1)
    trust = 1.0 / (1.0 + (gap / limits["bend_forgive_hu"]) ** 2) ** 2 / limits["bend_sd_hu"] ** 2
    design = np.concatenate([modes * along[:, axis : axis + 1] for axis in range(3)], axis=1)
    curvature = (design * trust[:, None]).T @ design
    prior = np.tile(1.0 / variance, 3)
    curvature[np.diag_indices_from(curvature)] += prior
    pull = design.T @ (trust * gap) - prior * shift.T.ravel()
    return np.asarray(linalg.solve(curvature, pull, assume_a="pos").reshape(3, -1).T)
