"""The values that the stages hand on, in the order in which the data meets them. All are frozen.

    read       folder                 → Scan
    segment    Scan                   → Intracranial   (the intracranial space)
    register   Intracranial, Atlas    → Registration
    recover    Scan, Intracranial, …  → SearchRegion   (with calcification in contact with bone)
    inspect    Scan, SearchRegion, …  → flags          (of the picture as a whole)
    detect     Scan, SearchRegion     → LesionMap      (measured)
    locate     LesionMap, …           → LocatedLesionMap
    summarise  LesionMap, …           → Summary
    facts      Scan, Summary          → facts          (a plain mapping, in the words of `knowledge/facts.toml`)
    guideline  facts                  → Guidance       (`calcscan.guideline.model`)

Unknown is `None`, never a default that looks measured.
"""

from calcscan.model.atlas import BASE_ZONE, BRAIN_ZONE, SELLA_ZONE, Atlas, Registration, Site
from calcscan.model.flag import Flag
from calcscan.model.intracranial import Edge, Intracranial, SearchRegion
from calcscan.model.lesion import LeftOut, Lesion, LesionMap, LocatedLesion, LocatedLesionMap, TouchingPair
from calcscan.model.result import Quality, Result
from calcscan.model.review import DecisionKind, EditedMap, MapKind, Review, ReviewDecision
from calcscan.model.scan import AIR_HU, NIFTI_UNIT_MM, Blur, OwnLabels, Scan, StoredGrid
from calcscan.model.study import Acquisition, InputFiles, Provenance, SeriesChoice, Study, StudyLabel
from calcscan.model.summary import PairBurden, RegionBurden, SiteBurden, Summary, Symmetry

__all__ = [
    "AIR_HU",
    "BASE_ZONE",
    "BRAIN_ZONE",
    "NIFTI_UNIT_MM",
    "SELLA_ZONE",
    "Acquisition",
    "Atlas",
    "Blur",
    "DecisionKind",
    "Edge",
    "EditedMap",
    "Flag",
    "InputFiles",
    "Intracranial",
    "LeftOut",
    "Lesion",
    "LesionMap",
    "LocatedLesion",
    "LocatedLesionMap",
    "MapKind",
    "OwnLabels",
    "PairBurden",
    "Provenance",
    "Quality",
    "RegionBurden",
    "Registration",
    "Result",
    "Review",
    "ReviewDecision",
    "Scan",
    "SearchRegion",
    "SeriesChoice",
    "Site",
    "SiteBurden",
    "StoredGrid",
    "Study",
    "StudyLabel",
    "Summary",
    "Symmetry",
    "TouchingPair",
]
