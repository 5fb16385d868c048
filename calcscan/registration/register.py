"""Register the atlas to the head: Intracranial, Atlas → Registration."""

from __future__ import annotations

from functools import partial

import numpy as np

from calcscan.begun import Begun
from calcscan.grid.geometry import Array, apply
from calcscan.knowledge.registration import RegistrationSettings
from calcscan.knowledge.settings import load
from calcscan.model import Atlas, Intracranial, Registration
from calcscan.processors import both
from calcscan.registration.accept import accept
from calcscan.registration.affine import fit_affine
from calcscan.registration.agreement import Agreement
from calcscan.registration.deformable import fit_deformable
from calcscan.registration.initial import initial_similarity
from calcscan.registration.moved_brain import with_moved_brain
from calcscan.registration.preprocess import RegistrationImage, preprocess_head
from calcscan.registration.similarity import distinct
from calcscan.registration.template import prepared_template
from calcscan.registration.wide_search import wide_candidates

_DECIMALS = 9
"""Linear algebra sums in an order of its own; the matrix is rounded to what doesn't depend on it."""

_RECENTRINGS = 3
"""At most so often are the deep nuclei recentred again."""


def register_atlas(
    intracranial: Intracranial,
    atlas: Atlas,
    *,
    settings: RegistrationSettings | None = None,
    begun: Begun | None = None,
) -> Registration:
    """Register the atlas to a head, and accept or refuse the result.

    Fits near the orientation of the scan's axes come first; only if none of them is accepted is the head looked for in
    any orientation. A fit that is refused comes back with `accepted` False, the reason, and the flag
    `registration_poor`. One that is accepted but has the head's left to the right of the header's carries the flag
    `laterality_unknown`. The same head gives the same transform to the last bit, with any number of threads.

    Parameters
    ----------
    intracranial
        The intracranial space, from `segment_intracranial`.
    atlas
        From `load_atlas`.
    settings
        By default those of `knowledge/registration.toml`.
    begun
        Where `prepared_template` may be made already.

    Notes
    -----
    A midline that is shifted against the skull bends the fit, and a wide ventricle has it repeated: it is accepted or
    refused as it was before, for both affect the inside of the brain alone.

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
    head, template = both(
        partial(preprocess_head, intracranial, settings),
        partial((begun or Begun()).answer, prepared_template, atlas, settings),
    )
    initial = initial_similarity(head, template, settings)
    aligned = fit_affine(head, template, initial, settings)
    registration = deformed(head, template, aligned, settings)
    if not registration.accepted:
        found = found_anywhere(head, template, settings)
        if found is None:
            return registration
        registration, aligned = found
    return with_moved_brain(registration, head, template, aligned, intracranial, atlas, settings)


def deformed(
    head: RegistrationImage, template: RegistrationImage, affine: Array, settings: RegistrationSettings
) -> Registration:
    """With the deformation, accepted or refused.

    Where the deep nuclei lie so far forward, back, up or down of where the outline puts them that it says little of
    them, they are recentred again from where they have come to. Never where they lie to a side: then something pushes
    them, and the midline of the skull still tells left from right.
    """
    scan_to_atlas, displacement = fit_deformable(head, template, affine, settings)
    for _ in range(_RECENTRINGS):
        shift_mm = np.abs(scan_to_atlas[:3, 3] - affine[:3, 3])
        if shift_mm[0] > settings.recentre_sd_mm or np.linalg.norm(shift_mm[1:]) < settings.recentre_again_mm:
            break
        before = scan_to_atlas
        scan_to_atlas, displacement = fit_deformable(head, template, before, settings)
        if np.linalg.norm(scan_to_atlas[:3, 3] - before[:3, 3]) < settings.recentre_sd_mm:
            break
    scan_to_atlas = np.round(scan_to_atlas, _DECIMALS)
    return accept(head, template, scan_to_atlas, displacement, settings, outline=affine)


def found_anywhere(
    head: RegistrationImage, template: RegistrationImage, settings: RegistrationSettings
) -> tuple[Registration, Array] | None:
    """The best of the fits from orientations all round and its affine, if it is accepted and no other comes near it.

    A head looks much the same from left and right, and somewhat from front and back: what would fit nearly as well
    otherwise turned is not found.
    """
    candidates = wide_candidates(head, template, settings)
    affines = [fit_affine(head, template, candidate, settings) for candidate in candidates]
    agreement = Agreement.between(head, template, settings)
    scores = [agreement.both(partial(apply, np.linalg.inv(affine))) for affine in affines]
    ranked = [affines[n] for n in sorted(range(len(affines)), key=lambda n: -scores[n])]
    ranked = distinct(ranked, settings.search_apart_deg)
    if not ranked:
        return None
    best, *rivals = (agreement.both(partial(apply, np.linalg.inv(affine))) for affine in ranked)
    if any(rival > best - settings.search_lead for rival in rivals):
        return None
    registration = deformed(head, template, ranked[0], settings)
    return (registration, ranked[0]) if registration.accepted else None
