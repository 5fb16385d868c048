"""Drawing on a Pillow image: text, pills, outlines. Knows nothing of scans."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

BACKGROUND, PANEL, LINE = "#0d1117", "#161b22", "#30363d"
TEXT, MUTED = "#f0f3f6", "#9aa4af"
LEFT_OUT = "#8b949e"
"""The outline of what is not reported as calcification."""
PNG_LEVEL = 3
"""Of zlib: half the time of its usual 6, and pictures of a scan become no larger."""
_RING_PX, _SMALL_PX = 16, 110
_TEXT_CONTRAST = 8.0
"""Above the 7 that WCAG 2 asks for at its highest level (AAA), which counts on text with no picture behind it."""

_GLYPHS = str.maketrans(
    {"–": "-", "—": "-", "−": "-", "≥": ">=", "≤": "<=", "³": "3", "²": "2", "×": "x", "→": "to", "’": "'"}
)


@cache
def font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    """Pillow's own font, so that the picture is the same everywhere."""
    return ImageFont.load_default(size)


class Canvas:
    """An RGB image that is drawn on."""

    def __init__(self, width: int, height: int) -> None:
        self.image = Image.new("RGB", (width, height), BACKGROUND)
        self.draw = ImageDraw.Draw(self.image)

    def text(
        self,
        at: tuple[float, float],
        text: str,
        size: int,
        colour: str = TEXT,
        *,
        anchor: str = "ls",
        bold: bool = False,
        halo: bool = False,
    ) -> None:
        """Text on its baseline; `halo` keeps it legible on a picture."""
        text = text.translate(_GLYPHS)
        if halo:
            self.draw.text(at, text, "black", font(size), anchor=anchor, stroke_width=2)
        self.draw.text(at, text, colour, font(size), anchor=anchor, stroke_width=0.5 if bold else 0)

    def width_of(self, text: str, size: int) -> float:
        return float(font(size).getlength(text.translate(_GLYPHS)))

    def fitted(self, text: str, size: int, width: float) -> str:
        """The text, cut short with dots where it is wider than `width`."""
        if self.width_of(text, size) <= width:
            return text
        while text and self.width_of(text + "...", size) > width:
            text = text[:-1]
        return text.rstrip() + "..."

    def wrapped(self, text: str, size: int, width: float) -> list[str]:
        """The text in lines no wider than `width`."""
        lines = [""]
        for word in text.split():
            longer = f"{lines[-1]} {word}".strip()
            if lines[-1] and self.width_of(longer, size) > width:
                lines.append(word)
            else:
                lines[-1] = longer
        return lines

    def pill(self, left: float, middle: float, text: str, size: int, colour: str) -> float:
        """A rounded label, its left end at `left`; returns where it ends."""
        right = left + self.width_of(text, size) + 1.3 * size
        box = (left, middle - 0.85 * size, right, middle + 0.85 * size)
        self.draw.rounded_rectangle(box, radius=0.85 * size, fill=colour)
        self.text(((left + right) / 2, middle), text, size, "white", anchor="mm", bold=True)
        return right

    def mm3(self, right: float, baseline: float, size: int, colour: str = MUTED) -> None:
        """The unit mm³ (the font has no raised 3), ending at `right`."""
        small = max(8, round(0.65 * size))
        self.text((right, baseline - 0.35 * size), "3", small, colour, anchor="rs")
        self.text((right - self.width_of("3", small), baseline), "mm", size, colour, anchor="rs")

    def paste(self, picture: npt.NDArray[np.uint8], left: int, top: int) -> None:
        self.image.paste(Image.fromarray(picture), (left, top))


def grey(hu: npt.NDArray[np.float32], centre: float, width: float) -> npt.NDArray[np.uint8]:
    """HU through a window to RGB (rows, columns, 3)."""
    shade = np.clip((hu - (centre - width / 2)) / width, 0.0, 1.0) * 255
    return np.repeat(shade.astype(np.uint8)[..., None], 3, axis=2)


def outlined(
    picture: npt.NDArray[np.uint8], labels: npt.NDArray[np.int32], colours: dict[int, str], thickness: float = 2.5
) -> npt.NDArray[np.uint8]:
    """The picture with a smooth coloured line around each label, outside it, so that the label stays visible. What is
    too small to catch the eye gets a ring around it."""
    out = picture.astype(np.float64)
    for label, around in enumerate(ndimage.find_objects(labels), start=1):
        if around is None:
            continue
        box = _wider(around, 2 * _RING_PX)
        mask = labels[box] == label
        alpha = _line(ndimage.distance_transform_edt(~mask), thickness)
        if ring_px(mask):
            alpha = np.maximum(alpha, _ring(mask))
        rgb = np.array([int(colours.get(label, "#ffffff")[at : at + 2], 16) for at in (1, 3, 5)], dtype=np.float64)
        out[box] = out[box] * (1 - alpha[..., None]) + rgb * alpha[..., None]
    return out.round().astype(np.uint8)


@cache
def legible(colour: str) -> str:
    """The colour, as much lighter as text on a picture needs to be read: by `_TEXT_CONTRAST` to the black around it.

    >>> legible("#ffb454"), legible("#0a7a8f")
    ('#ffb454', '#65abb8')
    """
    rgb = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)], dtype=np.float64)
    shares = np.linspace(0.0, 1.0, 101)
    lighter = rgb + shares[:, None] * (255.0 - rgb)
    part = lighter / 255.0
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    contrast = (linear @ [0.2126, 0.7152, 0.0722] + 0.05) / 0.05
    red, green, blue = lighter[int((contrast >= _TEXT_CONTRAST).argmax())].round().astype(int)
    return f"#{red:02x}{green:02x}{blue:02x}"


def ring_px(mask: npt.NDArray[np.bool_]) -> float:
    """The radius of the ring that `outlined` draws around a label, from its middle; 0 where it draws none."""
    return float(_RING_PX if mask.sum() < _SMALL_PX else 0)


def _wider(box: tuple[slice, ...], pad: int) -> tuple[slice, ...]:
    return tuple(slice(max(0, part.start - pad), part.stop + pad) for part in box)


def _line(distance: npt.NDArray[np.float64], thickness: float) -> npt.NDArray[np.float64]:
    """How opaque the line is, 0 to 1, by the distance to what it outlines: not at all on it, smooth at both edges."""
    smooth = ndimage.gaussian_filter(distance, 0.7)
    return np.asarray(np.clip(thickness + 1.0 - smooth, 0.0, 1.0) * np.clip(smooth - 0.3, 0.0, 1.0) * (distance > 0))


def _ring(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    centre = np.argwhere(mask).mean(axis=0)
    rows, columns = np.indices(mask.shape)
    distance = np.hypot(rows - centre[0], columns - centre[1])
    return np.asarray(np.clip(1.5 - np.abs(distance - _RING_PX), 0.0, 1.0) * ~mask)
