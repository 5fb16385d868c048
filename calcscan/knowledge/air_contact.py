"""What lies near air."""

from __future__ import annotations

from typing import ClassVar

from calcscan.knowledge.settings import Settings


class AirContactSettings(Settings, frozen=True, kw_only=True):
    """Values of `knowledge/air_contact.toml`, where each has its unit and reason."""

    file: ClassVar[str] = "air_contact"

    air_hu: int
    air_mm: float
    air_share: float
