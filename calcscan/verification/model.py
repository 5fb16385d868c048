"""The result of `verify_scan`. All values are frozen; unknown is None."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from calcscan.model import LocatedLesion, Result
from calcscan.verification.blur import Blur
from calcscan.verification.deposits import Deposit

SITE, SIZE, VOLUME = "site", "size", "volume"
"""The three series: at every site; by size and density; by shape and volume."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A deposit to insert, and the site and side that the atlas gives it on the original scan; None where the series
    does not test that."""

    series: str
    deposit: Deposit
    site: str | None = None
    side: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One inserted deposit, and the lesions found at it, the largest first."""

    planned: Planned
    pass_number: int
    lesions: tuple[LocatedLesion, ...]

    @property
    def found(self) -> bool:
        return bool(self.lesions)

    @property
    def volume_mm3(self) -> float | None:
        return sum(lesion.volume_mm3 for lesion in self.lesions) if self.lesions else None

    @property
    def volume_130_mm3(self) -> float | None:
        return sum(lesion.volume_130_mm3 for lesion in self.lesions) if self.lesions else None

    @property
    def interval_mm3(self) -> tuple[float, float] | None:
        if not self.lesions:
            return None
        return (
            sum(lesion.volume_low_mm3 for lesion in self.lesions),
            sum(lesion.volume_high_mm3 for lesion in self.lesions),
        )

    @property
    def off_mm(self) -> float | None:
        """From the true centroid to that of the largest lesion."""
        if not self.lesions:
            return None
        return float(np.linalg.norm(np.subtract(self.lesions[0].centroid_lps_mm, self.planned.deposit.centre_mm)))


@dataclass(frozen=True, slots=True, kw_only=True)
class FalsePositive:
    """A new lesion in a pass that touches no inserted deposit."""

    pass_number: int
    lesion: LocatedLesion


@dataclass(frozen=True, slots=True, kw_only=True)
class Stability:
    """How the deposits affect everything else, over the passes that segment and register again.

    `kept` of the `before` lesions of the original scan were found again, `moved` of them at another site or side.
    `shift_mm`: the largest displacement of an intracranial point in the atlas.
    """

    passes: int
    before: int
    kept: int
    moved: int
    shift_mm: float
    intracranial_change: float
    accepted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """How many deposits of one diameter and density were inserted, and found."""

    diameter_mm: float
    hu: float
    put_in: int
    found: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeScore:
    """Relative error of volume (measured over true, less one) of the deposits that were found."""

    put_in: int
    found: int
    mean_bias: float
    median_bias: float
    within: Mapping[str, float]
    """Share within 15, 20 and 30 % of the truth, by that number."""
    interval_holds: float
    plain_mean_bias: float
    """Mean relative error of the plain voxel count at 130 HU."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verification:
    """The outcome. `trials` is empty where no test would be sound, and `why_not` says why.

    `baseline` is the analysis of the original scan; `picture` a PNG of the deposits at the sites.
    """

    baseline: Result
    blur: Blur
    trials: tuple[Trial, ...]
    untried: Mapping[str, str]
    """Sites (`site side`) where no deposit could be inserted, and why."""
    false_positives: tuple[FalsePositive, ...]
    stability: Stability | None
    passes: int
    seed: int
    requested: int
    """How many deposits were asked for in the series of sizes."""
    timings_s: Mapping[str, float]
    why_not: str = ""
    picture: bytes | None = None
