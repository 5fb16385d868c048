"""What a value in a report means, its unit and its range, stated once for every file that holds it.

The JSON Schema and the columns of the tables take their descriptions from here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from calcscan.knowledge.sites import all_sites
from calcscan.quality import quality_codes


class State(StrEnum):
    """How far the report may be trusted; with `abstain`, nothing is attributed to a site."""

    OK = "ok"
    CAUTION = "caution"
    ABSTAIN = "abstain"


class Severity(StrEnum):
    """What a flag does to the state of quality: nothing, or at least `caution`, or `abstain`."""

    NOTE = "note"
    CAUTION = "caution"
    ABSTAIN = "abstain"


class Grade(StrEnum):
    """How much calcification lies at a site, as `knowledge/burden.toml` grades it."""

    NONE_DETECTED = "none_detected"
    MILD = "mild"
    MODERATE = "moderate"
    SEVERE = "severe"


class Division(StrEnum):
    """What the borders of a part of a deposit rest on: a waist of the deposit, a step in its density, the atlas; or
    they may lie so that the part is several times as large."""

    SHAPE = "shape"
    DENSITY = "density"
    ATLAS = "atlas"
    UNCERTAIN = "uncertain"


class Side(StrEnum):
    """The person's own left and right; empty for `unassigned`."""

    LEFT = "left"
    RIGHT = "right"
    MIDLINE = "midline"
    NONE = ""


SiteName = Annotated[
    str,
    Meta(description="Anatomical site (knowledge/sites.toml).", extra_json_schema={"enum": list(all_sites())}),
]
SiteGroup = Annotated[
    str,
    Meta(
        description="Group of sites (knowledge/sites.toml).",
        extra_json_schema={"enum": list(dict.fromkeys(site.group for site in all_sites().values()))},
    ),
]
FlagCode = Annotated[
    str,
    Meta(description="Quality code (knowledge/quality.toml).", extra_json_schema={"enum": list(quality_codes())}),
]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Colour = Annotated[str, Meta(description="Colour of the site in the pictures.", pattern="^#[0-9a-f]{6}$")]

Count = Annotated[int, Meta(ge=0)]
OrdinalFrom1 = Annotated[int, Meta(ge=1)]
LengthMm = Annotated[float, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
VolumeMm3 = Annotated[float, Meta(ge=0)]

BestVolumeMm3 = Annotated[
    float, Meta(ge=0, description="Best estimate of the physical volume, corrected for partial volume, mm³.")
]
LowVolumeMm3 = Annotated[float, Meta(ge=0, description="Lower end of the 95 % interval of the volume, mm³.")]
HighVolumeMm3 = Annotated[float, Meta(ge=0, description="Upper end of the 95 % interval of the volume, mm³.")]
Volume130Mm3 = Annotated[
    float, Meta(ge=0, description="Plain count of voxels at or above 130 HU, mm³, for comparison with the literature.")
]
VolumeCounted = Annotated[
    bool,
    Meta(
        description="The best estimate is a plain count of voxels, with a wide interval: the lesion does not stand out "
        "from its surround (as beside bone), so partial volume is not corrected."
    ),
]
MeanHu = Annotated[float, Meta(description="Mean of the voxels, HU.")]
MaxHu = Annotated[int, Meta(description="Densest voxel, HU.")]

StudyName = Annotated[
    str,
    Meta(
        description="Name of the study: in a batch that of its folder, else the start of the hash of its UID or, "
        "where it has none, of its input's checksum."
    ),
]
Participant = Annotated[str, Meta(description="Participant by the input's BIDS name, such as sub-01.")]
Session = Annotated[str, Meta(description="Session by the input's BIDS name, such as ses-2.")]
RunLabel = Annotated[str, Meta(description="Run by the input's BIDS name, such as run-1.")]

LesionId = Annotated[int, Meta(ge=1, description="Number of the lesion, as in lesions.nii.gz.")]
DepositId = Annotated[int, Meta(ge=1, description="Parts of one connected calcification share this number.")]
SiteLabelId = Annotated[int, Meta(ge=1, description="Number of the site and side in sites.nii.gz.")]
SiteShare = Annotated[
    float, Meta(ge=0, le=1, description="How likely the site and side given are the right ones, 0 to 1.")
]
Voxels = Annotated[int, Meta(ge=1, description="Voxels of the lesion in lesions.nii.gz.")]
MassHuMm3 = Annotated[float, Meta(description="Calcium mass score: HU times volume, HU·mm³; not calibrated.")]
Agatston = Annotated[float, Meta(ge=0, description="Agatston score, scaled to slices of 3 mm.")]
DiameterMm = Annotated[float, Meta(ge=0, description="Largest diameter, mm.")]
SliceNumber = Annotated[
    int, Meta(ge=1, description="Slice of the centroid, from 1 on, counted as the input's slices are.")
]
LesionCount = Annotated[int, Meta(ge=0, description="Number of lesions.")]
RegionLabel = Annotated[int, Meta(ge=0, description="Number of the region in the map that was given; 0: none of them.")]
RegionName = Annotated[str, Meta(description="Name of the region.")]
