"""A fit that follows the brain where it has moved within the skull: a shifted midline, and wide ventricles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from calcscan.grid.displacement import Displacement
from calcscan.grid.geometry import Array, apply
from calcscan.knowledge.registration import RegistrationSettings
from calcscan.model import Atlas, Intracranial, Registration
from calcscan.registration.agreement import Agreement
from calcscan.registration.bend import fit_again, straightening
from calcscan.registration.fluid import fluid_in_caudate
from calcscan.registration.midline import measure_midline, midline_shift_mm
from calcscan.registration.preprocess import RegistrationImage

Fit = tuple[Array, Displacement]
"""The 4×4 matrix from scan to atlas, and the displacement in the atlas."""


def with_moved_brain(
    registration: Registration,
    head: RegistrationImage,
    template: RegistrationImage,
    affine: Array,
    intracranial: Intracranial,
    atlas: Atlas,
    settings: RegistrationSettings,
) -> Registration:
    """An accepted registration, following the brain, with what was measured of it. `affine` is that of skull and brain
    as a whole, before the deep nuclei were recentred."""
    midline = measure_midline(head, template, affine, settings)
    shift_mm = midline_shift_mm(midline, intracranial, affine, settings)
    fit = registration.scan_to_atlas, registration.displacement
    if abs(shift_mm) > settings.midline_bent_from_mm:
        bent = fit_again(head, template, affine, straightening(midline, settings), settings)
        fit = _better(head, template, fit, bent, settings)
    fit, fluid = _followed(head, template, fit, atlas, settings)
    return replace(
        registration,
        scan_to_atlas=fit[0],
        displacement=fit[1],
        midline=midline.moved(fit[0][:3, 3] - affine[:3, 3]),
        midline_shift_mm=shift_mm,
        fluid_in_caudate=fluid,
    )


def _followed(
    head: RegistrationImage, template: RegistrationImage, fit: Fit, atlas: Atlas, settings: RegistrationSettings
) -> tuple[Fit, Mapping[str, float]]:
    """The fit, repeated while much of the atlas's caudates lies in fluid of the head, and how much of them does."""
    fluid = fluid_in_caudate(head, *fit, atlas, settings)
    for _ in range(settings.refits):
        if max(fluid.values(), default=0.0) <= settings.wall_fluid_share:
            break
        fit = fit_again(head, template, *fit, settings)
        fluid = fluid_in_caudate(head, *fit, atlas, settings)
    return fit, fluid


def _better(
    head: RegistrationImage, template: RegistrationImage, one: Fit, other: Fit, settings: RegistrationSettings
) -> Fit:
    """The fit with which the brain's interior correlates better. A ventricle that is wide on one side shifts where the
    picture is most symmetric, and not the midline."""
    agreement = Agreement.between(head, template, settings)

    def correlation(fit: Fit) -> float:
        scan_to_atlas, displacement = fit
        back = np.linalg.inv(scan_to_atlas)
        return agreement.correlation(lambda points: apply(back, displacement.inverse(points)))

    return max(one, other, key=correlation)
