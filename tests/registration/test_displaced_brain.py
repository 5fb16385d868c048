"""A midline that is shifted is measured, and a fit follows it; a fit that takes fluid for brain is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from calcscan.atlas import load_atlas
from calcscan.grid.displacement import Displacement
from calcscan.grid.geometry import apply
from calcscan.grid.midline import MidlineSurface
from calcscan.knowledge.registration import RegistrationSettings
from calcscan.knowledge.settings import load
from calcscan.registration.bend import straightening
from calcscan.registration.fluid import fluid_in_caudate
from calcscan.registration.midline import measure_midline
from calcscan.registration.preprocess import RegistrationImage, preprocess_template


@pytest.fixture(scope="module")
def settings() -> RegistrationSettings:
    return load(RegistrationSettings)


@pytest.fixture(scope="module")
def template(settings: RegistrationSettings) -> RegistrationImage:
    return preprocess_template(load_atlas(), settings).thinned(2)


def pushed(template: RegistrationImage, shift_mm: float) -> RegistrationImage:
    """The template pushed to the left so that its midline comes to lie there; nothing moves 65 mm beside the middle."""
    shift_mm /= np.cos(0.5 * np.pi * shift_mm / 65.0) ** 2
    points = apply(template.affine, np.moveaxis(np.indices(template.brain_hu.shape), 0, -1).reshape(-1, 3))
    beside = np.minimum(np.abs(points[:, 0]) / 65.0, 1.0)
    points[:, 0] -= shift_mm * np.cos(0.5 * np.pi * beside) ** 2
    index = apply(np.linalg.inv(template.affine), points).T
    hu = ndimage.map_coordinates(template.brain_hu, index, order=1, mode="nearest")
    return replace(template, brain_hu=hu.reshape(template.brain_hu.shape))


@pytest.mark.parametrize("shift_mm", [0.0, -6.0, 14.0])
def test_the_midline_is_found_where_it_was_pushed(template, settings, shift_mm) -> None:
    midline = measure_midline(pushed(template, shift_mm), template, np.eye(4), settings)
    core = midline.points
    core = core[(np.abs(core[..., 1]) < 35) & (core[..., 2] > -6) & (core[..., 2] < 30)]
    assert np.median(np.abs(core[:, 0] - shift_mm)) < 1.5
    assert np.quantile(np.abs(core[:, 0] - shift_mm), 0.9) < 3.0


def test_a_dark_mass_on_one_side_does_not_shift_the_midline(template, settings) -> None:
    points = apply(template.affine, np.moveaxis(np.indices(template.brain_hu.shape), 0, -1))
    mass = np.linalg.norm(points - (-48.0, -5.0, 12.0), axis=-1) < 24.0
    head = replace(template, brain_hu=np.where(mass, np.float32(21.0), template.brain_hu))
    midline = measure_midline(head, template, np.eye(4), settings)
    core = midline.points
    core = core[(np.abs(core[..., 1]) < 35) & (core[..., 2] > -6) & (core[..., 2] < 30)]
    assert np.abs(core[:, 0]).max() < 2.5


def test_a_bend_brings_the_midline_into_the_midplane_and_is_inverted(settings) -> None:
    lattice = MidlineSurface(x_mm=np.full((17, 28), 12.0), from_mm=(-14.0, -54.0), step_mm=4.0)
    bend = straightening(lattice, settings)
    seen = np.array([[12.0, 0.0, 10.0], [12.0, -30.0, 20.0], [-60.0, 0.0, 10.0]])
    straight = seen + bend.at(seen)
    assert np.abs(straight[:2, 0]).max() < 0.3
    assert abs(straight[2, 0] + 60.0) < 0.5
    assert np.allclose(bend.inverse(straight), seen, atol=0.1)


def test_a_caudate_in_fluid_is_known(template, settings) -> None:
    atlas = load_atlas()
    label = next(n for n, s in atlas.sites.items() if (s.site, s.side) == ("caudate", "left"))
    index = apply(np.linalg.inv(template.affine), apply(atlas.affine, np.argwhere(atlas.labels == label)))
    hu = np.array(template.brain_hu)
    hu[tuple(np.rint(index).astype(int).T)] = 10.0
    wide = fluid_in_caudate(replace(template, brain_hu=hu), np.eye(4), Displacement.none(), atlas, settings)
    plain = fluid_in_caudate(template, np.eye(4), Displacement.none(), atlas, settings)
    assert wide["left"] > 0.8
    assert wide["right"] < 0.2
    assert max(plain.values()) <= settings.wall_fluid_share


def test_a_caudate_that_was_not_scanned_is_no_fluid(template, settings) -> None:
    cropped = replace(template, brain_hu=np.zeros_like(template.brain_hu), covered=np.zeros_like(template.covered))
    fluid = fluid_in_caudate(cropped, np.eye(4), Displacement.none(), load_atlas(), settings)
    assert fluid == {"left": 0.0, "right": 0.0}
