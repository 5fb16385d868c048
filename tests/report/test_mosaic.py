from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from support.contrast import contrast
from support.grids import GRIDS, UNEVEN
from support.results import Ball, grid, make_result

from calcscan.knowledge.left_out import LeftOutReason
from calcscan.knowledge.mosaic import MosaicSettings
from calcscan.knowledge.settings import load
from calcscan.model import Flag, LeftOut
from calcscan.report import mosaic
from calcscan.report.drawing import Canvas, legible, outlined, ring_px
from calcscan.report.legend import elsewhere, notes, panel_height, site_volumes
from calcscan.report.mosaic import Slices, mosaic_png
from calcscan.report.numbering import place_numbers
from calcscan.report.sitelabels import site_labels
from calcscan.report.slices import choose_levels, find_crop, view_planes, volume_by_level

SETTINGS = load(MosaicSettings)
THICK = {"spacing_mm": (8.0, 3.0, 3.0)}
LEFT = Ball(site="putamen", side="left", centre_mm=(30.0, -30.0, 2.0), radius_mm=8.0)
BACK = Ball(site="dentate", side="right", centre_mm=(-18.0, 40.0, -20.0), radius_mm=8.0)


def open_png(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


@pytest.mark.parametrize("name", GRIDS)
def test_left_and_posterior_are_where_a_radiologist_expects_them(name, monkeypatch):
    """On any grid a lesion is drawn at its position in the world: left is right, posterior is down."""
    monkeypatch.setattr(mosaic, "_TILES_WIDTH", 480)
    result = make_result(GRIDS[name], balls=(LEFT, BACK))
    planes = view_planes(result.scan.geometry, SETTINGS)
    crop = find_crop(result, planes, SETTINGS)
    tiles = Slices.of(result, SETTINGS).tiles
    assert planes.right[0] > 0.9
    assert planes.down[1] > 0.9
    assert planes.up[2] > 0.9
    for lesion in result.lesions.lesions:
        tile = max(tiles, key=lambda tile: int((tile.labels == lesion.id).sum()))
        rows, columns = np.nonzero(tile.labels == lesion.id)
        assert len(rows)
        pixel = crop.width / tile.labels.shape[1]
        x, y, z = planes.project(np.array(lesion.centroid_lps_mm))
        assert columns.mean() * pixel + crop.left == pytest.approx(x, abs=3.0)
        assert rows.mean() * pixel + crop.top == pytest.approx(y, abs=3.0)
        assert planes.levels_mm[tile.level] == pytest.approx(z, abs=7.0)
        assert np.median(tile.hu[rows, columns]) > 150


@pytest.mark.parametrize("name", ["axes 0", "axes 3", "tilted", "uneven and tilted"])
def test_the_picture_itself_shows_the_left_lesion_on_the_right(name):
    picture = open_png(mosaic_png(make_result(GRIDS[name], balls=(LEFT,))))
    tiles = picture[:, :1304]
    red = np.argwhere(np.abs(tiles - [0xD6, 0x27, 0x28]).sum(axis=2) < 30)
    assert len(red) > 20
    result = make_result(GRIDS[name], balls=(LEFT,))
    columns = Slices.of(result, SETTINGS).columns
    width = (1280 - (columns - 1) * 6) // columns
    within = (red[:, 1] - 24) % (width + 6)
    assert within.min() > width / 2


def test_the_caption_names_the_slice_as_the_tables_do():
    for geometry in (grid(**THICK), grid((1, 0, 0), (0, -1, 0), **THICK)):
        result = make_result(geometry, balls=(LEFT,))
        tiles = Slices.of(result, SETTINGS).tiles
        best = max(tiles, key=lambda tile: int((tile.labels > 0).sum()))
        expected = round(result.lesions.lesions[0].centroid_kji[0]) + 1
        assert abs(int(best.caption.split()[1]) - expected) <= 1


def test_volumes_by_level_add_up_to_the_lesions():
    for geometry in (grid(**THICK), grid(tilt_deg=15, **THICK), grid(positions_mm=UNEVEN, **THICK), GRIDS["axes 7"]):
        result = make_result(geometry)
        table = volume_by_level(result.lesions, view_planes(geometry, SETTINGS))
        assert table.sum(axis=0) == pytest.approx([lesion.volume_mm3 for lesion in result.lesions.lesions])


def test_every_lesion_is_shown_before_any_twice():
    result = make_result(grid(spacing_mm=(1.0, 3.0, 3.0)))
    planes = view_planes(result.scan.geometry, SETTINGS)
    table = volume_by_level(result.lesions, planes)
    levels = choose_levels(table, planes, (-50.0, 50.0), 12, SETTINGS)
    assert levels == sorted(levels)
    assert len(levels) <= 12
    assert (table[levels].sum(axis=0) > 0).all()
    assert np.diff(planes.levels_mm[levels]).min() >= SETTINGS.apart_mm


def test_without_lesions_the_head_is_shown_evenly():
    result = make_result(grid(spacing_mm=(2.0, 3.0, 3.0)), balls=())
    planes = view_planes(result.scan.geometry, SETTINGS)
    levels = choose_levels(volume_by_level(result.lesions, planes), planes, (-55.0, 55.0), 12, SETTINGS)
    gaps = np.diff(planes.levels_mm[levels])
    assert len(levels) == 12
    assert gaps.max() <= gaps.min() + 2.0


def test_pixels_are_square_in_the_world_whatever_the_scanner_stored():
    result = make_result(grid(spacing_mm=(5.0, 1.0, 2.5)), balls=(LEFT,))
    tiles = Slices.of(result, SETTINGS).tiles
    tile = max(tiles, key=lambda tile: int((tile.labels > 0).sum()))
    rows, columns = np.nonzero(tile.labels)
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=0.2 * np.ptp(rows))


def test_the_crop_contains_the_head_and_little_else():
    for refused in (False, True):
        result = make_result(grid(half_mm=160.0, **THICK), refused=refused)
        planes = view_planes(result.scan.geometry, SETTINGS)
        crop = find_crop(result, planes, SETTINGS)
        assert 130 < crop.width < 180
        assert 165 < crop.height < 215


STATES = {
    "ok": ({}, (0x2E, 0xA0, 0x43)),
    "caution": ({"flags": [Flag(code="noisy", message="noise")]}, (0xD2, 0x99, 0x22)),
    "abstain": ({"accepted": False}, (0xDA, 0x36, 0x33)),
    "refused": ({"refused": True}, (0xDA, 0x36, 0x33)),
}


@pytest.mark.parametrize("state", STATES)
def test_the_state_of_quality_is_seen_at_a_glance(state):
    given, colour = STATES[state]
    header = open_png(mosaic_png(make_result(GRIDS["axes 0"], **given)))[:240]
    share = (np.abs(header - colour).sum(axis=2) == 0).mean()
    assert share > (0.15 if state in ("abstain", "refused") else 0.003)


def test_many_flags_are_fitted():
    flags = [Flag(code="metal", message=f"number {n} ≥ 3 " + "very long " * 60) for n in range(9)]
    picture = open_png(mosaic_png(make_result(GRIDS["axes 0"], flags=flags)))
    assert picture.shape[0] < 1700
    assert picture[:, -20:].std(axis=(0, 1)).max() < 1.0


def test_one_slice_alone_is_drawn():
    result = make_result(grid(positions_mm=[2.0]), balls=(LEFT,))
    assert open_png(mosaic_png(result)).size


def test_the_legend_adds_up():
    result = make_result()
    rows = {row.info.site: row for row in site_volumes(result)}
    assert list(rows) == ["pallidum", "falx", "pineal", "choroid_plexus"]
    assert set(rows["pallidum"].mm3_by_side) == {"left", "right"}
    total = sum(volume for row in rows.values() for volume in row.mm3_by_side.values())
    assert total == pytest.approx(sum(lesion.volume_mm3 for lesion in result.lesions.lesions))


@pytest.mark.parametrize("given", [{"accepted": False}, {"flags": [Flag(code="contrast", message="contrast")]}])
def test_the_legend_attributes_nothing_where_calcscan_abstains(given):
    result = make_result(**given)
    (row,) = site_volumes(result)
    assert row.info.site == "unassigned"
    assert row.mm3_by_side == {"": pytest.approx(sum(lesion.volume_mm3 for lesion in result.lesions.lesions))}
    tiles = open_png(mosaic_png(result))[240:, :1304]
    assert not (np.abs(tiles - [0xFF, 0x2F, 0xA0]).sum(axis=2) < 30).any()


def test_a_site_that_was_not_examined_is_not_listed_as_empty():
    summary = make_result().summary
    rows = [replace(row, count=None) if (row.site, row.side) == ("caudate", "left") else row for row in summary.sites]
    listed = elsewhere(replace(summary, sites=tuple(rows)))
    assert listed["Not examined, or unsure"] == ["caudate"]
    assert "putamen" in listed["Nothing detected"]
    assert not {"caudate", "pallidum", "unassigned"} & set(listed["Nothing detected"])


def test_an_outline_surrounds_and_never_covers():
    labels = np.zeros((40, 40), dtype=np.int32)
    labels[10:20, 12:25] = 3
    picture = np.full((40, 40, 3), 100, dtype=np.uint8)
    drawn = outlined(picture, labels, {3: "#ff0000"}).astype(int)
    assert (drawn[labels == 3] == 100).all()
    assert tuple(drawn[15, 26]) == (255, 0, 0)
    assert (drawn[:5] == 100).all()


def test_text_is_fitted_and_wrapped():
    canvas = Canvas(300, 50)
    assert canvas.width_of(canvas.fitted("word " * 50, 16, 200), 16) <= 200
    lines = canvas.wrapped("one two three four five six seven eight", 16, 100)
    assert len(lines) > 1
    assert " ".join(lines) == "one two three four five six seven eight"


def test_every_lesion_is_numbered_beside_itself_and_within_the_picture():
    labels = np.zeros((120, 160), dtype=np.int32)
    labels[2:12, 2:12], labels[2:12, 148:158], labels[60:70, 80:90], labels[60:70, 92:100] = 1, 2, 3, 4
    labels[100:118, 20:60] = 9  # left out: it has no number
    places = place_numbers(labels, 4, lambda label: (14.0, 18.0), ring_px)
    assert set(places) == {1, 2, 3, 4}
    boxes = {label: (x - 7, y - 9, x + 7, y + 9) for label, (x, y) in places.items()}
    for label, (left, top, right, bottom) in boxes.items():
        assert 0 <= left < right <= 160
        assert 0 <= top < bottom <= 120
        rows, columns = np.nonzero(labels == label)
        assert np.hypot(columns.mean() - (left + right) / 2, rows.mean() - (top + bottom) / 2) < 45
        assert all(
            other == label or right <= box[0] or box[2] <= left or bottom <= box[1] or box[3] <= top
            for other, box in boxes.items()
        )


def test_the_numbers_in_the_table_beside_are_those_of_the_lesions():
    rows = {row.info.site: row.lesions for row in site_volumes(make_result())}
    assert rows == {"pallidum": (1, 2), "pineal": (3,), "choroid_plexus": (4,), "falx": (5,)}
    (row,) = site_volumes(make_result(accepted=False))
    assert row.lesions == (1, 2, 3, 4, 5)


def test_a_number_is_light_enough_to_be_read_whatever_the_colour_of_its_site():
    for entry in site_labels().values():
        assert contrast(legible(entry.colour), "#000000") >= 7.0, entry.site


def test_nothing_that_is_outlined_lies_at_the_edge():
    """Also what was left out, outside the skull."""
    result = make_result(grid(**THICK), balls=(LEFT,))
    far = np.argwhere(np.ones(result.scan.hu.shape, dtype=bool))[[0, -1]]
    left_out = LeftOut.of(result.scan, far, LeftOutReason.FOREIGN_BODY)
    result = replace(result, lesions=replace(result.lesions, left_out=(left_out,)))
    planes = view_planes(result.scan.geometry, SETTINGS)
    crop = find_crop(result, planes, SETTINGS)
    at = planes.project(result.scan.geometry.to_world(far))
    assert (at[:, 0] >= crop.left + 10).all()
    assert (at[:, 0] <= crop.right - 10).all()
    assert (at[:, 1] >= crop.top + 10).all()
    assert (at[:, 1] <= crop.bottom - 10).all()


def test_the_panel_is_as_high_as_what_it_holds():
    """With a lesion at every site nothing is cut off at the foot."""
    balls = tuple(
        Ball(site=site, side=side, centre_mm=(-40 + 5.0 * (n % 17), -40 + 20.0 * (n // 17), 0.0), radius_mm=2.4)
        for n, (site, side) in enumerate(site_labels())
    )
    result = make_result(grid(spacing_mm=(4.0, 2.0, 2.0)), balls=balls)
    height = panel_height(result, SETTINGS)
    picture = open_png(mosaic_png(result))
    assert height > 780
    assert len(picture) >= height
    last = picture[-90:-30, 1340:]  # the last note
    assert (last.max(axis=2) > 140).any()


def tiles_of(result):
    return Slices.of(result, SETTINGS).tiles


def test_a_dense_lesion_is_shown_in_a_bone_window_beside_the_brain_window():
    """The brain window shows everything dense as white; what is faint is shown in it alone."""
    faint = make_result(balls=(LEFT, BACK))
    lesions = tuple(replace(lesion, max_hu=SETTINGS.dense_hu - 1) for lesion in faint.lesions.lesions)
    faint = replace(faint, lesions=replace(faint.lesions, lesions=lesions))
    assert not any(tile.bone for tile in tiles_of(faint))
    dense = replace(lesions[0], max_hu=SETTINGS.dense_hu)
    result = replace(faint, lesions=replace(faint.lesions, lesions=(dense, *lesions[1:])))
    tiles = tiles_of(result)
    shown = [number for number, tile in enumerate(tiles) if tile.bone]
    assert shown
    for number in shown:
        brain, bone = tiles[number - 1 : number + 1]
        assert (bone.level, bone.caption) == (brain.level, f"{brain.caption}, bone window")
        assert (bone.labels == dense.id).any()
        assert bone.volume_mm3 == 0.0  # it stands in the other
    assert len(tiles) <= 12


def test_every_lesion_of_a_sharp_kernel_is_shown_in_a_bone_window():
    result = make_result(balls=(LEFT, BACK), flags=[Flag(code="sharp_kernel", message="sharp")])
    tiles = tiles_of(result)
    assert {int(n) for tile in tiles if tile.bone for n in np.unique(tile.labels) if n} >= {1, 2}


def test_a_side_without_a_volume_says_whether_it_is_known():
    result = make_result()
    (row,) = (row for row in result.summary.sites if (row.site, row.side) == ("pallidum", "left"))
    for count, sign in ((0, "-"), (None, "?")):
        other = replace(row, count=count, volume_mm3=count)
        sites = tuple(other if one is row else one for one in result.summary.sites)
        told = replace(result, summary=replace(result.summary, sites=sites))
        (pallidum,) = (one for one in site_volumes(told) if one.info.site == "pallidum")
        assert pallidum.without == {"left": sign}
        assert any(f"{sign}: " in note for note in notes(told, SETTINGS))


def test_what_the_study_is_called_is_written_on_it():
    result = make_result()
    plain, named = (open_png(mosaic_png(result, study=study)) for study in ("", "sub-01 ses-2"))
    assert plain.shape == named.shape
    changed = np.argwhere((plain != named).any(axis=2))
    assert changed[:, 0].max() < 70
