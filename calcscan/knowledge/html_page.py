"""The settings of `html_page.toml`."""

from __future__ import annotations

from typing import ClassVar

from calcscan.knowledge.settings import Settings, Table


class Window(Table, frozen=True, kw_only=True):
    """Which HU are black and which are white."""

    centre_hu: int
    width_hu: int

    @property
    def low_hu(self) -> float:
        return self.centre_hu - self.width_hu / 2

    @property
    def high_hu(self) -> float:
        return self.centre_hu + self.width_hu / 2


class HtmlPageSettings(Settings, frozen=True, kw_only=True):
    """What report.html shows, and how finely."""

    file: ClassVar[str] = "html_page"

    shown_beyond_mm: float
    skin_mm: float
    viewer_spacing_mm: float
    viewer_most_voxels: int
    fine_step_hu: int
    coarse_step_hu: int
    coarse_from_hu: int
    picture_mm: float
    picture_margin_mm: float
    most_pictures: int
    histogram_bin_hu: int
    window_brain: Window
    window_calcium: Window
    window_bone: Window

    @property
    def windows(self) -> dict[str, Window]:
        """By the name that the page shows."""
        return {"brain": self.window_brain, "calcium": self.window_calcium, "bone": self.window_bone}
