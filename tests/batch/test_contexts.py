"""What is known of the people of a batch, from one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from calcscan.batch.contexts import Contexts, read_contexts, with_contexts
from calcscan.batch.model import Study
from calcscan.errors import FactsError
from calcscan.model import StudyLabel


def table(folder: Path, *lines: str, name: str = "known.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def study(name: str, participant: str | None = None, session: str | None = None, **context: object) -> Study:
    label = StudyLabel(participant=participant, session=session)
    return Study(name=name, paths=(), label=label, context=context or None)


TWO_SESSIONS = (study("a1", "sub-a", "ses-1"), study("a2", "sub-a", "ses-2"), study("b", "sub-b", None, age_years=40))


def facts_of(studies: Sequence[Study]) -> dict[str, object]:
    return {one.name: one.context for one in studies}


def test_cells_are_facts_of_any_kind(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "participant_id;age_years;sex;symptoms.headache;labs.calcium [mmol/L];labs.PTH;conditions.diabetes",
        "01;52;F;yes;1.9;<3 pg/mL;FALSE",
        "sub-02;n/a;;;low;;",
        ";;;;;;",
    )
    first, second = read_contexts(path).rows
    assert (first.participant, second.participant) == ("sub-01", "sub-02")
    assert first.facts == {
        "age_years": 52,
        "sex": "F",
        "symptoms": {"headache": True},
        "labs": {"calcium": {"value": 1.9, "unit": "mmol/L"}, "PTH": "<3 pg/mL"},
        "conditions": {"diabetes": False},
    }
    assert second.facts == {"labs": {"calcium": "low"}}  # an empty cell is not known, which is not no


@pytest.mark.parametrize(
    ("lines", "place"),
    [
        (("participant,symptoms.headach", "1,yes"), "header, column symptoms.headach"),
        (("age_years,sex", "1,F"), "known.csv"),
        (("participant,labs.calcium", "1,1.9"), "row 2, column labs.calcium"),
        (
            ("participant,symptoms.headache", "1,1"),
            "row 2, column symptoms.headache",
        ),
        (("participant,age_years", "1,50", "sub-1,51"), "row 3"),
        (("participant,age_years", ",50"), "row 2"),
        (("study,age_years", "a,50,F"), "row 2"),
        (("study,age_years,age_years", "a,50,51"), "known.csv"),
        (("study,findings.dura.present", "a,yes"), "header"),
    ],
)
def test_what_can_not_be_taken_is_named_by_row_and_column(tmp_path: Path, lines: tuple[str, ...], place: str) -> None:
    with pytest.raises(FactsError) as refused:
        read_contexts(table(tmp_path, *lines))
    assert refused.value.where.endswith(place)


def test_a_row_goes_to_the_studies_it_names_and_no_other(tmp_path: Path) -> None:
    rows = ("participant,session,age_years", "a,1,50", "b,,41", "c,,60")
    found, unused = with_contexts(TWO_SESSIONS, read_contexts(table(tmp_path, *rows)))
    assert facts_of(found) == {"a1": {"age_years": 50}, "a2": None, "b": {"age_years": 41}}
    told = {row.path: row.reason for row in unused}
    assert set(told) == {"known.csv, row 3", "known.csv, row 4"}
    assert "41 is used for b, not 40 of participants.tsv" in told["known.csv, row 3"]
    assert "fits no study" in told["known.csv, row 4"]


def test_what_is_known_of_a_participant_is_of_one_time(tmp_path: Path) -> None:
    rows = ("participant,symptoms.headache", "a,yes", "b,no")
    found, unused = with_contexts(TWO_SESSIONS, read_contexts(table(tmp_path, *rows)))
    assert facts_of(found) == {"a1": None, "a2": None, "b": {"age_years": 40, "symptoms": {"headache": False}}}
    assert [row.path for row in unused] == ["known.csv, row 2"]


def test_a_row_that_contradicts_itself_is_not_used(tmp_path: Path) -> None:
    rows = ("study,participant,age_years", "a1,b,50", "b,sub-b,41")
    found, unused = with_contexts(TWO_SESSIONS, read_contexts(table(tmp_path, *rows)))
    assert facts_of(found)["a1"] is None
    assert "sub-b" in unused[0].reason


def test_a_table_of_other_people_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(FactsError, match="a1, a2, b"):
        with_contexts(TWO_SESSIONS, read_contexts(table(tmp_path, "study,age_years", "x,5")))
    assert with_contexts(TWO_SESSIONS, Contexts()) == (TWO_SESSIONS, ())
