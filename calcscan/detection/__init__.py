"""Find and measure calcification: Scan, Intracranial → LesionMap."""

from __future__ import annotations

from calcscan.detection.detect import detect_lesions
from calcscan.detection.given import measure_labels

__all__ = ["detect_lesions", "measure_labels"]
