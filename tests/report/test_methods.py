"""The methods paragraph says what the report says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from support.results import SMALL, make_provenance, make_result

from calcscan import __version__
from calcscan.cli import main
from calcscan.knowledge.references import references
from calcscan.model import Flag, RegionBurden, Result
from calcscan.report import write_report
from calcscan.report.build import build_report
from calcscan.report.methods import methods_of
from calcscan.report.schema import Report


def report_of(result: Result | None = None, **settings: object) -> Report:
    result = result or make_result(SMALL)
    known = {
        "threshold_hu": 130.0, "nominal_threshold_hu": 130.0, "reference_hu": 300.0, "smallest_mm3": 2.0,
        "threshold_asked_hu": None, 
        "blur": {
            "in_plane_mm": 0.5, "in_plane_measured": True, "effective_thickness_mm": 5.0, "across_measured": False,
        },
    }  # fmt: skip
    return build_report(replace(result, settings={**known, **settings}, provenance=make_provenance()))


def keys_in(text: str) -> set[str]:
    return set(re.findall(r"@(\w+)", text))


@pytest.mark.parametrize("case", ["found", "refused", "not registered", "two"])
def test_it_cites_what_it_lists_and_lists_what_it_cites(case: str) -> None:
    reports = {
        "found": [report_of()],
        "refused": [report_of(make_result(SMALL, refused=True))],
        "not registered": [report_of(make_result(SMALL, accepted=False))],
        "two": [report_of(), report_of(make_result(SMALL, refused=True))],
    }[case]
    methods = methods_of(reports)
    assert keys_in(methods.text) == {one.key for one in methods.references}
    assert set(re.findall(r"@\w+\{(\w+),", methods.bibtex())) == keys_in(methods.text)
    assert methods.markdown().startswith(methods.text)


def test_it_names_version_threshold_atlas_and_how_the_scan_was_made() -> None:
    text = methods_of([report_of()]).text
    for words in (
        f"calcscan {__version__}", "130 HU at 120 kV", "test-atlas 1.0", "tube voltage of 120 kV", "kernel H31s",
        "slice thickness of 5 mm", "measured at the skin) and across them (as slices of 5 mm, assumed)",
        "not been validated on patients", "`calcscan run INPUT -o OUT`",
    ):  # fmt: skip
        assert words in text, words


def test_another_run_reads_differently() -> None:
    plain = methods_of([report_of()]).text
    asked = methods_of([report_of(threshold_asked_hu=100.0, threshold_hu=100.0)]).text
    assert "100 HU (as the authors asked for)" in asked
    raised = methods_of([report_of(threshold_hu=142.0)]).text
    assert "raised for noise" in raised
    result = make_result(SMALL)
    acquisition = replace(result.scan.acquisition, kvp_kv=None)
    silent = methods_of([report_of(replace(result, scan=replace(result.scan, acquisition=acquisition)))]).text
    assert "an unknown tube voltage (for which the threshold of 120 kV was used)" in silent
    flag = Flag(code="stated", message="Stated by the user")
    stated = methods_of([report_of(make_result(SMALL, flags=[flag]), stated_kvp_kv=120.0)]).text
    assert "stated by the authors: the tube voltage" in stated
    abstained = methods_of([report_of(make_result(SMALL, accepted=False))]).text
    assert "calcscan abstained (registration_poor): nothing is attributed to a site" in abstained
    assert "was not accepted (overlap 0.61 is below 0.85)" in abstained
    refused = methods_of([report_of(make_result(SMALL, refused=True))]).text
    assert "A lesion had to reach" not in refused
    assert len({plain, asked, raised, silent, stated, abstained, refused}) == 7


def test_a_cohort_is_told_by_its_ranges() -> None:
    other = make_result(SMALL)
    acquisition = replace(other.scan.acquisition, kvp_kv=None, slice_thickness_mm=1.0, kernel="H60s")
    other = replace(other, scan=replace(other.scan, acquisition=acquisition))
    text = methods_of([report_of(), report_of(other), report_of(make_result(SMALL, accepted=False))]).text
    for words in (
        "3 head CTs", "unknown in 1 of 3", "1 to 5 mm (median 5)", "H31s (2), H60s (1)", "accepted in 2 of 3",
        "In 1 of 3 scans calcscan abstained",
    ):  # fmt: skip
        assert words in text, words


def test_every_reference_has_what_a_reader_needs() -> None:
    for one in references().values():
        assert one.doi or one.url or one.key == "calcscan", one.key
        assert one.authors
        assert one.title
        if one.kind == "article":
            assert one.journal
            assert one.year
            assert one.volume
            assert one.pages


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = replace(make_result(SMALL), provenance=make_provenance())
    write_report(result, tmp_path / "out")
    assert main(["methods", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Calcification was sought in a head CT")
    assert "Mustermann" not in shown
    assert main(["methods", str(tmp_path / "out"), "--bibtex"]) == 0
    assert capsys.readouterr().out.startswith("@software{calcscan,")
    assert main(["methods", str(tmp_path)]) == 1
    assert "there is no report" in capsys.readouterr().err
    (tmp_path / "out" / "report.json").write_text('{"schema": "calcscan-report/1", "software": {"version": "0.1.0"}}')
    assert main(["methods", str(tmp_path / "out")]) == 1
    assert "was written by calcscan 0.1.0" in capsys.readouterr().err


def given(**more: object) -> Report:
    """Of a segmentation that the authors made."""
    own = {"sha256": "0" * 64, "labels": 3, "voxels": 90, "resampled": None, "without_shear": False}
    settings = {"lesions_given": "one for each label", "detection_floor_mm3": None, "smallest_mm3": None}
    report = report_of(**{**settings, "own_lesions": own, **more})
    return msgspec.structs.replace(report, detection_floor_mm3=None)


def test_a_segmentation_of_the_authors_own_was_not_searched_for() -> None:
    text = methods_of([given()]).text
    assert text.startswith("Calcification that the authors had outlined in a head CT was measured with calcscan")
    assert "taken as they are (a lesion: one for each label)" in text
    for words in ("sought", "had to reach", "sure to be found", "unknown number", "resampled"):
        assert words not in text, words


def test_of_a_cohort_it_says_in_how_many_the_authors_had_outlined_it() -> None:
    resampled = {"own_lesions": {"resampled": "by nearest neighbour from another grid"}}
    text = methods_of([report_of(), given(), given(**resampled)]).text
    assert text.startswith("Calcification was sought in 1 and, as the authors had outlined it, measured in 2 of 3 head")
    assert "A lesion had to reach 130 HU" in text
    assert "segmentations in 2 of 3 were taken as they are" in text
    assert "; 1 were resampled" not in text
    assert "; 1 was resampled by nearest neighbour" in text


def test_masks_of_the_skull_and_regions_of_the_authors_own_are_told() -> None:
    rows = tuple(
        RegionBurden(label=n, name=None, volume_mm3=1.0, volume_low_mm3=1.0, volume_high_mm3=1.0, volume_130_mm3=1.0)
        for n in (1, 2, 0)
    )
    result = replace(make_result(SMALL), regions=rows)
    text = methods_of([report_of(result, own_brain_mask={"resampled": None})]).text
    assert "The inside of the skull is that of the authors' masks." in text
    assert "summed in 2 regions of the authors' own" in text


def test_the_total_calcification_score_is_cited_only_where_there_is_one() -> None:
    report = report_of()
    assert report.scores is not None
    without = methods_of([msgspec.structs.replace(report, scores={**report.scores, "tcs_estimate": None})])
    assert "agatston1990" in keys_in(without.text)
    assert "nicolas2013" not in {one.key for one in without.references}


def test_of_a_batch_only_the_studies_of_its_last_call_count_and_failures_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = replace(make_result(SMALL), provenance=make_provenance())
    for name in ("a", "b", "of-an-earlier-call"):
        write_report(result, tmp_path / name)
    (tmp_path / "batch.csv").write_text("study,state\na,done\nb,done\nc,failed\n")
    assert main(["methods", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "2 head CTs" in text
    assert "1 further scan could not be analysed and is not counted here." in text
