"""Volume, density, symmetry and scores of the whole head: LesionMap → Summary."""

from __future__ import annotations

from calcscan.summary.regions import divide_by_regions
from calcscan.summary.summarise import summarise_lesions

__all__ = ["divide_by_regions", "summarise_lesions"]
