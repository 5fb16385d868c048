"""PNG pictures for the page: each lesion at a brain and a bone window, as fine as the scan, and the slices."""

from __future__ import annotations

import io
from base64 import b64encode
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from markupsafe import Markup
from PIL import Image

from calcscan.grid.geometry import Array
from calcscan.grid.interpolate import linear_at
from calcscan.knowledge.html_page import HtmlPageSettings, Window
from calcscan.knowledge.mosaic import MosaicSettings
from calcscan.model import AIR_HU, Result
from calcscan.report.drawing import PNG_LEVEL, grey
from calcscan.report.html.inside import Inside
from calcscan.report.mosaic import Slices, slices_png
from calcscan.report.slices import Crop, pixel_places, view_planes


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """One deposit in its own slice, as `data:` addresses. `outlined`: at the brain window, with its outline."""

    outlined: Markup
    brain: Markup
    bone: Markup
    slice: int | None
    width_mm: float


def slices_picture(result: Result, slices: Slices, inside: Inside, settings: MosaicSettings) -> Markup:
    """The slices of mosaic.png, of the inside of the skull alone."""
    return _address(slices_png(result, slices, inside.at, settings))


class PictureMaker:
    """Makes the pictures of pieces of one scan."""

    def __init__(self, result: Result, inside: Inside, settings: HtmlPageSettings, planes_by: MosaicSettings) -> None:
        self._scan, self._inside, self._settings = result.scan, inside, settings
        self._planes = view_planes(result.scan.geometry, planes_by)

    def of(self, kji: npt.NDArray[np.int64], colour: str) -> Pictures:
        """Of a piece, voxels (n, 3): the slice that holds most of it, and `colour` around it."""
        planes, geometry = self._planes, self._scan.geometry
        across = planes.project(geometry.to_world(kji))
        level = self._level(across[:, 2])
        crop = self._crop(across)
        pixel_mm = min(geometry.spacing_mm[1:])
        places = pixel_places(planes, crop, max(8, round(crop.width / pixel_mm)))
        places = places + planes.levels_mm[level] * planes.up
        index = geometry.to_index(places).round(5)
        hu = linear_at(self._scan.hu, index, fill=AIR_HU)
        hu = np.where(self._inside.at(places), hu, np.float32(AIR_HU))
        brain = _grey(hu, self._settings.window_brain)
        return Pictures(
            outlined=_png(_outlined(brain, _held(kji, index), colour)),
            brain=_png(brain[..., 0]),
            bone=_png(_grey(hu, self._settings.window_bone)[..., 0]),
            slice=None if planes.slices is None else self._scan.slice_number(planes.slices[level]),
            width_mm=crop.width,
        )

    def _level(self, heights_mm: Array) -> int:
        """The plane that most of the piece lies nearest to."""
        levels_mm = self._planes.levels_mm
        nearest = np.searchsorted((levels_mm[1:] + levels_mm[:-1]) / 2, heights_mm)
        return int(np.bincount(nearest).argmax())

    def _crop(self, across: Array) -> Crop:
        low, high = across[:, :2].min(axis=0), across[:, :2].max(axis=0)
        size = max(self._settings.picture_mm, float((high - low).max()) + 2 * self._settings.picture_margin_mm)
        left, top = ((low + high) / 2 - size / 2).tolist()
        return Crop(left=left, top=top, right=left + size, bottom=top + size)


def _held(kji: npt.NDArray[np.int64], index: Array) -> npt.NDArray[np.bool_]:
    """Which pixels, at fractional indices (rows, columns, 3), lie in the voxels (n, 3)."""
    low = kji.min(axis=0) - 1
    grid = np.zeros(kji.max(axis=0) - low + 2, dtype=np.bool_)
    grid[tuple((kji - low).T)] = True
    at = np.clip(np.floor(index + 0.5).astype(np.int64) - low, 0, np.array(grid.shape) - 1)
    return np.asarray(grid[tuple(np.moveaxis(at, -1, 0))])


def _outlined(picture: npt.NDArray[np.uint8], mask: npt.NDArray[np.bool_], colour: str) -> npt.NDArray[np.uint8]:
    """A line one pixel wide around the mask, which stays visible."""
    around = mask.copy()
    around[1:] |= mask[:-1]
    around[:-1] |= mask[1:]
    around[:, 1:] |= mask[:, :-1]
    around[:, :-1] |= mask[:, 1:]
    out = picture.copy()
    out[around & ~mask] = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return out


def _grey(hu: npt.NDArray[np.float32], window: Window) -> npt.NDArray[np.uint8]:
    return grey(hu, window.centre_hu, window.width_hu)


def _png(picture: npt.NDArray[np.uint8]) -> Markup:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", compress_level=PNG_LEVEL)
    return _address(file.getvalue())


def _address(png: bytes) -> Markup:
    return Markup(f"data:image/png;base64,{b64encode(png).decode()}")
