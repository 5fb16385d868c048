"""How `calcscan agree` counts lesions and groups them by size."""

from __future__ import annotations

from typing import ClassVar

from calcscan.knowledge.settings import Settings


class AgreementSettings(Settings, frozen=True, kw_only=True):
    """Values of `knowledge/agreement.toml`, where each has its unit and reason."""

    file: ClassVar[str] = "agreement"

    size_edges_mm3: tuple[float, ...]
    overlap_voxels: int
    few_studies: int
    doubtful_share: float
    most_listed: int

    @property
    def size_classes(self) -> tuple[tuple[float, float | None], ...]:
        """From and to, mm³, the last without an end.

        >>> from calcscan.knowledge.settings import load
        >>> load(AgreementSettings).size_classes[-1]
        (200.0, None)
        """
        return tuple(zip((0.0, *self.size_edges_mm3), (*self.size_edges_mm3, None), strict=True))
