"""Find and measure calcification: Scan, Intracranial → LesionMap."""

from __future__ import annotations

from calcscan.detection.detect import detect_lesions

__all__ = ["detect_lesions"]
