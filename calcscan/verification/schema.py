"""The description of a row of verify.csv, which is also an entry of `deposits` in verify.json."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from calcscan.report.quantities import (
    BestVolumeMm3,
    HighVolumeMm3,
    LowVolumeMm3,
    MaxHu,
    Side,
    SiteName,
    SiteShare,
    Volume130Mm3,
)
from calcscan.report.schema import Part


class DepositRow(Part, frozen=True, kw_only=True):
    """One inserted deposit: its true values, and what calcscan measured, null where it found nothing."""

    series: Annotated[str, Meta(description="What it tests: `site`, `size` or `volume`.")]
    pass_number: Annotated[int, Meta(ge=1, description="The analysis that it was part of.")] = msgspec.field(
        name="pass"
    )
    shape: Annotated[str, Meta(description="Shape of the deposit.")]
    diameter_mm: Annotated[float, Meta(ge=0, description="True diameter of a ball of the same volume, mm.")]
    true_volume_mm3: Annotated[float, Meta(ge=0, description="True volume, mm³.")]
    true_hu: Annotated[float, Meta(description="True density, HU.")]
    true_l_mm: Annotated[float, Meta(description="True centroid: towards the person's left, mm.")]
    true_p_mm: Annotated[float, Meta(description="True centroid: towards the back, mm.")]
    true_s_mm: Annotated[float, Meta(description="True centroid: towards the head, mm.")]
    true_site: Annotated[SiteName | None, Meta(description="Site that it was put into.")]
    true_side: Annotated[Side | None, Meta(description="Side that it was put into: the person's own.")]
    found: Annotated[bool, Meta(description="Whether calcscan found it.")]
    lesions: Annotated[int, Meta(ge=0, description="Lesions that it was found as.")]
    volume_mm3: BestVolumeMm3 | None
    volume_low_mm3: LowVolumeMm3 | None
    volume_high_mm3: HighVolumeMm3 | None
    volume_130_mm3: Volume130Mm3 | None
    max_hu: MaxHu | None
    site: SiteName | None
    side: Side | None
    site_share: SiteShare | None
    off_mm: Annotated[float, Meta(ge=0, description="From the true centroid to that of the largest lesion, mm.")] | None
