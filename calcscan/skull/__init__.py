"""The inside of the skull: Scan → Head."""

from __future__ import annotations

from calcscan.skull.inside import find_skull

__all__ = ["find_skull"]
