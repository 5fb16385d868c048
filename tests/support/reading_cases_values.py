"""What lies beside the slices, what their values mean, and damage: cases of `reading_cases`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from support import dicom_faults as faults
from support.ball_phantom import BRAIN_HU
from support.dicom_faults import Series, in_series_of, in_study_of, recode, series, write
from support.reading_case import case

NO_BALL = BRAIN_HU
Stored = npt.NDArray[np.int64]

# --- several things in a series, or beside it ---


@case("2 kernels under one uid")
def _(_: Path) -> Series:
    sharp = recode(series(ConvolutionKernel="H60s"), lambda stored: stored + stored // 4)
    return in_series_of(series(), sharp)[::-1]


case("thick and thin under one uid")(lambda _: in_series_of(series(), series(slices=112, spacing_mm=1.25)))
case("localizer under the same uid")(lambda _: in_series_of(series(), faults.localizer()))
case("contrast series beside the native one")(
    lambda _: in_study_of(series(), series(ContrastBolusAgent="Iomeron 350", ball_hu=NO_BALL))
)


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


case("padding")(lambda _: recode(series(), lambda stored: _ringed(stored, -2000), PixelPaddingValue=-2000))


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


case("12 bits in the upper part of 16")(
    lambda _: recode(series(), lambda stored: stored << 4, PixelRepresentation=0, BitsStored=12, HighBit=15)
)
case("MONOCHROME1")(lambda _: series(PhotometricInterpretation="MONOCHROME1"))
case("no slope or intercept, values not HU", "not_hounsfield", verdict="flagged", peers=False)(
    lambda _: series(RescaleSlope=None, RescaleIntercept=None, RescaleType=None)
)


@case("windowed to 8 bit", "not_hounsfield", verdict="flagged", peers=False)
def _(_: Path) -> Series:
    return recode(series(), lambda stored: np.clip((stored - 1024 + 20) * 255 // 100, 0, 255),
                  RescaleIntercept=0, RescaleType=None)  # fmt: skip


case("nothing but a map in mg/ml", verdict="refused", peers=False)(
    lambda _: recode(series(), lambda stored: stored // 20, RescaleType="MGML", RescaleIntercept=0)
)

# --- damage ---


def _damaged(folder: Path, harm: Callable[[Path], object], name_of: Callable[[list[Path]], Path]) -> Path:
    write(series()[::-1], folder)
    harm(name_of(sorted(folder.iterdir())))
    return folder


def _scramble(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(5000))


def _in_ball(paths: list[Path]) -> Path:
    """The file of the slice through the ball's middle."""
    heights = {path: abs(float(faults.dcmread(path).ImagePositionPatient[2]) - 2.5) for path in paths}
    return min(paths, key=heights.__getitem__)


def _last(paths: list[Path]) -> Path:
    """The same slice, in the file whose name comes last."""
    middle = _in_ball(paths)
    return middle.rename(middle.with_name("zzz.dcm"))


lost = partial(case, verdict="flagged")
lost("the last file cut short", "missing_slices")(lambda folder: _damaged(folder, faults.cut_short, _last))
lost("a file cut short", "missing_slices")(lambda folder: _damaged(folder, faults.cut_short, _in_ball))
lost("a file of random bytes", "missing_slices")(lambda folder: _damaged(folder, _scramble, _in_ball))
lost("an empty file", "missing_slices")(lambda folder: _damaged(folder, lambda path: path.write_bytes(b""), _in_ball))
