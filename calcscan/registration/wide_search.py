"""Where the head could lie if not about as the header says: similarity fits from orientations all round.

Each that is left over is a candidate for the affine, which may be accepted or refused as any other.
"""

from __future__ import annotations

from scipy.spatial.transform import Rotation

from calcscan.grid.geometry import Array
from calcscan.knowledge.registration import RegistrationSettings
from calcscan.registration.preprocess import RegistrationImage
from calcscan.registration.similarity import best_fits, size_of


def wide_candidates(
    head: RegistrationImage, template: RegistrationImage, settings: RegistrationSettings
) -> tuple[Array, ...]:
    """4×4 matrices from scan to atlas, LPS mm: the best similarity fits from orientations all round, best first, no two
    of about the same orientation.

    At most `search_candidates` of them. The orientation of the scan's axes counts for nothing here.
    """
    levels = (
        (settings.search_coarse_mm, settings.search_followed, settings.search_apart_deg / 3.0),
        (settings.search_fine_mm, settings.search_candidates, settings.search_apart_deg),
    )
    rotations = Rotation.create_group("I").as_matrix()
    return best_fits(head, template, rotations, size_of(head, template, settings), levels, settings)
