"""How filtration is estimated from creatinine (`egfr.toml`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from calcscan.knowledge.settings import Settings


class EgfrSettings(Settings, frozen=True, kw_only=True):
    """CKD-EPI 2021, and when a filtration is questioned. Creatinine in mg/dL, filtration in mL/min/1.73 m2."""

    file: ClassVar[str] = "egfr"

    scale: float
    kappa: Mapping[str, float]
    alpha: Mapping[str, float]
    above: float
    yearly: float
    of_sex: Mapping[str, float]
    from_years: float
    differ_factor: float
    ordinary: Mapping[str, float]
