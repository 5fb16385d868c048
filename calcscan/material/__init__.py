"""Whether what was detected is calcium: LesionMap, Scan, SearchRegion, Registration, Atlas → LesionMap."""

from __future__ import annotations

from calcscan.material.judge import judge_material
from calcscan.material.put_in import surely_put_in

__all__ = ["judge_material", "surely_put_in"]
