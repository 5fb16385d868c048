from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from msgspec.structs import asdict
from support.results import BALLS, CASES, Ball, grid, make_result

from calcscan.cli.json_schemas import schema_text
from calcscan.knowledge.mosaic import MosaicSettings
from calcscan.knowledge.settings import load
from calcscan.knowledge.sites import all_sites
from calcscan.model import Flag, Result, SeriesChoice, StudyLabel
from calcscan.quality import quality_codes
from calcscan.report import write_report
from calcscan.report.build import build_report, report_json
from calcscan.report.json_schema import SCHEMA_FILE
from calcscan.report.legend import notes
from calcscan.report.sections.identifiers import hashed
from calcscan.report.sitelabels import label_of, site_labels
from calcscan.report.tables import LesionRow, SiteRow
from calcscan.report.text import summary_text
from calcscan.report.write import report_files

SCHEMA = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
PRIVATE = ("Mustermann", "Erika", "HOSP-778899", "20240131", "1.2.826.0.1.99")


@pytest.fixture(scope="module")
def result():
    return make_result()


@pytest.fixture(scope="module")
def written(result):
    return report_files(result)


@cache
def files_of(case: str) -> dict[str, bytes]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("calcscan.report.write.mosaic_png", lambda result, **_: b"test_mosaic.py looks at it")
        return report_files(result_of(case))


@cache
def result_of(case: str) -> Result:
    return make_result(**CASES[case])


def read(content: bytes) -> dict:
    return json.loads(content, parse_constant=lambda name: pytest.fail(f"{name} in report.json"))


@pytest.mark.parametrize("case", CASES)
def test_report_json_conforms_to_its_schema(case):
    report = read(files_of(case)["report.json"])
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(report, SCHEMA, cls=jsonschema.Draft202012Validator)


def test_the_schema_file_is_what_the_classes_give():
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text("report"), "run: python -m calcscan.cli.json_schemas"


def test_the_schema_knows_every_site_and_code():
    parts = SCHEMA["$defs"]
    assert parts["LesionEntry"]["properties"]["site"]["enum"] == [*all_sites()]
    assert parts["FlagEntry"]["properties"]["code"]["enum"] == [*quality_codes()]


DAMAGES = {
    "a section is missing": lambda report: report.pop("grid"),
    "an unknown key": lambda report: report.update(colour="red"),
    "another version": lambda report: report.update(schema="calcscan-report/2"),
    "a key of a lesion is missing": lambda report: report["lesions"][0].pop("volume_mm3"),
    "an unknown key of a lesion": lambda report: report["lesions"][0].update(depth_mm=3.0),
    "a lesion without a volume": lambda report: report["lesions"][0].update(volume_mm3=None),
    "a negative volume": lambda report: report["sites"][0].update(volume_mm3=-1.0),
    "an unknown site": lambda report: report["lesions"][0].update(site="clivus"),
    "an unknown side": lambda report: report["sites"][0].update(side="top"),
    "an unknown grade": lambda report: report["sites"][0].update(grade="absent"),
    "an unknown state": lambda report: report["quality"].update(state="good"),
    "an unknown code": lambda report: report["quality"]["flags"][0].update(code="blurred"),
    "an unknown severity": lambda report: report["quality"]["flags"][0].update(severity="fatal"),
    "a centroid of two numbers": lambda report: report["lesions"][0]["centroid_lps_mm"].pop(),
    "a share above one": lambda report: report["lesions"][0].update(site_share=1.1),
    "a matrix of three rows": lambda report: report["registration"]["scan_to_atlas"].pop(),
    "a hash that is none": lambda report: report["study"].update(study_uid_sha256="1.2.826"),
    "text for a number": lambda report: report.update(intracranial_ml="1400"),
    "guidance without its rules' version": lambda report: report["guideline"].pop("version"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_schema_refuses_a_damaged_report(damage):
    report = json.loads(report_json(build_report(result_of("not registered"))))
    DAMAGES[damage](report)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(report, SCHEMA, cls=jsonschema.Draft202012Validator)


def test_the_columns_of_the_tables_are_the_fields_of_their_rows(written):
    for name, row in (("lesions.csv", LesionRow), ("sites.csv", SiteRow)):
        assert tuple(written[name].decode().splitlines()[0].split(",")) == row.__struct_fields__


@pytest.mark.parametrize("case", CASES)
def test_nobody_is_named_in_any_file(case):
    files_ = files_of(case)
    for name in ("report.json", "lesions.csv", "sites.csv"):
        for private in PRIVATE:
            assert private.lower() not in files_[name].decode().lower(), (name, private)


def test_a_name_repeated_in_free_text_is_removed(result):
    flag = Flag(code="metal", message="clip of MUSTERMANN, Erika", value="HOSP-778899")
    choice = SeriesChoice(
        uid="1.2.3", description="Erika Mustermann 31s", images=3, chosen=False, reason="20240131 scout"
    )
    named = replace(result, scan=replace(result.scan, series=(choice,)), quality=replace(result.quality, flags=(flag,)))
    report = build_report(named)
    assert report.quality.flags[0].message == "clip of ***, ***"
    assert report.quality.flags[0].value == "***"
    assert report.series[0].description == "*** *** 31s"
    assert report.series[0].reason == "*** scout"


def test_dates_and_what_else_names_the_study_are_removed(result):
    made = replace(result.scan.acquisition, model="Model of Dr. Roe", kernel="H31s")
    study = replace(result.scan.study, also="19310312\\ACC998877\\Roe^Richard\\120")
    choice = SeriesChoice(
        uid="1.2.3", description="Head 5.0 *12.03.1931 ACC998877 31.12.23 2024-02-29", images=3, chosen=False,
        reason="25.05.2021, 120 kV, 1.2.840.10008.1.2, 5/5/10 mm, 512 voxels; ROE",
    )  # fmt: skip
    named = replace(result, scan=replace(result.scan, series=(choice,), acquisition=made, study=study))
    report = build_report(named)
    assert report.study.model == "Model of Dr. ***"
    assert report.study.kernel == "H31s"
    assert report.series[0].description == "Head 5.0 **** *** *** ***"
    assert report.series[0].reason == "***, 120 kV, 1.2.840.10008.1.2, 5/5/10 mm, 512 voxels; ***"
    assert build_report(named, keep_ids=True).series[0].description == choice.description
    assert "ACC998877" not in repr(study)


def test_a_day_in_the_label_of_a_study_stays(result):
    report = build_report(result, label=StudyLabel(study="scan 2023-05-01"))
    assert report.study.study == "scan 2023-05-01"


def test_a_person_called_white_leaves_the_site_names_alone(result):
    study = replace(result.scan.study, patient_name="White^Matter")
    report = build_report(replace(result, scan=replace(result.scan, study=study)))
    assert [row.site for row in report.sites if row.site == "white_matter"] == ["white_matter"] * 2


def test_identifiers_are_written_when_asked_for(result):
    study = build_report(result, keep_ids=True).study
    assert study.patient_name == "Mustermann^Erika"
    assert study.study_uid == "1.2.826.0.1.99.1"
    assert study.study_uid_sha256 == hashed("1.2.826.0.1.99.1")
    assert build_report(result).study.study_uid_sha256 == study.study_uid_sha256


def test_values_that_are_not_finite_become_null(result):
    registration = replace(result.registration, metric=float("nan"), overlap=np.float32("inf"))
    report = build_report(replace(result, registration=registration, timings_s={"read": np.float64(1.23456789)}))
    assert report.registration.metric is None
    assert report.registration.overlap is None
    assert report.timings_s == {"read": 1.23457}
    assert read(report_json(report).encode())["registration"]["metric"] is None


def test_settings_of_any_type_are_written(result):
    report = build_report(replace(result, settings={"mask": Path("mask.nii"), "hu": np.int16(130), "on": True}))
    assert read(report_json(report).encode())["settings"] == {"mask": "mask.nii", "hu": 130, "on": True}


def test_every_site_and_side_has_its_row_and_label(written):
    pairs = [(info.site, side) for info in all_sites().values() for side in info.sides]
    report = read(written["report.json"])
    assert [(row["site"], row["side"]) for row in report["sites"]] == pairs
    rows = list(csv.DictReader(io.StringIO(written["sites.csv"].decode())))
    assert [(row["site"], row["side"]) for row in rows] == pairs
    assert [int(row["label"]) for row in rows] == list(range(1, len(pairs) + 1))
    assert [entry["label"] for entry in report["site_labels"]] == list(range(1, len(pairs) + 1))


def test_the_tables_say_what_the_report_says(written):
    report = read(written["report.json"])
    lesions = list(csv.DictReader(io.StringIO(written["lesions.csv"].decode())))
    assert [int(row["id"]) for row in lesions] == [lesion["id"] for lesion in report["lesions"]]
    for row, lesion in zip(lesions, report["lesions"], strict=True):
        assert float(row["volume_mm3"]) == lesion["volume_mm3"]
        assert [float(row[f"centroid_{axis}_mm"]) for axis in "lps"] == lesion["centroid_lps_mm"]
    for row, site in zip(csv.DictReader(io.StringIO(written["sites.csv"].decode())), report["sites"], strict=True):
        assert row["volume_mm3"] == str(site["volume_mm3"])
        assert row["max_hu"] == ("" if site["max_hu"] is None else str(site["max_hu"]))


@pytest.mark.parametrize("case", ["contrast", "not registered", "refused"])
def test_where_calcscan_abstains_every_site_is_unknown(case):
    report = build_report(result_of(case))
    assert report.quality.state == "abstain"
    for row in report.sites:
        if row.site != "unassigned":
            assert {value for key, value in asdict(row).items() if key not in ("site", "side", "group")} == {None}


def test_a_scan_that_was_refused_has_no_label_map(tmp_path):
    write_report(make_result(refused=True), tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "lesions.csv",
        "mosaic.png",
        "report.html",
        "report.json",
        "sites.csv",
    ]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["lesions"] is None
    assert report["symmetry"] is None


def test_the_files_named_in_the_report_are_those_beside_it(written):
    assert set(read(written["report.json"])["files"]) | {"report.json"} == set(written)


def test_the_same_result_gives_the_same_bytes(result, written):
    assert report_files(result) == written


def test_a_lesion_at_an_unknown_site_is_an_error(result):
    lesion = replace(result.lesions.lesions[0], site="caudate", side="midline")
    with pytest.raises(ValueError, match="no site and side of ours"):
        label_of(lesion)
    unassigned = replace(lesion, site="unassigned", side="")
    assert label_of(unassigned) == site_labels()["unassigned", ""]


def test_the_summary_is_one_screen():
    text = summary_text(build_report(make_result(flags=[Flag(code="noisy", message="noise is 14 HU", value=14.0)])))
    assert "quality: caution" in text
    assert "noisy: noise is 14 HU" in text
    assert "research use only" in text
    row = next(line for line in text.splitlines() if line.startswith("pallidum"))
    volumes = {ball.side: 4.19 * ball.radius_mm**3 for ball in BALLS[:2]}
    found = re.findall(r"([\d.]+) \(([\d.]+)-([\d.]+)\)", row.replace(",", ""))
    right, left = (tuple(map(float, numbers)) for numbers in found)
    assert right[0] == pytest.approx(volumes["right"], rel=0.25)
    assert left[0] == pytest.approx(volumes["left"], rel=0.25)
    assert all(low <= best <= high for best, low, high in (right, left))
    assert len(text.splitlines()) <= 40
    assert max(len(line) for line in text.splitlines()) <= 100


def test_the_summary_never_says_that_something_is_absent():
    texts = {case: summary_text(build_report(result_of(case))) for case in CASES}
    assert not any("absent" in text.lower() for text in texts.values())
    assert "Not detected does not mean" in texts["nothing found"]
    assert "ABSTAINS" in texts["not registered"]
    assert "not analysed" in texts["refused"]


@pytest.mark.parametrize("case", [{}, {"balls": ()}, {"accepted": False}], ids=["sites", "nothing found", "no sites"])
def test_a_threshold_above_the_reference_density_has_no_detection_floor_and_the_texts_say_so(case):
    made = make_result(**case)
    settings = {**made.settings, "reference_hu": 300.0, "detection_floor_mm3": None}
    result = replace(made, summary=replace(made.summary, detection_floor_mm3=None), settings=settings)
    report = build_report(result)
    assert report.detection_floor_mm3 is None
    words = "At this threshold, calcification of 300 HU may be missed at any size"
    assert f"{words}." in summary_text(report).splitlines()
    assert [note for note in notes(result, load(MosaicSettings)) if note.startswith(f"{words}.")]
    assert not [note for note in notes(made, load(MosaicSettings)) if words in note]
    assert words not in summary_text(build_report(made))


def test_the_summary_of_many_lesions_is_one_screen():
    balls = [
        Ball(site=site, side=side, centre_mm=(-40.0 + 12 * (n % 7), -50.0 + 22 * (n // 7), 0.0))
        for n, (site, side) in enumerate(site_labels())
    ]
    assert (
        len(summary_text(build_report(make_result(grid(spacing_mm=(5.0, 3.0, 3.0)), balls=balls))).splitlines()) <= 40
    )


def test_no_letter_of_a_header_acts_on_a_terminal_or_an_editor():
    evil = "a\x1b[31m\u202eb\x00\u2028=CMD()"
    result = make_result()
    scan = replace(result.scan, acquisition=replace(result.scan.acquisition, manufacturer=evil))
    text = report_json(build_report(replace(result, scan=scan)))
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    assert json.loads(text)["study"]["manufacturer"] == evil
