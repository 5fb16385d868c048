"""Calcification attached to bone: Scan, Intracranial, Registration, Atlas → Intracranial."""

from __future__ import annotations

from calcscan.bone_contact.recover import recover_bone_contact

__all__ = ["recover_bone_contact"]
