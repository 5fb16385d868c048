"""Say where each calcification lies: LesionMap, Scan, Intracranial, Registration, Atlas → LesionMap with sites."""

from __future__ import annotations

from calcscan.localisation.locate import locate_lesions

__all__ = ["locate_lesions"]
