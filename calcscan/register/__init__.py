"""Bring the atlas onto the head: Head, Atlas → AtlasFit."""

from __future__ import annotations

from calcscan.register.stage import register

__all__ = ["register"]
