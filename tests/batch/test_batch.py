from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import batch_work
from support.batch_work import InLine
from support.results import SMALL, make_result

from calcscan.batch import run as run_module
from calcscan.batch import run_batch
from calcscan.batch.discover import find_studies
from calcscan.batch.model import DONE, FAILED, Outcome, Settings, Study, Task, Work
from calcscan.batch.processes import local_processes
from calcscan.batch.status import fingerprint, input_digest, is_finished, read_status, write_status
from calcscan.batch.work import _one_path, do_study
from calcscan.cli import main
from calcscan.errors import NoCTError, OutputError, UnreadableError
from calcscan.guideline import RulesChoice, RulesText
from calcscan.processors import processor_count
from calcscan.read.headers.image import Person
from calcscan.read.headers.probe import Probe
from calcscan.report.outputs import state_of


def look(path: Path) -> Probe:
    """Synthetic DICOM: a text file that holds its StudyInstanceUID, and who it is of."""
    uid, _, person = path.read_text().partition("uid ")[2].partition(" of ")
    if path.name.lower().endswith((".zip", ".nii", ".nii.gz")):
        return Probe(alone=True)
    if uid:
        who = Person(patient_id=person, name="", age="", birth_date="", sex="", study_date="")
        return Probe(dicom=True, study_uid=uid, person=who)
    return Probe(reason="is not a DICOM image")


def make(root: Path, files: dict[str, str]) -> None:
    for name, uid in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"uid {uid}" if uid else "something else")


@pytest.fixture
def studies(tmp_path, monkeypatch):
    monkeypatch.setattr(run_module, "probe", look)
    root = tmp_path / "in"
    make(root, {"anna/1": "1", "anna/2": "1", "broken/1": "2", "abstain/s/1": "3"})
    return root


# ---- which studies


def names_and_paths(root: Path, out: str = "nowhere") -> dict[str, list[str]]:
    found = find_studies(root, root / out, look).studies
    return {study.name: [str(path.relative_to(root)) for path in study.paths] for study in found}


def test_each_folder_of_a_study_is_one(tmp_path):
    make(tmp_path, {"a/1": "1", "a/2": "1", "b/soft/1": "2", "b/bone/1": "2", "c/d/e/1": "3", "notes/readme": ""})
    assert names_and_paths(tmp_path) == {"a": ["a"], "b": ["b"], "c__d__e": ["c/d/e"]}


def test_two_studies_below_one_person(tmp_path):
    make(tmp_path, {"p/first/s1/1": "1", "p/first/s2/1": "1", "p/second/s1/1": "2"})
    assert names_and_paths(tmp_path) == {"p__first": ["p/first"], "p__second__s1": ["p/second/s1"]}


def test_a_flat_folder_of_two_studies_is_taken_apart(tmp_path):
    make(tmp_path, {"flat/1": "1", "flat/2": "2", "flat/3": "1", "flat/4": "2"})
    found = names_and_paths(tmp_path)
    assert sorted(found.values()) == [["flat/1", "flat/3"], ["flat/2", "flat/4"]]
    assert all(name.startswith("flat-") for name in found)


def test_a_study_spread_among_others_keeps_to_its_own_folders(tmp_path):
    make(tmp_path, {"x/1": "1", "y/1": "1", "z/1": "2"})
    assert sorted(names_and_paths(tmp_path).values()) == [["x/1", "y/1"], ["z"]]


def test_zip_and_nifti_files_are_studies(tmp_path):
    make(tmp_path, {"a.zip": "", "b.nii.gz": "", "b.nii": "", "d/c.NII": "", "e/1": "9"})
    found = names_and_paths(tmp_path)
    assert found["a"] == ["a.zip"]
    assert found["d__c"] == ["d/c.NII"]
    assert {tuple(paths) for name, paths in found.items() if name.startswith("b-")} == {("b.nii",), ("b.nii.gz",)}


def test_the_root_itself_may_be_the_study(tmp_path):
    make(tmp_path / "only", {"1": "1", "2": "1"})
    assert names_and_paths(tmp_path / "only") == {"only": ["."]}
    assert [study.name for study in find_studies(tmp_path / "only" / "1", tmp_path, look).studies] == ["1"]


def test_results_are_no_input(tmp_path):
    make(tmp_path, {"a/1": "1", ".cache/1": "8", "out/a/sites.nii.gz": "", "old/lesions.nii.gz": "", "old/x/1": "9"})
    (tmp_path / "old" / "report.json").write_text('{"schema": "calcscan-report/1"}')
    assert names_and_paths(tmp_path, "out") == {"_cache-f45810ed": [".cache"], "a": ["a"], "old__x": ["old/x"]}
    found = find_studies(tmp_path, tmp_path / "out", look)
    assert {(row.path, row.reason, row.files) for row in found.left_out} == {
        ("old/lesions.nii.gz", "is a result of calcscan", 1),
        ("old/report.json", "is a result of calcscan", 1),
        ("out", "is the output folder", 1),
    }


def test_files_that_come_first_and_last_may_be_no_dicom(tmp_path):
    make(tmp_path, {f"a/0{n:02d}": "" for n in range(99)} | {"a/x": "1"} | {f"a/z{n:02d}": "" for n in range(99)})
    assert names_and_paths(tmp_path) == {"a": ["a"]}
    assert len(find_studies(tmp_path, tmp_path / "out", look).left_out) == 198


tree = st.dictionaries(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(lambda parts: "/".join(parts) + "/f"),
    st.sampled_from("12345"),
    min_size=1,
)


@settings(max_examples=40, deadline=None)
@given(tree)
def test_no_file_is_lost_or_shared(tmp_path_factory, files):
    """Whatever the layout: each file belongs to exactly the study of its UID, and names are unique."""
    root = tmp_path_factory.mktemp("tree")
    make(root, files)
    found = find_studies(root, root / "out", look).studies
    assert len({study.name for study in found}) == len(found)
    owners: dict[Path, set[str]] = {}
    for study in found:
        uids = set()
        for path in study.paths:
            for file in [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]:
                uids.add(look(file).study_uid)
                owners.setdefault(file, set()).add(study.name)
        assert len(uids) == 1
    assert set(owners) == {root / name for name in files}
    assert all(len(names) == 1 for names in owners.values())
    assert len(found) == len(set(files.values()))


# ---- one study as one path


def test_a_study_in_pieces_is_handed_on_as_one_folder(tmp_path):
    make(tmp_path, {"x/1": "1", "y/1": "1", "z": "1"})
    (tmp_path / "x" / "dead").symlink_to("nothing")
    paths = tuple(tmp_path / name for name in ("x/1", "x/dead", "y/1", "z"))
    with _one_path(Study(name="a", paths=paths, top=tmp_path)) as folder:
        files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if not path.is_dir()}
        assert set(files) == {"x/1", "x/dead", "y/1", "z"}
        assert files["x/dead"].is_symlink()
        assert files["y/1"].read_text() == "uid 1"
    assert not folder.exists()
    with _one_path(Study(name="a", paths=(tmp_path / "x",))) as folder:
        assert folder == tmp_path / "x"


def test_what_goes_wrong_in_a_study_is_its_outcome(tmp_path):
    task = Task(study=Study(name="a", paths=(tmp_path / "none",)), out=tmp_path / "o", settings=Settings())
    outcome = do_study(task)
    assert outcome.state == FAILED
    assert "none" in outcome.error
    assert "\n" not in outcome.error


@pytest.mark.parametrize("error", [MemoryError(), ImportError("x.so: failed to map segment from shared object")])
def test_too_little_memory_for_a_study_is_no_fault(tmp_path, monkeypatch, error):
    def analyse(path, **named):
        raise error

    monkeypatch.setattr("calcscan.pipeline.analyse", analyse)
    outcome = do_study(Task(study=Study(name="a", paths=(tmp_path,)), out=tmp_path / "o", settings=Settings()))
    assert outcome.state == FAILED
    assert outcome.error == "there was not enough memory: try it alone, with more memory"


# ---- what is finished


OWN_RULES = RulesText(
    "ours.toml",
    """
[document]
key = "ours"
title = "Our protocol"
status = "approved"

[[rule]]
id = "ours-1"
kind = "referral"
priority = "routine"
citation = "Our protocol"
section = "1"
sites = ["dura"]
text = "Consider our clinic."
when = { site = "dura" }
""",
)


def test_rules_are_known_by_their_text_and_reach_the_study(tmp_path, monkeypatch):
    from calcscan.batch.status import settings_digest

    own, moved = Settings(rules=RulesChoice(files=(OWN_RULES,))), replace(OWN_RULES, name="/elsewhere/ours.toml")
    changed = replace(OWN_RULES, text=OWN_RULES.text.replace("clinic", "ward"))
    assert settings_digest(own) == settings_digest(Settings(rules=RulesChoice(files=(moved,))))
    assert settings_digest(own) != settings_digest(Settings(rules=RulesChoice(files=(changed,))))
    asked = []
    monkeypatch.setattr("calcscan.pipeline.analyse", lambda path, **named: asked.append(named["rules"]))
    do_study(Task(study=Study(name="a", paths=(tmp_path,)), out=tmp_path / "o", settings=own))
    assert asked[0].added == ("ours.toml: ours-1",)


def task_of(tmp_path: Path, **named: object) -> Task:
    make(tmp_path, {"in/1": "1"})
    study = Study(name="a", paths=(tmp_path / "in",))
    return Task(study=study, out=tmp_path / "out" / "a", settings=Settings(**named))


def test_a_study_is_finished_until_anything_that_matters_changes(tmp_path, monkeypatch):
    from calcscan.batch import status

    task = task_of(tmp_path)
    assert not is_finished(task)
    outcome = batch_work.write_synthetic(task)
    write_status(task, outcome, status.fingerprint(task))
    assert is_finished(task)
    assert read_status(task.out)["state"] == DONE
    assert sorted(path.name for path in task.out.glob("*status*")) == ["status.json"]

    assert is_finished(replace(task, settings=Settings(html=False)))  # a page more changes no result
    assert not is_finished(replace(task, settings=Settings(threshold_hu=100.0)))
    for rules in (RulesChoice(literature=True), RulesChoice(without=("bg-age",)), RulesChoice(files=(OWN_RULES,))):
        assert not is_finished(replace(task, settings=Settings(rules=rules)))
    with monkeypatch.context() as patch:
        patch.setattr(status, "__version__", "9.9")
        assert not is_finished(task)
    (tmp_path / "in" / "2").write_text("uid 1")
    assert not is_finished(task)
    (tmp_path / "in" / "2").unlink()
    assert is_finished(task)
    (task.out / "report.json").unlink()
    assert not is_finished(task)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema": "other"}'])
def test_a_status_that_is_no_status_is_none(tmp_path, text):
    (tmp_path / "status.json").write_text(text)
    assert read_status(tmp_path) == {}


def test_a_study_without_a_page_is_done_again_where_one_is_wanted(tmp_path):
    from calcscan.batch import status
    from calcscan.report.atomic_folder import put_files

    task = task_of(tmp_path, html=False)
    without = {name: held for name, held in batch_work.synthetic(False).items() if name != "report.html"}
    put_files(task.out, without)
    write_status(task, Outcome(state=DONE), status.fingerprint(task))
    assert is_finished(task)
    assert not is_finished(replace(task, settings=Settings()))


def test_a_batch_asks_for_pages_or_not(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("calcscan.pipeline.analyse", lambda path, **named: make_result(SMALL))
    monkeypatch.setattr(
        "calcscan.report.write.write_report", lambda result, out, **named: asked.append(named["html"]) or "{}"
    )
    for html in (True, False):
        do_study(Task(study=Study(name="a", paths=(tmp_path,)), out=tmp_path / "o", settings=Settings(html=html)))
    assert asked == [True, False]


def test_the_input_digest_sees_size_time_and_name(tmp_path):
    study = task_of(tmp_path).study
    digests = {input_digest(study)}
    (tmp_path / "in" / "1").write_text("uid 11")
    digests.add(input_digest(study))
    os.utime(tmp_path / "in" / "1", ns=(1, 1))
    digests.add(input_digest(study))
    (tmp_path / "in" / "1").rename(tmp_path / "in" / "2")
    digests.add(input_digest(study))
    assert len(digests) == 4


# ---- the whole batch


def test_a_batch_is_resumed_and_failures_are_tried_again(studies, tmp_path):
    out, first, second = tmp_path / "out", InLine(), InLine()
    result = run_batch(studies, out, runner=first)
    assert first.done == ["abstain__s", "anna", "broken"]
    assert {name: outcome.state for name, outcome in result.outcomes.items()} == {
        "abstain__s": "abstained",
        "anna": "done",
        "broken": "failed",
    }
    assert result.failed == ("broken",)
    again = run_batch(studies, out, runner=second)
    assert second.done == ["broken"]
    assert again.skipped == ("abstain__s", "anna")
    assert json.loads((out / "broken" / "status.json").read_text())["error"] == "no CT in it"


def test_the_table_has_a_row_for_every_study(studies, tmp_path):
    result = run_batch(studies, tmp_path / "out", runner=InLine())
    rows = {row["study"]: row for row in csv.DictReader(result.table.read_text().splitlines())}
    assert list(rows) == ["abstain__s", "anna", "broken"]
    report = json.loads((tmp_path / "out" / "anna" / "report.json").read_text())
    left = next(row for row in report["sites"] if (row["site"], row["side"]) == ("pallidum", "left"))
    assert float(rows["anna"]["pallidum_left_mm3"]) == left["volume_mm3"] > 0
    assert float(rows["anna"]["volume_mm3"]) == pytest.approx(
        sum(lesion["volume_mm3"] for lesion in report["lesions"]), abs=0.01
    )
    assert rows["abstain__s"]["quality"] == "abstain"
    assert rows["abstain__s"]["pallidum_left_mm3"] == rows["broken"]["pallidum_left_mm3"] == ""
    assert rows["broken"]["error"] == "no CT in it"
    assert "Erika" not in result.table.read_text()


def test_a_failure_puts_aside_the_report_of_an_older_input(studies, tmp_path):
    out = tmp_path / "out"
    run_batch(studies, out, runner=InLine())
    good = (out / "anna" / "report.json").read_bytes()
    (studies / "anna" / "3").write_text("uid 1")

    def failing(tasks: Iterable[Task], work: Work) -> Iterator[tuple[Task, Outcome]]:
        for task in tasks:
            yield task, Outcome(state=FAILED, error="worse now")

    result = run_batch(studies, out, runner=failing)
    assert "anna" in result.failed
    assert sorted(path.name for path in (out / "anna").iterdir()) == ["earlier", "status.json"]
    assert read_status(out / "anna")["earlier_report"] == "earlier"
    assert (out / "anna" / "earlier" / "report.json").read_bytes() == good
    again = run_batch(studies, out, runner=InLine())
    assert again.outcomes["anna"].state == DONE
    assert not (out / "anna" / "earlier").exists()
    assert "earlier_report" not in read_status(out / "anna")


def test_a_report_that_another_program_wrote_since_isnt_that_of_the_status(studies, tmp_path):
    task = Task(study=Study(name="a", paths=(studies,)), out=tmp_path / "out", settings=Settings())
    outcome = batch_work.write_synthetic(task)
    write_status(task, replace(outcome, report_sha256=state_of(task.out)), fingerprint(task))
    assert is_finished(task)
    report = task.out / "report.json"
    report.write_bytes(report.read_bytes() + b" ")
    assert not is_finished(task)


def test_progress_counts_to_the_end(studies, tmp_path):
    seen: list[tuple[int, int, str, str]] = []
    run_batch(studies, tmp_path / "out", runner=InLine(), progress=lambda *step: seen.append(step))
    assert [step[:2] for step in seen] == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert seen[-1][2:] == ("broken", "failed")


def test_an_interrupted_batch_keeps_what_it_has(studies, tmp_path):
    def interrupted(tasks: Iterable[Task], work: Work) -> Iterator[tuple[Task, Outcome]]:
        task = next(iter(tasks))
        yield task, batch_work.write_synthetic(task)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_batch(studies, tmp_path / "out", runner=interrupted)
    assert [row["study"] for row in csv.DictReader((tmp_path / "out" / "batch.csv").read_text().splitlines())] == [
        "abstain__s"
    ]
    runner = InLine()
    run_batch(studies, tmp_path / "out", runner=runner)
    assert runner.done == ["anna", "broken"]


def test_nothing_to_do_is_said(tmp_path):
    with pytest.raises(UnreadableError, match="no such folder"):
        run_batch(tmp_path / "none", tmp_path / "out")
    (tmp_path / "in").mkdir()
    with pytest.raises(NoCTError, match="no study found"):
        run_batch(tmp_path / "in", tmp_path / "out")
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError):
        run_batch(tmp_path / "in", tmp_path / "file")


# ---- processes


def tasks_named(tmp_path: Path, *names: str) -> list[Task]:
    return [Task(study=Study(name=name, paths=()), out=tmp_path / name, settings=Settings()) for name in names]


def test_a_crash_costs_one_study_only(tmp_path, capfd):
    tasks = tasks_named(tmp_path, "crash", "good", "exit", "noisy", "threads")
    outcomes = {t.study.name: o for t, o in local_processes(2, None)(tasks, batch_work.by_name)}
    assert set(outcomes) == {task.study.name for task in tasks}
    assert {name for name, outcome in outcomes.items() if outcome.state == FAILED} == {"crash", "exit"}
    assert "SIGSEGV" in outcomes["crash"].error
    assert "exit status 7" in outcomes["exit"].error
    assert outcomes["threads"].error == " ".join([str(max(1, processor_count() // 2))] * 2)
    assert (tmp_path / "good" / "results").exists()
    assert capfd.readouterr() == ("", "")
    assert "NUMBA_NUM_THREADS" not in os.environ


def test_what_takes_too_long_is_stopped(tmp_path):
    ((_, outcome),) = local_processes(1, 0.5)(tasks_named(tmp_path, "endless"), batch_work.by_name)
    assert outcome.state == FAILED
    assert outcome.error == "took longer than 0.5 s and was stopped"


def test_stopping_ends_every_process(tmp_path):
    running = local_processes(2, None)(tasks_named(tmp_path, "good", "endless"), batch_work.by_name)
    task, _ = next(running)
    assert task.study.name == "good"
    import multiprocessing

    (child,) = multiprocessing.active_children()
    running.close()
    assert not child.is_alive()


# ---- the command


@pytest.mark.parametrize(("broken", "status"), [(True, 3), (False, 0)])
def test_the_command(studies, tmp_path, monkeypatch, capsys, broken, status):
    monkeypatch.setattr(run_module, "local_processes", lambda jobs, timeout: InLine())
    if not broken:
        (studies / "broken").rename(studies / "whole")
    out = tmp_path / "out"
    assert main(["batch", str(studies), "-o", str(out), "--jobs", "1"]) == status
    said = capsys.readouterr()
    assert ("no CT in it [broken]" in said.err) == broken
    assert "3 studies" in said.out
    assert str(out / "batch.csv") in said.out
    assert main(["batch", str(studies), "-o", str(out), "--quiet"]) == status
    assert capsys.readouterr().out == ""


def test_a_batch_with_other_rules_is_done_again_and_says_which(studies, tmp_path, monkeypatch, capsys):
    runner = InLine()
    monkeypatch.setattr(run_module, "local_processes", lambda jobs, timeout: runner)
    (studies / "broken").rename(studies / "whole")
    own = tmp_path / "ours.toml"
    own.write_text(OWN_RULES.text)
    command = ["batch", str(studies), "-o", str(tmp_path / "out"), "--rules", str(own), "--without", "bg-age"]
    done = []
    for arguments in (command[:4], command, command, command[:4]):
        runner.done.clear()
        assert main(arguments) == 0
        done.append(len(runner.done))
        said = capsys.readouterr().out
        assert ("with ours.toml; without bg-age" in said) == (arguments == command)
    assert done == [3, 3, 0, 3]
    own.write_text(OWN_RULES.text.replace("clinic", "ward"))
    assert main(command) == 0
    rows = list(csv.DictReader((tmp_path / "out" / "batch.csv").read_text().splitlines()))
    assert {(row["rules"].split()[0], len(row["rules_sha256"])) for row in rows} == {
        ("test", 64)
    }  # of the synthetic one
