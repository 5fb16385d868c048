"""What a person said of a result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from calcscan.values import Value

MapKind = Literal["lesions", "sites"]


DecisionKind = Literal["accept", "reject", "move", "split", "redraw", "add", "merge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewDecision:
    """What a reader decided on one lesion; a lesion without a decision stays as it is."""

    lesion: int
    decision: DecisionKind
    """The last three come from an edited label map."""
    reason: str | None = None
    """Of a rejected one, what it is taken for."""
    site: str | None = None
    side: str | None = None
    """Where one is moved to, or lies that was added."""
    seeds_lps_mm: tuple[tuple[float, float, float], ...] = ()
    """Of a split one: each voxel goes to the nearest of these points, LPS mm."""
    comment: str | None = None
    into: int | None = None
    """The lesion that one was merged into."""
    voxels_added: int | None = None
    voxels_removed: int | None = None
    """How the outline of one changed in an edited label map."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class EditedMap(Value):
    """A label map as a reader left it: `values` int32 (k, j, i) on the scan's grid, 0 none."""

    kind: MapKind
    """`lesions`: numbers of lesions, as lesions.nii.gz has them; `sites`: those of sites, as sites.nii.gz."""
    values: npt.NDArray[np.int32]
    sha256: str = ""
    """Of the file; empty for what was given in memory."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Review(Value):
    """What a person said of a result: decisions lesion by lesion, or an edited label map. All text is a person's own
    and may hold anything."""

    reader: str | None
    """Who; None where no name was given."""
    at: str
    """When, ISO 8601."""
    decisions: tuple[ReviewDecision, ...] = ()
    comment: str | None = None
    report_sha256: str | None = None
    """Of the report.json that was reviewed; None for an edited label map, which does not tell."""
    edited: EditedMap | None = None
