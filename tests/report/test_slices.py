"""The slices that the pictures show: each pixel by itself has the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.grids import GRIDS
from support.results import make_result

from calcscan.grid.geometry import Geometry
from calcscan.grid.interpolate import linear_at
from calcscan.knowledge.mosaic import MosaicSettings
from calcscan.knowledge.settings import load
from calcscan.model import AIR_HU, Result
from calcscan.report.slices import (
    Planes,
    cut,
    find_crop,
    numbered_voxels,
    pixel_places,
    slab,
    view_planes,
    volume_by_level,
)

SETTINGS = load(MosaicSettings)


def levels_with_most(planes: Planes, result: Result) -> list[int]:
    """One level with the most of each lesion, and the first and the last."""
    most = volume_by_level(result.lesions, planes).argmax(axis=0)
    return [0, *map(int, most[:2]), len(planes.levels_mm) - 1]


@pytest.mark.parametrize("name", ["axes 0", "axes 3", "axes 7", "tilted", "uneven and tilted"])
def test_a_tile_is_the_mean_of_its_planes_and_shows_the_nearest_labels(name: str) -> None:
    result = make_result(GRIDS[name])
    noise = np.random.default_rng(1).integers(-1000, 2000, result.scan.hu.shape).astype(np.int16)
    result = replace(result, scan=replace(result.scan, hu=noise))
    planes = view_planes(result.scan.geometry, SETTINGS)
    crop, voxels = find_crop(result, planes, SETTINGS), numbered_voxels(result.lesions)
    assert voxels is not None
    seen = 0
    for level in levels_with_most(planes, result):
        tile = cut(result, voxels, planes, crop, level, 160, 0.0, SETTINGS)
        levels = planes.levels_mm[slab(planes, level, SETTINGS)]
        expected, labels = np.zeros(tile.hu.shape, np.float32), np.zeros(tile.labels.shape, np.int32)
        for at in levels:
            index = result.scan.geometry.to_index(pixel_places(planes, crop, 160) + at * planes.up).round(5)
            expected += linear_at(noise, index, fill=AIR_HU) / len(levels)
            for pixel in np.ndindex(*labels.shape):
                if ((index[pixel] >= 0) & (index[pixel] <= np.array(noise.shape) - 1)).all():
                    k, j, i = np.floor(index[pixel] + 0.5).astype(int)
                    labels[pixel] = max(labels[pixel], voxels[k, j, i])
        assert np.allclose(tile.hu, expected, atol=1e-3)
        assert np.array_equal(tile.labels, labels)
        seen += int(labels.any())
    assert seen >= 2


def test_a_scan_of_one_slice_is_shown() -> None:
    result = make_result(GRIDS["axes 0"])
    geometry = result.scan.geometry
    one = Geometry(
        origins_mm=geometry.origins_mm[20:21], step_i_mm=geometry.step_i_mm, step_j_mm=geometry.step_j_mm,
        slab_mm=geometry.slab_mm[20:21], rows=geometry.rows, columns=geometry.columns,
    )  # fmt: skip
    alone = replace(result, scan=replace(result.scan, hu=result.scan.hu[20:21], geometry=one), intracranial=None)
    planes = view_planes(one, SETTINGS)
    crop = find_crop(replace(alone, lesions=None), planes, SETTINGS)
    tile = cut(alone, None, planes, crop, 0, 160, 0.0, SETTINGS)
    assert (tile.hu > 0).any()
    assert not tile.labels.any()
