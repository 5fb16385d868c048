"""Registration of the atlas to heads: repeatable, from any position, and refused where it fails."""

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
from msgspec.structs import replace as replace_settings
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
    sample_registration,
    shrunk,
    with_wide_ventricles,
)

from calcscan.atlas import load_atlas
from calcscan.grid.displacement import Displacement
from calcscan.grid.geometry import apply
from calcscan.grid.isotropic import sample_at
from calcscan.intracranial import segment_intracranial
from calcscan.knowledge.registration import RegistrationSettings
from calcscan.knowledge.settings import load
from calcscan.model import Registration
from calcscan.read import read_scan
from calcscan.registration import register, register_atlas
from calcscan.registration.accept import accept
from calcscan.registration.deep_nuclei import Box
from calcscan.registration.deformable import fit_deformable
from calcscan.registration.displacement_modes import displacement_modes
from calcscan.registration.preprocess import RegistrationImage, preprocess_head, preprocess_template
from calcscan.registration.similarity import angle_between_deg
from calcscan.registration.wide_search import wide_candidates

REAL = Path(os.environ.get("CALCSCAN_REAL_SCANS", "nowhere"))
SETTINGS = load(RegistrationSettings)


def preprocessed() -> tuple[RegistrationImage, RegistrationImage]:
    """The head of the sample scan and the template."""
    return preprocess_head(sample_head(PALLIDUM), SETTINGS), preprocess_template(load_atlas(), SETTINGS)


@pytest.fixture(scope="module")
def registration() -> Registration:
    return sample_registration(PALLIDUM)


def test_the_fit_is_accepted_and_keeps_left_on_the_left(registration: Registration) -> None:
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
def test_a_rotated_head_is_mapped_to_the_same_place(
    registration: Registration, angles_deg: tuple[float, float, float]
) -> None:
    scan, shift_mm = sample(PALLIDUM), (40.0, -55.0, 300.0)
    rotated = moved(scan, angles_deg=angles_deg, shift_mm=shift_mm)
    fit = register_atlas(segment_intracranial(rotated), load_atlas())
    assert fit.accepted
    index = np.array([[35.0, 110, 100], [35, 110, 150], [41, 150, 128], [50, 90, 128]])
    in_atlas = fit.to_atlas(rotated.geometry.to_world(index))
    np.testing.assert_allclose(in_atlas, registration.to_atlas(scan.geometry.to_world(index)), atol=2.0)


def test_a_head_without_anatomy_is_refused() -> None:
    """A ball of brain has no face, no ventricles, no hemispheres."""
    fit = register_atlas(segment_intracranial(box_scan(egg())), load_atlas())
    assert not fit.accepted
    assert {flag.code for flag in fit.flags} == {"registration_poor"}
    assert all(flag.limit is not None for flag in fit.flags)
    assert fit.reason == "; ".join(flag.message for flag in fit.flags)


def test_the_limits_are_those_of_the_settings_given(registration: Registration) -> None:
    strict = replace_settings(SETTINGS, overlap_low=0.99)
    fit = register_atlas(sample_head(PALLIDUM), load_atlas(), settings=strict)
    assert [(flag.value, flag.limit) for flag in fit.flags] == [(round(registration.overlap, 3), 0.99)]
    np.testing.assert_array_equal(fit.scan_to_atlas, registration.scan_to_atlas)


def test_half_a_head_must_lie_nearer_to_where_it_fits_best(registration: Registration) -> None:
    """The limits shrink with the share of the brain that the scan covers; those of a whole head stay."""
    head, template = preprocessed()
    front = head.covered.copy()
    front[:, int(np.argwhere(head.mask).mean(axis=0)[1]) :] = False
    strict = replace_settings(SETTINGS, rotation_error_high_deg=0.01)
    part = replace(head, covered=front, usable=head.usable & front)
    whole, half = (
        accept(image, template, registration.scan_to_atlas, registration.displacement, strict) for image in (head, part)
    )
    limits = [
        next(float(flag.limit or 0.0) for flag in fit.flags if "rotated" in flag.message) for fit in (whole, half)
    ]
    assert limits[0] == 0.01
    assert 0.005 < limits[1] < 0.0095


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("angle_deg", [-10.0, 10.0])
def test_a_fit_rotated_by_ten_degrees_is_refused(registration: Registration, axis: int, angle_deg: float) -> None:
    """It agrees well, but rotated back it would agree better."""
    rotation = np.eye(4)
    rotation[:3, :3] = Rotation.from_rotvec(np.radians(angle_deg) * np.eye(3)[axis]).as_matrix()
    head, template = preprocessed()
    scan_to_atlas, displacement = fit_deformable(head, template, rotation @ registration.scan_to_atlas, SETTINGS)
    fit = accept(head, template, scan_to_atlas, displacement, SETTINGS)
    assert "would correlate better with the atlas if it were rotated" in fit.reason


def turned_image(head: RegistrationImage, turn: np.ndarray) -> RegistrationImage:
    """The head turned against the axes of its header, by a 4×4 matrix."""
    return replace(head, affine=turn @ head.affine)


def turn_of(*angles_deg: float) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", angles_deg, degrees=True).as_matrix()
    return matrix


@pytest.mark.parametrize("angles_deg", [(0.0, 0.0, 90.0), (40.0, 35.0, 0.0), (180.0, 0.0, 20.0)])
def test_a_head_is_found_however_it_lies(registration: Registration, angles_deg: tuple[float, float, float]) -> None:
    """On its side, turned twice, upside down: the first candidate is where it lies, and no other is near that."""
    head, template = preprocessed()
    expected = registration.scan_to_atlas @ np.linalg.inv(turn_of(*angles_deg))
    first, *others = wide_candidates(turned_image(head, turn_of(*angles_deg)), template, SETTINGS)
    assert angle_between_deg(first, expected) < 12.0
    assert all(angle_between_deg(other, expected) > SETTINGS.search_apart_deg / 2 for other in others)


def test_a_found_head_must_fit_better_than_any_other_way_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ball of brain fits as well every way round."""
    intracranial = segment_intracranial(box_scan(egg()))
    head, template = preprocess_head(intracranial, SETTINGS), preprocess_template(load_atlas(), SETTINGS)
    ways = tuple(turn_of(0.0, 0.0, angle) for angle in (0.0, 180.0))
    monkeypatch.setattr(register, "wide_candidates", lambda *_: ways)
    monkeypatch.setattr(register, "fit_affine", lambda head, template, matrix, settings: matrix)
    assert register.found_anywhere(head, template, SETTINGS) is None


@pytest.mark.parametrize(
    ("angles_deg", "codes"),
    [
        ((0.0, 0.0, 0.0), []),
        ((0.0, 0.0, 45.0), []),
        ((0.0, 0.0, 90.0), ["laterality_unknown"]),
        ((0.0, 90.0, 0.0), ["laterality_unknown"]),
        ((180.0, 0.0, 0.0), []),
        ((0.0, 180.0, 0.0), ["laterality_unknown"]),
        ((0.0, 0.0, 180.0), ["laterality_unknown"]),
        ((20.0, 150.0, 0.0), ["laterality_unknown"]),
    ],
)
def test_left_and_right_are_in_doubt_where_the_head_contradicts_the_header(
    registration: Registration, angles_deg: tuple[float, float, float], codes: list[str]
) -> None:
    """Turned over, or mirrored from front to back or top to bottom: both look the same. So do a head on its side, and
    an array whose first axis was exchanged with another."""
    head, template = preprocessed()
    turn = turn_of(*angles_deg)
    fit = accept(
        turned_image(head, turn),
        template,
        registration.scan_to_atlas @ np.linalg.inv(turn),
        registration.displacement,
        SETTINGS,
    )
    assert fit.accepted
    assert [flag.code for flag in fit.flags] == codes


def test_deep_nuclei_far_from_where_the_outline_puts_them_are_recentred_again(registration: Registration) -> None:
    """6 mm ahead of it: the first time they are held back."""
    head, template = preprocessed()
    off = np.eye(4)
    off[:3, 3] = (0.0, 6.0, 0.0)
    deep = registration.to_scan(np.array([[15.0, 0.0, 5.0], [-15.0, 0.0, 5.0], [0.0, 30.0, 0.0]]))
    fit = register.deformed(head, template, off @ registration.scan_to_atlas, SETTINGS)
    assert np.linalg.norm(fit.to_atlas(deep) - registration.to_atlas(deep), axis=1).max() < 1.5


def test_deep_nuclei_pushed_to_a_side_are_recentred_once(
    registration: Registration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The midline of the skull still tells left from right."""
    calls = []

    def shifted(head: object, template: object, matrix: np.ndarray, settings: object) -> tuple[object, object]:
        calls.append(1)
        shift = np.eye(4)
        shift[:3, 3] = (2.5, 3.5, 0.0)
        return shift @ matrix, registration.displacement

    monkeypatch.setattr(register, "fit_deformable", shifted)
    register.deformed(*preprocessed(), registration.scan_to_atlas, SETTINGS)
    assert len(calls) == 1


def test_a_head_scanned_with_its_neck_is_found(real_scans: Path) -> None:
    """Chin up by 40 degrees, small, with streaks from the teeth; the pineal's calcification marked by eye."""
    fit = register_atlas(segment_intracranial(read_scan(real_scans / "radiotherapy_head_neck")), load_atlas())
    atlas = load_atlas()
    numbers = [n for n, site in atlas.sites.items() if site.site == "pineal"]
    pineal = apply(atlas.affine, np.argwhere(np.isin(atlas.labels, numbers))).mean(axis=0)
    assert fit.accepted, fit.reason
    assert np.linalg.norm(fit.to_atlas([247.0, -243.7, -72.4]) - pineal) < 6.0


def test_calcification_does_not_steer() -> None:
    scan = sample(FALX)
    hu = np.array(scan.hu)
    k, j, i = np.rint(scan.geometry.to_index([18.0, 0.0, -40.0])).astype(int)
    hu[k - 6 : k + 6, j - 14 : j + 14, i - 14 : i + 14] = 600  # 24 mm across
    calcified = type(scan)(hu=hu, geometry=scan.geometry)
    plain, fit = sample_registration(FALX), register_atlas(segment_intracranial(calcified), load_atlas())
    points = scan.geometry.to_world(np.array([[k, j, i], [k + 10, j, i - 30]], dtype=float))
    assert fit.accepted
    np.testing.assert_allclose(fit.to_atlas(points), plain.to_atlas(points), atol=2.0)


def test_a_small_childs_head_is_accepted(registration: Registration) -> None:
    small = shrunk(sample(PALLIDUM), 0.65)
    fit = register_atlas(segment_intracranial(small), load_atlas())
    assert fit.accepted, fit.reason
    index = np.array([[35.0, 110, 100], [35, 110, 150], [41, 150, 128]])
    of_small, of_adult = small.geometry.to_world(index), sample(PALLIDUM).geometry.to_world(index)
    np.testing.assert_allclose(fit.to_atlas(of_small), registration.to_atlas(of_adult), atol=3.0)


def test_frontal_fluid_does_not_stretch_the_head() -> None:
    """An old infarct of a frontal lobe, with fluid between brain and skull."""
    scan, intracranial = sample(CLEAN), sample_head(CLEAN)
    centre = apply(intracranial.isotropic_hu.affine, np.argwhere(intracranial.isotropic_mask)).mean(axis=0)
    world = scan.geometry.to_world(np.argwhere(intracranial.mask))
    infarct = (world[:, 1] < centre[1] - 40.0) & (world[:, 0] < centre[0] + 5.0)
    hu = np.array(scan.hu)
    hu[tuple(np.argwhere(intracranial.mask)[infarct].T)] = 8
    plain, fit = sample_registration(CLEAN), register_atlas(segment_intracranial(edited(scan, hu)), load_atlas())
    assert fit.accepted
    stretch = [np.linalg.svd(registration.scan_to_atlas[:3, :3])[1] for registration in (plain, fit)]
    np.testing.assert_allclose(stretch[1], stretch[0], rtol=0.03)
    points = centre + np.array([[20.0, 0, 5], [-20, 0, 5], [0, 40, -20], [0, 60, 30]])
    np.testing.assert_allclose(fit.to_atlas(points), plain.to_atlas(points), atol=3.0)


def test_the_deformation_follows_wide_ventricles() -> None:
    """With the affine alone a good part of the caudate comes to lie in fluid."""
    scan = with_wide_ventricles(sample(CLEAN), sample_head(CLEAN), wider_mm=4.0)
    intracranial, atlas = segment_intracranial(scan), load_atlas()
    registration = register_atlas(intracranial, atlas)
    assert registration.accepted, registration.reason
    numbers = [n for n, site in atlas.sites.items() if site.site == "caudate"]
    caudate = apply(atlas.affine, np.argwhere(np.isin(atlas.labels, numbers)))
    affine_alone = replace(registration, displacement=Displacement.none())

    def fraction_in_fluid(fit: Registration) -> float:
        volume = intracranial.isotropic_hu
        return float((sample_at(volume.values, volume.affine, fit.to_scan(caudate)) < 18.0).mean())

    assert fraction_in_fluid(registration) < 0.6 * fraction_in_fluid(affine_alone)


def test_the_deformable_fit_recentres_on_the_deep_nuclei(registration: Registration) -> None:
    """After an affine that is 3.6 mm off: by a shift, not by the displacement, and with its linear part kept."""
    shift = np.eye(4)
    shift[:3, 3] = (0.0, 3.0, -2.0)
    scan_to_atlas, displacement = fit_deformable(*preprocessed(), shift @ registration.scan_to_atlas, SETTINGS)
    points = registration.to_scan(np.array([[15.0, 0.0, 5.0], [-15.0, 0.0, 5.0], [0.0, 30.0, 0.0]]))
    recentred = apply(scan_to_atlas, points)
    assert np.linalg.norm(recentred - apply(registration.scan_to_atlas, points), axis=1).max() < 1.5
    error_mm = np.linalg.norm(recentred + displacement.at(recentred) - registration.to_atlas(points), axis=1)
    assert error_mm.max() < 1.0
    np.testing.assert_array_equal(scan_to_atlas[:3, :3], (shift @ registration.scan_to_atlas)[:3, :3])


def test_the_modes_add_up_to_the_prior_standard_deviation() -> None:
    box = Box.around_deep_nuclei(SETTINGS)
    modes = displacement_modes(box, SETTINGS)
    variance_mm2 = (modes.values[:, 4:] ** 2 * modes.variance[4:]).sum(axis=1)
    sd_mm = np.sqrt(variance_mm2).reshape(box.node_shape)
    inner = sd_mm[tuple(slice(n // 4, -(n // 4)) for n in sd_mm.shape)]
    np.testing.assert_allclose(inner, SETTINGS.displacement_sd_mm, rtol=0.1)


def test_noise_is_not_taken_for_calcium() -> None:
    """With single voxels of the isotropic copy above the limit, nothing of the head would be left to compare."""
    intracranial = sample_head(CLEAN)
    volume = intracranial.isotropic_hu
    noise_hu = np.random.default_rng(0).normal(0.0, 15.0, volume.values.shape).astype(np.float32)
    noisy = replace(intracranial, isotropic_hu=replace(volume, values=volume.values + noise_hu))
    of_plain, of_noisy = (
        (preprocess_head(head, SETTINGS).usable & head.isotropic_mask).sum() for head in (intracranial, noisy)
    )
    assert of_noisy > 0.9 * of_plain


def test_the_neighbourhood_of_calcium_is_left_out() -> None:
    """A deposit of 5 mm across, and what it blurs."""
    intracranial = sample_head(CLEAN)
    volume, mask = intracranial.isotropic_hu, intracranial.isotropic_mask
    world = apply(volume.affine, np.moveaxis(np.indices(mask.shape), 0, -1))
    distance_mm = np.linalg.norm(world - world[mask].mean(axis=0), axis=-1)
    calcified = replace(volume, values=np.where(distance_mm < 2.5, np.float32(200.0), volume.values))
    usable = preprocess_head(replace(intracranial, isotropic_hu=calcified), SETTINGS).usable
    assert not usable[distance_mm < 3.5].any()
    assert usable[(distance_mm > 9.0) & (distance_mm < 11.0)].mean() > 0.9


@given(seed=st.integers(0, 10_000), largest_mm=st.floats(0.0, 3.0))
@settings(max_examples=25, deadline=None)
def test_to_scan_inverts_to_atlas(seed: int, largest_mm: float) -> None:
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.standard_normal((12, 12, 12, 3)), (3, 3, 3, 0))
    affine = np.array([[0, 0, 6.0, -30], [0, 6.0, 0, -30], [6.0, 0, 0, -30], [0, 0, 0, 1]])
    matrix = np.eye(4)
    matrix[:3, :3] = rng.normal(0.0, 0.1, (3, 3)) + np.eye(3)
    matrix[:3, 3] = rng.uniform(-50, 50, 3)
    registration = Registration(
        scan_to_atlas=matrix,
        displacement=Displacement(
            shift_mm=(smooth / np.abs(smooth).max() * largest_mm).astype(np.float32), affine=affine
        ),
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
    digests = {
        subprocess.run(
            [sys.executable, "-c", code, str(Path(__file__).parents[1])],
            env={**os.environ, **dict.fromkeys(names, threads)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    }
    assert len(digests) == 1


@pytest.mark.skipif(not (REAL / "tilted_variable_spacing").exists(), reason="no real scans")
def test_an_initial_fit_that_shrinks_the_head_to_nothing_is_not_taken() -> None:
    """A scan without its upper part covers so little of such a head that it seemed to fit best."""
    scan, atlas = read_scan(REAL / "tilted_variable_spacing"), load_atlas()
    lower = cropped(scan, 0, len(scan.hu) - int(0.4 * len(scan.hu)))
    of_whole, of_lower = (register_atlas(segment_intracranial(part), atlas) for part in (scan, lower))
    assert of_lower.accepted
    number = next(n for n, site in atlas.sites.items() if site.site == "pallidum")
    pallidum = apply(atlas.affine, np.argwhere(atlas.labels == number))
    assert np.abs(of_whole.to_atlas(of_lower.to_scan(pallidum)) - pallidum).max() < 4.0
