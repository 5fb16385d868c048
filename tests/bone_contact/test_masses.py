"""Calcified masses that hang on bone, told from the bone."""

from __future__ import annotations

import numpy as np
import pytest
from support.heads import (
    CLEAN,
    FALX,
    PALLIDUM,
    averaged,
    away_mm,
    edited,
    sample,
    sample_head,
    sample_registration,
    vault_point,
    with_hyperostosis,
    without_a_piece_of_vault,
)

from calcscan.atlas import load_atlas
from calcscan.bone_contact import recover_bone_contact
from calcscan.examination import search
from calcscan.grid.isotropic import sample_at
from calcscan.intracranial import segment_intracranial
from calcscan.measurement.mirror import fit_mirror_plane
from calcscan.model import Scan, SearchRegion


def recovered(scan: Scan, name: str = PALLIDUM) -> SearchRegion:
    """For a copy of a sample that was edited where it lies: its registration is known."""
    return recover_bone_contact(scan, segment_intracranial(scan), sample_registration(name), load_atlas())


def with_ball(scan: Scan, centre: np.ndarray, radius_mm: float, hu: int) -> tuple[Scan, np.ndarray]:
    """A dense ball in brain, not in bone, and its voxels."""
    ball = (away_mm(scan, centre) <= radius_mm) & (scan.hu < 130) & sample_head(PALLIDUM).mask
    return edited(scan, np.where(ball, hu, scan.hu)), ball


def on_the_convexity(deep_mm: float) -> np.ndarray:
    whole = sample_head(PALLIDUM)
    point = vault_point(sample(PALLIDUM), whole, forward=0.1, up=0.8, side=-1.0)
    middle = sample(PALLIDUM).geometry.to_world(np.argwhere(whole.mask)).mean(axis=0)
    return np.asarray(point + deep_mm * (middle - point) / np.linalg.norm(middle - point))


@pytest.mark.parametrize(("diameter", "hu"), [(14.0, 350), (20.0, 800), (32.0, 380)])
def test_a_mass_on_the_convexity_is_found_whole_and_as_one(diameter: float, hu: int) -> None:
    scan, ball = with_ball(sample(PALLIDUM), on_the_convexity(0.4 * diameter), diameter / 2, hu)
    region = recovered(scan)
    assert region.mask[ball].mean() > 0.8
    lesions = search(scan, region, sample_registration(PALLIDUM), load_atlas())
    labels, count = np.unique(lesions.labels[ball], return_counts=True)
    largest = lesions.lesions[labels[count.argmax()] - 1]
    assert labels[count.argmax()] > 0
    assert count.max() > 0.8 * ball.sum()
    assert (largest.site, largest.side) == ("convexity_dura", "right")
    assert largest.volume_130_mm3 < 1.3 * ball.sum() * scan.geometry.voxel_mm3[0]


@pytest.mark.parametrize("name", [PALLIDUM, FALX, CLEAN])
@pytest.mark.parametrize("slices", [1, 3])
def test_without_a_mass_nothing_of_the_skull_is_one(name: str, slices: int) -> None:
    scan = averaged(sample(name), slices)
    inside = segment_intracranial(scan)
    region = recover_bone_contact(scan, inside, sample_registration(name), load_atlas())
    assert inside.mask[tuple(region.masses_kji.T)].all()


def test_a_narrow_mass_above_the_sella_is_found_whole() -> None:
    """It is its own mirror image, and the atlas has bone and sella beneath it: it is told by how deep it reaches."""
    scan, fit = sample(PALLIDUM), sample_registration(PALLIDUM)
    world = scan.geometry.to_world(np.moveaxis(np.indices(scan.hu.shape), 0, -1).reshape(-1, 3).astype(float))
    offset = (world - fit.to_scan(np.array([[0.0, 0.0, -25.0]]))) / np.array([5.0, 10.0, 13.0])
    inside = (np.linalg.norm(offset, axis=1) <= 1.0).reshape(scan.hu.shape)
    mass = inside & (scan.hu < 130) & sample_head(PALLIDUM).mask
    held = np.zeros(mass.shape, dtype=np.bool_)
    held[tuple(recovered(edited(scan, np.where(mass, 320, scan.hu))).masses_kji.T)] = True
    assert held[mass].mean() > 0.8


def test_a_wide_lens_that_hangs_on_the_vault_is_a_mass() -> None:
    """So wide that the inside of the skull seems to end at it: the other side shows how deep it lies."""
    scan, head = sample(PALLIDUM), sample_head(PALLIDUM)
    centre = on_the_convexity(0.0)
    far = away_mm(scan, centre)
    kji = np.argwhere((far < 36.0) & head.mask)
    depth = sample_at(head.depth_mm, head.isotropic_hu.affine, scan.geometry.to_world(kji))
    below = depth - 11.0 * (1.0 - (far[tuple(kji.T)] / 36.0) ** 2)
    shell = np.zeros(scan.hu.shape, np.bool_)
    shell[tuple(kji[(below > 0.0) & (below < 3.0) & (depth > 0.5)].T)] = True
    region = recovered(edited(scan, np.where(shell & (scan.hu < 130), 700, scan.hu)))
    assert region.mask[shell].mean() > 0.8


def test_hyperostosis_and_the_edges_of_a_hole_are_no_mass() -> None:
    for scan in (
        with_hyperostosis(sample(PALLIDUM), sample_head(PALLIDUM)),
        without_a_piece_of_vault(sample(PALLIDUM), sample_head(PALLIDUM), flap=False),
    ):
        inside = segment_intracranial(scan)
        region = recover_bone_contact(scan, inside, sample_registration(PALLIDUM), load_atlas())
        assert inside.mask[tuple(region.masses_kji.T)].all()


def test_the_vault_opposite_a_side_without_one_is_no_mass() -> None:
    scan = averaged(sample(CLEAN), 2)
    dense = np.argwhere(scan.hu > 90)
    world = scan.geometry.to_world(dense)
    left = world[:, 0] > np.median(world[:, 0]) + 22
    removed = dense[left & (world[:, 2] > np.percentile(world[:, 2], 45))]
    hu = np.array(scan.hu)
    hu[tuple(removed.T)] = 45
    opened = edited(scan, hu)
    region = recover_bone_contact(opened, segment_intracranial(opened), sample_registration(CLEAN), load_atlas())
    assert len(region.masses_kji) == 0


def test_the_mirror_plane_is_found_from_a_start_that_is_off() -> None:
    z, y, x = np.indices((40, 50, 60)) * 3.0
    far = np.sqrt(((x - 90.0) / 60.0) ** 2 + ((y - 75.0) / 70.0) ** 2 + ((z - 60.0) / 55.0) ** 2)
    skull = (far < 1.0) & (far > 0.9) & ~((x > 110.0) & (z > 70.0))
    away = np.sqrt(np.maximum(far - 1.0, 0.9 - far).clip(0.0)) * 60.0
    affine = np.array([[0.0, 0.0, 3.0, 0.0], [0.0, 3.0, 0.0, 0.0], [3.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    turn = np.deg2rad(5.0)
    to_atlas = np.eye(4)
    to_atlas[0] = [np.cos(turn), np.sin(turn), 0.0, -93.0 * np.cos(turn) - 75.0 * np.sin(turn)]
    plane = fit_mirror_plane(skull, away.astype(np.float32), affine, to_atlas, 4.0)
    assert np.rad2deg(np.arccos(abs(plane.normal[0]))) < 2.0
    assert abs(plane.from_plane_mm(np.array([90.0, 75.0, 60.0]))) < 1.0
    assert np.allclose(plane.mirrored(plane.mirrored(np.array([[12.0, 30.0, 7.0]]))), [[12.0, 30.0, 7.0]])
