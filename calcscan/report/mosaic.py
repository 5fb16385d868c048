"""Result → mosaic.png: at a glance, what was found, where, and how far it may be trusted."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from calcscan.begun import Begun
from calcscan.grid.geometry import Array
from calcscan.knowledge.mosaic import MosaicSettings
from calcscan.knowledge.quality import FlagCode
from calcscan.knowledge.settings import load
from calcscan.model import AIR_HU, Result
from calcscan.processors import at_once
from calcscan.report.drawing import LEFT_OUT, LINE, MUTED, PNG_LEVEL, TEXT, Canvas, grey, legible, outlined, ring_px
from calcscan.report.legend import PANEL_WIDTH, draw_panel, panel_height, short
from calcscan.report.numbering import place_numbers
from calcscan.report.quantities import State
from calcscan.report.sitelabels import label_of
from calcscan.report.slices import (
    Crop,
    Planes,
    Tile,
    choose_levels,
    cut,
    find_crop,
    first_left_out,
    head_heights,
    left_out_by_level,
    numbered_voxels,
    pixel_places,
    slab,
    view_planes,
    volume_by_level,
)

MOST_TILES = 12
_TILES_WIDTH, _GAP, _EDGE, _NUMBER = 1280, 6, 24, 19
_LEFT_OUT_COUNTS = 1e-4
"""What was left out is shown too, but after every lesion."""
_STATE_WORDS = {State.OK: "QUALITY OK", State.CAUTION: "CAUTION", State.ABSTAIN: "ABSTAINED"}
_REVIEWED_COLOUR = "#1f6feb"
_STATE_COLOURS = {State.OK: "#2ea043", State.CAUTION: "#d29922", State.ABSTAIN: "#da3633"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slices:
    """The slices that the pictures of a scan show, cut once: tiles in rows of `columns`."""

    planes: Planes
    crop: Crop
    tiles: tuple[Tile, ...]
    columns: int
    voxels: npt.NDArray[np.int32] | None
    """`numbered_voxels` of the result."""

    @classmethod
    def of(cls, result: Result, settings: MosaicSettings, begun: Begun | None = None) -> Slices:
        """Up to twelve: those with most calcification first. `begun`: where the voxels may be numbered already."""
        planes = view_planes(result.scan.geometry, settings)
        crop = find_crop(result, planes, settings)
        voxels = (begun or Begun()).answer(numbered_voxels, result.lesions)
        tiles, columns = _tiles(result, voxels, planes, crop, settings)
        return cls(planes=planes, crop=crop, tiles=tuple(tiles), columns=columns, voxels=voxels)

    @property
    def height(self) -> int:
        """Of all rows, in pixels."""
        rows = -(-len(self.tiles) // self.columns)
        return rows * len(self.tiles[0].labels) + (rows - 1) * _GAP


def mosaic_png(
    result: Result,
    *,
    title: str = "calcscan",
    study: str = "",
    settings: MosaicSettings | None = None,
    slices: Slices | None = None,
) -> bytes:
    """Up to twelve pictures of axial slices at a brain window, some beside it at a bone window where a lesion is dense
    or the kernel sharp; marked R and L, with the lesions outlined in the colour of their site and numbered as in the
    tables. A table of volumes by site and side, and the state of quality. PNG bytes; no identifier is in it but
    `study`, what the study is called. `slices` are those of the result, where they have been cut already."""
    settings = settings or load(MosaicSettings)
    slices = slices or Slices.of(result, settings)
    header = _header_height(result)
    body = max(slices.height, panel_height(result, settings))
    canvas = Canvas(_EDGE * 3 + _TILES_WIDTH + PANEL_WIDTH, header + body + _EDGE)
    _draw_header(canvas, result, title, study)
    _draw_tiles(canvas, result, slices, (_EDGE, header), settings)
    draw_panel(canvas, result, _EDGE * 2 + _TILES_WIDTH, header, settings)
    return _png(canvas)


def slices_png(
    result: Result, slices: Slices, shown: Callable[[Array], npt.NDArray[np.bool_]], settings: MosaicSettings
) -> bytes:
    """The slices alone, without header and table. What lies at points (…, 3), LPS mm, that are not `shown` is black."""
    planes, tiles = slices.planes, []
    places = pixel_places(planes, slices.crop, slices.tiles[0].labels.shape[1])
    for tile in slices.tiles:
        visible = shown(places + planes.levels_mm[tile.level] * planes.up)
        tiles.append(replace(tile, hu=np.where(visible, tile.hu, np.float32(AIR_HU))))
    canvas = Canvas(_TILES_WIDTH, slices.height)
    _draw_tiles(canvas, result, replace(slices, tiles=tuple(tiles)), (0, 0), settings)
    return _png(canvas)


def _png(canvas: Canvas) -> bytes:
    file = io.BytesIO()
    canvas.image.save(file, "PNG", compress_level=PNG_LEVEL)
    return file.getvalue()


def _draw_tiles(
    canvas: Canvas, result: Result, slices: Slices, corner: tuple[int, int], settings: MosaicSettings
) -> None:
    """In their rows, from the corner (left, top) on, with a scale on the first."""
    height, width = slices.tiles[0].labels.shape
    colours, letters = _colours(result), side_letters(result)
    last = first_left_out(result.lesions) - 1 if result.lesions else 0
    for number, tile in enumerate(slices.tiles):
        row, column = divmod(number, slices.columns)
        left, top = corner[0] + column * (width + _GAP), corner[1] + row * (height + _GAP)
        _draw_tile(canvas, tile, left, top, colours, letters, settings)
        _draw_numbers(canvas, tile, left, top, colours, last)
    _draw_scale(canvas, corner[0] + width / 2, corner[1] + height, slices.crop.width / width)


def _tiles(
    result: Result,
    voxels: npt.NDArray[np.int32] | None,
    planes: Planes,
    crop: Crop,
    settings: MosaicSettings,
) -> tuple[list[Tile], int]:
    table = volume_by_level(result.lesions, planes)
    wanted = np.hstack([table, _LEFT_OUT_COUNTS * left_out_by_level(result.lesions, planes)])
    dense = _dense(result, settings)
    most = MOST_TILES - settings.most_bone_tiles if dense.any() else MOST_TILES
    levels = choose_levels(wanted, planes, head_heights(result, planes), most, settings)
    volume_of = {level: float(table[slab(planes, level, settings)][:, dense].sum()) for level in levels}
    twice = sorted((level for level in levels if volume_of[level] > 0), key=lambda level: -volume_of[level])
    twice = twice[: settings.most_bone_tiles]
    count = len(levels) + len(twice)
    columns = 4 if count > 6 else 3 if count > 2 else max(1, count)
    width = (_TILES_WIDTH - (columns - 1) * _GAP) // columns
    volumes = [float(table[slab(planes, level, settings)].sum()) for level in levels]
    tiles = at_once(
        partial(cut, result, voxels, planes, crop, level, width, volume_mm3, settings)
        for level, volume_mm3 in zip(levels, volumes, strict=True)
    )
    shown = [one for tile in tiles for one in ((tile, _in_bone(tile)) if tile.level in twice else (tile,))]
    return shown, columns


def _dense(result: Result, settings: MosaicSettings) -> npt.NDArray[np.bool_]:
    """Which of the lesions are shown in a bone window, too."""
    lesions = result.lesions.lesions if result.lesions else ()
    sharp = any(flag.code == FlagCode.SHARP_KERNEL for flag in result.quality.flags)
    return np.array([sharp or lesion.max_hu >= settings.dense_hu for lesion in lesions], dtype=np.bool_)


def _in_bone(tile: Tile) -> Tile:
    return replace(tile, bone=True, caption=f"{tile.caption}, bone window", volume_mm3=0.0)


def _colours(result: Result) -> dict[int, str]:
    """The colour of each lesion's site; none, which is drawn white, where calcscan abstains. What was left out is grey:
    `numbered_voxels` numbers it after the lesions."""
    if result.lesions is None:
        return {}
    known = result.quality.state != State.ABSTAIN
    colours = {lesion.id: label_of(lesion).colour for lesion in result.lesions.lesions if known or lesion.by_reader}
    first = first_left_out(result.lesions)
    return colours | dict.fromkeys(range(first, first + len(result.lesions.left_out)), LEFT_OUT)


def side_letters(result: Result) -> tuple[str, str]:
    """What stands at the left and at the right edge of a picture."""
    laterality_unknown = any(flag.code == "laterality_unknown" for flag in result.quality.flags)
    return ("?", "?") if laterality_unknown else ("R", "L")


def _draw_tile(
    canvas: Canvas,
    tile: Tile,
    left: int,
    top: int,
    colours: Mapping[int, str],
    letters: tuple[str, str],
    settings: MosaicSettings,
) -> None:
    height, width = tile.labels.shape
    window = (settings.window_centre_hu, settings.window_width_hu)
    if tile.bone:
        window = (settings.bone_window_centre_hu, settings.bone_window_width_hu)
    canvas.paste(outlined(grey(tile.hu, *window), tile.labels, dict(colours)), left, top)
    canvas.draw.rectangle((left, top, left + width - 1, top + height - 1), outline=LINE)
    canvas.text((left + 10, top + height - 12), letters[0], 24, bold=True, halo=True)
    canvas.text((left + width - 10, top + height - 12), letters[1], 24, anchor="rs", bold=True, halo=True)
    canvas.text((left + 10, top + 24), tile.caption, 16, "#d0d7de", halo=True)
    if tile.volume_mm3 > 0:
        canvas.mm3(left + width - 10, top + 24, 16, "#d0d7de")
        canvas.text((left + width - 52, top + 24), short(tile.volume_mm3), 17, bold=True, anchor="rs", halo=True)


def _draw_numbers(canvas: Canvas, tile: Tile, left: int, top: int, colours: Mapping[int, str], last: int) -> None:
    """The number of each lesion, as in the tables, beside it; what was left out, from `last` + 1 on, has none."""
    places = place_numbers(
        tile.labels, last, lambda label: (canvas.width_of(str(label), _NUMBER) + 4, _NUMBER), ring_px
    )
    for label, (x, y) in places.items():
        colour = legible(colours.get(label, "#ffffff"))
        canvas.text((left + x, top + y), str(label), _NUMBER, colour, anchor="mm", bold=True, halo=True)


def _draw_scale(canvas: Canvas, centre: float, bottom: int, pixel_mm: float) -> None:
    half = 25.0 / pixel_mm
    canvas.draw.rectangle((centre - half - 6, bottom - 32, centre + half + 6, bottom - 2), fill="black")
    canvas.draw.line((centre - half, bottom - 10, centre + half, bottom - 10), fill="#d0d7de", width=2)
    for x in (centre - half, centre + half):
        canvas.draw.line((x, bottom - 14, x, bottom - 6), fill="#d0d7de", width=2)
    canvas.text((centre, bottom - 16), "5 cm", 14, "#d0d7de", anchor="ms")


def _header_height(result: Result) -> int:
    return 84 + 26 * _shown_flags(result) + (96 if result.quality.state == State.ABSTAIN else 0)


def _shown_flags(result: Result) -> int:
    return min(4, len(result.quality.flags))


def _draw_header(canvas: Canvas, result: Result, title: str, study: str) -> None:
    state, flags = State(result.quality.state), result.quality.flags
    width = canvas.image.width
    canvas.text((_EDGE, 50), title, 36, bold=True)
    end = canvas.pill(_EDGE + canvas.width_of(title, 36) + 24, 39, _STATE_WORDS[state], 18, _STATE_COLOURS[state])
    if result.reviews:
        end = canvas.pill(end + 12, 39, "REVIEWED", 18, _REVIEWED_COLOUR)
    warning = "RESEARCH USE ONLY - not for diagnosis"
    room = width - _EDGE - canvas.width_of(warning, 20) - 40 - end
    about = " · ".join(part for part in (study, _about(result)) if part)
    canvas.text((end + 20, 46), canvas.fitted(about, 18, room), 18, MUTED)
    canvas.text((width - _EDGE, 46), warning, 20, "#ffb454", anchor="rs", bold=True)
    top = 72
    if state == State.ABSTAIN:
        canvas.draw.rounded_rectangle(
            (_EDGE, top, width - _EDGE, top + 80), radius=10, fill=_STATE_COLOURS[State.ABSTAIN]
        )
        canvas.text((width / 2, top + 40), _abstained(result), 44, "white", anchor="mm", bold=True)
        top += 96
    shown = flags if len(flags) <= 4 else flags[:3]
    for number, flag in enumerate(shown):
        at = top + 18 + 26 * number
        canvas.text((_EDGE, at), flag.code, 17, TEXT, bold=True)
        start = _EDGE + canvas.width_of(flag.code, 17) + 14
        canvas.text((start, at), canvas.fitted(flag.message, 17, width - _EDGE - start), 17, MUTED)
    if len(flags) > len(shown):
        rest = ", ".join(flag.code for flag in flags[len(shown) :])
        canvas.text((_EDGE, top + 18 + 26 * len(shown)), canvas.fitted(f"and {rest}", 17, width - 2 * _EDGE), 17, MUTED)


def _abstained(result: Result) -> str:
    placed = result.lesions is not None and any(lesion.by_reader for lesion in result.lesions.lesions)
    return f"ABSTAINED: nothing{' but what a reader placed' if placed else ''} is attributed to a site"


def _about(result: Result) -> str:
    study, acquisition, geometry = result.scan.study, result.scan.acquisition, result.scan.geometry
    parts = [
        f"{study.age_years:.0f} y" if study.age_years is not None else "",
        study.sex or "",
        acquisition.manufacturer or "",
        acquisition.kernel or "",
        f"{geometry.shape[0]} slices, {acquisition.slice_thickness_mm:g} mm thick"
        if acquisition.slice_thickness_mm
        else "",
    ]
    return " · ".join(part for part in parts if part)
