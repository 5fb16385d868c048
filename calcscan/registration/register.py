"""Register the atlas to the head: Intracranial, Atlas → Registration."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from calcscan.knowledge.registration import RegistrationSettings
from calcscan.knowledge.settings import load
from calcscan.model import Atlas, Intracranial, Registration
from calcscan.registration.accept import accept
from calcscan.registration.affine import fit_affine
from calcscan.registration.bend import fit_bent
from calcscan.registration.deformable import fit_deformable
from calcscan.registration.initial import initial_similarity
from calcscan.registration.midline import measure_midline, midline_shift_mm
from calcscan.registration.preprocess import preprocess_head, preprocess_template

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
    A midline that is shifted against the skull bends the fit: it is accepted or refused as it was before, for the bend
    affects the inside of the brain alone.

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
    midline = measure_midline(head, template, aligned, settings)
    shift_mm = midline_shift_mm(midline, intracranial, aligned, settings)
    if abs(shift_mm) > settings.midline_bent_from_mm:
        scan_to_atlas, displacement = fit_bent(head, template, aligned, midline, settings)
    return replace(
        registration,
        scan_to_atlas=np.round(scan_to_atlas, _DECIMALS),
        displacement=displacement,
        midline=midline.moved(scan_to_atlas[:3, 3] - aligned[:3, 3]),
        midline_shift_mm=shift_mm,
    )
