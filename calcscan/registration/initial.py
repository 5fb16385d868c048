"""The initial alignment: position, orientation and size of the head, whatever its position in the scanner."""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy.spatial.transform import Rotation

from calcscan.grid.geometry import Array
from calcscan.knowledge.registration import RegistrationSettings
from calcscan.registration.preprocess import RegistrationImage
from calcscan.registration.similarity import best_fits, upright

_FOLLOWED = 3
_APART_DEG = 5.0
"""Fits nearer to each other than this are one."""


def initial_similarity(head: RegistrationImage, template: RegistrationImage, settings: RegistrationSettings) -> Array:
    """The 4×4 matrix from scan to atlas, LPS mm, of the best of several short similarity fits on coarse grids; where
    none has the size of a head, upright with the centres on each other."""
    angles = _initial_angles(np.radians(settings.initial_angle_deg))
    rotations = Rotation.from_euler("xyz", angles).as_matrix()
    coarse_mm, fine_mm = grids_mm(settings)
    levels = ((coarse_mm, _FOLLOWED, _APART_DEG), (fine_mm, 1, 0.0))
    found = best_fits(head, template, rotations, 1.0, levels, settings)
    return found[0] if found else upright(head, template)


def grids_mm(settings: RegistrationSettings) -> tuple[float, float]:
    """The grids that heads and template are compared on, the coarse one first."""
    return settings.search_coarse_mm, settings.search_fine_mm


def _initial_angles(angle: float) -> list[tuple[float, float, float]]:
    """Pitch, roll and yaw in radians: upright, then one axis at a time; pitch, which varies most between scanners, also
    twice as far.

    >>> _initial_angles(0.5)[:3]
    [(0.0, 0.0, 0.0), (0.5, 0.0, 0.0), (-0.5, 0.0, 0.0)]
    """
    single = [
        [sign * angle if axis == turned else 0.0 for axis in range(3)] for turned, sign in product(range(3), (1, -1))
    ]
    return [
        (0.0, 0.0, 0.0),
        *((pitch, roll, yaw) for pitch, roll, yaw in single),
        (2 * angle, 0.0, 0.0),
        (-2 * angle, 0.0, 0.0),
    ]
