"""Find and measure calcification: Scan, Head → LesionMap."""

from __future__ import annotations

from calcscan.find.stage import find_lesions

__all__ = ["find_lesions"]
