"""Motion between slices is seen in the skull's contour; its shape, holes in it and noise are no motion."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from support.heads import CLEAN, FALX, PALLIDUM, averaged, edited, moved, sample, sample_head, without_a_piece_of_vault

from calcscan.grid.geometry import Geometry
from calcscan.inspection.motion import motion_flags
from calcscan.intracranial import segment_intracranial
from calcscan.knowledge.inspection import InspectionSettings
from calcscan.knowledge.settings import load
from calcscan.model import Flag, Scan

SETTINGS = load(InspectionSettings)
FIRST, LAST = 44, 56


def flags(scan: Scan, name: str = CLEAN) -> tuple[Flag, ...]:
    return motion_flags(scan, sample_head(name), SETTINGS)


def displaced(*, shift_mm: tuple[float, float] = (0.0, 0.0), turn_deg: float = 0.0, doubled: bool = False) -> Scan:
    """Twelve slices taken with the head elsewhere, or in both places."""
    scan = sample(CLEAN)
    hu = scan.hu.astype(np.float32)
    pixels = np.divide(shift_mm, scan.geometry.spacing_mm[1:])
    for k in range(FIRST, LAST):
        other = ndimage.shift(hu[k], pixels, order=1, mode="nearest")
        if turn_deg:
            other = ndimage.rotate(other, turn_deg, reshape=False, order=1, mode="nearest")
        hu[k] = (hu[k] + other) / 2 if doubled else other
    return edited(scan, np.rint(hu))


@pytest.mark.parametrize("shift_mm", [(0.0, 2.2), (2.2, 0.0), (-4.0, 3.0)])
def test_shifted_slices_are_seen_with_their_shift(shift_mm):
    (flag,) = flags(displaced(shift_mm=shift_mm))
    assert flag.value == pytest.approx(np.hypot(*shift_mm), abs=0.5)
    assert f"slices {FIRST} and {LAST + 1}" in flag.message


def test_turned_and_doubled_slices_are_seen():
    assert flags(displaced(turn_deg=7.0))
    assert flags(displaced(shift_mm=(4.0, 1.0), doubled=True))


@pytest.mark.parametrize("name", [CLEAN, FALX])
def test_a_head_at_rest_is_not_said_to_move(name):
    assert flags(sample(name), name) == ()


def test_tilt_thick_slices_and_a_hole_in_the_vault_are_no_motion():
    turned = moved(sample(CLEAN), angles_deg=(15.0, 10.0, 20.0), shift_mm=(10.0, -20.0, 5.0))
    assert motion_flags(turned, segment_intracranial(turned), SETTINGS) == ()
    assert flags(averaged(sample(CLEAN), 2)) == ()
    hole = without_a_piece_of_vault(sample(CLEAN), sample_head(CLEAN), flap=False)
    assert flags(hole) == ()


def test_a_face_that_begins_between_two_slices_is_no_motion():
    scan = sample(PALLIDUM)
    g = scan.geometry
    far_apart = Geometry(
        origins_mm=g.origins_mm[::2],
        step_i_mm=g.step_i_mm,
        step_j_mm=g.step_j_mm,
        slab_mm=2.0 * g.slab_mm[::2],
        rows=g.rows,
        columns=g.columns,
    )
    thinned = Scan(hu=scan.hu[::2], geometry=far_apart)
    assert motion_flags(thinned, segment_intracranial(thinned), SETTINGS) == ()


def test_a_skull_cut_off_by_the_field_of_view_is_no_motion():
    scan = sample(CLEAN)
    j, i = np.indices(scan.hu.shape[1:])
    spacing = scan.geometry.spacing_mm
    middle = np.argwhere(scan.hu.max(axis=0) > 300).mean(axis=0)
    away_mm = np.hypot((j - middle[0]) * spacing[1] - 20.0, (i - middle[1]) * spacing[2])
    cut = edited(scan, np.where(away_mm < 65.0, scan.hu, -1024))
    assert motion_flags(cut, segment_intracranial(cut), SETTINGS) == ()
