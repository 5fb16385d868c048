"""What is beside the native series, and contrast medium that only some field states: cases of `reading_cases`."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.sequence import Sequence

from support import dicom_faults as faults
from support.ball_phantom import BRAIN_HU
from support.dicom_faults import Series, in_series_of, in_study_of, recode, series, with_tags
from support.reading_case import case

_THIN: dict[str, Any] = {"slices": 70, "spacing_mm": 2.0, "ball_hu": BRAIN_HU, "SeriesNumber": 1}


def _beside(name: str, kind: list[str], description: str, **tags: Any) -> None:
    """A thinner series without the ball, that comes first: who reads it is wrong."""

    @case(name)
    def _(_: Path) -> Series:
        other = series(**_THIN, ImageType=kind, SeriesDescription=description, **tags)
        return in_study_of(series(), other)[::-1]


_DERIVED = ["DERIVED", "SECONDARY"]
_beside("MIP by its name only beside", ["ORIGINAL", "PRIMARY", "AXIAL"], "AX MIPs")
_beside("calcium suppressed beside", _DERIVED, "CalciumSuppression 25")
_beside("subtraction beside", _DERIVED, "Bone removed")
_beside("perfusion map beside", _DERIVED, "Tmax")
_beside("overlay of a program beside", [*_DERIVED, "AXIAL"], "ICH segmentation")
_beside("synthetic CT beside", ["DERIVED", "PRIMARY", "AXIAL"], "MRCAT brain")
_beside("40 keV beside", ["DERIVED", "PRIMARY", "AXIAL"], "MonoE 40keV[HU]")
_beside("modified Hounsfield units beside", ["DERIVED", "PRIMARY", "AXIAL"], "Head", RescaleType="HU_MOD")
_beside("derived in an unknown way beside", [*_DERIVED, "AXIAL", "BRAND_NEW"], "Head 2.0")
_beside("derived, by a description only, beside", ["ORIGINAL", "PRIMARY"], "Head", DerivationDescription="Mean")
_beside("thin axial reformat beside", [*_DERIVED, "MPR"], "AX 2.0")
_beside("burned in annotation beside", ["ORIGINAL", "PRIMARY", "AXIAL"], "Head", BurnedInAnnotation="YES")
_beside("contrast stated by its volume beside", ["ORIGINAL", "PRIMARY", "AXIAL"], "Head", ContrastBolusVolume="70")
_beside("contrast stated in Chinese beside", ["ORIGINAL", "PRIMARY"], "头颅增强", SpecificCharacterSet="ISO_IR 192")


def _no_skull(stored: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.where(stored > 1400, 24, stored)


@case("bone removed, visible in the image only, beside")
def _(_: Path) -> Series:
    bare = recode(series(**_THIN), _no_skull)
    return in_study_of(series(), bare)


@case("cone beam, alone", "not_hounsfield", peers=False)
def _(_: Path) -> Series:
    return series(ImageType=["DERIVED", "PRIMARY", "AXIAL"], SeriesDescription="DynaCT")


case("native reformat, alone", "resampled")(lambda _: series(ImageType=[*_DERIVED, "REFORMATTED", "AVERAGE"]))
case("MIP alone", verdict="refused", peers=False)(lambda _: series(ImageType=_DERIVED, SeriesDescription="AX MIP"))
case("iodine map alone", verdict="refused", peers=False)(lambda _: series(SeriesDescription="Iodine map"))
case("40 keV alone", verdict="refused", peers=False)(lambda _: series(SeriesDescription="Mono 40 keV"))
case("70 keV alone", "unknown_kvp", peers=False)(lambda _: series(SeriesDescription="Mono 70 keV"))


@case("agent in every slice but the lowest", "contrast", peers=False)
def _(_: Path) -> Series:
    images = series()
    with_tags(images[1:], ContrastBolusAgent="Iomeprol 400")
    return images


@case("slices taken again after contrast")
def _(_: Path) -> Series:
    again = deepcopy(series(ball_hu=BRAIN_HU)[8:24])
    with_tags(again, AcquisitionNumber=2, AcquisitionTime="130000", ContrastBolusAgent="Iomeprol 400")
    return in_series_of(series(AcquisitionTime="120000"), again)


@case("two passes in one enhanced object, the second with contrast")
def _(_: Path) -> Series:
    whole = faults.multi_frame([*series(), *series(ball_hu=BRAIN_HU)])
    for number, group in enumerate(whole.PerFrameFunctionalGroupsSequence):
        used = Dataset()
        used.ContrastBolusAgentNumber, used.ContrastBolusAgentAdministered = 1, "NO" if number < 28 else "YES"
        group.ContrastBolusUsageSequence = Sequence([used])
    return [whole]


@case("two voltages", "unknown_kvp", peers=False)
def _(_: Path) -> Series:
    images = series()
    with_tags(images[:6], KVP="140")
    with_tags(images[6:], KVP="80")
    return images
