"""Contrast medium and tube voltage: read in every field, of every slice, and of every frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence
from support import dicom_faults as faults
from support.ball_phantom import BRAIN_HU
from support.contrast_phrases import UNDECIDED, WITH, WITHOUT
from support.dicom_faults import Series

from calcscan.knowledge.reading import ReadingSettings
from calcscan.knowledge.settings import load
from calcscan.model import Scan
from calcscan.read import read_scan
from calcscan.read.headers.contrast import contrast_in_words
from calcscan.read.headers.contrast_agent import contrast_agent_in

SETTINGS = load(ReadingSettings)

COARSE: dict[str, Any] = {"rows": 24, "columns": 22, "pixel_mm": (9.0, 8.4)}


def codes(scan: Scan) -> list[str]:
    return [flag.code for flag in scan.flags]


def read(images: Series, folder: Path) -> Scan:
    faults.write(images, folder)
    return read_scan(folder)


def item(**tags: Any) -> Dataset:
    made = Dataset()
    for keyword, value in tags.items():
        setattr(made, keyword, value)
    return made


# --- words ---


@pytest.mark.parametrize(
    ("phrase", "tells"),
    [*((one, True) for one in WITH), *((one, False) for one in WITHOUT), *((one, None) for one in UNDECIDED)],
)
def test_phrases(phrase: str, tells: bool | None) -> None:
    assert contrast_in_words(phrase, SETTINGS) is tells


@pytest.mark.parametrize("phrase", ["Głowa po podaniu środka", "po k.l.", "hlava s k.l.", "head w/ contr", "HEAD W",
                                    "HEAD WITH",
                                    "post Gd", "조영 강화",
                                    "có tiêm thuốc", "с болюсным усилением", "с КУ", "Art. 0.6 H20f",
                                    "Test bolus", "CT venogram", "OMNI 350", "Visi 320", "Iodine 300", "Head Enh",
                                    "EnhCT", "head i.v.", "COW 0.6", "Circle of Willis", "SMART PREP", "Delayed 5 min",
                                    "HEAD 100CC", "PreMonitoring", "mCTA phase 1", "CT-A", "VPCT"])  # fmt: skip
def test_more_phrases_for_contrast(phrase: str) -> None:
    assert contrast_in_words(phrase, SETTINGS) is True


@pytest.mark.parametrize(
    "phrase",
    [
        "bez KL",
        "bez k.l.",
        "Angiom",
        "Monitoring shunt",
        "không tiêm thuốc",
        "HEAD WO",
        "no enh",
        "Delayed 24 h",
        "Ventricle IV",
        "Scow",
    ],
)
def test_more_phrases_without_contrast(phrase: str) -> None:
    assert contrast_in_words(phrase, SETTINGS) is not True


@pytest.mark.parametrize(
    ("phrase", "charset", "tells"),
    [
        ("头颅增强", "gb18030", True),
        ("平扫", "gb18030", False),
        ("造影", "shift_jis", True),
        ("с контрастом", "cp1251", True),
        ("без контраста", "cp1251", False),
        ("조영", "euc_kr", True),
        ("头颅增强", "utf-8", True),
        ("с контрастом", "utf-8", True),
        ("Schädel nativ", "latin-1", False),
        ("Schädel nativ", "utf-8", False),
    ],
)
def test_phrases_whose_character_set_is_not_declared(phrase: str, charset: str, tells: bool | None) -> None:
    assert contrast_in_words(phrase.encode(charset).decode("latin-1"), SETTINGS) is tells


# --- fields of the injection ---


@pytest.mark.parametrize(
    "fields",
    [
        {"ContrastBolusAgent": "Iomeprol 400"},
        {"ContrastBolusAgent": "APPLIED"},
        {"ContrastBolusAgentSequence": Sequence([item(CodeMeaning="Iohexol")])},
        {"ContrastBolusVolume": "70"},
        {"ContrastBolusVolume": "0.5"},
        {"ContrastBolusTotalDose": "35"},
        {"ContrastBolusIngredient": "IODINE"},
        {"ContrastBolusIngredientCodeSequence": Sequence([item(CodeMeaning="Iodine")])},
        {"ContrastFlowRate": "4"},
        {"ContrastFlowRate": ["4", "2"]},
        {"ContrastFlowDuration": "15"},
        {"ContrastBolusIngredientConcentration": "350"},
        {"ContrastBolusRoute": "IV"},
        {"ContrastBolusRoute": "Intravenous"},
        {"ContrastBolusAdministrationRouteSequence": Sequence([item(CodeMeaning="Intravenous route")])},
        {"ContrastBolusStartTime": "101500"},
        {"ContrastBolusStopTime": "101530"},
        {"ContrastBolusIngredientOpaque": "YES"},
        {"ContrastBolusAgent": "NONE", "ContrastBolusVolume": "70"},
    ],
    ids=lambda fields: " ".join(fields),
)
def test_each_field_of_an_injection_suffices(tmp_path: Path, fields: dict[str, Any]) -> None:
    scan = read(faults.series(**COARSE, **fields), tmp_path)
    assert codes(scan) == ["contrast"]
    assert scan.acquisition.contrast is True


@pytest.mark.parametrize(
    "fields",
    [
        *({"ContrastBolusAgent": word} for word in ("NONE", "None given", "NO", "no", "0", "0 ml", "N/A", "-", "kein")),
        *(
            {"ContrastBolusAgent": word}
            for word in ("ohne", "sans", "aucun", "нет", "无", "なし", "UNKNOWN", "ANONYMIZED")
        ),
        {"ContrastBolusVolume": "0"},
        {"ContrastBolusVolume": "0.0", "ContrastFlowRate": "4", "ContrastBolusIngredientConcentration": "300"},
        {"ContrastBolusAgent": "NONE", "ContrastBolusRoute": "IV", "ContrastBolusIngredient": "IODINE"},
        {"ContrastBolusTotalDose": "0", "ContrastBolusStartTime": "101500"},
        {"ContrastBolusAgentSequence": Sequence([item(CodeMeaning="None")])},
        {"ContrastBolusAgentSequence": Sequence([item(CodeMeaning="Iohexol", ContrastBolusVolume="0")])},
        {"ContrastBolusAgentSequence": Sequence([])},
        {"ContrastBolusRoute": "ORAL"},
        {"ContrastBolusStartTime": "000000"},
        {"ContrastBolusIngredientOpaque": "NO"},
    ],
    ids=str,
)
def test_fields_that_mean_no_injection(fields: dict[str, Any]) -> None:
    assert contrast_agent_in([item(SpecificCharacterSet="ISO_IR 192", **fields)], SETTINGS) == ""


@pytest.mark.parametrize("keyword", ["ImageComments", "SeriesDescription", "ProtocolName", "AcquisitionProtocolName",
                                     "StudyDescription", "RequestedProcedureDescription",
                                     "PerformedProcedureStepDescription", "CommentsOnThePerformedProcedureStep",
                                     "AcquisitionComments", "RequestedContrastAgent",
                                     "AcquisitionDeviceProcessingDescription"])  # fmt: skip
def test_each_field_with_words_suffices(tmp_path: Path, keyword: str) -> None:
    scan = read(faults.series(**COARSE, **{keyword: "CTA_Head"}), tmp_path / "with")
    assert codes(scan) == ["contrast"]
    assert "CTA" in scan.flags[0].message
    scan = read(faults.series(**COARSE, **{keyword: "Head W/O"}), tmp_path / "without")
    assert scan.acquisition.contrast is False
    assert not scan.flags


def test_a_procedure_code_counts(tmp_path: Path) -> None:
    code = item(CodeValue="1", CodingSchemeDesignator="L", CodeMeaning="CT head with contrast")
    assert codes(read(faults.series(**COARSE, ProcedureCodeSequence=Sequence([code])), tmp_path)) == ["contrast"]


def test_the_series_words_count_before_the_study_s(tmp_path: Path) -> None:
    images = faults.series(**COARSE, SeriesDescription="Kopf nativ", ProtocolName="CTA", StudyDescription="CTA Kopf")
    scan = read(images, tmp_path)
    assert scan.acquisition.contrast is False
    assert not scan.flags


def test_the_study_s_words_refer_to_the_series_with_contrast(tmp_path: Path) -> None:
    words = {"StudyDescription": "CTA head", "ProtocolName": "CTA"}
    native = faults.series(**COARSE, **words, SeriesDescription="Head 5.0")
    angio = faults.series(**COARSE, **words, slices=40, spacing_mm=3.5, ContrastBolusAgent="Iomeron", ball_hu=BRAIN_HU)
    scan = read(faults.in_study_of(native, angio), tmp_path)
    assert scan.study.series_uid == native[0].SeriesInstanceUID
    assert scan.acquisition.contrast is None
    assert not scan.flags


# --- slices and frames ---


@pytest.mark.parametrize("where", [slice(1, None), slice(27, None), slice(10, 14), slice(0, None, 2)], ids=str)
def test_contrast_in_some_slices_is_contrast(tmp_path: Path, where: slice) -> None:
    images = faults.series(**COARSE)
    faults.with_tags(images[where], ContrastBolusVolume="80")
    scan = read(images, tmp_path)
    assert len(scan.hu) == 28
    assert codes(scan) == ["contrast"]


def enhanced(per_frame: list[dict[str, str] | None], **shared: Any) -> Dataset:
    whole = faults.multi_frame(faults.series(**COARSE))
    faults.with_tags([whole], **shared)
    for group, flags in zip(whole.PerFrameFunctionalGroupsSequence, per_frame, strict=True):
        if flags is not None:
            group.ContrastBolusUsageSequence = Sequence([item(ContrastBolusAgentNumber=1, **flags)])
    return whole


GIVEN = {"ContrastBolusAgentAdministered": "YES", "ContrastBolusAgentDetected": "NO"}
NOT_GIVEN = {"ContrastBolusAgentAdministered": "NO", "ContrastBolusAgentDetected": "NO"}
SEEN = {"ContrastBolusAgentAdministered": "NO", "ContrastBolusAgentDetected": "YES"}
AGENT = Sequence([item(CodeMeaning="Iohexol", ContrastBolusAgentNumber=1)])


@pytest.mark.parametrize(
    ("frames", "agent", "expected"),
    [
        ([GIVEN] * 28, None, ["contrast"]),
        ([NOT_GIVEN] * 28, AGENT, []),
        ([NOT_GIVEN] * 20 + [GIVEN] * 8, AGENT, ["contrast"]),
        ([None] * 27 + [SEEN], None, ["contrast"]),
        ([None] * 28, AGENT, ["contrast"]),
    ],
)
def test_frames_say_whether_an_agent_was_used(
    tmp_path: Path, frames: list[dict[str, str] | None], agent: Sequence | None, expected: list[str]
) -> None:
    assert codes(read([enhanced(frames, ContrastBolusAgentSequence=agent)], tmp_path)) == expected


def test_frames_of_two_passes_in_one_object(tmp_path: Path) -> None:
    """The second pass, with contrast, lies at the same positions: the first is measured."""
    native, after = faults.series(), faults.series(ball_hu=BRAIN_HU)
    whole = faults.multi_frame([*native, *after])
    for number, group in enumerate(whole.PerFrameFunctionalGroupsSequence):
        group.ContrastBolusUsageSequence = Sequence([item(**(NOT_GIVEN if number < 28 else GIVEN))])
    scan = read([whole], tmp_path)
    assert len(scan.hu) == 28
    assert scan.hu.max() > 1200
    assert not scan.flags


def test_kernel_and_voltage_of_each_frame(tmp_path: Path) -> None:
    whole = faults.multi_frame(faults.series(**COARSE))
    shared = whole.SharedFunctionalGroupsSequence[0]
    del shared.CTXRayDetailsSequence
    for number, group in enumerate(whole.PerFrameFunctionalGroupsSequence):
        group.CTXRayDetailsSequence = Sequence([item(KVP=140 if number < 6 else 80)])
    scan = read([whole], tmp_path)
    assert codes(scan) == ["unknown_kvp"]
    assert scan.flags[0].value == "80 kV in 22 slices, 140 kV in 6 slices"


# --- passes ---


def passes(native: Series, again: Series, **tags: Any) -> Series:
    faults.with_tags(native, AcquisitionNumber=1, AcquisitionTime="120000")
    faults.with_tags(again, AcquisitionNumber=2, AcquisitionTime="130000", **tags)
    return faults.in_series_of(native, again)


AFTER: dict[str, Any] = {"ball_hu": BRAIN_HU}


@pytest.mark.parametrize("count", [5, 12, 20, 28])
@pytest.mark.parametrize(
    "tags",
    [{"ContrastBolusAgent": "Iomeprol"}, {"ContrastBolusVolume": "60"}, {"SeriesDescription": "Head + KM"},
     {"ImageComments": "post contrast"}],
    ids=lambda tags: next(iter(tags)),
)  # fmt: skip
def test_slices_repeated_after_contrast_never_replace_native_ones(
    tmp_path: Path, tags: dict[str, Any], count: int
) -> None:
    scan = read(passes(faults.series(), faults.series(**AFTER)[8 : 8 + count], **tags), tmp_path)
    assert len(scan.hu) == 28
    assert scan.hu.max() > 1200
    assert "contrast" not in codes(scan)
    (reason,) = (choice.reason for choice in scan.series if not choice.chosen)
    assert reason.startswith("contrast medium" if count >= 8 else "too few slices (5")


def test_an_injection_stated_in_one_of_the_repeated_slices(tmp_path: Path) -> None:
    again = faults.series(**AFTER)[4:24]
    again[7].ContrastBolusAgent = "Iomeprol"
    scan = read(passes(faults.series(), again), tmp_path)
    assert scan.hu.max() > 1200
    assert "contrast" not in codes(scan)


def test_the_native_pass_may_be_the_later_one(tmp_path: Path) -> None:
    first = faults.series(**AFTER, ContrastBolusAgent="Iomeprol", AcquisitionNumber=1)
    scan = read(faults.in_series_of(first, faults.series(AcquisitionNumber=2)), tmp_path)
    assert scan.hu.max() > 1200
    assert not scan.flags


def test_of_slices_repeated_after_motion_the_later_are_used(tmp_path: Path) -> None:
    again = faults.recode(faults.series()[10:14], lambda stored: stored + 1)
    scan = read(passes(faults.recode(faults.series(), lambda stored: stored), again), tmp_path)
    assert [int(plane.min()) for plane in scan.hu[9:15]] == [-1000, -999, -999, -999, -999, -1000]
    assert codes(scan) == ["duplicate_slices"]


def test_brighter_vessels_in_repeated_slices_mean_contrast(tmp_path: Path) -> None:
    def noise(images: Series, seed: int) -> Series:
        chance = np.random.default_rng(seed)
        return faults.recode(images, lambda stored: stored + np.rint(chance.normal(0, 6, stored.shape)))

    fine: dict[str, Any] = {"slices": 36, "spacing_mm": 4.0, "rows": 96, "columns": 88, "pixel_mm": (2.2, 2.1)}
    native = noise(faults.series(**fine, ball_hu=BRAIN_HU), 1)
    again = noise(faults.series(**fine, ball_hu=BRAIN_HU)[8:24], 2)
    rows, columns = np.indices((96, 88))
    for image in again:
        vessel = sum(np.hypot(rows - r, columns - c) < 2 for r, c in ((40, 44), (46, 34), (46, 54), (60, 44))) > 0
        faults.set_stored(image, np.where(vessel, 1024 + 300, faults.stored_of(image)))
    scan = read(passes(native, again), tmp_path)
    assert len(scan.hu) == 36
    inside = scan.hu[10:22, 38:62, 30:58]
    assert inside.max() < 130


# --- voltage ---


@pytest.mark.parametrize(("other", "where"), [("140", slice(0, 12)), ("80", slice(20, 28)), ("100", slice(0, None, 2))])
def test_a_voltage_that_differs_between_slices_is_flagged(tmp_path: Path, other: str, where: slice) -> None:
    images = faults.series(**COARSE)
    faults.with_tags(images[where], KVP=other)
    scan = read(images, tmp_path)
    count = len(images[where])
    assert codes(scan) == ["unknown_kvp"]
    assert f"{other} kV in {count} slices" in scan.flags[0].message
    assert f"120 kV in {28 - count} slices" in scan.flags[0].message
    assert scan.acquisition.kvp_kv is None


def test_a_voltage_absent_or_written_differently_in_some_slices_is_that_of_the_others(tmp_path: Path) -> None:
    images = faults.series(**COARSE)
    faults.with_tags(images[:9], KVP=None)
    faults.with_tags(images[20:], KVP="120.4")
    scan = read(images, tmp_path)
    assert scan.acquisition.kvp_kv == 120.0
    assert not scan.flags
