"""The inside of the skull: Scan → Intracranial."""

from __future__ import annotations

from calcscan.intracranial.segment import segment_intracranial

__all__ = ["segment_intracranial"]
