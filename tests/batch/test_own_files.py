"""Label maps of the user's own for a whole batch: each study has its own, or is left out."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.batch_work import InLine
from support.nifti_phantom import PLAIN, head, put

from calcscan import pipeline
from calcscan.batch import run_batch
from calcscan.batch.model import FAILED, Settings, Task
from calcscan.batch.own_files import OwnPatterns
from calcscan.batch.run import find
from calcscan.batch.status import fingerprint, finished
from calcscan.batch.work import do_study
from calcscan.cli import main
from calcscan.errors import NoCTError

HEAD = head(PLAIN).astype(np.int16)
MASK = (HEAD > 300).astype(np.uint8)
BY_NAME = "derivatives/manual/{participant}_{session}_*mask.nii.gz"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Three participants of two sessions; the last has one mask only, and the second two for one session."""
    root = tmp_path / "in [1]"
    put(root, *(f"sub-{n}/ses-{s}/ct/sub-{n}_ses-{s}_ct.nii.gz" for n in "123" for s in "ab"))
    names = ["sub-1_ses-a_mask", "sub-1_ses-b_mask", "sub-2_ses-a_mask", "sub-2_ses-b_r1_mask", "sub-2_ses-b_r2_mask"]
    put(root, *(f"derivatives/manual/{name}.nii.gz" for name in [*names, "sub-3_ses-a_mask"]), values=MASK)
    (root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.10.0"}')
    return root


def test_each_study_gets_its_own_mask_and_one_that_lacks_it_is_left_out_and_told(dataset: Path, tmp_path: Path) -> None:
    found = find(dataset, tmp_path / "out", own=OwnPatterns(mask=BY_NAME))
    assert {study.name: study.own["mask"].name for study in found.studies} == {
        "sub-1_ses-a_ct": "sub-1_ses-a_mask.nii.gz",
        "sub-1_ses-b_ct": "sub-1_ses-b_mask.nii.gz",
        "sub-2_ses-a_ct": "sub-2_ses-a_mask.nii.gz",
        "sub-3_ses-a_ct": "sub-3_ses-a_mask.nii.gz",
    }
    reasons = {row.path: row.reason for row in found.left_out}
    assert reasons["sub-3/ses-b/ct/sub-3_ses-b_ct.nii.gz"] == (
        "has no derivatives/manual/sub-3_ses-b_*mask.nii.gz (--mask)"
    )
    both = reasons["sub-2/ses-b/ct/sub-2_ses-b_ct.nii.gz"]
    assert both.startswith("has 2 files derivatives/manual/sub-2_ses-b_*mask.nii.gz (sub-2_ses-b_r1_mask.nii.gz, ")


def test_a_mask_that_two_studies_would_share_is_given_to_neither(dataset: Path, tmp_path: Path) -> None:
    """On the same grid the mask of one session would be measured in the other, and nobody know."""
    (dataset / "derivatives/manual/sub-2_ses-b_r2_mask.nii.gz").unlink()
    pattern = "derivatives/manual/{participant}_ses-a*mask.nii.gz"
    with pytest.raises(NoCTError, match=r"shares sub-1_ses-a_mask\.nii\.gz with sub-1_ses-b_ct: name session or run"):
        find(dataset, tmp_path / "out", own=OwnPatterns(mask=pattern))
    put(dataset, "regions.nii.gz", values=MASK)
    found = find(dataset, tmp_path / "out", own=OwnPatterns(regions="regions.nii.gz"))
    assert len(found.studies) == 6  # regions of a template are one file for all
    assert "is used with" in next(row.reason for row in found.left_out if row.path == "regions.nii.gz")


def test_a_pattern_may_be_a_whole_path_or_lead_out_of_the_root(dataset: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    put(masks, "sub-1_ses-a_ct.nii.gz", values=MASK)
    for pattern in (f"{masks}/{{study}}.nii.gz", "../masks/{study}.nii.gz"):
        (study,) = find(dataset, tmp_path / "out", own=OwnPatterns(mask=pattern)).studies
        assert study.own["mask"].samefile(masks / "sub-1_ses-a_ct.nii.gz")


def test_without_any_file_nothing_is_done_and_the_path_that_was_sought_is_named(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(NoCTError, match=r"has no masks/sub-1_ses-a_ct\.nii \(--mask\).*begins in ROOT"):
        find(dataset, tmp_path / "out", own=OwnPatterns(mask="masks/{study}.nii"))
    with pytest.raises(NoCTError, match="has no run by its name"):
        find(dataset, tmp_path / "out", own=OwnPatterns(brain_mask="{run}.nii"))
    with pytest.raises(NoCTError, match="is itself the file"):
        find(dataset, tmp_path / "out", own=OwnPatterns(mask="{participant}/{session}/ct/{study}.nii.gz"))


@pytest.mark.parametrize("pattern", ["{subject}_mask.nii.gz", "{participant_mask.nii.gz", "{}.nii"])
def test_a_pattern_with_an_unknown_name_is_refused(
    dataset: Path, tmp_path: Path, pattern: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match=r"\{study\}, \{participant\}, \{session\}, \{run\}"):
        find(dataset, tmp_path / "out", own=OwnPatterns(mask=pattern))
    assert main(["batch", str(dataset), "-o", str(tmp_path / "out"), "--mask", pattern]) == 2
    assert "a pattern may hold" in capsys.readouterr().err


def test_what_the_pattern_finds_is_handed_to_the_analysis(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[dict[str, Any]] = []

    def analyse(_path: Path, **options: Any) -> None:
        given.append(options)
        raise ValueError("enough")

    monkeypatch.setattr(pipeline, "analyse", analyse)
    patterns = OwnPatterns(mask=BY_NAME, brain_mask=BY_NAME, regions=BY_NAME)
    study = find(dataset, tmp_path / "out", own=patterns).studies[0]
    outcome = do_study(Task(study=study, out=tmp_path / "out" / study.name, settings=Settings(resample=True)))
    assert outcome.state == FAILED
    assert "enough" in outcome.error
    own = dataset / "derivatives/manual/sub-1_ses-a_mask.nii.gz"
    assert {key: given[0][key] for key in ("mask", "brain_mask", "regions", "resample")} == {
        "mask": own, "brain_mask": own, "regions": own, "resample": True
    }  # fmt: skip


def test_a_study_is_done_again_when_its_mask_changes_or_is_no_longer_given(dataset: Path, tmp_path: Path) -> None:
    out, own = tmp_path / "out", OwnPatterns(mask=BY_NAME)
    run_batch(dataset, out, runner=InLine(), own=own)
    assert len(run_batch(dataset, out, runner=InLine(), own=own).skipped) == 4
    mask = dataset / "derivatives/manual/sub-1_ses-a_mask.nii.gz"
    os.utime(mask, ns=(1, 1))
    again = InLine()
    run_batch(dataset, out, runner=again, own=own)
    assert again.done == ["sub-1_ses-a_ct"]
    without = InLine()
    run_batch(dataset, out, runner=without)
    assert len(without.done) == 6


def test_whether_label_maps_may_be_resampled_counts_as_a_setting(dataset: Path, tmp_path: Path) -> None:
    study = find(dataset, tmp_path / "out").studies[0]
    marks = [
        fingerprint(Task(study=study, out=tmp_path, settings=settings))["settings_digest"]
        for settings in (Settings(), Settings(resample=True))
    ]
    assert marks[0] != marks[1]


def test_the_parts_of_a_batch_are_all_of_it_and_a_last_call_writes_the_tables(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    done = []
    for number in (1, 2, 3, 4):
        runner = InLine()
        result = run_batch(dataset, out, runner=runner, part=(number, 4))
        done += runner.done
        assert (result.table, result.lesion_table, result.left_out_table) == (None, None, None)
        assert not (out / "batch.csv").exists()
    assert sorted(done) == sorted(f"sub-{n}_ses-{s}_ct" for n in "123" for s in "ab")
    assert main(["batch", str(dataset), "-o", str(out), "--part", "2/4", "--dry-run"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in told if " in sub-" in line] == ["sub-1_ses-b_ct", "sub-3_ses-b_ct"]
    last = InLine()
    result = run_batch(dataset, out, runner=last)
    assert (last.done, len(result.skipped)) == ([], 6)
    assert len(list(csv.DictReader((out / "batch.csv").read_text().splitlines()))) == 6
    assert all(finished(Task(study=study, out=out / study.name, settings=Settings())) for study in result.studies)


@pytest.mark.parametrize("part", ["0/3", "4/3", "1", "a/b", "1/0"])
def test_a_part_that_is_none_is_refused(dataset: Path, tmp_path: Path, part: str) -> None:
    assert main(["batch", str(dataset), "-o", str(tmp_path / "out"), "--part", part]) == 2
    if "/" in part and part != "a/b":
        with pytest.raises(ValueError, match="i from 1 to N"):
            run_batch(dataset, tmp_path / "out", runner=InLine(), part=(int(part[0]), int(part[2])))


def test_a_dry_run_says_which_mask_is_whose(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["batch", str(dataset), "-o", str(tmp_path / "out"), "--dry-run", "--mask", BY_NAME]) == 0
    told = capsys.readouterr().out
    assert "sub-1_ses-a_ct: 1 file in sub-1/ses-a/ct/sub-1_ses-a_ct.nii.gz, with mask sub-1_ses-a_mask.nii.gz" in told
    assert "left out: sub-3/ses-b/ct/sub-3_ses-b_ct.nii.gz has no derivatives/manual/sub-3_ses-b_*mask.nii.gz" in told
