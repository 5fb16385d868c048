"""`calcscan review`: from OUT and a file of edits to both versions, and what is refused before anything is written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from support.heads import PALLIDUM, SAMPLES
from support.reviews import decision, save_review

from calcscan.cli import main
from calcscan.model import Result

Run = Callable[[Path], tuple[int, Path]]
SOURCE = SAMPLES / PALLIDUM


@pytest.fixture
def out(run_once: Run, tmp_path: Path) -> Path:
    """The results of the sample head, to be changed."""
    return Path(shutil.copytree(run_once(SOURCE)[1], tmp_path / "out"))


@pytest.fixture
def analysed_before(monkeypatch: pytest.MonkeyPatch, sample_result: Result) -> list[Path]:
    """The analysis was done already; which inputs it is asked for."""
    asked: list[Path] = []

    def analyse(path: Path, **named: Any) -> Result:
        asked.append(path)
        return sample_result

    monkeypatch.setattr("calcscan.pipeline.analyse", analyse)
    return asked


def report(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "report.json").read_bytes()))


def files(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def review(out: Path, edits: Path, *more: object) -> int:
    return main(["review", str(out), str(SOURCE), "--edits", str(edits), *map(str, more)])


def test_a_review_done_by_the_real_program(out: Path, tmp_path: Path) -> None:
    said = (out / "report.json").read_bytes()
    before = report(out)
    assert review(out, save_review(out, tmp_path / "review.json", decision(1, "reject")), "--quiet") == 0
    after = report(out)
    assert (out / "report.program.json").read_bytes() == said
    assert after["lesions"] == [one for one in before["lesions"] if one["id"] != 1]
    assert main(["rerun", str(out), str(SOURCE), "--quiet"]) == 0


def test_every_file_is_written_anew_and_both_versions_are_kept(
    out: Path, tmp_path: Path, analysed_before: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    said, maps = (out / "report.json").read_bytes(), (out / "lesions.nii.gz").read_bytes()
    before, listed = report(out), files(out)
    edits = save_review(out, tmp_path / "review.json", decision(1, "reject", reason="bone", comment="clinoid"))
    assert review(out, edits) == 0
    printed = capsys.readouterr()
    assert "REVIEWED by Dr. Read, 2026-11-29T02:30:00+00:00: reject 1" in printed.out
    assert "***" not in printed.out  # the day of the review is no date of the header
    after = report(out)
    assert after["reviewed"]["reader"] == "Dr. Read"
    assert after["reviewed"]["at"] == "2026-11-29T02:30:00+00:00"
    assert after["reviewed"]["report_sha256"] == sha256(said).hexdigest()
    assert after["reviewed"]["decisions"] == [
        {"lesion": 1, "decision": "reject", "reason": "bone", "comment": "clinoid"}
    ]
    assert after["lesions"] == [one for one in before["lesions"] if one["id"] != 1]
    assert (out / "report.program.json").read_bytes() == said
    assert (out / "lesions.program.nii.gz").read_bytes() == maps
    assert set(files(out)) == {*listed, "report.program.json", "lesions.program.nii.gz"}
    assert set(after["files"]) == set(files(out)) - {"report.json"}
    unchanged = {name for name in listed if files(out)[name] == listed[name]}
    assert unchanged == {"sites_dseg.tsv", "sites_itksnap.txt", "scan_to_atlas.tfm"}
    assert 1 not in np.unique(np.asarray(nib.load(out / "lesions.nii.gz").dataobj))
    assert nib.load(out / "lesions.nii.gz").header["descrip"].item().endswith(b"reviewed by a person")


def test_into_a_new_folder_the_old_one_stays_as_it_was(out: Path, tmp_path: Path, analysed_before: list[Path]) -> None:
    before = files(out)
    edits = save_review(out, tmp_path / "review.json", decision(2, "move", site="putamen", side="left"))
    assert review(out, edits, "-o", tmp_path / "new", "--quiet") == 0
    assert files(out) == before
    moved = next(one for one in report(tmp_path / "new")["lesions"] if one["id"] == 2)
    assert (moved["site"], moved["program_site"], moved["program_side"]) == ("putamen", "pallidum", "left")


def test_a_second_review_follows_the_first_or_starts_over(
    out: Path, tmp_path: Path, analysed_before: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    said = (out / "report.json").read_bytes()
    first = save_review(out, tmp_path / "first.json", decision(1, "reject"))
    assert review(out, first, "--quiet") == 0
    second = save_review(out, tmp_path / "second.json", decision(2, "accept"), reader="Dr. Two")
    before = files(out)
    assert review(out, first, "--quiet") == 1
    assert "was reviewed since then, by Dr. Read on 2026-11-29" in capsys.readouterr().err
    assert files(out) == before
    assert review(out, second, "--quiet") == 0
    reviewed = report(out)["reviewed"]
    assert [reviewed["reader"], *(one["reader"] for one in reviewed["earlier"])] == ["Dr. Two", "Dr. Read"]
    assert 1 not in {one["id"] for one in report(out)["lesions"]}
    assert main(["rerun", str(out), str(SOURCE), "--quiet"]) == 0
    assert review(out, first, "--start-over", "--quiet") == 0
    assert report(out)["reviewed"]["earlier"] == []
    assert (out / "report.program.json").read_bytes() == said


def test_a_label_map_edited_in_place_is_taken(out: Path, analysed_before: list[Path]) -> None:
    image = nib.load(out / "lesions.nii.gz")
    values = np.asarray(image.dataobj).copy()
    values[values == 3] = 0
    nib.save(nib.Nifti1Image(values, image.affine), out / "lesions.nii.gz")
    assert review(out, out / "lesions.nii.gz", "--reader", "Dr. Draw", "--quiet") == 0
    after = report(out)["reviewed"]
    assert after["reader"] == "Dr. Draw"
    assert after["label_map"]["kind"] == "lesions"
    assert after["decisions"] == [{"lesion": 3, "decision": "reject"}]
    assert main(["rerun", str(out), str(SOURCE), "--quiet"]) == 0


def _truncate(out: Path) -> None:
    content = (out / "report.json").read_bytes()
    (out / "report.json").write_bytes(content[: len(content) // 2])


def _newer(out: Path) -> None:
    content = (out / "report.json").read_text(encoding="utf-8")
    (out / "report.json").write_text(content.replace("calcscan-report/1", "calcscan-report/2"), encoding="utf-8")


def _another_picture(out: Path) -> None:
    content = report(out)
    content["provenance"]["input"]["sha256"] = "0" * 64
    content["provenance"]["picture_sha256"] = "1" * 64
    (out / "report.json").write_text(json.dumps(content), encoding="utf-8")


def _another_result(out: Path) -> None:
    content = report(out)
    content["lesions"][0]["volume_mm3"] = 1.0
    (out / "report.json").write_text(json.dumps(content), encoding="utf-8")


def _reviewed_without_program(out: Path) -> None:
    content = report(out)
    content["reviewed"] = {
        "reader": None, "at": "2026-11-29", "decisions": [], "comment": None, "report_sha256": None,
        "label_map": None, "earlier": [],
    }  # fmt: skip
    (out / "report.json").write_text(json.dumps(content), encoding="utf-8")


BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "no report": (lambda out: (out / "report.json").unlink(), "no report of calcscan's"),
    "half a report": (_truncate, "no report of calcscan's"),
    "a newer report": (_newer, "differs from what this version writes"),
    "another picture": (_another_picture, "the picture read from the input is another"),
    "another result": (_another_result, "does not give what was reviewed (lesions[1].volume_mm3: 1.0"),
    "what the program said is gone": (_reviewed_without_program, "report.program.json is not beside it"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_results_that_cannot_be_reviewed_are_refused_and_stay_as_they_are(
    out: Path, tmp_path: Path, analysed_before: list[Path], capsys: pytest.CaptureFixture[str], case: str
) -> None:
    spoil, words = BROKEN[case]
    spoil(out)
    before = files(out)
    edits = tmp_path / "review.json"
    if (out / "report.json").is_file():
        save_review(out, edits, decision(1, "accept"))
    else:
        edits.write_text("{}")
    assert review(out, edits) == 1
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert files(out) == before


EDITS: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "of another report": (
        lambda out, at: save_review(out, at, decision(1, "accept"), report_sha256="ab" * 32),
        "of another report, or of this one before it was written anew",
    ),
    "a lesion that isn't there": (lambda out, at: save_review(out, at, decision(77, "accept")), "no lesion 77"),
    "a side that isn't there": (
        lambda out, at: save_review(out, at, decision(1, "move", site="pineal", side="left")),
        "pineal has no side 'left'",
    ),
    "no JSON": (lambda out, at: at.write_text("{"), "is no JSON"),
    "no file": (lambda out, at: None, "no such file"),
}


@pytest.mark.parametrize("case", EDITS)
def test_edits_that_do_not_fit_are_refused_before_any_work(
    out: Path, tmp_path: Path, analysed_before: list[Path], capsys: pytest.CaptureFixture[str], case: str
) -> None:
    make, words = EDITS[case]
    make(out, tmp_path / "review.json")
    before = files(out)
    assert review(out, tmp_path / "review.json") == 1
    assert words in capsys.readouterr().err
    assert files(out) == before
    assert analysed_before == []


def test_what_the_report_was_made_with_must_be_given_again(
    out: Path, tmp_path: Path, analysed_before: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    content = report(out)
    content["provenance"]["options"]["regions_sha256"] = "ab" * 32
    (out / "report.json").write_text(json.dumps(content), encoding="utf-8")
    edits = save_review(out, tmp_path / "review.json", decision(1, "accept"))
    assert review(out, edits) == 1
    assert "made with --regions" in capsys.readouterr().err
    assert review(out, edits, "--regions", edits) == 1
    assert "not the file that the report was made with" in capsys.readouterr().err
    assert review(out, edits, "--mask", edits, "--regions", edits) == 1
    assert "made without --mask" in capsys.readouterr().err


def test_a_run_does_not_take_the_place_of_a_review_unless_told_to(
    out: Path, tmp_path: Path, analysed_before: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert review(out, save_review(out, tmp_path / "review.json", decision(1, "reject")), "--quiet") == 0
    kept = files(out)
    analysed_before.clear()
    for command in (["run", SOURCE, "-o", out], ["rerun", out, SOURCE, "-o", out]):
        assert main([*map(str, command), "--quiet"]) == 1
    told = capsys.readouterr().err.splitlines()
    assert "it holds a report that a person reviewed (Dr. Read on 2026-11-29), and the review would be lost" in told[0]
    assert "--discard-review" in told[0]
    assert analysed_before == []
    assert files(out) == kept
    assert main(["run", str(SOURCE), "-o", str(out), "--quiet", "--discard-review"]) == 0
    assert "reviewed" not in report(out)
    assert not (out / "report.program.json").exists()


def test_a_review_into_a_folder_with_another_review_is_refused(
    out: Path, tmp_path: Path, analysed_before: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "new"
    edits = save_review(out, tmp_path / "review.json", decision(1, "reject"))
    assert review(out, edits, "-o", new, "--quiet") == 0
    kept = files(new)
    other = save_review(out, tmp_path / "other.json", decision(2, "reject"), reader="Dr. Two")
    assert review(out, other, "-o", new, "--quiet") == 1
    assert "reviewed (Dr. Read on 2026-11-29)" in capsys.readouterr().err
    assert files(new) == kept
    assert review(out, other, "-o", new, "--quiet", "--discard-review") == 0
    assert report(new)["reviewed"]["reader"] == "Dr. Two"
