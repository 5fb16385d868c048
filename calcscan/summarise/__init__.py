"""Volume, density, symmetry and scores of the whole head: LesionMap → Summary."""

from __future__ import annotations

from calcscan.summarise.stage import summarise

__all__ = ["summarise"]
