"""A person's decisions, done: what they change, and that nothing else changes."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from support.results import make_result
from support.reviews import decision, review_of

from calcscan import apply_review
from calcscan.errors import InputError
from calcscan.model import Flag, LocatedLesion, Result
from calcscan.quality import judge_quality
from calcscan.report.build import build_report
from calcscan.report.methods import methods_of
from calcscan.report.tables import lesions_csv, sites_csv
from calcscan.report.text import summary_text
from calcscan.report.write import report_files, write_report


def reviewed(result: Result, *decisions: dict[str, Any], **changes: Any) -> Result:
    return apply_review(result, review_of(b"", *decisions, **changes))


def by_id(result: Result) -> dict[int, LocatedLesion]:
    assert result.lesions is not None
    return {lesion.id: lesion for lesion in result.lesions.lesions}


def plain(result: Result) -> dict[str, Any]:
    content = msgspec.to_builtins(build_report(result))
    return {key: value for key, value in content.items() if key not in ("timings_s", "provenance")}


def rows(result: Result) -> dict[tuple[str, str], Any]:
    return {(row.site, row.side): row for row in build_report(result).sites}


def test_a_review_without_a_decision_changes_no_number(sample_result: Result) -> None:
    before, after = plain(sample_result), plain(reviewed(sample_result))
    assert {key for key in before if before[key] != after[key]} == {"quality", "disclaimer"}
    assert [flag["code"] for flag in after["quality"]["flags"]] == [
        *(flag["code"] for flag in before["quality"]["flags"]),
        "reviewed",
    ]


def test_what_nobody_touched_stays_the_same_to_the_bit(sample_result: Result) -> None:
    before = by_id(sample_result)
    after = reviewed(sample_result, decision(1, "reject", reason="vessel"))
    assert by_id(after) == {number: lesion for number, lesion in before.items() if number != 1}
    place = (before[1].site, before[1].side)
    was, now = rows(sample_result), rows(after)
    assert [key for key in was if was[key] != now[key]] == [place]
    assert sample_result.lesions is not None
    assert after.lesions is not None
    gone = sample_result.lesions.labels == 1
    assert not after.lesions.labels[gone].any()
    assert np.array_equal(after.lesions.labels[~gone], sample_result.lesions.labels[~gone])


def test_a_rejected_lesion_is_in_no_sum_and_stands_in_left_out(sample_result: Result) -> None:
    after = reviewed(sample_result, decision(1, "reject", reason="bone"))
    report = build_report(after)
    (item,) = [item for item in report.left_out or () if item.reason == "rejected_by_reader"]
    assert item.lesion == 1
    assert item.centroid_lps_mm == pytest.approx(by_id(sample_result)[1].centroid_lps_mm, abs=0.01)
    lost = by_id(sample_result)[1]
    was, now = (rows(one)[lost.site, lost.side] for one in (sample_result, after))
    assert now.count == was.count - 1
    rounding_mm3 = 1e-5 * was.volume_mm3  # the report's sums have six figures
    assert now.volume_mm3 == pytest.approx(was.volume_mm3 - lost.volume_mm3, rel=0, abs=rounding_mm3)
    assert after.summary is not None
    assert sample_result.summary is not None
    scores = [one.summary.scores["agatston"]["total"] for one in (sample_result, after)]  # type: ignore[index, union-attr]
    assert scores[1] == pytest.approx(scores[0] - lost.agatston)


def test_rejecting_all_of_a_site_leaves_none_detected_there(sample_result: Result) -> None:
    gone = [decision(n, "reject") for n, one in by_id(sample_result).items() if one.side == "left"]
    after = reviewed(sample_result, *gone)
    assert rows(after)["pallidum", "left"].grade == "none_detected"
    pair = next(one for one in build_report(after).symmetry or () if one.pair == "pallidum")
    assert pair.left_mm3 == 0
    assert pair.bilateral is False


def test_blood_that_a_reader_saw_comes_first(sample_result: Result) -> None:
    after = reviewed(sample_result, decision(1, "reject", reason="haemorrhage"))
    assert "possible_haemorrhage" in {flag.code for flag in after.quality.flags}
    assert after.facts["imaging"]["possible_haemorrhage"] is True  # type: ignore[index]
    assert after.guidance.page[0].group == "answer"
    assert "blood" in after.guidance.page[0].text


def test_a_moved_lesion_keeps_what_was_measured_and_where_the_program_had_put_it(sample_result: Result) -> None:
    before = by_id(sample_result)[2]
    after = reviewed(sample_result, decision(2, "move", site="thalamus", side="left"))
    now = by_id(after)[2]
    assert (now.site, now.side, now.site_share, now.review) == ("thalamus", "left", None, "moved")
    assert (now.program_site, now.program_side) == (before.site, before.side)
    measured = ("volume_mm3", "volume_low_mm3", "volume_high_mm3", "volume_130_mm3", "max_hu", "centroid_lps_mm")
    assert all(getattr(now, name) == getattr(before, name) for name in measured)
    assert rows(after)["thalamus", "left"].volume_mm3 == rows(sample_result)["thalamus", "left"].volume_mm3 + float(
        f"{before.volume_mm3:.6g}"
    )
    entry = next(one for one in build_report(after).lesions or () if one.id == 2)
    assert (entry.program_site, entry.review) == (before.site, "moved")


def test_accepting_changes_no_number_and_is_said(sample_result: Result) -> None:
    after = reviewed(sample_result, *(decision(n, "accept") for n in by_id(sample_result)))
    assert [replace(one, review=None, by_reader=False) for one in by_id(after).values()] == list(
        by_id(sample_result).values()
    )
    assert rows(after) == rows(sample_result)
    assert {one.review for one in by_id(after).values()} == {"accepted"}


def test_the_parts_of_a_split_lesion_hold_together_what_it_held(sample_result: Result) -> None:
    assert sample_result.lesions is not None
    whole = by_id(sample_result)[1]
    kji = sample_result.lesions.voxels_kji(1)
    world = sample_result.lesions.geometry.to_world(kji)
    seeds = [world[world[:, 1].argmin()].tolist(), world[world[:, 1].argmax()].tolist()]
    after = reviewed(sample_result, decision(1, "split", seeds_lps_mm=seeds))
    parts = [one for one in by_id(after).values() if one.from_lesion == 1]
    assert len(parts) == 2
    assert 1 not in by_id(after)
    assert min(one.id for one in parts) > max(by_id(sample_result))
    for name in ("volume_mm3", "volume_130_mm3", "mass_hu_mm3", "voxels"):
        assert sum(getattr(one, name) for one in parts) == pytest.approx(getattr(whole, name)), name
    assert all(one.volume_low_mm3 <= one.volume_mm3 <= one.volume_high_mm3 for one in parts)
    assert len({one.deposit for one in parts} - {one.deposit for one in by_id(sample_result).values()}) == 2
    assert after.lesions is not None
    near = np.linalg.norm(world[:, None] - np.array(seeds), axis=2).argmin(axis=1)
    assert np.array_equal(after.lesions.labels[tuple(kji.T)], np.array([one.id for one in parts])[near])


@pytest.mark.parametrize(
    ("seeds", "words"),
    [([[0, 0, 0], [500, 500, 500]], "from lesion 1"), ("same", "nearest to this seed")],
)
def test_seeds_that_part_nothing_are_refused(sample_result: Result, seeds: Any, words: str) -> None:
    if seeds == "same":
        seeds = [list(by_id(sample_result)[1].centroid_lps_mm)] * 2
    with pytest.raises(InputError, match=words):
        reviewed(sample_result, decision(1, "split", seeds_lps_mm=seeds))


def test_a_review_may_follow_another(sample_result: Result) -> None:
    once = reviewed(sample_result, decision(1, "reject"))
    with pytest.raises(InputError, match="no lesion 1; the report has 2"):
        reviewed(once, decision(1, "accept"))
    twice = reviewed(once, decision(2, "move", site="putamen", side="left"), reader="Dr. Two")
    section = build_report(twice).reviewed
    assert isinstance(section, msgspec.Struct)
    assert [section.reader, *(one.reader for one in section.earlier)] == ["Dr. Two", "Dr. Read"]  # type: ignore[attr-defined]


def test_where_calcscan_abstains_only_what_a_reader_placed_has_a_site(sample_result: Result) -> None:
    poor = judge_quality([Flag(code="registration_poor", message="overlap too low")])
    assert sample_result.lesions is not None
    bare = tuple(replace(one, site="unassigned", side="", site_share=None) for one in sample_result.lesions.lesions)
    abstained = replace(sample_result, quality=poor, lesions=replace(sample_result.lesions, lesions=bare, pairs=()))
    accepted = reviewed(abstained, decision(1, "accept"))
    assert not accepted.facts.get("findings")
    assert all(row.volume_mm3 is None for row in rows(accepted).values())
    after = reviewed(abstained, decision(2, "move", site="pallidum", side="left"))
    assert after.quality.state == "abstain"
    assert {key for key, row in rows(after).items() if row.count} == {("pallidum", "left")}
    assert rows(after)["pallidum", "right"].count is None
    assert after.facts["findings"] == [{"site": "basal_ganglia", "present": True}]
    text = summary_text(build_report(after))
    assert "nothing but what the reader placed" in text
    assert "Nothing was counted elsewhere" not in text
    assert "3 more" in text


def test_a_flag_that_doubts_what_is_there_does_not_outweigh_who_saw_it(sample_result: Result) -> None:
    doubted = replace(sample_result, quality=judge_quality([Flag(code="motion", message="moved", value=1.0)]))
    seen = {"site": "basal_ganglia", "present": True}
    assert seen not in reviewed(doubted).facts.get("findings", [])  # type: ignore[operator]
    assert seen in reviewed(doubted, decision(1, "accept")).facts["findings"]  # type: ignore[operator]


def test_a_scan_that_was_not_analysed_has_nothing_to_review() -> None:
    with pytest.raises(InputError, match="not analysed"):
        reviewed(make_result(refused=True))


HOSTILE = "=CMD()|'<script>alert(1)</script>\x1b[31m\nx\u202e"


def test_a_readers_words_are_text_everywhere_and_every_file_says_that_it_was_reviewed(sample_result: Result) -> None:
    after = reviewed(sample_result, decision(1, "move", site="putamen", side="right", comment=HOSTILE), reader=HOSTILE)
    report = build_report(after)
    for table in (lesions_csv(report), sites_csv(report)):
        assert "'=CMD()" in table
        assert "\x1b" not in table
        assert len({line.count(",") for line in table.splitlines()}) == 1
    said = summary_text(report)
    assert "REVIEWED by =CMD()" in said
    assert all(letter.isprintable() for line in said.splitlines() for letter in line)
    files = report_files(after)
    assert b"\x1b" not in files["report.json"]
    assert b'"reviewed": {' in files["report.json"]
    assert b"reviewed by a person" in files["sites.seg.nrrd"]
    assert files["mosaic.png"] != report_files(sample_result)["mosaic.png"]


def test_a_persons_name_in_a_readers_words_is_removed(sample_result: Result) -> None:
    study = replace(sample_result.scan.study, patient_name="Mustermann^Erika")
    named = replace(sample_result, scan=replace(sample_result.scan, study=study))
    after = reviewed(named, decision(1, "accept", comment="as in Mustermann's MR"), comment="Erika")
    for name, content in report_files(after).items():
        if not name.endswith((".png", ".gz")):
            assert b"Mustermann" not in content, name
            assert b"Erika" not in content, name


def test_a_paper_says_that_the_report_was_reviewed(sample_result: Result) -> None:
    reports = [build_report(one) for one in (sample_result, reviewed(sample_result, decision(1, "reject")))]
    assert "reviewed" not in methods_of(reports[:1]).text
    assert (
        "1 of the 2 reports were reviewed by a person, lesion by lesion (decisions: reject 1)"
        in methods_of(reports).text
    )


def test_what_the_program_said_is_written_beside_every_review(sample_result: Result, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_report(sample_result, out, html=False)
    said, maps = (out / "report.json").read_bytes(), (out / "lesions.nii.gz").read_bytes()
    first = reviewed(sample_result, decision(1, "reject"))
    both = pickle.loads(pickle.dumps(reviewed(first, decision(2, "accept"), reader="Dr. Two")))
    for result in (first, both):
        write_report(result, out, html=False)
        assert (out / "report.program.json").read_bytes() == said
        assert (out / "lesions.program.nii.gz").read_bytes() == maps
        listed = json.loads((out / "report.json").read_bytes())["files"]
        assert {"report.program.json", "lesions.program.nii.gz"} < set(listed)


def test_a_reviewed_result_is_not_written_without_what_the_program_said(sample_result: Result) -> None:
    alone = replace(reviewed(sample_result, decision(1, "reject")), program=None)
    with pytest.raises(ValueError, match="what the program had said"):
        report_files(alone, html=False)
