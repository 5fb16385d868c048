"""Guidance as FHIR R4: what was found and measured, and proposals. Nothing in it is an order."""

from __future__ import annotations

from calcscan.guideline.export.fhir.bundle import fhir

__all__ = ["fhir"]
