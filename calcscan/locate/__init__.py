"""Say where each calcification lies: LesionMap, Scan, Head, AtlasFit, Atlas → LesionMap with sites."""

from __future__ import annotations

from calcscan.locate.stage import locate

__all__ = ["locate"]
