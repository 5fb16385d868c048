"""A batch and the reviews of its studies: nothing that a person decided is lost, and the tables say it."""

from __future__ import annotations

import csv
from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest
from support.batch_work import InLine
from support.nifti_phantom import PLAIN, head, save
from support.results import SMALL, make_result

from calcscan.batch import run_batch
from calcscan.batch.model import DONE, FAILED, Outcome, Settings, Task
from calcscan.batch.place import batch_of, study_folder
from calcscan.batch.renew import renew_batch
from calcscan.errors import InputError, OutputError
from calcscan.model import Review, ReviewDecision, StudyLabel
from calcscan.report.atomic_folder import check_output, put_files
from calcscan.report.earlier import put_aside
from calcscan.report.kept_review import review_in
from calcscan.report.outputs import PROGRAM_REPORT
from calcscan.report.write import report_files, write_report

WHEN = "2026-11-29T02:30:00+00:00"
DONE_BY = Review(reader="=Dr. Read", at=WHEN, decisions=(ReviewDecision(lesion=1, decision="accept"),))
NO_PAGE = Settings(html=False)
AFTER = Review(reader=None, at="2026-11-30", decisions=())


@cache
def program(study: str = "sub-b") -> dict[str, bytes]:
    return report_files(make_result(SMALL), label=StudyLabel(study=study), html=False)


@cache
def reviewed(*reviews: Review) -> dict[str, bytes]:
    made = make_result(SMALL)
    result = replace(made, reviews=reviews, program=made)
    return report_files(result, label=StudyLabel(study="sub-b"), html=False)


def write_program(task: Task) -> Outcome:
    """The program's report."""
    files = program(task.study.label.participant)
    put_files(task.out, files, discard_review=task.settings.discard_review)
    return Outcome(state=DONE, report_sha256=sha256(files["report.json"]).hexdigest())


@pytest.fixture
def studies(tmp_path: Path) -> Path:
    for name in ("sub-a", "sub-b"):
        (tmp_path / "in" / name).mkdir(parents=True)
        save(tmp_path / "in" / name / f"{name}_ct.nii.gz", head(PLAIN).astype("int16"))
    return tmp_path / "in"


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def of_study(path: Path, name: str) -> list[dict[str, str]]:
    return [row for row in rows(path) if row["study"] == name]


def reviewed_study(out: Path, bids: bool = False) -> Path:
    folder = next((out / ".calcscan" if bids else out).glob("*sub-b*"))
    put_files(folder, reviewed(DONE_BY))
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_resumed_batch_keeps_a_review_and_its_tables_say_so(studies: Path, tmp_path: Path) -> None:
    out, runner = tmp_path / "out", InLine(write_program)
    run_batch(studies, out, runner=runner, settings=NO_PAGE)
    assert len(runner.done) == 2
    assert {row["reviewed_by"] for row in rows(out / "batch.csv")} == {""}
    study = reviewed_study(out)
    before = content(study)
    result = run_batch(studies, out, runner=runner, settings=NO_PAGE)
    assert len(runner.done) == 2
    assert len(result.skipped) == 2
    assert content(study) == before
    for table in ("batch.csv", "lesions.csv", "sites.csv"):
        told = of_study(out / table, study.name)
        assert told
        assert {(row["reviewed_by"], row["reviewed_at"]) for row in told} == {("'=Dr. Read", WHEN)}
        others = [row for row in rows(out / table) if row["study"] != study.name]
        assert {row["reviewed_by"] for row in others} == {""}
    assert [outcome.reviewed for outcome in result.outcomes.values()] == [False, True]


@pytest.mark.parametrize("changed", ["the settings", "the input", "the version", "another report"])
def test_where_another_analysis_is_due_the_review_stays_and_the_study_fails(
    studies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    out, runner, settings = tmp_path / "out", InLine(write_program), NO_PAGE
    run_batch(studies, out, runner=runner, settings=NO_PAGE, as_bids=True)
    study = reviewed_study(out, bids=True)
    run_batch(studies, out, runner=runner, settings=NO_PAGE, as_bids=True)
    copies = content(out / "sub-b" / "ct")
    before = content(study)
    if changed == "the settings":
        settings = replace(NO_PAGE, threshold_hu=100.0)
    elif changed == "the input":
        save(studies / "sub-b" / "sub-b_ct.nii.gz", head(PLAIN).astype("int16") + 1)
    elif changed == "the version":
        monkeypatch.setattr("calcscan.batch.status.__version__", "9.9")
    else:
        (study / PROGRAM_REPORT).write_bytes(before[PROGRAM_REPORT] + b"\n")
        before = content(study)
    runner.done.clear()
    result = run_batch(studies, out, runner=runner, settings=settings, as_bids=True)
    assert study.name not in runner.done
    assert result.failed == (study.name,)
    error = result.outcomes[study.name].error
    assert "reviewed by =Dr. Read on 2026-11-29" in error
    assert "--discard-review" in error
    assert (changed in error) is (changed != "another report")
    assert content(study) == before
    assert content(out / "sub-b" / "ct") == copies
    assert of_study(out / "batch.csv", study.name)[0]["state"] == FAILED
    assert of_study(out / "sites.csv", study.name) == []
    if changed == "the settings":  # asked for as before, it is what it was
        assert study.name in run_batch(studies, out, runner=runner, settings=NO_PAGE, as_bids=True).skipped


def test_a_review_is_dropped_where_that_is_asked_for(studies: Path, tmp_path: Path) -> None:
    out, runner = tmp_path / "out", InLine(write_program)
    run_batch(studies, out, runner=runner, settings=NO_PAGE)
    study = reviewed_study(out)
    runner.done.clear()
    run_batch(studies, out, runner=runner, settings=replace(NO_PAGE, discard_review=True))
    assert runner.done == [study.name]
    assert review_in(study) is None
    assert not (study / PROGRAM_REPORT).exists()


def test_the_tables_follow_a_review_without_another_batch(studies: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_batch(studies, out, runner=InLine(write_program), settings=NO_PAGE, as_bids=True)
    was = {name: (out / name).read_bytes() for name in ("batch.csv", "lesions.csv", "sites.csv")}
    study = reviewed_study(out, bids=True)
    assert batch_of(study) == out
    renew_batch(out, study, replaced_sha256=sha256(program()["report.json"]).hexdigest())
    renewed = {name: (out / name).read_bytes() for name in was}
    assert renewed != was
    copies = content(out / "sub-b" / "ct")
    assert copies["sub-b_desc-calcscan_report.json"] == reviewed(DONE_BY)["report.json"]
    assert copies["sub-b_desc-program_report.json"] == program()["report.json"]
    assert copies["sub-b_desc-lesionsprogram_dseg.nii.gz"] == program()["lesions.nii.gz"]
    run_batch(studies, out, runner=InLine(write_program), settings=NO_PAGE, as_bids=True)
    assert {name: (out / name).read_bytes() for name in was} == renewed
    assert content(out / "sub-b" / "ct") == copies


def test_a_table_of_another_version_is_not_renewed(studies: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_batch(studies, out, runner=InLine(write_program), settings=NO_PAGE)
    study = reviewed_study(out)
    text = (out / "sites.csv").read_text()
    (out / "sites.csv").write_text(text.replace("volume_mm3", "volume", 1))
    with pytest.raises(OutputError, match=r"other columns.*run calcscan batch again"):
        renew_batch(out, study, replaced_sha256="")


def test_a_study_is_found_by_its_folder_its_copy_or_its_digest(studies: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_batch(studies, out, runner=InLine(write_program), settings=NO_PAGE, as_bids=True)
    study = reviewed_study(out, bids=True)
    digest = sha256(reviewed(DONE_BY)["report.json"]).hexdigest()
    run_batch(studies, out, runner=InLine(write_program), settings=NO_PAGE, as_bids=True)
    copy = out / "sub-b" / "ct"
    for given in (study, study / "report.json", copy, copy / "sub-b_desc-calcscan_report.json"):
        assert study_folder(given) == study
    assert study_folder(out, digest) == study
    with pytest.raises(InputError, match="no study of this batch"):
        study_folder(out, "0" * 64)
    assert study_folder(tmp_path / "nowhere") == tmp_path / "nowhere"


def test_only_what_continues_a_review_takes_its_place(tmp_path: Path) -> None:
    out = tmp_path / "out"
    put_files(out, reviewed(DONE_BY))
    for other in (program(), reviewed(AFTER)):
        with pytest.raises(OutputError, match=r"reviewed \(=Dr. Read on 2026-11-29\), and the review would be lost"):
            put_files(out, other)
    with pytest.raises(OutputError, match="would be lost"):
        write_report(make_result(SMALL), out, html=False)
    with pytest.raises(OutputError, match="would be lost"):
        check_output(out, keeps_review=True)
    assert not put_aside(out)
    assert content(out) == reviewed(DONE_BY)
    put_files(out, reviewed(DONE_BY, AFTER))
    assert str(review_in(out)) == "a reader who gave no name on 2026-11-30 and 1 more before"
    write_report(make_result(SMALL), out, html=False, discard_review=True)
    assert review_in(out) is None


def test_a_review_whose_report_is_damaged_is_kept_too(tmp_path: Path) -> None:
    out = tmp_path / "out"
    put_files(out, reviewed(DONE_BY))
    (out / "report.json").write_bytes(reviewed(DONE_BY)["report.json"][:500])
    with pytest.raises(OutputError, match=r"reviewed \(a person\)"):
        put_files(out, reviewed(DONE_BY))
