"""A BIDS dataset as the input of a batch, and its results as a BIDS derivative."""

from __future__ import annotations

import csv
import json
from fnmatch import fnmatch
from pathlib import Path

import nibabel
import numpy as np
import pytest
from support.batch_work import InLine, write_unless_broken
from support.nifti_phantom import PLAIN, head, put

from calcscan.batch import run_batch
from calcscan.batch.bids import Wanted
from calcscan.batch.contexts import read_contexts
from calcscan.batch.model import Outcome, Settings, Task
from calcscan.batch.participants import people_of
from calcscan.batch.run import find
from calcscan.batch.status import fingerprint
from calcscan.cli import main
from calcscan.errors import NoCTError
from calcscan.knowledge.reading import ReadingSettings
from calcscan.knowledge.settings import load

HEAD = head(PLAIN).astype(np.int16)
PEOPLE = "participant_id\tage\tsex\nsub-01\t63\tM\nsub-02\t47.5\tfemale\n"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    root = tmp_path / "in"
    put(
        root,
        "sub-01/ses-1/ct/sub-01_ses-1_ct.nii.gz",
        "sub-01/ses-2/ct/sub-01_ses-2_ct.nii.gz",
        "sub-02/ct/sub-02_run-1_ct.nii.gz",
        "sub-02/ct/sub-02_run-2_ct.nii.gz",
        "sub-02/ct/sub-02_rec-mip_ct.nii.gz",
        "sub-02/anat/sub-02_T1w.nii.gz",
        "derivatives/other/sub-02/sub-02_ct.nii.gz",
    )
    put(
        root, "sub-02/ct/sub-02_run-1_desc-lesions_mask.nii.gz", "sub-02/roi.nii.gz", values=(HEAD > 0).astype(np.uint8)
    )
    (root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.10.0"}')
    (root / "participants.tsv").write_text(PEOPLE)
    return root


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_names_tell_participant_session_and_run_in_every_table(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_batch(dataset, out, runner=InLine())
    keys = ("study", "participant", "session", "run")
    expected = {
        ("sub-01_ses-1_ct", "sub-01", "ses-1", ""),
        ("sub-01_ses-2_ct", "sub-01", "ses-2", ""),
        ("sub-02_run-1_ct", "sub-02", "", "run-1"),
        ("sub-02_run-2_ct", "sub-02", "", "run-2"),
    }
    for name in ("batch.csv", "lesions.csv", "sites.csv"):
        assert {tuple(row[key] for key in keys) for row in rows(out / name)} == expected, name


def test_what_is_no_ct_is_left_out_with_its_reason(dataset: Path, tmp_path: Path) -> None:
    result = run_batch(dataset, tmp_path / "out", runner=InLine())
    assert [study.files for study in result.studies] == [1] * 4
    reasons = {row["path"]: row["reason"] for row in rows(tmp_path / "out" / "left_out.csv")}
    assert "MR image" in reasons["sub-02/anat/sub-02_T1w.nii.gz"]
    assert "mask or label map" in reasons["sub-02/ct/sub-02_run-1_desc-lesions_mask.nii.gz"]
    assert "holds no Hounsfield units" in reasons["sub-02/roi.nii.gz"]
    assert "rec-mip" in reasons["sub-02/ct/sub-02_rec-mip_ct.nii.gz"]
    assert "derivatives" in reasons["derivatives/other/sub-02/sub-02_ct.nii.gz"]
    assert reasons["participants.tsv"].startswith("is no image; age and sex are read from it")


def test_outside_a_dataset_folders_by_these_names_are_read(dataset: Path, tmp_path: Path) -> None:
    (dataset / "dataset_description.json").unlink()
    found = find(dataset, tmp_path / "out")
    assert any("derivatives" in study.place for study in found.studies)


@pytest.mark.parametrize(
    ("participants", "sessions", "expected"),
    [
        (["01"], [], {"sub-01_ses-1_ct", "sub-01_ses-2_ct"}),
        (["sub-01"], ["ses-2"], {"sub-01_ses-2_ct"}),
        (["sub-02", "01"], ["1"], {"sub-01_ses-1_ct"}),
        ([], ["2"], {"sub-01_ses-2_ct"}),
    ],
)
def test_participants_and_sessions_are_chosen_by_their_labels(
    dataset: Path, tmp_path: Path, participants: list[str], sessions: list[str], expected: set[str]
) -> None:
    found = find(dataset, tmp_path / "out", wanted=Wanted.of(participants, sessions))
    assert {study.name for study in found.studies} == expected
    others = [row for row in found.left_out if "label leaves out" in row.reason]
    assert len(others) == 4 - len(expected)


@pytest.mark.parametrize(("participants", "sessions"), [(["09"], []), (["01", "9"], []), ([], ["7"]), (["02"], ["1"])])
def test_a_label_that_nothing_has_is_an_error(
    dataset: Path, tmp_path: Path, participants: list[str], sessions: list[str]
) -> None:
    with pytest.raises(NoCTError, match="no study of"):
        find(dataset, tmp_path / "out", wanted=Wanted.of(participants, sessions))


def test_age_and_sex_come_from_the_tables(dataset: Path, tmp_path: Path) -> None:
    """An age is of one time: with several sessions, only sessions.tsv gives one."""
    (dataset / "sub-01" / "sub-01_sessions.tsv").write_text("session_id\tage\nses-2\t64\n")
    found = find(dataset, tmp_path / "out")
    contexts = {study.name: study.context for study in found.studies}
    assert contexts == {
        "sub-01_ses-1_ct": {"sex": "M"},
        "sub-01_ses-2_ct": {"sex": "M", "age_years": 64},
        "sub-02_run-1_ct": {"sex": "F", "age_years": 47.5},
        "sub-02_run-2_ct": {"sex": "F", "age_years": 47.5},
    }
    told = next(row.reason for row in found.left_out if row.path == "participants.tsv")
    assert "the age of sub-01, who have several sessions" in told


def test_another_age_makes_a_study_be_done_again(dataset: Path, tmp_path: Path) -> None:
    out, second = tmp_path / "out", InLine()
    run_batch(dataset, out, runner=InLine())
    (dataset / "participants.tsv").write_text(PEOPLE.replace("47.5", "48"))
    run_batch(dataset, out, runner=second)
    assert second.done == ["sub-02_run-1_ct", "sub-02_run-2_ct"]
    (dataset / "participants.tsv").unlink()
    third = InLine()
    run_batch(dataset, out, runner=third)
    assert len(third.done) == 4


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "participant_id\tage\tsex\nsub-01\told\tX\n",
            ["the age of sub-01 is no number", "the sex of sub-01 is neither"],
        ),
        ("participant_id\tage\nsub-01\t-4\nsub-02\tnan\nsub-03\t1e400\n", ["of sub-01 is no", "of sub-03 is no"]),
        ("participant_id\tage\nsub-01\t50\nsub-01\t51\n", ["sub-01 stands in several rows that differ"]),
        ("name\tage\nsub-01\t50\n", ["it has no column participant_id"]),
        ("participant_id,age\nsub-01,50\n", ["not separated by tabs"]),
        ("participant_id\tage\nn/a\t50\n", ["row 2 names no participant_id"]),
        ("", ["it has no column participant_id"]),
        ("x" * 200_000, ["it can't be read"]),
        ("participant_id\tage\nsub-01\t" + "9" * 200_000, ["it can't be read to its end"]),
        ("\x00\x01\xff", ["it has no column participant_id"]),
    ],
)
def test_what_the_table_holds_that_cannot_be_used_is_named(tmp_path: Path, text: str, told: list[str]) -> None:
    (tmp_path / "participants.tsv").write_text(text)
    people = people_of(tmp_path, load(ReadingSettings))
    said = people.told()[tmp_path / "participants.tsv"]
    assert all(words in said for words in told), said
    assert people.of("sub-01", None, 1) is None


@pytest.mark.parametrize("age", ["n/a", "", "N/A"])
def test_what_is_not_known_is_not_named(tmp_path: Path, age: str) -> None:
    (tmp_path / "participants.tsv").write_bytes(f"\ufeffparticipant_id\tage\tsex\r\n01\t{age}\tm\r\n".encode())
    people = people_of(tmp_path, load(ReadingSettings))
    assert people.told() == {tmp_path / "participants.tsv": ""}
    assert people.of("sub-01", None, 1) == {"sex": "M"}


# ---- as a derivative


def derivative(dataset: Path, out: Path) -> None:
    run_batch(dataset, out, runner=InLine(), as_bids=True)


def test_results_lie_as_a_derivative(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    derivative(dataset, out)
    about = json.loads((out / "dataset_description.json").read_text())
    assert (about["DatasetType"], about["BIDSVersion"]) == ("derivative", "1.10.0")
    assert about["GeneratedBy"][0]["Name"] == "calcscan"
    assert "CT is not part of BIDS" in (out / "README").read_text()
    folder = out / "sub-01" / "ses-1" / "ct"
    assert {path.name for path in folder.iterdir()} == {
        f"sub-01_ses-1_desc-{end}"
        for end in (
            "calcscan_report.json", "lesions_stats.tsv", "lesions_stats.json", "sites_stats.tsv", "sites_stats.json",
            "lesions_dseg.nii.gz", "lesions_dseg.json", "sites_dseg.nii.gz", "sites_dseg.json", "sites_dseg.tsv",
            "mosaic_ct.png", "report_ct.html", "sites_dseg.seg.nrrd", "sitesitksnap_dseg.txt",
            "atlassites_dseg.nii.gz", "atlassites_dseg.json", "scantoatlas_xfm.tfm",
        )
    }  # fmt: skip
    # bids-validator 3.0.2 looks for the path of a folder as it is, without a slash that a pattern may end with.
    ignored = (out / ".bidsignore").read_text().split()
    assert any(fnmatch(folder.relative_to(out).as_posix(), pattern) for pattern in ignored)
    assert all(table.name in ignored for table in out.glob("*.csv"))
    labels = nibabel.load(folder / "sub-01_ses-1_desc-sites_dseg.nii.gz")
    named = list(csv.DictReader((folder / "sub-01_ses-1_desc-sites_dseg.tsv").read_text().splitlines(), delimiter="\t"))
    assert set(np.unique(labels.dataobj)) - {0} <= {int(row["index"]) for row in named}


def test_every_table_has_a_dictionary_of_all_its_columns(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    derivative(dataset, out)
    tables = [path for path in out.rglob("*.?sv") if ".calcscan" not in path.parts and "dseg" not in path.name]
    assert len(tables) == 4 + 2 * 4
    for table in tables:
        dictionary = json.loads(table.with_suffix(".json").read_text())
        first = table.read_text().partition("\n")[0]
        assert list(dictionary) == first.split("\t" if table.suffix == ".tsv" else ","), table
        assert all(entry["Description"] for entry in dictionary.values())


def test_tables_of_a_derivative_say_what_the_csv_says(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    derivative(dataset, out)
    tsv = (out / "sub-02" / "ct" / "sub-02_run-1_desc-sites_stats.tsv").read_text()
    shown = list(csv.DictReader(tsv.splitlines(), delimiter="\t"))
    plain = rows(out / ".calcscan" / "sub-02_run-1_ct" / "sites.csv")
    assert [{k: v or "n/a" for k, v in row.items()} for row in plain] == shown


def test_a_study_that_fails_later_leaves_no_results_behind(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    put(dataset, "sub-bad/ct/sub-bad_ct.nii.gz")
    derivative(dataset, out)
    assert not (out / "sub-bad").exists()
    stale = out / "sub-bad" / "ct" / "sub-bad_desc-lesions_stats.tsv"
    stale.parent.mkdir(parents=True)
    stale.write_text("old")
    derivative(dataset, out)
    assert not stale.exists()


def test_studies_of_one_name_are_told_apart(tmp_path: Path) -> None:
    root, out = tmp_path / "in", tmp_path / "out"
    put(root, "sub-01/a/sub-01_ct.nii.gz", "sub-01/b/sub-01_ct.nii.gz", "Doe Jane/scan 1.nii.gz")
    derivative(root, out)
    found = sorted(path.name for path in out.rglob("*_report.json"))
    assert len(found) == 3
    assert found[-1] == "sub-DoeJanescan1_desc-calcscan_report.json"
    assert all("_acq-" in name for name in found[:2])


def test_the_command(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = ["batch", str(dataset), "-o", str(tmp_path / "out"), "--dry-run"]
    assert main([*said, "--participant-label", "01", "--session-label", "ses-1"]) == 0
    assert "1 study" in capsys.readouterr().out
    assert main([*said, "--participant-label", "99"]) == 1
    assert "there are sub-01, sub-02" in capsys.readouterr().err
    assert main([*said, "--participant-label", "a/b"]) == 2


def test_labels_and_context_are_part_of_what_a_result_is_valid_for(dataset: Path, tmp_path: Path) -> None:
    found = find(dataset, tmp_path / "out")
    tasks = [Task(study=study, out=tmp_path, settings=Settings()) for study in found.studies]
    assert all("context_digest" in fingerprint(task) for task in tasks)


def test_a_folder_in_the_place_of_the_table_is_none(tmp_path: Path) -> None:
    (tmp_path / "participants.tsv").mkdir()
    (tmp_path / "dataset_description.json").write_text("{")
    put(tmp_path, "sub-01/ct/sub-01_ct.nii.gz")
    found = find(tmp_path, tmp_path / "out")
    assert [(study.label.participant, study.context) for study in found.studies] == [("sub-01", None)]


def test_dicom_in_folders_named_as_in_bids_has_its_labels_too(tmp_path: Path) -> None:
    from support import dicom_faults as faults

    faults.write(faults.series(), tmp_path / "in" / "sub-01" / "ses-2" / "scan")
    (tmp_path / "in" / "participants.tsv").write_text(PEOPLE)
    (study,) = find(tmp_path / "in", tmp_path / "out").studies
    assert (study.label.participant, study.label.session) == ("sub-01", "ses-2")
    assert study.context == {"age_years": 63, "sex": "M"}


def test_a_table_of_facts_reaches_the_studies_and_what_is_not_used_is_listed(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "known.csv"
    table.write_text("participant,session,age_years,symptoms.headache\n01,1,64,yes\n09,,50,no\n")
    assert main(["batch", str(dataset), "-o", str(tmp_path / "out"), "--contexts", str(table), "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "known.csv, row 3 fits no study" in told
    assert "known.csv has no row for sub-01_ses-2_ct" in told
    given: dict[str, dict[str, object] | None] = {}

    def write_and_note(task: Task) -> Outcome:
        given[task.study.name] = task.study.context
        return write_unless_broken(task)

    run_batch(dataset, tmp_path / "out", runner=InLine(write_and_note), contexts=read_contexts(table))
    assert given["sub-01_ses-1_ct"] == {"sex": "M", "age_years": 64, "symptoms": {"headache": True}}
    assert given["sub-01_ses-2_ct"] == {"sex": "M"}  # two sessions: the age of participants.tsv is of one of them
    assert {"known.csv, row 3"} <= {row["path"] for row in rows(tmp_path / "out" / "left_out.csv")}
    refused = table.read_text().replace("yes", "perhaps")
    table.write_text(refused)
    assert main(["batch", str(dataset), "-o", str(tmp_path / "out"), "--contexts", str(table), "--dry-run"]) == 1
    assert "row 2, column symptoms.headache" in capsys.readouterr().err
