"""The same again from what a report holds, and what differs."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.results import BALLS, SMALL, make_provenance, make_result

from calcscan.cli import main
from calcscan.model import Result
from calcscan.read import input_files
from calcscan.report import write_report

Analysed = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def analysed(monkeypatch: pytest.MonkeyPatch) -> Analysed:
    """The pipeline replaced by one that answers with a Result; what it was asked."""

    def answer_with(result: Result) -> list[dict[str, Any]]:
        asked: list[dict[str, Any]] = []

        def analyse(path: Path, **named: Any) -> Result:
            asked.append({"path": path, **named})
            return result

        monkeypatch.setitem(sys.modules, "calcscan.pipeline", types.SimpleNamespace(analyse=analyse))
        monkeypatch.setattr("calcscan.report.write.mosaic_png", lambda result, **_: b"not what is tested here")
        return asked

    return answer_with


def made(source: Path, *, balls: Any = BALLS, **changes: Any) -> Result:
    return replace(
        make_result(SMALL, balls=balls),
        provenance=make_provenance(input=input_files(source), place=str(source), **changes),
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "scan").mkdir()
    (tmp_path / "scan" / "IM1").write_bytes(b"pixels")
    return tmp_path / "scan"


def test_it_asks_for_the_same_and_says_that_nothing_differs(
    source: Path, tmp_path: Path, analysed: Analysed, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"threshold_hu": 120.0, "kvp_kv": 100.0, "kernel": "H31s", "slice_thickness_mm": 5.0, "literature": True}
    result = made(source, options=options, context={"age_years": 52})
    write_report(result, tmp_path / "out")
    asked = analysed(replace(result, timings_s={"read": 9.0}))
    assert main(["rerun", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "nothing differs" in said
    assert "--threshold 120" in said
    assert asked[0]["path"] == source
    assert asked[0]["context"] == {"age_years": 52}
    assert {name: asked[0][name] for name in options if name != "literature"} == {
        name: value for name, value in options.items() if name != "literature"
    }
    assert asked[0]["rules"].choice.literature is True
    assert list((tmp_path / "out").iterdir())  # untouched


def test_numbers_that_differ_are_named_and_are_status_1(
    source: Path, tmp_path: Path, analysed: Analysed, capsys: pytest.CaptureFixture[str]
) -> None:
    write_report(made(source), tmp_path / "out")
    analysed(made(source, balls=BALLS[:-1]))
    assert main(["rerun", str(tmp_path / "out"), "-o", str(tmp_path / "new")]) == 1
    said = capsys.readouterr().out
    assert "sites[falx/midline].count: 1 → 0 (-100.00%)" in said
    assert "lesions[falx/midline]: 5 falx midline" in said
    assert (tmp_path / "new" / "report.json").is_file()
    assert main(["rerun", str(tmp_path / "out"), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["same"] is False
    assert {"where": "sites[falx/midline].count", "before": 1, "now": 0} in found["results"]


def test_files_that_changed_are_told_from_another_picture(
    source: Path, tmp_path: Path, analysed: Analysed, capsys: pytest.CaptureFixture[str]
) -> None:
    write_report(made(source), tmp_path / "out")
    (source / "notes.txt").write_text("more")
    analysed(made(source))
    assert main(["rerun", str(tmp_path / "out"), str(source)]) == 0
    assert "the files of the input differ, but the same picture" in capsys.readouterr().out
    analysed(made(source, picture_sha256="aa" * 32))
    assert main(["rerun", str(tmp_path / "out"), str(source)]) == 0
    assert "the input is another" in capsys.readouterr().out


def test_an_input_that_moved_is_found_and_one_that_is_gone_is_asked_for(
    source: Path,
    tmp_path: Path,
    analysed: Analysed,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_report(made(source), tmp_path / "results" / "out")
    monkeypatch.chdir(tmp_path / "results")
    asked = analysed(made(source))
    source.rename(tmp_path / "moved")
    assert main(["rerun", "out"]) == 0
    assert asked[0]["path"].name == "moved"
    (tmp_path / "moved" / "IM1").write_bytes(b"others")
    assert main(["rerun", "out"]) == 1
    assert "calcscan rerun OUT INPUT" in capsys.readouterr().err


def test_another_version_is_said(
    source: Path, tmp_path: Path, analysed: Analysed, capsys: pytest.CaptureFixture[str]
) -> None:
    write_report(made(source), tmp_path / "out")
    path = tmp_path / "out" / "report.json"
    report = json.loads(path.read_text())
    report["software"]["version"] = "0.0.9"
    path.write_text(json.dumps(report, indent=2))
    analysed(made(source))
    assert main(["rerun", str(tmp_path / "out")]) == 0
    assert "changed: software.version: 0.0.9 → " in capsys.readouterr().out


def test_rules_files_must_be_given_again(
    source: Path, tmp_path: Path, analysed: Analysed, capsys: pytest.CaptureFixture[str]
) -> None:
    write_report(made(source, options={"rules_sha256": ["ab" * 32]}), tmp_path / "out")
    analysed(made(source))
    assert main(["rerun", str(tmp_path / "out")]) == 1
    assert "--rules FILE" in capsys.readouterr().err


def test_an_option_that_is_not_repeated_is_no_silence(
    source: Path, tmp_path: Path, analysed: Analysed, capsys: pytest.CaptureFixture[str]
) -> None:
    write_report(made(source, options={"prior_sha256": "ab"}), tmp_path / "out")
    analysed(made(source))
    assert main(["rerun", str(tmp_path / "out")]) == 1
    assert "was made with prior_sha256" in capsys.readouterr().err


def test_maps_and_an_atlas_must_be_given_again(
    source: Path, tmp_path: Path, analysed: Analysed, capsys: pytest.CaptureFixture[str]
) -> None:
    own = {"mask_sha256": "ab", "brain_mask_sha256": None, "resample": True, "atlas_sha256": "cd"}
    write_report(made(source, options=own), tmp_path / "out")
    asked = analysed(made(source, options=own))
    out, mask, atlas = (str(tmp_path / name) for name in ("out", "mask.nii.gz", "atlas"))
    assert main(["rerun", out, "--atlas", atlas]) == 1
    assert "give the same again with --mask" in capsys.readouterr().err
    assert main(["rerun", out, "--atlas", atlas, "--mask", mask, "--regions", mask]) == 1
    assert "was made without --regions" in capsys.readouterr().err
    assert main(["rerun", out, "--atlas", atlas, "--mask", mask]) == 0
    assert "--resample" in capsys.readouterr().out
    assert (asked[0]["mask"], asked[0]["atlas"], asked[0]["resample"]) == (Path(mask), Path(atlas), True)


@pytest.mark.parametrize("changes", [{"provenance": None}, {"provenance": make_provenance(input=None)}])
def test_a_report_that_does_not_say_how_it_was_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any]
) -> None:
    write_report(replace(make_result(SMALL), **changes), tmp_path / "out")
    assert main(["rerun", str(tmp_path / "out")]) == 1
    assert "does not say what it was made from" in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, "{", '{"schema": "other"}', '{"schema": "calcscan-report/1"}', "[" * 9000])
def test_what_is_no_report_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None) -> None:
    (tmp_path / "out").mkdir()
    if content is not None:
        (tmp_path / "out" / "report.json").write_text(content)
    assert main(["rerun", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.startswith("calcscan: ")


def test_the_sample_is_the_same_again(
    run_once: Callable[[Path], tuple[int, Path]], capsys: pytest.CaptureFixture[str]
) -> None:
    sample = Path(__file__).parents[2] / "sample_data" / "bilateral_pallidum"
    assert main(["rerun", str(run_once(sample)[1]), str(sample)]) == 0
    assert capsys.readouterr().out.endswith("nothing differs\n")
