"""Headers that differ between the slices of one series, that lie, or that name two people: cases of `reading_cases`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.uid import generate_uid

from support import dicom_faults as faults
from support.ball_phantom import BRAIN_HU
from support.dicom_faults import Series, in_series_of, recode, series, with_tags, write
from support.reading_case import case

# --- a detail that alternates ---


def _every_second(**tags: object) -> Series:
    images = series()
    with_tags(images[1::2], **tags)
    return images


case("image type, a word more in every second file")(
    lambda _: _every_second(ImageType=["ORIGINAL", "PRIMARY", "AXIAL", "HEADER_CORRECTED"])
)
case("kernel in every second file")(lambda _: _every_second(ConvolutionKernel=None))
case("kernel as a list in every second file")(lambda _: _every_second(ConvolutionKernel=["H31s", "3"]))
case("pixel spacing differs in the last digit")(lambda _: _every_second(PixelSpacing=["4.5000001", "4.1999999"]))
case("frame of reference in every second file")(lambda _: _every_second(FrameOfReferenceUID=None))
case("another series uid in every second file", "left_out")(lambda _: _every_second(SeriesInstanceUID="1.2.3"))


@case("a frame of reference of its own in each file")
def _(_: Path) -> Series:
    images = series()
    for image in images:
        image.FrameOfReferenceUID = generate_uid()
    return images


@case("a series uid of its own in each file", "left_out")
def _(_: Path) -> Series:
    images = series()
    for image in images:
        image.SeriesInstanceUID = generate_uid()
    return images


@case("two frames of reference, one above the other")
def _(_: Path) -> Series:
    images = series()
    with_tags(images[14:], FrameOfReferenceUID=generate_uid(), AcquisitionNumber=2)
    return images


@case("another pass between the slices")
def _(_: Path) -> Series:
    again = series(positions_mm=(np.arange(24) - 13.5) * 5.0 + 1.1, AcquisitionNumber=2)
    return in_series_of(series(), again)


# --- slices that are not there ---
case("every second slice not exported", "missing_slices", "thick_slices")(lambda _: series()[::2])


@case("every third slice not exported", "missing_slices", verdict="flagged")
def _(_: Path) -> Series:
    return [image for number, image in enumerate(series()) if number % 3 != 2]


@case("listed in the DICOMDIR, and gone", "missing_slices")
def _(folder: Path) -> Path:
    images = series()
    write(images[:24], folder)
    (record,) = write([faults.directory_record(images)], folder, suffix="")
    record.rename(folder / "DICOMDIR")
    return folder


# --- two people ---


@case("slices of two people in one series", verdict="refused")
def _(_: Path) -> Series:
    return in_series_of(series(), series(PatientID="P2", PatientName="Other^Person", ball_hu=BRAIN_HU))


@case("two people without uids, their slices between each other", verdict="refused")
def _(_: Path) -> Series:
    other = series(positions_mm=(np.arange(28) - 13.5) * 5.0 + 2.5, PatientID="P2", ball_hu=BRAIN_HU)
    return with_tags([*series(), *other], StudyInstanceUID=None, SeriesInstanceUID=None, FrameOfReferenceUID=None)


# --- headers that lie ---


@case("one position for all slices, their locations are right", "left_out")
def _(_: Path) -> Series:
    images = series()
    for image in images:
        image.SliceLocation = f"{float(image.ImagePositionPatient[2]):.4f}"
    return with_tags(images, ImagePositionPatient=images[0].ImagePositionPatient)


case("intercept absent in every second file", "left_out")(lambda _: _every_second(RescaleIntercept=None))
case("pixel spacing absent in every second file", "left_out")(lambda _: _every_second(PixelSpacing=None))
case("orientation absent in every second file", "left_out")(lambda _: _every_second(ImageOrientationPatient=None))


@case("metal beyond the bits stored", "left_out")
def _(_: Path) -> Series:
    def metal(stored: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        hot = stored.copy()
        hot[38:43, 20:24] = 5324
        return hot

    images = series()
    recode(images[2:4], metal)
    return recode(images, lambda stored: stored, PixelRepresentation=0, BitsStored=12, HighBit=11)
