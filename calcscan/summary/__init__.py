"""Volume, density, symmetry and scores of the whole head: LesionMap → Summary."""

from __future__ import annotations

from calcscan.summary.summarise import summarise_lesions

__all__ = ["summarise_lesions"]
