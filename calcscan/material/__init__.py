"""Whether what was detected is calcium: LesionMap, Scan, SearchRegion → LesionMap."""

from __future__ import annotations

from calcscan.material.foreign_body import foreign_bodies
from calcscan.material.judge import judge_material

__all__ = ["foreign_bodies", "judge_material"]
