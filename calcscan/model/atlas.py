"""The atlas, and how it lies in a head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from calcscan.grid.displacement import Displacement
from calcscan.grid.geometry import Array, apply
from calcscan.grid.midline import MidlineSurface
from calcscan.model.flag import Flag
from calcscan.values import Value

BRAIN_ZONE, BASE_ZONE, SELLA_ZONE = 1, 2, 4
"""Bits of `Atlas.zones`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A place that a calcification can be reported at."""

    label: int
    site: str
    side: str
    """left, right or midline: the person's own; empty for `unassigned`."""
    group: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Atlas(Value):
    """A head CT template with sites drawn on it, in one space (LPS mm).

    `affine` takes (k, j, i, 1) to LPS mm for `template_hu`, `labels` and `zones` alike. `zones` holds bits: 1 the
    template's brain, 2 where skull base may stand up into the head, 4 the sella and its clinoids.
    """

    name: str
    version: str
    sha256: str
    licence: str
    template_hu: npt.NDArray[np.float32]
    labels: npt.NDArray[np.uint8]
    zones: npt.NDArray[np.uint8]
    affine: Array
    sites: Mapping[int, Site]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Registration(Value):
    """How the scan lies in the atlas.

    `scan_to_atlas` (4, 4) is an affine from LPS mm of the scan to LPS mm of the atlas; `displacement` then moves points
    within the atlas. `to_atlas` applies both.
    """

    scan_to_atlas: Array
    method: str
    """How the fit was made, and what its metric is."""
    metric: float
    """Correlation of scan and template within the brain."""
    overlap: float
    """Dice of the intracranial space with the template's brain."""
    accepted: bool
    reason: str
    """Why the fit was refused, or that it keeps within all limits."""
    flags: tuple[Flag, ...] = ()
    displacement: Displacement = field(default_factory=Displacement.none)
    midline: MidlineSurface | None = None
    """Where the brain's midline is seen, in the frame that `scan_to_atlas` leads to; None where it was not measured."""
    midline_shift_mm: float | None = None
    """How far it lies from the plane of the skull's symmetry, positive to the left."""
    fluid_in_caudate: Mapping[str, float] = field(default_factory=dict)
    """The share of the atlas's caudate, `left` and `right`, that is fluid in the scan: the fit has not followed wide
    ventricles. Empty where it was not measured."""

    def to_atlas(self, points: npt.ArrayLike) -> Array:
        """Points (…, 3) of the scan in the atlas, LPS mm."""
        aligned = apply(self.scan_to_atlas, points)
        return aligned + self.displacement.at(aligned)

    def beside_midline_mm(self, points: npt.ArrayLike) -> Array | None:
        """How far points (…, 3) of the scan lie to the left of the midline that is seen, about in mm; negative to the
        right. None where it was not measured."""
        return None if self.midline is None else self.midline.beside_mm(apply(self.scan_to_atlas, points))

    def to_scan(self, points: npt.ArrayLike) -> Array:
        """Points (…, 3) of the atlas in the scan, LPS mm; to about a hundredth of a millimetre."""
        return apply(np.linalg.inv(self.scan_to_atlas), self.displacement.inverse(points))
