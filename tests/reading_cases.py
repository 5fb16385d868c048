"""Head CTs as they come, each with what a good reader makes of it: run by test_read_cases.py and benchmarks/reading.py.

Every input holds the head of `ball_phantom`. A case writes files into an empty folder and returns what is to be read.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dicom_faults as faults
import nibabel
import numpy as np
import numpy.typing as npt
from ball_phantom import BRAIN_HU, Measured, grid_of, measured, voxels_hu
from dicom_faults import Series, in_series_of, in_study_of, multi_frame, recode, series, with_tags, write
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
    SecondaryCaptureImageStorage,
)

from calcscan.errors import CalcscanError
from calcscan.quality import severity
from calcscan.read import read_scan

NO_BALL = BRAIN_HU
RIGHT_MM, RIGHT_SHARE = 0.5, 0.03
"""A ball whose centre and volume are off by less is right."""

Stored = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One input. `verdict` and `codes` are what calcscan is to make of it."""

    name: str
    make: Callable[[Path], Path]
    verdict: str = "right"
    codes: frozenset[str] = frozenset()
    peers: bool = True
    """False where the question is not one for a converter: are these Hounsfield units?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a reader made of an input: the ball as it shows it (None: no ball, or no image) and what it said."""

    verdict: str
    """right, flagged (wrong, but it said so), refused (no image), SILENTLY WRONG."""
    ball: Measured | None = None
    said: str = ""


def judged(ball: Measured | None, *, warned: bool, said: str = "") -> Reading:
    """The verdict on a reader that gave an image."""
    right = ball is not None and ball.error_mm < RIGHT_MM and abs(ball.volume_ratio - 1) < RIGHT_SHARE
    return Reading(verdict="right" if right else "flagged" if warned else "SILENTLY WRONG", ball=ball, said=said)


def read_by_calcscan(path: Path) -> Reading:
    """What calcscan makes of it; a flag that is only a note is no warning."""
    try:
        scan = read_scan(path)
    except CalcscanError as error:
        return Reading(verdict="refused", said=str(error))
    grid = scan.geometry
    places = grid.to_world(np.moveaxis(np.indices(scan.hu.shape), 0, -1))
    ball = measured(scan.hu, places, grid.voxel_mm3[:, None, None])
    warned = any(severity(flag) != "note" for flag in scan.flags)
    return judged(ball, warned=warned, said=" ".join(sorted({flag.code for flag in scan.flags})))


CASES: list[Case] = []


def case(name: str, *codes: str, verdict: str = "right", peers: bool = True) -> Callable[[Any], Any]:
    """Adds a function to the cases; it writes into a folder and returns what to read, or returns the images to write."""

    def add(function: Callable[[Path], Path | Series]) -> Callable[[Path], Path | Series]:
        def make(folder: Path) -> Path:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # pydicom warns of faults that are made on purpose
                made = function(folder)
                if isinstance(made, list):
                    write(made, folder)
                    return folder
            return made

        CASES.append(Case(name=name, make=make, verdict=verdict, codes=frozenset(codes), peers=peers))
        return function

    return add


# --- how files lie ---


@case("plain")
def _(_: Path) -> Series:
    return series()


@case("no preamble")
def _(folder: Path) -> Path:
    write(series(), folder, preamble=False)
    return folder


@case("names without extension")
def _(folder: Path) -> Path:
    write(series(), folder, suffix="")
    return folder


@case("nested folders")
def _(folder: Path) -> Path:
    images = series()
    for number in range(4):
        write(images[number::4], folder / f"a {number}" / "b")
    return folder


@case("several studies in one flat folder")
def _(_: Path) -> Series:
    older = series(StudyDate="20200101", PatientID="P2", ball_hu=NO_BALL)
    return [*older, *series(StudyDate="20230101")]


@case("DICOMDIR beside the files")
def _(folder: Path) -> Path:
    write(series(), folder)
    (record,) = write([faults.directory_record()], folder, suffix="")
    record.rename(folder / "DICOMDIR")
    return folder


@case("ZIP")
def _(folder: Path) -> Path:
    write(series(), folder / "series")
    return faults.zipped(folder / "series", folder / "series.zip")


@case("dose report and screen capture beside")
def _(folder: Path) -> Path:
    images = series()
    capture = series(slices=1, SOPClassUID=SecondaryCaptureImageStorage, ImagePositionPatient=None, SeriesNumber=99,
                     ImageOrientationPatient=None, SliceLocation=None, ImageType=["DERIVED", "SECONDARY"])  # fmt: skip
    write([*in_study_of(images, capture), *in_study_of([images[0]], [faults.dose_report()])[1:]], folder)
    return folder


# --- how pixels are coded ---


@case("implicit VR")
def _(folder: Path) -> Path:
    write(series(), folder, syntax=ImplicitVRLittleEndian)
    return folder


@case("big endian")
def _(folder: Path) -> Path:
    faults.write_big_endian(series(), folder)
    return folder


@case("deflated")
def _(folder: Path) -> Path:
    write(series(), folder, syntax=DeflatedExplicitVRLittleEndian)
    return folder


@case("RLE")
def _(folder: Path) -> Path:
    images = series()
    write(images, folder)
    for image in images:
        image.compress(RLELossless, generate_instance_uid=False)
    return _rewritten(images, folder, RLELossless)


def _rewritten(images: Series, folder: Path, syntax: str) -> Path:
    for path in folder.iterdir():
        path.unlink()
    write(images, folder, syntax=syntax)
    return folder


_NAMES = {
    "jpeg_baseline": "JPEG baseline, 8 bit",
    "jpeg_extended_12": "JPEG extended, 12 bit",
    "jpeg_lossless_p14": "JPEG lossless (process 14)",
    "jpeg_lossless_sv1": "JPEG lossless (SV1), signed",
    "jpeg_ls": "JPEG-LS",
    "jpeg_ls_near": "JPEG-LS near-lossless",
    "jpeg_2000": "JPEG 2000, signed",
    "jpeg_2000_lossy": "JPEG 2000 lossy",
    "htj2k": "HTJ2K",
}


def _add_coding(name: str) -> None:
    @case(_NAMES[name])
    def _(folder: Path) -> Path:
        write(faults.compressed(series(), name), folder, syntax=faults.CODINGS[name].syntax)
        return folder


for _name in faults.CODINGS:
    _add_coding(_name)


# --- several frames in a file ---


@case("Enhanced CT, many frames")
def _(_: Path) -> Series:
    return [multi_frame(series())]


@case("Enhanced CT, frames shuffled")
def _(_: Path) -> Series:
    return [multi_frame(faults.shuffled(series()))]


@case("Enhanced CT, tilted", "gantry_tilt")
def _(_: Path) -> Series:
    return [multi_frame(series(tilt_deg=18.0))]


# --- NIfTI ---


def _nifti(path: Path, steps: npt.NDArray[np.float64], shape: tuple[int, int, int] = (44, 48, 28)) -> Path:
    """Voxel steps (columns of a 3×3, RAS mm) about the middle of the head."""
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = steps, -steps @ ((np.array(shape) - 1) / 2)
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    hu = voxels_hu(grid_of(shape, lps), lps[:3, :3].T[::-1])
    nibabel.Nifti1Image(hu.astype(np.int16), affine).to_filename(path)
    return path


_STEPS = np.diag([-4.2, -4.5, 5.0])


@case("NIfTI")
def _(folder: Path) -> Path:
    return _nifti(folder / "head.nii", _STEPS)


@case("NIfTI, axes flipped and swapped, .nii.gz")
def _(folder: Path) -> Path:
    return _nifti(folder / "head.nii.gz", (_STEPS @ np.diag([-1.0, 1.0, -1.0]))[:, [2, 0, 1]], (28, 44, 48))


@case("NIfTI, oblique")
def _(folder: Path) -> Path:
    angle = np.radians(25)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1.0]])
    return _nifti(folder / "head.nii", turn @ turn[[2, 0, 1]][:, [2, 0, 1]] @ _STEPS, (48, 48, 34))


@case("NIfTI, sheared", "gantry_tilt")
def _(folder: Path) -> Path:
    steps = _STEPS.copy()
    steps[1, 2] = 5.0 * np.tan(np.radians(18))
    return _nifti(folder / "head.nii", steps, (44, 52, 28))


# --- order and number of slices ---


@case("names in reverse order")
def _(_: Path) -> Series:
    return series()[::-1]


@case("instance numbers shuffled")
def _(_: Path) -> Series:
    return faults.shuffled(series())


@case("instance numbers all equal")
def _(_: Path) -> Series:
    return faults.equal_numbers(series())


@case("instance numbers absent")
def _(_: Path) -> Series:
    return series(InstanceNumber=None)


@case("slice locations contradict positions")
def _(_: Path) -> Series:
    images = series()
    for number, image in enumerate(images):
        image.SliceLocation = f"{(number * 7) % 28 * 5.0:.1f}"
    return images


@case("the same file twice", "duplicate_slices")
def _(_: Path) -> Series:
    return faults.copied(series(), 12, 13, 20)


@case("slices sent again under new uids", "duplicate_slices")
def _(_: Path) -> Series:
    return faults.resent(series(), 12, 13, 20)


@case("1 slice missing, in the ball", "missing_slices", verdict="flagged")
def _(_: Path) -> Series:
    return faults.missing(series(), 14)


@case("2 slices missing, in the ball", "missing_slices", verdict="flagged")
def _(_: Path) -> Series:
    return faults.missing(series(), 14, 15)


# --- positions and directions ---


@case("gantry tilt +18°", "gantry_tilt")
def _(_: Path) -> Series:
    return series(tilt_deg=18.0, GantryDetectorTilt="18.0")


@case("gantry tilt −18°", "gantry_tilt")
def _(_: Path) -> Series:
    return series(tilt_deg=-18.0, GantryDetectorTilt="-18.0")


@case("gantry tilt, no tag", "gantry_tilt")
def _(_: Path) -> Series:
    return series(tilt_deg=18.0)


def _fossa_and_vertex(change_mm: float, tilt_deg: float = 0.0, overlap_mm: float = 0.0) -> Series:
    """3 mm slices up to a height, 8 mm ones from there on."""
    low = np.arange(-70.0, change_mm, 3.0)
    high = np.arange(low[-1] + 5.5 - overlap_mm, 74.0, 8.0)
    thick = [3.0] * len(low) + [8.0] * len(high)
    images = series(positions_mm=[*low, *high], thickness_mm=thick, tilt_deg=tilt_deg)
    with_tags(images[len(low) :], AcquisitionNumber=2)
    return images


@case("spacing 3 then 8 mm", "irregular_spacing", "thick_slices")
def _(_: Path) -> Series:
    return _fossa_and_vertex(-25.0)


@case("spacing 3 then 8 mm, within the ball", "irregular_spacing", "thick_slices")
def _(_: Path) -> Series:
    return _fossa_and_vertex(4.0)


@case("spacing 3 then 8 mm, overlapping", "irregular_spacing", "thick_slices")
def _(_: Path) -> Series:
    return _fossa_and_vertex(-25.0, overlap_mm=4.0)


@case("tilt and spacing 3 then 8 mm", "gantry_tilt", "irregular_spacing", "thick_slices")
def _(_: Path) -> Series:
    return _fossa_and_vertex(-25.0, tilt_deg=18.0)


@case("overlapping slices (1.25 mm every 1 mm)")
def _(_: Path) -> Series:
    return series(slices=140, spacing_mm=1.0, thickness_mm=1.25)


@case("gaps between slices (3 mm every 5 mm)")
def _(_: Path) -> Series:
    return series(thickness_mm=3.0)


@case("positions jitter by 0.05 mm")
def _(_: Path) -> Series:
    return faults.jittered(series(slices=112, spacing_mm=1.25))


@case("positions rounded to 0.1 mm")
def _(_: Path) -> Series:
    images = series(slices=224, spacing_mm=0.625)
    for image in images:
        image.ImagePositionPatient = [f"{value:.1f}" for value in image.ImagePositionPatient]
    return images


@case("field of view moved within the series")
def _(_: Path) -> Series:
    low, high = ((np.arange(28) - 13.5) * 5.0)[:15], ((np.arange(28) - 13.5) * 5.0)[15:]
    moved = series(positions_mm=high, shift_mm=(-9.0, 7.0, 0.0))
    return in_series_of(series(positions_mm=low), moved)


@case("tilt set anew within the series", "gantry_tilt", "missing_slices", verdict="flagged")
def _(_: Path) -> Series:
    fossa = series(positions_mm=np.arange(-70.0, 8.0, 5.0), tilt_deg=18.0)
    return in_series_of(fossa, series(positions_mm=np.arange(8.0, 74.0, 5.0)))


@case("feet first")
def _(_: Path) -> Series:
    return series(cosines=((-1, 0, 0), (0, 1, 0)), PatientPosition="FFS")


@case("prone")
def _(_: Path) -> Series:
    return series(cosines=((-1, 0, 0), (0, -1, 0)), PatientPosition="HFP")


@case("decubitus, left")
def _(_: Path) -> Series:
    return series(cosines=((0, 1, 0), (-1, 0, 0)), PatientPosition="HFDL")


@case("decubitus, right")
def _(_: Path) -> Series:
    return series(cosines=((0, -1, 0), (1, 0, 0)), PatientPosition="HFDR")


@case("coronal slices")
def _(_: Path) -> Series:
    return series(plane="coronal", slices=36)


@case("sagittal slices")
def _(_: Path) -> Series:
    return series(plane="sagittal", slices=30)


@case("rows stored right to left")
def _(_: Path) -> Series:
    return series(cosines=((-1, 0, 0), (0, 1, 0)))


@case("columns stored bottom to top")
def _(_: Path) -> Series:
    return series(cosines=((1, 0, 0), (0, -1, 0)))


@case("oblique, cosines of three decimals")
def _(_: Path) -> Series:
    a, b = np.radians(17.0), np.radians(-23.0)
    row = np.array([np.cos(a), np.sin(a), 0.0])
    column = np.cos(b) * np.array([-np.sin(a), np.cos(a), 0.0]) + np.sin(b) * np.array([0.0, 0.0, 1.0])
    images = series(slices=34, rows=52, cosines=(row, column))
    return with_tags(images, ImageOrientationPatient=[f"{value:.3f}" for value in (*row, *column)])


@case("pixels not square")
def _(_: Path) -> Series:
    return series(pixel_mm=(4.5, 2.5), columns=74)


@case("no orientation", "laterality_unknown")
def _(_: Path) -> Series:
    return series(ImageOrientationPatient=None)


# --- several things in a series, or beside it ---


@case("2 kernels under one uid")
def _(_: Path) -> Series:
    sharp = recode(series(ConvolutionKernel="H60s"), lambda stored: stored + stored // 4)
    return in_series_of(series(), sharp)[::-1]


@case("thick and thin under one uid")
def _(_: Path) -> Series:
    return in_series_of(series(), series(slices=112, spacing_mm=1.25))


@case("localizer under the same uid")
def _(_: Path) -> Series:
    return in_series_of(series(), faults.localizer())


@case("contrast series beside the native one")
def _(_: Path) -> Series:
    return in_study_of(series(), series(ContrastBolusAgent="Iomeron 350", ball_hu=NO_BALL))


@case("MIP beside")
def _(_: Path) -> Series:
    kind = ["DERIVED", "SECONDARY", "AXIAL", "MIP"]
    return in_study_of(series(), series(slices=70, spacing_mm=2.0, thickness_mm=10.0, ImageType=kind, ball_hu=NO_BALL))


@case("dual-energy map beside")
def _(_: Path) -> Series:
    kind = ["DERIVED", "PRIMARY", "AXIAL", "VNC"]
    return in_study_of(series(), series(slices=70, spacing_mm=2.0, ImageType=kind, ball_hu=NO_BALL))


# --- what stored values mean ---


@case("slope and intercept of each slice")
def _(_: Path) -> Series:
    images = series()
    for number, image in enumerate(images):
        slope, intercept = 1.0 + number / 100, -1024.0 - number
        recode([image], lambda stored, s=slope, b=intercept: np.rint((stored - 1024 - b) / s),  # type: ignore[misc]
               RescaleSlope=slope, RescaleIntercept=intercept)  # fmt: skip
    return images


def _ringed(stored: Stored, value: int) -> Stored:
    """Padding outside the circle of reconstruction."""
    row, column = np.indices(stored.shape)
    middle = (np.array(stored.shape) - 1) / 2
    return np.where(np.hypot(row - middle[0], column - middle[1]) > middle.max(), value, stored)


@case("padding")
def _(_: Path) -> Series:
    return recode(series(), lambda stored: _ringed(stored, -2000), PixelPaddingValue=-2000)


@case("padding, a range of values")
def _(_: Path) -> Series:
    tags = {"PixelPaddingValue": -2000, "PixelPaddingRangeLimit": -1900}
    return recode(series(), lambda stored: _ringed(stored, -1950), **tags)


@case("12 bit, unsigned, with a clip at the scale's end", "saturated")
def _(_: Path) -> Series:
    def clip(stored: Stored) -> Stored:
        changed = stored.copy()
        changed[38:43, 20:24] = 4095
        return changed

    images = series()
    recode(images[12:15], clip)
    return recode(images, lambda stored: stored, PixelRepresentation=0, BitsStored=12, HighBit=11)


@case("extended scale (slope 10)")
def _(_: Path) -> Series:
    return recode(series(), lambda stored: np.rint((stored - 1024 + 10240) / 10), PixelRepresentation=0,
                  BitsStored=12, HighBit=11, RescaleSlope=10, RescaleIntercept=-10240)  # fmt: skip


@case("overlay in the unused high bits")
def _(_: Path) -> Series:
    def over(stored: Stored) -> Stored:
        bits = np.zeros_like(stored)
        bits[::2] = 0x8000
        return stored | bits

    return recode(series(), over, PixelRepresentation=0, BitsStored=12, HighBit=11)


@case("12 bits in the upper part of 16")
def _(_: Path) -> Series:
    return recode(series(), lambda stored: stored << 4, PixelRepresentation=0, BitsStored=12, HighBit=15)


@case("MONOCHROME1")
def _(_: Path) -> Series:
    return series(PhotometricInterpretation="MONOCHROME1")


@case("no slope or intercept, values not HU", "not_hounsfield", verdict="flagged", peers=False)
def _(_: Path) -> Series:
    return series(RescaleSlope=None, RescaleIntercept=None, RescaleType=None)


@case("windowed to 8 bit", "not_hounsfield", verdict="flagged", peers=False)
def _(_: Path) -> Series:
    return recode(series(), lambda stored: np.clip((stored - 1024 + 20) * 255 // 100, 0, 255),
                  RescaleIntercept=0, RescaleType=None)  # fmt: skip


@case("nothing but a map in mg/ml", verdict="refused", peers=False)
def _(_: Path) -> Series:
    return recode(series(), lambda stored: stored // 20, RescaleType="MGML", RescaleIntercept=0)


# --- damage ---


def _damaged(folder: Path, harm: Callable[[Path], object], name_of: Callable[[list[Path]], Path]) -> Path:
    write(faults.shuffled(series()), folder)
    harm(name_of(sorted(folder.iterdir())))
    return folder


def _in_ball(paths: list[Path]) -> Path:
    """The file of the slice through the ball's middle."""
    heights = {path: abs(float(faults.dcmread(path).ImagePositionPatient[2]) - 2.5) for path in paths}
    return min(paths, key=heights.__getitem__)


def _last(paths: list[Path]) -> Path:
    """The same slice, in the file whose name comes last."""
    middle = _in_ball(paths)
    return middle.rename(middle.with_name("zzz.dcm"))


@case("the last file cut short", "missing_slices", verdict="flagged")
def _(folder: Path) -> Path:
    return _damaged(folder, faults.cut_short, _last)


@case("a file cut short", "missing_slices", verdict="flagged")
def _(folder: Path) -> Path:
    return _damaged(folder, faults.cut_short, _in_ball)


@case("a file of random bytes", "missing_slices", verdict="flagged")
def _(folder: Path) -> Path:
    return _damaged(folder, lambda path: path.write_bytes(np.random.default_rng(0).bytes(5000)), _in_ball)


@case("an empty file", "missing_slices", verdict="flagged")
def _(folder: Path) -> Path:
    return _damaged(folder, lambda path: path.write_bytes(b""), _in_ball)
