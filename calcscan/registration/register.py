"""Bring the atlas onto the head: Intracranial, Atlas → Registration.

start: several short similarity fits from different angles (SimpleITK); frame: an affine on the inside of the skull and
the brain in it; bend: the frame settled on what lies deep, and a smooth deformation around the ventricles and deep
nuclei, no larger than the head asks for; judge: is the result to be believed.

ITK's metrics sum in another order with every number of threads, so the start runs on one, and what linear algebra adds
in its own order is rounded off at the end: the same scan gives the same transform, to the last bit.
"""

from __future__ import annotations

import numpy as np

from calcscan.knowledge import values
from calcscan.model import Atlas, Intracranial, Registration
from calcscan.registration.accept import accept
from calcscan.registration.affine import frame
from calcscan.registration.deformable import Middle, bend
from calcscan.registration.initial import start
from calcscan.registration.preprocess import RegistrationImage


def register_atlas(intracranial: Intracranial, atlas: Atlas) -> Registration:
    """Fit the atlas to a head, and judge the fit.

    A fit that is not believed comes back with `accepted` False, the reason, and the flag `registration_poor`.

    Notes
    -----
    The affine and the deformation are maximum a posteriori: least squares with weights that forgive what no atlas holds
    (infarcts, bleeding), and a prior of how much heads differ (`knowledge/registration.toml`). The deformation is a
    Gaussian process, after Lüthi et al., IEEE TPAMI 2018 (10.1109/TPAMI.2017.2739743).
    """
    limits = values("registration")
    seen, template = RegistrationImage.of_head(intracranial, limits), RegistrationImage.of_template(atlas, limits)
    framed = frame(seen, template, start(seen, template, limits), limits)
    settled, deformation = bend(seen, Middle.of(template, limits), framed, limits)
    return accept(np.round(settled, 9), deformation, seen, template, limits)
