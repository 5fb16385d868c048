"""Bring the atlas onto the head: Head, Atlas → AtlasFit.

start: several short similarity fits from different angles (SimpleITK); frame: an affine on the inside of the skull and
the brain in it; bend: the frame settled on what lies deep, and a smooth deformation around the ventricles and deep
nuclei, no larger than the head asks for; judge: is the result to be believed.

ITK's metrics sum in another order with every number of threads, so the start runs on one, and what linear algebra adds
in its own order is rounded off at the end: the same scan gives the same transform, to the last bit.
"""

from __future__ import annotations

import numpy as np

from calcscan.knowledge import values
from calcscan.model import Atlas, AtlasFit, Head
from calcscan.register.bend import Middle, bend
from calcscan.register.frame import frame
from calcscan.register.judge import judge
from calcscan.register.start import start
from calcscan.register.tissue import Sight


def register(head: Head, atlas: Atlas) -> AtlasFit:
    """Fit the atlas to a head, and judge the fit.

    A fit that is not believed comes back with `accepted` False, the reason, and the flag `registration_poor`.

    Notes
    -----
    The affine and the deformation are maximum a posteriori: least squares with weights that forgive what no atlas holds
    (infarcts, bleeding), and a prior of how much heads differ (`knowledge/registration.toml`). The deformation is a
    Gaussian process, after Lüthi et al., IEEE TPAMI 2018 (10.1109/TPAMI.2017.2739743).
    """
    limits = values("registration")
    seen, template = Sight.of_head(head, limits), Sight.of_template(atlas, limits)
    framed = frame(seen, template, start(seen, template, limits), limits)
    settled, deformation = bend(seen, Middle.of(template, limits), framed, limits)
    return judge(np.round(settled, 9), deformation, seen, template, limits)
