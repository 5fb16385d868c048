"""What a kind of material explains of the lesions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from calcscan.knowledge.left_out import LeftOutReason
from calcscan.model import Flag


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What a lesion is instead of calcium, and the figures that say so."""

    reason: LeftOutReason
    evidence: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """The lesions, by number, that one kind of material explains, and what is to be said of the scan."""

    lesions: Mapping[int, Material]
    flags: tuple[Flag, ...] = ()
