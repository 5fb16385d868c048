"""Bringing the atlas onto heads: repeatable, from any position, and honest about failure."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.transform import Rotation
from support.heads import (
    CLEAN,
    FALX,
    PALLIDUM,
    box_scan,
    cropped,
    edited,
    egg,
    moved,
    sample,
    sample_head,
    shrunk,
    with_wide_ventricles,
)

from calcscan.atlas import load_atlas
from calcscan.grid.displacement import Displacement
from calcscan.grid.geometry import Array, apply
from calcscan.grid.isotropic import sample_at
from calcscan.intracranial import segment_intracranial
from calcscan.knowledge import values
from calcscan.model import Registration
from calcscan.read import read_scan
from calcscan.registration import register_atlas
from calcscan.registration.accept import accept
from calcscan.registration.deformable import Middle, _modes, bend
from calcscan.registration.preprocess import RegistrationImage

REAL = Path(os.environ.get("CALCSCAN_REAL_SCANS", "nowhere"))


def to_atlas(registration: Registration, points: Array) -> Array:
    return registration.to_atlas(points)


@pytest.fixture(scope="module")
def registration() -> Registration:
    return register_atlas(sample_head(PALLIDUM), load_atlas())


def test_the_fit_is_believed_and_keeps_left_left(registration: Registration) -> None:
    assert registration.accepted
    assert registration.flags == ()
    assert registration.overlap > 0.93
    assert registration.metric > 0.6
    assert np.linalg.det(registration.scan_to_atlas[:3, :3]) > 0


def test_the_same_head_gives_the_same_transform_to_the_last_bit(registration: Registration) -> None:
    threads = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    try:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(4)
        again = register_atlas(sample_head(PALLIDUM), load_atlas())
        assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == 4
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
    np.testing.assert_array_equal(again.scan_to_atlas, registration.scan_to_atlas)


@pytest.mark.parametrize("angles_deg", [(25.0, -10.0, 15.0), (-28.0, 20.0, -30.0)])
def test_a_turned_head_comes_to_the_same_place(
    registration: Registration, angles_deg: tuple[float, float, float]
) -> None:
    scan, shift_mm = sample(PALLIDUM), (40.0, -55.0, 300.0)
    turned = moved(scan, angles_deg=angles_deg, shift_mm=shift_mm)
    found = register_atlas(segment_intracranial(turned), load_atlas())
    assert found.accepted
    index = np.array([[35.0, 110, 100], [35, 110, 150], [41, 150, 128], [50, 90, 128]])
    here = to_atlas(found, turned.geometry.to_world(index))
    np.testing.assert_allclose(here, to_atlas(registration, scan.geometry.to_world(index)), atol=2.0)


def test_what_does_not_fit_is_not_believed() -> None:
    """A ball of brain has no face, no ventricles, no hemispheres."""
    found = register_atlas(segment_intracranial(box_scan(egg())), load_atlas())
    assert not found.accepted
    assert {flag.code for flag in found.flags} == {"registration_poor"}
    assert all(flag.limit is not None for flag in found.flags)
    assert found.reason


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("angle_deg", [-10.0, 10.0])
def test_a_fit_turned_by_ten_degrees_is_not_believed(registration: Registration, axis: int, angle_deg: float) -> None:
    """It agrees well, but turned back it would agree better."""
    limits, turn = values("registration"), np.eye(4)
    turn[:3, :3] = Rotation.from_rotvec(np.radians(angle_deg) * np.eye(3)[axis]).as_matrix()
    intracranial, template = (
        RegistrationImage.of_head(sample_head(PALLIDUM), limits),
        RegistrationImage.of_template(load_atlas(), limits),
    )
    matrix, deformation = bend(intracranial, Middle.of(template, limits), turn @ registration.scan_to_atlas, limits)
    found = accept(matrix, deformation, intracranial, template, limits)
    assert "would agree better with the head turned" in found.reason


def test_calcification_does_not_steer() -> None:
    scan = sample(FALX)
    hu = np.array(scan.hu)
    k, j, i = np.rint(scan.geometry.to_index([18.0, 0.0, -40.0])).astype(int)
    hu[k - 6 : k + 6, j - 14 : j + 14, i - 14 : i + 14] = 600  # 24 mm across
    large = type(scan)(hu=hu, geometry=scan.geometry)
    plain, full = (register_atlas(h, load_atlas()) for h in (sample_head(FALX), segment_intracranial(large)))
    points = scan.geometry.to_world(np.array([[k, j, i], [k + 10, j, i - 30]], dtype=float))
    assert full.accepted
    np.testing.assert_allclose(to_atlas(full, points), to_atlas(plain, points), atol=2.0)


def test_a_small_childs_head_is_believed() -> None:
    small = shrunk(sample(PALLIDUM), 0.65)
    registration = register_atlas(segment_intracranial(small), load_atlas())
    assert registration.accepted, registration.reason
    index = np.array([[35.0, 110, 100], [35, 110, 150], [41, 150, 128]])
    here, there = small.geometry.to_world(index), sample(PALLIDUM).geometry.to_world(index)
    whole = register_atlas(sample_head(PALLIDUM), load_atlas())
    np.testing.assert_allclose(registration.to_atlas(here), whole.to_atlas(there), atol=3.0)


def test_fluid_in_front_does_not_stretch_the_head() -> None:
    """An old infarct of a frontal lobe, with fluid between brain and skull there."""
    scan, intracranial = sample(CLEAN), sample_head(CLEAN)
    middle = apply(intracranial.isotropic_hu.affine, np.argwhere(intracranial.isotropic_mask)).mean(axis=0)
    world = scan.geometry.to_world(np.argwhere(intracranial.mask))
    gone = (world[:, 1] < middle[1] - 40.0) & (world[:, 0] < middle[0] + 5.0)
    hu = np.array(scan.hu)
    hu[tuple(np.argwhere(intracranial.mask)[gone].T)] = 8
    plain, without = (register_atlas(h, load_atlas()) for h in (intracranial, segment_intracranial(edited(scan, hu))))
    assert without.accepted
    stretch = [np.linalg.svd(registration.scan_to_atlas[:3, :3])[1] for registration in (plain, without)]
    np.testing.assert_allclose(stretch[1], stretch[0], rtol=0.03)
    points = middle + np.array([[20.0, 0, 5], [-20, 0, 5], [0, 40, -20], [0, 60, 30]])
    np.testing.assert_allclose(without.to_atlas(points), plain.to_atlas(points), atol=3.0)


def test_the_bend_follows_wide_ventricles() -> None:
    """With the affine alone a good part of the caudate comes to lie in fluid."""
    scan = with_wide_ventricles(sample(CLEAN), sample_head(CLEAN), wider_mm=4.0)
    intracranial, atlas = segment_intracranial(scan), load_atlas()
    registration = register_atlas(intracranial, atlas)
    assert registration.accepted, registration.reason
    numbers = [n for n, site in atlas.sites.items() if site.site == "caudate"]
    caudate = apply(atlas.affine, np.argwhere(np.isin(atlas.labels, numbers)))
    alone = replace(registration, displacement=Displacement.none())

    def in_fluid(of: Registration) -> float:
        return float(
            (
                sample_at(intracranial.isotropic_hu.values, intracranial.isotropic_hu.affine, of.to_scan(caudate))
                < 18.0
            ).mean()
        )

    assert in_fluid(registration) < 0.6 * in_fluid(alone)


def test_the_frame_settles_on_what_lies_deep(registration: Registration) -> None:
    limits, off = values("registration"), np.eye(4)
    off[:3, 3] = (0.0, 3.0, -2.0)
    intracranial, middle = (
        RegistrationImage.of_head(sample_head(PALLIDUM), limits),
        Middle.of(RegistrationImage.of_template(load_atlas(), limits), limits),
    )
    matrix, deformation = bend(intracranial, middle, off @ registration.scan_to_atlas, limits)
    points = registration.to_scan(np.array([[15.0, 0.0, 5.0], [-15.0, 0.0, 5.0], [0.0, 30.0, 0.0]]))
    framed = apply(matrix, points)
    assert np.linalg.norm(framed - apply(registration.scan_to_atlas, points), axis=1).max() < 1.5
    gap_mm = np.linalg.norm(framed + deformation.at(framed) - registration.to_atlas(points), axis=1)
    assert gap_mm.max() < 1.0
    np.testing.assert_array_equal(matrix[:3, :3], (off @ registration.scan_to_atlas)[:3, :3])


def test_the_modes_add_up_to_the_variance_expected() -> None:
    limits = values("registration")
    middle = Middle.of(RegistrationImage.of_template(load_atlas(), limits), limits)
    modes, variance = _modes(middle, limits)
    spread = np.sqrt((modes[:, 4:] ** 2 * variance[4:]).sum(axis=1)).reshape(middle.box.nodes().shape[:3])
    inner = spread[tuple(slice(n // 4, -(n // 4)) for n in spread.shape)]
    np.testing.assert_allclose(inner, limits["bend_sd_mm"], rtol=0.1)


def test_noise_is_no_calcium() -> None:
    """With single points of the even copy over the limit, nothing of the head would be left to look at."""
    intracranial, limits = sample_head(CLEAN), values("registration")
    noise = np.random.default_rng(0).normal(0.0, 15.0, intracranial.isotropic_hu.values.shape).astype(np.float32)
    loud = replace(
        intracranial, isotropic_hu=replace(intracranial.isotropic_hu, values=intracranial.isotropic_hu.values + noise)
    )
    calm, noisy = (RegistrationImage.of_head(h, limits).clear & h.isotropic_mask for h in (intracranial, loud))
    assert noisy.sum() > 0.9 * calm.sum()


def test_calcium_is_kept_clear_of() -> None:
    """A deposit of 5 mm across, and what it blurs."""
    intracranial, limits = sample_head(CLEAN), values("registration")
    world = apply(intracranial.isotropic_hu.affine, np.moveaxis(np.indices(intracranial.isotropic_mask.shape), 0, -1))
    far_mm = np.linalg.norm(world - world[intracranial.isotropic_mask].mean(axis=0), axis=-1)
    full = replace(
        intracranial.isotropic_hu, values=np.where(far_mm < 2.5, np.float32(200.0), intracranial.isotropic_hu.values)
    )
    clear = RegistrationImage.of_head(replace(intracranial, isotropic_hu=full), limits).clear
    assert not clear[far_mm < 3.5].any()
    assert clear[(far_mm > 9.0) & (far_mm < 11.0)].mean() > 0.9


@given(seed=st.integers(0, 10_000), far_mm=st.floats(0.0, 3.0))
@settings(max_examples=25, deadline=None)
def test_to_scan_undoes_to_atlas(seed: int, far_mm: float) -> None:
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.standard_normal((12, 12, 12, 3)), (3, 3, 3, 0))
    affine = np.array([[0, 0, 6.0, -30], [0, 6.0, 0, -30], [6.0, 0, 0, -30], [0, 0, 0, 1]])
    matrix = np.eye(4)
    matrix[:3, :3] = rng.normal(0.0, 0.1, (3, 3)) + np.eye(3)
    matrix[:3, 3] = rng.uniform(-50, 50, 3)
    bend = Displacement(shift_mm=(smooth / np.abs(smooth).max() * far_mm).astype(np.float32), affine=affine)
    registration = Registration(
        scan_to_atlas=matrix,
        displacement=bend,
        method="",
        metric=1.0,
        overlap=1.0,
        accepted=True,
        reason="within all limits",
    )
    points = rng.uniform(-20, 20, (50, 3))
    np.testing.assert_allclose(registration.to_atlas(registration.to_scan(points)), points, atol=0.02)


def test_any_number_of_threads_gives_the_same_bits() -> None:
    """Linear algebra sums in another order with every number of threads."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from support.heads import PALLIDUM, sample_head\n"
        "import calcscan, hashlib\n"
        "fit = calcscan.register_atlas(sample_head(PALLIDUM), calcscan.load_atlas())\n"
        "print(hashlib.sha256(fit.scan_to_atlas.tobytes() + fit.displacement.shift_mm.tobytes()).hexdigest())\n"
    )
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")
    told = {
        subprocess.run(
            [sys.executable, "-c", code, str(Path(__file__).parents[1])],
            env={**os.environ, **dict.fromkeys(names, threads)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    }
    assert len(told) == 1


@pytest.mark.skipif(not (REAL / "tilted_variable_spacing").exists(), reason="no real scans")
def test_a_start_that_shrinks_the_head_to_nothing_is_not_taken() -> None:
    """Of a scan without its upper part so little remained under such a head that it seemed to fit best."""
    scan, atlas = read_scan(REAL / "tilted_variable_spacing"), load_atlas()
    low = cropped(scan, 0, len(scan.hu) - int(0.4 * len(scan.hu)))
    whole, part = (register_atlas(segment_intracranial(one), atlas) for one in (scan, low))
    assert part.accepted
    pallidum = next(n for n, s in atlas.sites.items() if s.site == "pallidum")
    deep = apply(atlas.affine, np.argwhere(atlas.labels == pallidum))
    assert np.abs(whole.to_atlas(part.to_scan(deep)) - deep).max() < 4.0
