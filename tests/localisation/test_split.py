"""A calcification that reaches over several sites, divided along their borders."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.atlas_head import FIT, intracranial, with_deposits

from calcscan.atlas import load_atlas
from calcscan.grid.geometry import apply
from calcscan.grid.midline import MidlineSurface
from calcscan.knowledge.settings import load
from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.localisation import locate_lesions
from calcscan.measurement.statistics import plain_measures
from calcscan.model import Lesion, LesionMap, Registration, Scan


def filled(*places: tuple[str, str], shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> tuple[LesionMap, Scan]:
    """One lesion of 400 HU that fills these sites of the atlas throughout, moved aside by `shift_mm`."""
    _, scan = with_deposits(np.zeros(3))
    atlas = load_atlas()
    numbers = [n for n, s in atlas.sites.items() if (s.site, s.side) in places]
    kji = np.moveaxis(np.indices(scan.hu.shape), 0, -1).reshape(-1, 3)
    there = apply(np.linalg.inv(atlas.affine), scan.geometry.to_world(kji) - np.array(shift_mm))
    index = np.rint(there).astype(int)
    within = ((index >= 0) & (index < atlas.labels.shape)).all(axis=1)
    kji, index = kji[within], index[within]
    kji = kji[np.isin(atlas.labels[tuple(index.T)], numbers)]
    hu = np.full(scan.hu.shape, 35, np.int16)
    hu[tuple(kji.T)] = 400
    labels = (hu == 400).astype(np.int32)
    lesion = Lesion(
        id=1,
        volume_mm3=0.8 * len(kji),
        volume_low_mm3=0.7 * len(kji),
        volume_high_mm3=len(kji),
        **plain_measures(kji, hu[tuple(kji.T)], scan.geometry, load(ThresholdSettings)),
    )
    lesions = LesionMap(labels=labels, geometry=scan.geometry, lesions=(lesion,), threshold_hu=130, settings={})
    return lesions, Scan(hu=hu, geometry=scan.geometry)


def told(lesions: LesionMap, scan: Scan, fit: Registration = FIT) -> dict[tuple[str, str], Lesion]:
    found = locate_lesions(lesions, scan, intracranial(), fit, load_atlas())
    (whole,) = lesions.lesions
    assert sum(part.volume_mm3 for part in found.lesions) == pytest.approx(whole.volume_mm3)
    assert sum(part.volume_130_mm3 for part in found.lesions) == pytest.approx(whole.volume_130_mm3)
    assert np.array_equal(found.labels > 0, lesions.labels > 0)
    for part in found.lesions:
        assert (found.labels == part.id).sum() == part.voxels
        assert part.volume_low_mm3 <= part.volume_mm3 <= part.volume_high_mm3
        assert part.deposit == 1
    assert len({(part.site, part.side) for part in found.lesions}) == len(found.lesions)
    return {(str(part.site), str(part.side)): part for part in found.lesions}


FAHR = [(site, side) for site in ("caudate", "putamen", "pallidum", "thalamus") for side in ("left", "right")]


@pytest.mark.parametrize(
    "places", [FAHR, FAHR[:6], FAHR[2:6], FAHR[6:]], ids=["all", "striate", "lentiform", "thalami"]
)
def test_what_fills_several_nuclei_is_told_of_each_and_of_each_side(places: list[tuple[str, str]]) -> None:
    lesions, scan = filled(*places)
    parts = told(lesions, scan)
    atlas = load_atlas()
    for place in places:
        numbers = [n for n, s in atlas.sites.items() if (s.site, s.side) == place]
        voxel_mm3 = abs(np.linalg.det(atlas.affine[:3, :3]))
        assert parts[place].volume_130_mm3 == pytest.approx(np.isin(atlas.labels, numbers).sum() * voxel_mm3, rel=0.1)
    assert sum(parts[place].voxels for place in places) > 0.97 * sum(part.voxels for part in parts.values())


@pytest.mark.parametrize("midline_mm", [1.0, -1.0])
def test_confluent_calcification_across_the_midline_is_judged_part_by_part(midline_mm: float) -> None:
    """As a whole it lies on no side of the midline that is seen: 38 ml of both caudates and thalami were at no site."""
    surface = MidlineSurface(x_mm=np.full((4, 4), midline_mm), from_mm=(-20.0, -60.0), step_mm=40.0)
    lesions, scan = filled(*FAHR)
    parts = told(lesions, scan, replace(FIT, midline=surface, midline_shift_mm=midline_mm))
    assert set(FAHR) <= set(parts)


@pytest.mark.parametrize("shift_mm", [(0.0, 0.0, 0.0), (2.5, 0.0, 0.0), (0.0, -2.0, 1.5)])
@pytest.mark.parametrize(
    "place", [("putamen", "left"), ("caudate", "right"), ("thalamus", "left"), ("dentate", "right")]
)
def test_what_fills_one_nucleus_stays_whole_though_the_atlas_lies_beside_it(
    place: tuple[str, str], shift_mm: tuple[float, float, float]
) -> None:
    parts = told(*filled(place, shift_mm=shift_mm))
    assert parts[place].voxels > 0.85 * sum(part.voxels for part in parts.values())


def test_a_calcified_falx_is_not_given_to_the_lobes_beside_it() -> None:
    parts = told(*filled(("falx", "midline"), shift_mm=(2.0, 0.0, 0.0)))
    assert parts["falx", "midline"].voxels > 0.9 * sum(part.voxels for part in parts.values())


def test_a_long_lesion_that_lies_at_no_site_is_not_given_to_the_nearest() -> None:
    lesions, scan = with_deposits(*(np.array([-72.0, y, 84.0]) for y in (-90.0, -84.0, -78.0)), radius=4)
    (lesion,) = lesions.lesions
    long = replace(lesions, lesions=(replace(lesion, diameter_mm=20.0),))
    assert [part.site for part in locate_lesions(long, scan, intracranial(), FIT, load_atlas()).lesions] == [
        "unassigned"
    ]
