"""The clean series in compressions that no dependency of calcscan can write, from `encoded/frames.zip`."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
)

from support.dicom_faults import INTERCEPT, Series, stored_of, with_tags


class Coding(NamedTuple):
    """How slices are stored in a compressed fixture of `encoded/`."""

    syntax: str
    bits: int
    signed: bool = False
    slope: int = 1
    intercept: int = INTERCEPT


CODINGS = {
    "jpeg_baseline": Coding(JPEGBaseline8Bit, 8, slope=16),
    "jpeg_extended_12": Coding(JPEGExtended12Bit, 12),
    "jpeg_lossless_p14": Coding(JPEGLossless, 16),
    "jpeg_lossless_sv1": Coding(JPEGLosslessSV1, 16, signed=True, intercept=0),
    "jpeg_ls": Coding(JPEGLSLossless, 16),
    "jpeg_ls_near": Coding(JPEGLSNearLossless, 16),
    "jpeg_2000": Coding(JPEG2000Lossless, 16, signed=True, intercept=0),
    "jpeg_2000_lossy": Coding(JPEG2000, 16),
    "htj2k": Coding(HTJ2KLossless, 16),
}


def coded(images: Series, name: str) -> list[npt.NDArray[np.generic]]:
    """The slices' stored values as a coding has them, to be compressed; two's complement where they are signed."""
    coding = CODINGS[name]
    kind = np.uint8 if coding.bits == 8 else np.int16 if coding.signed and "2000" in name else np.uint16
    hu = [stored_of(image) + INTERCEPT for image in images]
    return [np.rint((values - coding.intercept) / coding.slope).astype(np.int64).astype(kind) for values in hu]


def compressed(images: Series, name: str) -> Series:
    """The slices of `series()` with their pixels as `encoded/frames.zip` holds them; to be written with `syntax`."""
    coding = CODINGS[name]
    with zipfile.ZipFile(Path(__file__).parent / "encoded" / "frames.zip") as frames:
        for number, image in enumerate(images):
            image.PixelData = encapsulate([frames.read(f"{name}/{number:03d}")])
            image["PixelData"].VR = "OB"
            image["PixelData"].is_undefined_length = True
    return with_tags(
        images,
        BitsAllocated=8 if coding.bits == 8 else 16,
        BitsStored=coding.bits,
        HighBit=coding.bits - 1,
        PixelRepresentation=int(coding.signed),
        RescaleSlope=coding.slope,
        RescaleIntercept=coding.intercept,
    )
