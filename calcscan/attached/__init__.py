"""Calcification attached to bone: Scan, Head, AtlasFit, Atlas → Head."""

from __future__ import annotations

from calcscan.attached.stage import find_attached

__all__ = ["find_attached"]
