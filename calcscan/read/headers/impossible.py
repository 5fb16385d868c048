"""Header values that no scanner writes."""

from __future__ import annotations

from calcscan.knowledge.reading import ReadingSettings
from calcscan.read.headers.image import Image


def impossible_value(image: Image, settings: ReadingSettings) -> str:
    """A value in a slice's header that can't be true, worded to follow the name of its file; empty if there is none."""
    low, high = settings.min_pixel_mm, settings.max_pixel_mm
    for spacing in (image.row_spacing_mm, image.column_spacing_mm):
        if spacing is not None and not low <= spacing <= high:
            shown = image.spacing_text or f"{spacing:g}"
            return f"has PixelSpacing {_short(shown)}, where a CT has {low:g} to {high:g} mm"
    farthest = settings.max_position_mm
    if image.position_mm is not None and max(map(abs, image.position_mm)) > farthest:
        shown = image.position_text or "\\".join(f"{value:g}" for value in image.position_mm)
        return f"has ImagePositionPatient {_short(shown)}, farther away than {farthest / 1000:g} m"
    pixels, most = image.pixels, settings.max_rescale
    for name, value in (("RescaleSlope", pixels.slope), ("RescaleIntercept", pixels.intercept)):
        if value is not None and abs(value) > most:
            return f"has {name} {value:.12g}, where no CT goes beyond {most:g}"
    return ""


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]} …"
