"""The inside of the skull, and the region in which calcification is sought."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from calcscan.grid.geometry import Array
from calcscan.grid.isotropic import IsotropicVolume
from calcscan.model.flag import Flag
from calcscan.model.lesion import LeftOut
from calcscan.values import Value


class Edge(StrEnum):
    """An edge of the picture, in words for people."""

    FIRST_SLICE = "first slice"
    LAST_SLICE = "last slice"
    LEFT_OR_FRONT = "left or front edge of the image"
    RIGHT_OR_BACK = "right or back edge of the image"
    FIELD_OF_VIEW = "edge of the field of view"
    """Within the picture: padding or air stands for the rest of the head."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Intracranial(Value):
    """The inside of the skull, on the scan's grid and on a coarse one.

    `mask` (k, j, i) bool: within the inner table, dura included, bone not. `isotropic_hu` and
    `isotropic_mask` share one grid; `depth_mm` on it is the distance to the inner table, positive inside.
    """

    mask: npt.NDArray[np.bool_]
    isotropic_hu: IsotropicVolume
    isotropic_mask: npt.NDArray[np.bool_]
    depth_mm: npt.NDArray[np.float32]
    intracranial_ml: float
    noise_hu: float | None
    brain_hu: float | None
    flags: tuple[Flag, ...] = ()
    cut_at: tuple[Edge, ...] = ()
    """Where the picture cuts off the inside of the skull."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SearchRegion(Intracranial):
    """The intracranial space in which calcification is sought: `mask` also holds what is in contact with bone.

    Without an accepted registration nothing of that is known: `SearchRegion.of(intracranial)` is the space as it was.
    """

    vault_plaques_kji: npt.NDArray[np.int64]
    """Voxels of plaques on the inner table of the vault, (n, 3): in the mask, though they hang on bone."""
    base_peaks_kji: npt.NDArray[np.int64]
    """Voxels that stand out from the bones of the skull base but lie as shallow as bone, (n, 3): in the mask, and a
    lesion only where one is known between these bones."""
    masses_kji: npt.NDArray[np.int64]
    """Voxels of masses that no bone explains, (n, 3): in the mask, though they may hang on bone, and never bone."""
    unlike_kji: npt.NDArray[np.int64]
    """Dense voxels without bone at their mirror image on the other side of the skull, (n, 3), in the mask or not: what
    holds many of them is never bone beyond doubt."""
    vault_holes_mm: Array
    """Points in the holes of the vault, LPS mm, (n, 3): beside them bone ends in steps and spurs."""
    vault_assessable: Mapping[str, float]
    """The share of the vault, `left` and `right`, in which a plaque would have been detected; empty if unknown."""
    left_out: tuple[LeftOut, ...] = ()
    """What stands out from bone as calcification does and was taken for bone; not in the mask."""
    moved_slices: tuple[int, ...] = ()
    """Slices taken while the head moved, in which bone lies where it is not."""
    streaked_slices: tuple[int, ...] = ()
    """Slices that streaks of metal cross."""

    @classmethod
    def of(
        cls,
        intracranial: Intracranial,
        *,
        mask: npt.NDArray[np.bool_] | None = None,
        vault_plaques_kji: npt.NDArray[np.int64] | None = None,
        base_peaks_kji: npt.NDArray[np.int64] | None = None,
        masses_kji: npt.NDArray[np.int64] | None = None,
        unlike_kji: npt.NDArray[np.int64] | None = None,
        vault_holes_mm: Array | None = None,
        vault_assessable: Mapping[str, float] | None = None,
        left_out: tuple[LeftOut, ...] = (),
    ) -> SearchRegion:
        """An intracranial space with what was recovered in contact with bone; nothing of what is left out."""
        none = np.empty((0, 3), dtype=np.int64)
        inherited = {part.name: getattr(intracranial, part.name) for part in fields(Intracranial)}
        return cls(
            **inherited | ({} if mask is None else {"mask": mask}),
            vault_plaques_kji=none if vault_plaques_kji is None else vault_plaques_kji,
            base_peaks_kji=none if base_peaks_kji is None else base_peaks_kji,
            masses_kji=none if masses_kji is None else masses_kji,
            unlike_kji=none if unlike_kji is None else unlike_kji,
            vault_holes_mm=np.empty((0, 3)) if vault_holes_mm is None else vault_holes_mm,
            vault_assessable=vault_assessable or {},
            left_out=left_out,
        )
