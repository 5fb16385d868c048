"""review.json: what is taken, and what is refused with which reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.reviews import GOOD, decision

from calcscan.errors import InputError
from calcscan.review import read_review
from calcscan.review.check import check_decisions
from calcscan.review.read import is_json


def with_change(**changes: Any) -> dict[str, Any]:
    return {**GOOD, **changes}


def test_all_that_a_review_can_say_is_read(tmp_path: Path) -> None:
    path = tmp_path / "review.json"
    path.write_text("\ufeff" + json.dumps(GOOD), encoding="utf-8")
    review = read_review(path)
    assert (review.reader, review.at) == ("Dr. Read", "2026-11-29T02:30:00+00:00")
    assert [one.decision for one in review.decisions] == ["accept", "reject", "move", "split"]
    assert review.decisions[1].reason == "bone"
    assert (review.decisions[2].site, review.decisions[2].side) == ("habenula", "midline")
    assert review.decisions[3].seeds_lps_mm == ((1.0, 2.0, 3.0), (4.0, 5.0, 6.5))
    check_decisions(review, {1, 2, 3, 4})


def test_a_reader_without_a_name_and_a_time_that_is_not_given_are_no_obstacle() -> None:
    review = read_review(with_change(reader=" ", at=None))
    assert review.reader is None
    assert review.at.startswith("20")


NONE_OF_OURS = {
    "another version": (with_change(schema="calcscan-review/2"), "another version"),
    "no schema": ({"decisions": []}, "no key schema"),
    "a key that there isn't": (with_change(colour="red"), "colour"),
    "a decision that there isn't": (with_change(decisions=[decision(1, "delete")]), "delete"),
    "a reason that there isn't": (with_change(decisions=[decision(1, "reject", reason="dust")]), "dust"),
    "a lesion that is text": (with_change(decisions=[decision("1", "accept")]), "lesion"),  # type: ignore[arg-type]
    "a seed of two numbers": (
        with_change(decisions=[decision(1, "split", seeds_lps_mm=[[1, 2], [3, 4]])]),
        "seeds_lps_mm",
    ),
    "a checksum that is none": (with_change(report_sha256="abc"), "report_sha256"),
    "no checksum": ({key: value for key, value in GOOD.items() if key != "report_sha256"}, "report_sha256"),
    "a time that is none": (with_change(at="yesterday"), "no date and time"),
    "decisions that are no list": (with_change(decisions={}), "decisions"),
    "a comment without end": (with_change(comment="x" * 20_000), "comment"),
}


@pytest.mark.parametrize("case", NONE_OF_OURS)
def test_what_is_no_review_is_refused_by_name(case: str) -> None:
    content, word = NONE_OF_OURS[case]
    with pytest.raises(InputError, match=word):
        read_review(content)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"schema": NaN', "[" * 100_000])
def test_a_file_that_is_no_json_object_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "review.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"review\.json"):
        read_review(path)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_review(tmp_path / "gone.json")


MISFITS = {
    "a lesion that isn't there": (decision(9, "accept"), "there is no lesion 9; the report has 1, 2"),
    "a site that there isn't": (decision(1, "move", site="clivus", side="left"), "no site 'clivus'"),
    "a move without a site": (decision(1, "move"), "needs a site"),
    "a side that the site has not": (decision(1, "move", site="pineal", side="left"), "no side 'left'"),
    "a paired site without a side": (decision(1, "move", site="caudate"), "needs a side"),
    "a reason to accept": (decision(1, "accept", reason="bone"), "no reason"),
    "a site to reject": (decision(1, "reject", site="pineal", side="midline"), "no site"),
    "one seed": (decision(1, "split", seeds_lps_mm=[[1, 2, 3]]), "two seeds"),
    "no seed": (decision(1, "split"), "two seeds"),
    "seeds to accept": (decision(1, "accept", seeds_lps_mm=[[1, 2, 3], [4, 5, 6]]), "no seeds"),
}


@pytest.mark.parametrize("case", MISFITS)
def test_a_decision_that_does_not_fit_is_refused_with_its_place(case: str) -> None:
    one, words = MISFITS[case]
    review = read_review(with_change(decisions=[decision(2, "accept"), one]))
    with pytest.raises(InputError, match=words) as refused:
        check_decisions(review, {1, 2}, where="review.json")
    assert "review.json decisions[1]" in str(refused.value)


def test_two_decisions_on_one_lesion_are_refused() -> None:
    review = read_review(with_change(decisions=[decision(2, "accept"), decision(2, "reject")]))
    with pytest.raises(InputError, match="twice"):
        check_decisions(review, {1, 2})


def test_a_review_is_told_from_a_label_map(tmp_path: Path) -> None:
    (tmp_path / "saved").write_text(" \n{}")
    (tmp_path / "lesions.nii").write_bytes(b"\x5c\x01\x00\x00")
    assert is_json(tmp_path / "saved")
    assert is_json(tmp_path / "gone.JSON")
    assert not is_json(tmp_path / "lesions.nii")
