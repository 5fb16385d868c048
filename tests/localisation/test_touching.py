"""Two nuclei whose deposits touch: the border lies where the lesion shows it, and the interval says how surely."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from support.atlas_head import FIT, intracranial, with_deposits

from calcscan.atlas import load_atlas
from calcscan.grid.geometry import Array, Geometry, apply
from calcscan.knowledge.settings import load
from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.localisation import locate_lesions
from calcscan.measurement.statistics import plain_measures
from calcscan.model import Lesion, LesionMap, LocatedLesionMap, Scan

SITES = (("pallidum", "left"), ("putamen", "left"))


def touching(
    shift_mm: tuple[float, float, float], hu: tuple[float, float], *, gap_mm: float = 0.0
) -> tuple[LocatedLesionMap, tuple[float, float]]:
    """Pallidum and putamen of the atlas, filled, blurred and moved aside by `shift_mm`, in one piece; how it is
    located, and the volume of each."""
    _, empty = with_deposits(np.zeros(3))
    atlas = load_atlas()
    numbers = [next(n for n, s in atlas.sites.items() if (s.site, s.side) == place) for place in SITES]
    where = apply(atlas.affine, np.argwhere(np.isin(atlas.labels, numbers))) + shift_mm
    low, high = where.min(axis=0) - 6.0, where.max(axis=0) + 6.0
    shape = tuple(np.ceil((high - low)[::-1] / (1.0, 0.7, 0.7)).astype(int))
    grid = Geometry.regular(shape=shape, spacing_mm=(1.0, 0.7, 0.7), origin_mm=tuple(low))
    points = grid.to_world(np.moveaxis(np.indices(shape), 0, -1).reshape(-1, 3)) - shift_mm
    first, second = (_inside(atlas.labels == n, atlas.affine, points).reshape(shape) for n in numbers)
    far = [_outside_mm(field) for field in (first, second)]
    within = np.minimum(*far) < 0.0
    own = within & (far[1] - far[0] > gap_mm), within & (far[0] - far[1] >= gap_mm)
    soft = sum(
        ndimage.gaussian_filter(part * (value - 30.0), (0.4, 0.7, 0.7)) for part, value in zip(own, hu, strict=True)
    )
    picture = np.rint(30.0 + np.asarray(soft) + np.random.default_rng(0).normal(0.0, 4.0, shape)).astype(np.int16)
    labels, _ = ndimage.label(picture >= 110, np.ones((3, 3, 3)))
    labels = (labels == 1 + np.bincount(labels.ravel())[1:].argmax()).astype(np.int32)
    kji = np.argwhere(labels > 0)
    truth = tuple(float(part.sum()) * 0.49 for part in own)
    whole = Lesion(
        id=1,
        volume_mm3=sum(truth),
        volume_low_mm3=0.9 * sum(truth),
        volume_high_mm3=1.1 * sum(truth),
        **plain_measures(kji, picture[tuple(kji.T)], grid, load(ThresholdSettings)),
    )
    lesions = LesionMap(labels=labels, geometry=grid, lesions=(whole,), threshold_hu=110, settings={})
    scan = Scan(hu=picture, geometry=grid)
    region = intracranial(mask=np.ones(shape, np.bool_))
    assert empty.hu.ndim == 3
    return locate_lesions(lesions, scan, region, FIT, atlas), (truth[0], truth[1])


def _inside(mask: np.ndarray, affine: Array, points: Array) -> Array:
    soft = ndimage.gaussian_filter(mask.astype(np.float32), 0.6)
    return np.asarray(ndimage.map_coordinates(soft, apply(np.linalg.inv(affine), points).T, order=1))


def _outside_mm(inside: Array) -> Array:
    step = (1.0, 0.7, 0.7)
    return np.asarray(
        ndimage.distance_transform_edt(inside < 0.5, step) - ndimage.distance_transform_edt(inside >= 0.5, step)
    )


SHIFTS = [(3.0, 0.0, 0.0), (-1.5, 1.0, 1.5)]


@pytest.mark.parametrize("shift_mm", SHIFTS)
@pytest.mark.parametrize("hu", [(300.0, 500.0), (700.0, 250.0)])
def test_a_step_in_density_tells_where_one_deposit_ends(
    shift_mm: tuple[float, float, float], hu: tuple[float, float]
) -> None:
    found, truth = touching(shift_mm, hu)
    for place, mm3 in zip(SITES, truth, strict=True):
        (part,) = (lesion for lesion in found.lesions if (lesion.site, lesion.side) == place)
        assert part.volume_mm3 == pytest.approx(mm3, rel=0.2)
        assert part.volume_low_mm3 <= mm3 <= part.volume_high_mm3
        assert part.division != "atlas"


@pytest.mark.parametrize("shift_mm", SHIFTS)
def test_a_trough_between_two_deposits_of_one_density_tells_where_one_ends(
    shift_mm: tuple[float, float, float],
) -> None:
    found, truth = touching(shift_mm, (400.0, 400.0), gap_mm=1.2)
    for place, mm3 in zip(SITES, truth, strict=True):
        (part,) = (lesion for lesion in found.lesions if (lesion.site, lesion.side) == place)
        assert part.volume_mm3 == pytest.approx(mm3, rel=0.2)
        assert part.volume_low_mm3 <= mm3 <= part.volume_high_mm3


def test_what_both_hold_is_given_with_its_interval() -> None:
    found, truth = touching((2.0, 0.0, 0.0), (400.0, 400.0))
    (pair,) = found.pairs
    assert set(pair.sites) == set(SITES)
    assert pair.volume_mm3 == pytest.approx(sum(truth), rel=0.1)
    assert pair.volume_low_mm3 <= sum(truth) <= pair.volume_high_mm3
    parts = [lesion for lesion in found.lesions if (lesion.site, lesion.side) in SITES]
    assert pair.volume_high_mm3 - pair.volume_low_mm3 < sum(p.volume_high_mm3 - p.volume_low_mm3 for p in parts)


def test_a_lesion_in_one_nucleus_has_no_division() -> None:
    lesions, scan = with_deposits(np.array([-14.0, 9.0, 9.0]), radius=4)
    (found,) = locate_lesions(lesions, scan, intracranial(), FIT, load_atlas()).lesions
    assert found.division is None
    assert replace(found, division="atlas").division == "atlas"
