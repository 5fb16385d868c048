"""The template, and all that registration makes of it whatever the head: made while the head is read and segmented."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from calcscan.knowledge.registration import RegistrationSettings
from calcscan.model import Atlas
from calcscan.processors import at_once
from calcscan.registration import affine, initial
from calcscan.registration.agreement import compared_points
from calcscan.registration.deformable import deep_template
from calcscan.registration.preprocess import RegistrationImage, preprocess_template
from calcscan.registration.similarity import template_level


def prepared_template(atlas: Atlas, settings: RegistrationSettings) -> RegistrationImage:
    """As `preprocess_template`, with what is compared of it first."""
    template = preprocess_template(atlas, settings)
    levels, grids = initial.grids_mm(settings), affine.grids_mm(settings)
    made: list[Callable[[], object]] = [
        *(partial(template.once, template_level, grid_mm, settings) for grid_mm in levels),
        *(partial(template.once, affine.template_grid, grid_mm, settings) for grid_mm in grids),
        partial(template.once, compared_points, settings),
        partial(template.once, deep_template, settings),
    ]
    at_once(made)
    return template
