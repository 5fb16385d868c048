"""Register the atlas to the head: Intracranial, Atlas → Registration."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from calcscan.grid.displacement import Displacement
from calcscan.grid.geometry import Array, apply
from calcscan.knowledge.registration import RegistrationSettings
from calcscan.knowledge.settings import load
from calcscan.model import Atlas, Intracranial, Registration
from calcscan.registration.accept import accept
from calcscan.registration.affine import fit_affine
from calcscan.registration.agreement import Agreement
from calcscan.registration.bend import fit_again, straightening
from calcscan.registration.deformable import fit_deformable
from calcscan.registration.fluid import fluid_in_caudate
from calcscan.registration.initial import initial_similarity
from calcscan.registration.midline import measure_midline, midline_shift_mm
from calcscan.registration.preprocess import RegistrationImage, preprocess_head, preprocess_template

Fit = tuple[Array, Displacement]
"""The 4×4 matrix from scan to atlas, and the displacement in the atlas."""

_DECIMALS = 9
"""Linear algebra sums in an order of its own; the matrix is rounded to what doesn't depend on it."""


def register_atlas(
    intracranial: Intracranial, atlas: Atlas, *, settings: RegistrationSettings | None = None
) -> Registration:
    """Register the atlas to a head, and accept or refuse the result.

    A fit that is refused comes back with `accepted` False, the reason, and the flag `registration_poor`. The same head
    gives the same transform to the last bit, with any number of threads.

    Parameters
    ----------
    intracranial
        The intracranial space, from `segment_intracranial`.
    atlas
        From `load_atlas`.
    settings
        By default those of `knowledge/registration.toml`.

    Notes
    -----
    A midline that is shifted against the skull bends the fit, and where ventricles are so wide that caudates would lie
    in fluid, the deformation is repeated. The fit is accepted or refused as it was before, for that affects the inside
    of the brain alone.

    The affine and the deformation are maximum a posteriori: least squares with weights that forgive what no atlas holds
    (infarcts, haemorrhage), and a prior of how much heads differ. The deformation is a Gaussian process, after Lüthi et
    al., IEEE TPAMI 2018 (10.1109/TPAMI.2017.2739743).

    Examples
    --------
    >>> import calcscan
    >>> intracranial = calcscan.segment_intracranial(calcscan.read_scan("sample_data/bilateral_pallidum"))
    >>> registration = register_atlas(intracranial, calcscan.load_atlas())
    >>> registration.accepted, registration.to_atlas([0.0, 0.0, 0.0]).shape
    (True, (3,))
    """
    settings = settings or load(RegistrationSettings)
    head, template = preprocess_head(intracranial, settings), preprocess_template(atlas, settings)
    scan_to_atlas = initial_similarity(head, template, settings)
    scan_to_atlas = fit_affine(head, template, scan_to_atlas, settings)
    aligned = scan_to_atlas
    scan_to_atlas, displacement = fit_deformable(head, template, aligned, settings)
    registration = accept(head, template, np.round(scan_to_atlas, _DECIMALS), displacement, settings)
    if not registration.accepted:
        return registration
    midline = measure_midline(head, template, aligned, settings)
    shift_mm = midline_shift_mm(midline, intracranial, aligned, settings)
    fit = registration.scan_to_atlas, displacement
    if abs(shift_mm) > settings.midline_bent_from_mm:
        bent = fit_again(head, template, aligned, straightening(midline, settings), settings)
        fit = _better(head, template, fit, bent, settings)
    fit = _followed(head, template, fit, atlas, settings)
    return replace(
        registration,
        scan_to_atlas=fit[0],
        displacement=fit[1],
        midline=midline.moved(fit[0][:3, 3] - aligned[:3, 3]),
        midline_shift_mm=shift_mm,
        fluid_in_caudate=fluid_in_caudate(head, *fit, atlas, settings),
    )


def _followed(
    head: RegistrationImage, template: RegistrationImage, fit: Fit, atlas: Atlas, settings: RegistrationSettings
) -> Fit:
    """The fit, repeated while much of the atlas's caudates lies in fluid of the head."""
    for _ in range(settings.refits):
        if max(fluid_in_caudate(head, *fit, atlas, settings).values(), default=0.0) <= settings.wall_fluid_share:
            break
        fit = fit_again(head, template, *fit, settings)
    return fit


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
