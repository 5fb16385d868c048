"""Measure how a scan blurs what it shows: Scan, Intracranial → Blur."""

from __future__ import annotations

from calcscan.blur.measure import MeasuredBlur, measure_blur

__all__ = ["MeasuredBlur", "measure_blur"]
