"""Calcifications: measured, then located, and what was left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcscan.grid.geometry import Geometry
from calcscan.knowledge.left_out import LeftOutReason
from calcscan.model.flag import Flag
from calcscan.model.scan import Scan
from calcscan.values import Value

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesion:
    """One calcification, measured. Positions in LPS mm."""

    id: int
    voxels: int
    volume_mm3: float
    volume_low_mm3: float
    volume_high_mm3: float
    volume_130_mm3: float
    volume_counted: bool = False
    """`volume_mm3` is a plain count of voxels, as beside bone: partial volume is not corrected."""
    mean_hu: float
    max_hu: int
    mass_hu_mm3: float
    agatston: float
    diameter_mm: float
    centroid_lps_mm: tuple[float, float, float]
    centroid_kji: tuple[float, float, float]
    bbox_kji: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
    """(first, last + 1) along k, j and i."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocatedLesion(Lesion):
    """A calcification, or the part of one that lies at one of the sites it reaches over; `unassigned`, with an empty
    side, where no site can be given."""

    site: str
    side: str
    site_share: float | None = None
    """How likely the site and side given are the right ones, 0 to 1; None where they don't come from the atlas."""
    also: tuple[tuple[str, str, float], ...] = ()
    """The other sites it may lie in: (site, side, share)."""
    deposit: int
    """The number of the connected calcification it belongs to: the parts of one share it."""
    division: str | None = None
    """What a part's borders with the deposit's other parts rest on: `shape` (a waist), `density` (a step), `atlas`, or
    `uncertain` where they may lie so that it is several times as large; None for a deposit that is whole."""
    review: str | None = None
    """What a reader did with it: `accepted`, `moved`, `split`, `redrawn` or `added`; None where nobody touched it."""
    program_site: str | None = None
    program_side: str | None = None
    """Where the program had put what a reader moved, or split; None for anything else."""
    from_lesion: int | None = None
    """The number of the lesion that a reader split it from."""
    by_reader: bool = False
    """A reader said that this is calcification, and lies at this site."""

    @classmethod
    def of(
        cls,
        lesion: Lesion,
        *,
        site: str = "unassigned",
        side: str = "",
        site_share: float | None = None,
        also: tuple[tuple[str, str, float], ...] = (),
    ) -> LocatedLesion:
        """A lesion at a site; without one, unassigned."""
        measured = {part.name: getattr(lesion, part.name) for part in fields(Lesion)}
        return cls(**measured, site=site, side=side, site_share=site_share, also=also, deposit=lesion.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class TouchingPair:
    """Two nuclei of one side over which one deposit reaches: what they hold together is surer than what each does."""

    deposit: int
    sites: tuple[tuple[str, str], tuple[str, str]]
    """(site, side) of both."""
    volume_mm3: float
    volume_low_mm3: float
    volume_high_mm3: float
    division: str
    """What the border between them rests on, as `LocatedLesion.division`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class LeftOut(Value):
    """Something dense that was found and is not reported as calcification, and what it was taken for."""

    reason: LeftOutReason
    kji: npt.NDArray[np.int64]
    """Its voxels, (n, 3)."""
    volume_mm3: float
    """Of its voxels, as they are."""
    mean_hu: float
    max_hu: int
    centroid_lps_mm: tuple[float, float, float]
    evidence: Mapping[str, float]
    """The figures that decided, by name with their unit."""
    sure: bool = False
    """Beyond doubt what it was taken for, such as bone that is one with the skull: it hides no calcification."""
    nearest_site: str = ""
    """The site that it lies in, or nearest to; empty where it is not known."""
    nearest_side: str = ""
    distance_mm: float | None = None
    """How far its voxels stay away from that site: 0 in it; None where it is not known."""
    also: tuple[tuple[str, str], ...] = ()
    """The other sites and sides that a part of it lies in."""
    lesion: int | None = None
    """The number that it had as a lesion, before a reader rejected it."""

    @classmethod
    def of(
        cls,
        scan: Scan,
        kji: npt.NDArray[np.int64],
        reason: LeftOutReason,
        evidence: Mapping[str, float] | None = None,
        *,
        sure: bool = False,
    ) -> LeftOut:
        """The voxels (n, 3) of a scan, measured; where they lie among the sites is not known yet."""
        hu, mm3 = scan.hu[tuple(kji.T)], scan.geometry.voxel_mm3[kji[:, 0]]
        left, back, up = (mm3 @ scan.geometry.to_world(kji) / mm3.sum()).tolist()
        return cls(
            reason=reason,
            kji=kji,
            volume_mm3=float(mm3.sum()),
            mean_hu=float(mm3 @ hu / mm3.sum()),
            max_hu=int(hu.max()),
            centroid_lps_mm=(left, back, up),
            evidence=dict(evidence or {}),
            sure=sure,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class LesionMap(Value):
    """Every calcification found. `labels` int32 (k, j, i): 0 none, else `Lesion.id`, from 1 on; without a gap, unless a
    reader has rejected or split a lesion: the others keep their numbers."""

    labels: npt.NDArray[np.int32]
    geometry: Geometry
    lesions: tuple[Lesion, ...]
    threshold_hu: float
    """What a lesion must reach; the highest where it differs between slices."""
    settings: Mapping[str, Any]
    flags: tuple[Flag, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    """What was found and is not calcification, or not surely: never counted."""

    @property
    def searched(self) -> bool:
        """Whether calcification was searched for; not where the lesions are the user's own, which say nothing of where
        there is none."""
        return "lesions_given" not in self.settings

    def voxels_kji(self, number: int) -> npt.NDArray[np.int64]:
        """The (k, j, i) of the voxels of a lesion, by its `id`: shape (n, 3), in the order of the array."""
        at = number - 1  # where there is no gap
        if not (at < len(self.lesions) and self.lesions[at].id == number):
            at = [lesion.id for lesion in self.lesions].index(number)
        box = tuple(slice(first, last) for first, last in self.lesions[at].bbox_kji)
        corner = np.array([edge.start for edge in box])
        kji: npt.NDArray[np.int64] = np.argwhere(self.labels[box] == number) + corner
        return kji

    def counts_among(self, kji: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """How many of these voxels (k, j, i), shape (n, 3), belong to each lesion, by its `id`; at 0 those of none."""
        most = max((lesion.id for lesion in self.lesions), default=0)
        return np.bincount(self.labels[tuple(kji.T)], minlength=most + 1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class LocatedLesionMap(LesionMap):
    """Every calcification, divided along the borders of the sites it reaches over, with its site."""

    lesions: tuple[LocatedLesion, ...]
    pairs: tuple[TouchingPair, ...] = ()
    """Neighbouring nuclei that share a deposit."""
    counted_from_last: bool = False
    """The input counts its slices from the other end (`Scan.counted_from_last`)."""

    def to_dataframe(self) -> pandas.DataFrame:
        """The lesions as a pandas table: the rows and columns of lesions.csv.

        Raises
        ------
        ImportError
            pandas is not installed.
        """
        from calcscan.report.display import lesions_dataframe

        return lesions_dataframe(self)
