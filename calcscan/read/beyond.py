"""What the rest of a series shows beyond the stack that was chosen: a tilt or a field of view set anew on the way."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from calcscan.geometry import Array
from calcscan.model import Flag
from calcscan.read.header import Image
from calcscan.read.rules import limit
from calcscan.read.series import Stack
from calcscan.read.stack import normal_of


def beyond_flag(chosen: Stack, stacks: Iterable[Stack]) -> tuple[Flag, ...]:
    """`missing_slices` where other slices of the chosen one's series, of the same kernel, reach farther along it.

    They can't be joined to it, as they lie in another direction, or have other pixels.
    """
    normal = normal_of(chosen.first)
    low, high = _ends(chosen, normal)
    reach_mm = 0.0
    for stack in stacks:
        if stack is not chosen and _continues(stack.first, chosen.first):
            other_low, other_high = _ends(stack, normal)
            reach_mm = max(reach_mm, low - other_low, other_high - high)
    if reach_mm <= limit("beyond_mm"):
        return ()
    message = (
        f"Slices of the series that lie in another direction or have other pixels were left out; "
        f"they show {reach_mm:.0f} mm more."
    )
    return (Flag(code="missing_slices", message=message, value=round(reach_mm, 1), limit=limit("beyond_mm")),)


def _continues(image: Image, chosen: Image) -> bool:
    """Is it of the same scan and kind, seen much the same way?"""
    own = (image.study_uid, image.series_uid, image.sop_class, image.modality, image.image_type[:3], image.kernel)
    its = (chosen.study_uid, chosen.series_uid, chosen.sop_class, chosen.modality, chosen.image_type[:3], chosen.kernel)
    if own != its or image.position_mm is None or image.row_spacing_mm is None:
        return False
    return bool(normal_of(image) @ normal_of(chosen) > np.cos(np.radians(limit("beyond_turn_deg"))))


def _ends(stack: Stack, normal: Array) -> tuple[float, float]:
    """Where the middles of its slices lie along a direction, lowest and highest."""
    at = [float(_middle(image) @ normal) for image in stack.images]
    return min(at), max(at)


def _middle(image: Image) -> Array:
    row, column = np.array(image.row_cosine or ()), np.array(image.column_cosine or ())
    along_row = (image.columns - 1) / 2 * (image.column_spacing_mm or 0.0)
    along_column = (image.rows - 1) / 2 * (image.row_spacing_mm or 0.0)
    return np.asarray(np.array(image.position_mm) + row * along_row + column * along_column)
