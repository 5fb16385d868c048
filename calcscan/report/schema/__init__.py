"""The one description of report.json: a class for each of its parts, a field for each of its keys, in their order.

`calcscan.report.json_schema` generates the JSON Schema (`calcscan/knowledge/report.schema.json`) from these classes.
Units stand in the names. None is unknown, never a default that looks measured; an optional key (UNSET) is left out
where it does not apply.
"""

from calcscan.report.schema.guideline import (
    BecauseEntry,
    CautionEntry,
    ConflictEntry,
    ConflictSideEntry,
    GuidelineSection,
    NeedsInputEntry,
    NotApplicableEntry,
    PageLineEntry,
    RecommendationEntry,
    SourceEntry,
)
from calcscan.report.schema.lesions import AlsoEntry, LeftOutEntry, LesionEntry, ReviewedAs
from calcscan.report.schema.part import Part
from calcscan.report.schema.provenance import FileEntry, InputSection, ProvenanceSection, SoftwareSection
from calcscan.report.schema.report import Report
from calcscan.report.schema.reviewed import DecisionEntry, EditedMapEntry, ReviewedSection, ReviewEntry
from calcscan.report.schema.scan import (
    AtlasSection,
    FileAxis,
    FlagEntry,
    GridSection,
    QualitySection,
    RegistrationSection,
    SeriesEntry,
    StudySection,
)
from calcscan.report.schema.sites import PairEntry, PlaceEntry, RegionEntry, SiteEntry, SiteLabelEntry, SymmetryEntry

__all__ = [
    "AlsoEntry",
    "AtlasSection",
    "BecauseEntry",
    "CautionEntry",
    "ConflictEntry",
    "ConflictSideEntry",
    "DecisionEntry",
    "EditedMapEntry",
    "FileAxis",
    "FileEntry",
    "FlagEntry",
    "GridSection",
    "GuidelineSection",
    "InputSection",
    "LeftOutEntry",
    "LesionEntry",
    "NeedsInputEntry",
    "NotApplicableEntry",
    "PageLineEntry",
    "PairEntry",
    "Part",
    "PlaceEntry",
    "ProvenanceSection",
    "QualitySection",
    "RecommendationEntry",
    "RegionEntry",
    "RegistrationSection",
    "Report",
    "ReviewEntry",
    "ReviewedAs",
    "ReviewedSection",
    "SeriesEntry",
    "SiteEntry",
    "SiteLabelEntry",
    "SoftwareSection",
    "SourceEntry",
    "StudySection",
    "SymmetryEntry",
]
