"""What surrounds a deposit says more than the atlas: fat, and the fluid of a ventricle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.atlas_head import FIT, intracranial, with_deposits

from calcscan.atlas import load_atlas
from calcscan.grid.isotropic import IsotropicVolume
from calcscan.localisation import locate_lesions
from calcscan.model import LocatedLesion, SearchRegion

ABOVE_CALLOSUM = np.array([0.0, 0.0, 50.0])
BESIDE_FRONTAL_HORN = np.array([26.0, -28.0, 20.0])
IN_TRIGONE = np.array([22.0, 42.0, 12.0])


def surrounded(middle_mm: np.ndarray, hu: float, *, depth_mm: float = 30.0) -> SearchRegion:
    """A head with matter of this density within 12 mm of a point, on its right half."""
    region = intracranial(depth_mm=depth_mm)
    affine = np.diag([2.0, 2.0, 2.0, 1.0])[[2, 1, 0, 3]]
    affine[:3, 3] = middle_mm - 20.0
    left = 2.0 * np.moveaxis(np.indices((21, 21, 21)), 0, -1)[..., ::-1] - 20.0
    where = (np.linalg.norm(left, axis=-1) < 12.0) & (left[..., 0] < 0.0)
    ones = np.ones(where.shape, np.bool_)
    return replace(
        region,
        isotropic_hu=IsotropicVolume(
            values=np.where(where, hu, 35.0).astype(np.float32), covered=ones, affine=affine, spacing_mm=2.0
        ),
        isotropic_mask=ones,
        depth_mm=np.full(where.shape, depth_mm, np.float32),
    )


def located(middle_mm: np.ndarray, region: SearchRegion) -> LocatedLesion:
    lesions, scan = with_deposits(middle_mm)
    (lesion,) = locate_lesions(lesions, scan, region, FIT, load_atlas()).lesions
    return lesion


def test_what_lies_along_fat_is_the_rim_of_a_lipoma_and_not_falx():
    assert located(ABOVE_CALLOSUM, intracranial(depth_mm=30.0)).site == "falx"
    rim = located(ABOVE_CALLOSUM, surrounded(ABOVE_CALLOSUM, -90.0))
    assert (rim.site, rim.side, rim.site_share) == ("extra_axial", "midline", None)
    assert rim.also[0][0] == "falx"


@pytest.mark.parametrize("hu", [-900.0, -250.0, 8.0])
def test_air_and_fluid_are_no_fat(hu):
    assert located(ABOVE_CALLOSUM, surrounded(ABOVE_CALLOSUM, hu)).site != "extra_axial"


def test_fat_of_the_marrow_close_to_the_table_says_nothing():
    shallow = surrounded(ABOVE_CALLOSUM, -90.0, depth_mm=6.5)
    assert located(ABOVE_CALLOSUM, shallow).site != "extra_axial"


def test_white_matter_along_a_ventricle_is_its_wall():
    assert located(BESIDE_FRONTAL_HORN, intracranial(depth_mm=30.0)).site == "white_matter"
    nodule = located(BESIDE_FRONTAL_HORN, surrounded(BESIDE_FRONTAL_HORN, 6.0))
    assert (nodule.site, nodule.side) == ("ventricle_wall", "left")
    assert nodule.also[0][0] == "white_matter"


def test_a_sulcus_is_no_ventricle():
    shallow = surrounded(BESIDE_FRONTAL_HORN, 6.0, depth_mm=14.0)
    assert located(BESIDE_FRONTAL_HORN, shallow).site == "white_matter"


def test_in_the_fluid_of_the_trigone_it_is_plexus():
    assert located(IN_TRIGONE, surrounded(IN_TRIGONE, 6.0)).site == "choroid_plexus"
