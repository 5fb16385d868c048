"""`calcscan schema`: the JSON Schemas are what the classes give, and what is written and taken conforms to them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support.agreement_data import box, labels, nifti, run_folder, table
from support.reviews import GOOD, decision

from calcscan import assess_agreement, write_agreement
from calcscan.cli import main
from calcscan.cli.json_schemas import KINDS, schema_file, schema_text
from calcscan.errors import InputError
from calcscan.review import read_review
from calcscan.review.check import check_decisions

DRAFT = jsonschema.Draft202012Validator


def schema(name: str) -> dict[str, Any]:
    return dict(json.loads(schema_file(name).read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", KINDS)
def test_the_schema_file_is_what_the_classes_give_and_is_printed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = schema_file(name).read_text(encoding="utf-8")
    assert text == schema_text(name), "run: python -m calcscan.cli.json_schemas"
    DRAFT.check_schema(json.loads(text))
    assert main(["schema", name]) == 0
    assert capsys.readouterr().out == text


def test_without_a_name_it_is_that_of_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "calcscan-report/1"


BAD: dict[str, dict[str, Any]] = {
    "another version": {"schema": "calcscan-review/2"},
    "a key that there isn't": {"colour": "red"},
    "a decision that there isn't": {"decisions": [decision(1, "delete")]},
    "a reason that there isn't": {"decisions": [decision(1, "reject", reason="dust")]},
    "a lesion that is none": {"decisions": [decision(0, "accept")]},
    "a move to nowhere": {"decisions": [decision(1, "move")]},
    "a site that there isn't": {"decisions": [decision(1, "move", site="clivus")]},
    "a side that there isn't": {"decisions": [decision(1, "move", site="pallidum", side="top")]},
    "a split at one seed": {"decisions": [decision(1, "split", seeds_lps_mm=[[1, 2, 3]])]},
    "a seed of two numbers": {"decisions": [decision(1, "split", seeds_lps_mm=[[1, 2], [3, 4]])]},
    "a checksum that is none": {"report_sha256": "abc"},
    "a comment without end": {"comment": "x" * 10_001},
}


def test_a_review_conforms() -> None:
    jsonschema.validate(GOOD, schema("review"), cls=DRAFT)


@pytest.mark.parametrize("case", BAD)
def test_what_the_schema_of_a_review_refuses_is_refused_by_the_program_too(case: str) -> None:
    bad = {**GOOD, **BAD[case]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(bad, schema("review"), cls=DRAFT)
    with pytest.raises(InputError):
        check_decisions(read_review(bad), range(1, 9))


def agreements(folder: Path) -> dict[str, str]:
    """agreement.json of several kinds of comparison."""
    volumes = ((10, 12), (0, 0), (30, 20), (0, 9), (55, 60), (7, None))
    rows = [[[f"s{n}", "pallidum", "left", pair[k]] for n, pair in enumerate(volumes)] for k in (0, 1)]
    one, other = table(folder / "a.csv", rows[0]), table(folder / "b.csv", [*rows[1], ["alone", "pineal", "", 3]])
    maps = run_folder(folder / "s", labels([(5, box(4, 4, 4))]))
    drawn = nifti(folder / "r.nii.gz", labels([(5, box(4, 4, 5)), (6, box(9, 9, 9))]))
    single = table(folder / "c.csv", [["s0", "pallidum", "left", 0]])
    return {
        "tables": write_agreement(assess_agreement(one, other), folder / "tables"),
        "label maps": write_agreement(assess_agreement(maps, drawn), folder / "maps"),
        "beside readers": write_agreement(assess_agreement(one, other), folder / "more", beside=folder / "tables"),
        "one study without anything": write_agreement(assess_agreement(single, single), folder / "single"),
    }


def test_every_agreement_conforms(tmp_path: Path) -> None:
    held = schema("agreement")
    for name, text in agreements(tmp_path).items():
        jsonschema.validate(json.loads(text), held, cls=DRAFT)
        damaged = json.loads(text)
        damaged["overall"]["unheard_of"] = 1
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(damaged, held, cls=DRAFT)
        assert name
