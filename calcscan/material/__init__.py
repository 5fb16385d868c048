"""Whether what was detected is calcium: LesionMap, Scan, SearchRegion, Registration, Atlas → LesionMap."""

from __future__ import annotations

from calcscan.material.judge import judge_material

__all__ = ["judge_material"]
