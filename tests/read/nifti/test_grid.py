"""NIfTI: which of its matrices and units is the scan's own grid."""

from __future__ import annotations

import io
from itertools import permutations, product
from pathlib import Path

import nibabel
import numpy as np
import pytest
from support.ball_phantom import BALL_MM, CORE_HU
from support.messages import one_line
from support.nifti_phantom import PLAIN, SHAPE, ball, centred, codes, head

from calcscan.errors import GeometryError
from calcscan.model import Scan
from calcscan.quality import severity
from calcscan.read import read_scan
from calcscan.report.labelmaps import affine_off_mm

VOXEL_MM3 = 4.2 * 4.5 * 5.0
HEAD = head(PLAIN).astype(np.int16)


def save(
    path: Path,
    sform: np.ndarray | None = None,
    sform_code: int = 1,
    qform: np.ndarray | None = None,
    qform_code: int = 1,
    *,
    sizes: list[float] | None = None,
    unit: str = "mm",
    data: np.ndarray = HEAD,
) -> Path:
    """The phantom with both matrices set by hand; `sizes` overwrites pixdim at last."""
    image = nibabel.Nifti1Image(data, None)
    image.header.set_qform(PLAIN if qform is None else qform, 0 if qform is None else qform_code)
    image.header.set_sform(sform, 0 if sform is None else sform_code)
    if sizes is not None:
        image.header["pixdim"][1:4] = sizes
    image.header.set_xyzt_units(unit)
    nibabel.save(image, path)
    return path


def notes(scan: Scan) -> str:
    return " ".join(flag.message for flag in scan.flags if flag.code == "left_out")


def stretched(*scales: float) -> np.ndarray:
    return np.diag([*scales, 1.0]) @ PLAIN


def turned(degrees: float, shift_mm: float = 0.0) -> np.ndarray:
    angle = np.radians(degrees)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    turn[2, 3] = shift_mm
    return turn @ PLAIN


def sheared(degrees: float) -> np.ndarray:
    """As dcm2niix writes a tilted gantry: the step along the table is `pixdim`, the rows are turned."""
    angle = np.radians(degrees)
    return centred(np.array([[-4.2, 0, 0], [0, -4.5 * np.cos(angle), 0], [0, -4.5 * np.sin(angle), 5.0]]))


@pytest.mark.parametrize("code", [1, 2, 3, 4])
@pytest.mark.parametrize("scales", [(1.10, 1.08, 1.14), (0.9, 0.9, 0.9), (1.0, 1.0, 1.19), (1.35, 1.3, 1.2)])
def test_an_affine_onto_a_template_is_not_the_grid(tmp_path: Path, code: int, scales: tuple[float, ...]) -> None:
    scan = read_scan(save(tmp_path / "head.nii", stretched(*scales), code, PLAIN))
    assert scan.geometry.voxel_mm3 == pytest.approx(np.full(28, VOXEL_MM3))
    assert np.linalg.norm(ball(scan) - BALL_MM) < 1.0
    assert codes(scan) == {"left_out"}
    assert f"sform (code {code}) was not used" in notes(scan)
    assert scan.stored is not None
    assert scan.stored.frame == "qform"


def test_an_affine_onto_a_template_with_shear_and_turn(tmp_path: Path) -> None:
    affine = np.array([[1.1, 0.05, -0.1, 4], [0.02, 1.2, 0.2, -20], [0.1, -0.15, 1.15, 30], [0, 0, 0, 1.0]]) @ PLAIN
    scan = read_scan(save(tmp_path / "head.nii", affine, 4, PLAIN))
    assert scan.geometry.tilt_deg < 0.01
    assert np.linalg.norm(ball(scan) - BALL_MM) < 1.0
    lonely = read_scan(save(tmp_path / "lonely.nii", affine, 4))
    assert lonely.geometry.voxel_mm3 == pytest.approx(np.full(28, VOXEL_MM3), rel=1e-4)
    assert lonely.geometry.tilt_deg < 0.01
    assert codes(lonely) == {"left_out"}
    assert "scale and shear of the sform (code 4)" in notes(lonely)


@pytest.mark.parametrize("code", [2, 3, 4])
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_without_a_qform_the_sform_gives_rotation_and_pixdim_size(
    tmp_path: Path, code: int, order: tuple[int, ...]
) -> None:
    shape = tuple(SHAPE[axis] for axis in order)
    affine = centred(PLAIN[:3, :3][:, list(order)], shape)  # type: ignore[arg-type]
    wide = np.diag([1.1, 1.08, 1.14, 1.0]) @ affine
    sizes = [[4.2, 4.5, 5.0][axis] for axis in order]
    data = head(affine, shape).astype(np.int16)  # type: ignore[arg-type]
    scan = read_scan(save(tmp_path / "head.nii", wide, code, sizes=sizes, data=data))
    assert scan.geometry.voxel_mm3 == pytest.approx(np.full(28, VOXEL_MM3), rel=1e-4)
    assert np.linalg.norm(ball(scan) - BALL_MM) < 1.0  # the volume's middle is the world's here
    assert codes(scan) == {"left_out"}


def test_a_gantry_tilt_is_not_an_affine_onto_a_template(tmp_path: Path) -> None:
    affine = sheared(18)
    data = head(affine).astype(np.int16)
    for qform in (None, PLAIN):
        scan = read_scan(save(tmp_path / "head.nii", affine, 1, qform, sizes=[4.2, 4.5, 5.0], data=data))
        assert codes(scan) == {"gantry_tilt"}
        assert scan.geometry.tilt_deg == pytest.approx(18, abs=0.01)
        assert scan.geometry.voxel_mm3 == pytest.approx(np.full(28, VOXEL_MM3 * np.cos(np.radians(18))), rel=1e-4)
        assert np.linalg.norm(ball(scan) - BALL_MM) < 1.0
    by_height = read_scan(
        save(tmp_path / "height.nii", affine, 1, sizes=[4.2, 4.5, 5.0 * np.cos(np.radians(18))], data=data)
    )
    assert codes(by_height) == {"gantry_tilt"}


@pytest.mark.parametrize(
    ("sform_code", "qform_code", "used"),
    [(1, 1, "sform"), (1, 2, "sform"), (2, 1, "qform"), (4, 1, "qform"), (2, 2, "sform")],
)
@pytest.mark.parametrize(("degrees", "shift"), [(12.0, 0.0), (0.0, 30.0)])
def test_two_frames_with_the_same_voxel_size(
    tmp_path: Path, sform_code: int, qform_code: int, used: str, degrees: float, shift: float
) -> None:
    sform = turned(degrees, shift)
    scan = read_scan(save(tmp_path / "head.nii", sform, sform_code, PLAIN, qform_code))
    place = BALL_MM if used == "qform" else ball(read_scan(save(tmp_path / "alone.nii", sform, 1)))
    assert np.linalg.norm(ball(scan) - place) < 1.0
    assert codes(scan) == {"left_out"}
    assert ("sform" if used == "qform" else "qform") + " (code" in notes(scan)
    assert scan.stored is not None
    assert scan.stored.frame == used


def test_forms_that_agree_are_not_flagged(tmp_path: Path) -> None:
    for code, qform_code in product((1, 2, 4), (1, 2)):
        assert not read_scan(save(tmp_path / "head.nii", PLAIN, code, PLAIN, qform_code)).flags


def test_pixdim_left_unset(tmp_path: Path) -> None:
    for sizes in ([1, 1, 1], [0, 0, 0], [float("nan")] * 3):
        scan = read_scan(save(tmp_path / "head.nii", PLAIN, 1, sizes=sizes))
        assert scan.geometry.voxel_mm3 == pytest.approx(np.full(28, VOXEL_MM3))
        assert codes(scan) == {"left_out"}
        assert "pixdim" in notes(scan)


def test_pixdim_and_sform_that_contradict_each_other(tmp_path: Path) -> None:
    with pytest.raises(GeometryError, match="pixdim and sform contradict") as caught:
        read_scan(save(tmp_path / "head.nii", PLAIN, 1, sizes=[1.2, 1.2, 3.0]))
    one_line(caught.value)


def test_a_singular_sform_beside_a_good_qform(tmp_path: Path) -> None:
    flat = PLAIN.copy()
    flat[:3, 2] = 0
    scan = read_scan(save(tmp_path / "head.nii", flat, 1, PLAIN))
    assert np.linalg.norm(ball(scan) - BALL_MM) < 1.0
    assert codes(scan) == {"left_out"}


def test_an_invalid_quaternion(tmp_path: Path) -> None:
    for number in (5.0, float("nan")):
        path = save(tmp_path / "head.nii", PLAIN, 1, PLAIN)
        with path.open("r+b") as file:
            file.seek(256)  # quatern_b, c, d
            file.write(np.full(3, number, "<f4").tobytes())
        scan = read_scan(path)
        assert np.linalg.norm(ball(scan) - BALL_MM) < 1.0
        assert not scan.flags
        content = bytearray(path.read_bytes())
        content[254] = 0  # the sform's code
        path.write_bytes(content)
        alone = read_scan(path)
        assert codes(alone) == {"laterality_unknown"}
        assert alone.stored is not None
        assert affine_off_mm(alone.geometry, alone.stored) < 1e-3


@pytest.mark.parametrize(
    ("unit", "factor", "read_as"),
    [
        ("meter", 1.0, "millimetres"),
        ("micron", 1.0, "millimetres"),
        ("mm", 0.001, "metres"),
        ("unknown", 0.001, "metres"),
        ("mm", 1000.0, "microns"),
        ("micron", 0.001, "metres"),
        ("meter", 0.001, ""),
        ("micron", 1000.0, ""),
        ("unknown", 1.0, ""),
    ],
)
@pytest.mark.parametrize("form", ["sform", "qform"])
def test_a_unit_that_gives_no_head_is_not_used(
    tmp_path: Path, unit: str, factor: float, read_as: str, form: str
) -> None:
    affine = PLAIN.copy()
    affine[:3] *= factor
    path = save(tmp_path / "head.nii", **{form: affine}, sizes=[4.2 * factor, 4.5 * factor, 5 * factor], unit=unit)
    scan = read_scan(path)
    assert np.linalg.norm(ball(scan) - BALL_MM) < 1.0
    assert scan.geometry.voxel_mm3 == pytest.approx(np.full(28, VOXEL_MM3), rel=1e-4)
    assert codes(scan) == ({"left_out"} if read_as else set())
    assert read_as in notes(scan)
    assert scan.stored is not None
    kept = nibabel.Nifti1Header.from_fileobj(io.BytesIO(scan.stored.header))
    assert np.array_equal(kept.get_best_affine(), nibabel.load(path).affine)
    if read_as:
        assert kept.get_xyzt_units()[0] == {"millimetres": "mm", "metres": "meter", "microns": "micron"}[read_as]


@pytest.mark.parametrize(
    "steps",
    [
        (1e-3, 1000, 5),
        (200, 200, 200),
        (50, 50, 50),
        (1e30, 1e30, 1e30),
        (1e-9, 1e-9, 1e-9),
        (24, 24, 24),
        (18, 18, 18),
        (5, 5, 900),
    ],
)
def test_sizes_that_no_scanner_has(tmp_path: Path, steps: tuple[float, float, float]) -> None:
    data = np.zeros((46, 48, 50), np.int16)
    with pytest.raises(GeometryError) as caught:
        read_scan(save(tmp_path / "head.nii", np.diag([*steps, 1.0]), 1, sizes=list(steps), data=data))
    assert "pixdim" in one_line(caught.value)


def test_a_position_that_no_scanner_reaches(tmp_path: Path) -> None:
    far = PLAIN.copy()
    far[2, 3] = 1e7
    with pytest.raises(GeometryError, match="origin"):
        read_scan(save(tmp_path / "head.nii", far, 1))


def test_the_ball_is_there() -> None:
    assert (HEAD > CORE_HU).any()


@pytest.mark.parametrize(
    ("affine", "code"),
    [
        (np.eye(4), "laterality_unknown"),
        (np.diag([-1.0, -1.0, 1.0, 1.0]), "laterality_unknown"),
        (np.diag([4.2, 4.5, 5.0, 1.0]), "default_orientation"),
        (np.diag([-4.2, -4.5, 5.0, 1.0]), "default_orientation"),
    ],
)
def test_a_matrix_that_says_nothing_of_the_head_is_said(tmp_path: Path, affine: np.ndarray, code: str) -> None:
    """As nibabel and ITK write it for an array that came without one: it might be mirrored, and nobody know. Where the
    voxels were given a size, the sides are believed."""
    image = nibabel.Nifti1Image(head(PLAIN), affine)
    nibabel.save(image, tmp_path / "head.nii")
    (flag,) = (flag for flag in read_scan(tmp_path / "head.nii").flags if "begins at the origin" in flag.message)
    assert flag.code == code
    assert ("what size its voxels are" in flag.message) is (code == "laterality_unknown")
    assert severity(flag) == ("abstain" if code == "laterality_unknown" else "note")
    assert flag in Scan.from_image(image).flags


@pytest.mark.parametrize("moved_mm", [1e-3, -120.0])
def test_a_matrix_that_begins_elsewhere_is_an_orientation(tmp_path: Path, moved_mm: float) -> None:
    affine = np.diag([4.2, 4.5, 5.0, 1.0])
    affine[0, 3] = moved_mm
    nibabel.save(nibabel.Nifti1Image(head(PLAIN), affine), tmp_path / "head.nii")
    assert codes(read_scan(tmp_path / "head.nii")) == set()
