"""How well one colour is told from another, and the colours of a style sheet."""

from __future__ import annotations

import re


def contrast(one: str, other: str) -> float:
    """Of two sRGB colours such as `#0d1117`, as WCAG 2 defines it: 1 (the same) to 21 (black on white)."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def themes(style: str) -> list[dict[str, str]]:
    """The colours, by name, of each `:root` of a style sheet: the first are those by daylight."""
    return [dict(re.findall(r"--([\w-]+): (#\w+);", block)) for block in re.findall(r":root \{([^}]*)\}", style)]


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
