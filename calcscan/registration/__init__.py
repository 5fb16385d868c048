"""Register the atlas to the head: Intracranial, Atlas → Registration."""

from __future__ import annotations

from calcscan.registration.register import register_atlas

__all__ = ["register_atlas"]
