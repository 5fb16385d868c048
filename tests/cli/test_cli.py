from __future__ import annotations

import json
import os
import subprocess
import sys
import types
from contextlib import suppress
from pathlib import Path

import pytest
from support.results import FILES, SMALL, make_result

from calcscan.cli import COMMANDS, main
from calcscan.cli.terminal import Bar, Progress, write_text
from calcscan.errors import NoCTError, RefusedError


@pytest.fixture
def analysed(monkeypatch):
    """The pipeline replaced by one that answers with a synthetic Result, and what it was asked."""
    asked: list[dict] = []
    given = {"result": make_result(SMALL)}

    def analyse(path, **named):
        asked.append({"path": path, **named})
        answer = given["result"]
        if isinstance(answer, BaseException):
            raise answer
        if named.get("progress"):
            named["progress"]("find")
        return answer

    monkeypatch.setitem(sys.modules, "calcscan.pipeline", types.SimpleNamespace(analyse=analyse))
    monkeypatch.setattr("calcscan.report.write.mosaic_png", lambda result, **_: b"not what is tested here")
    return types.SimpleNamespace(asked=asked, answer=given)


def test_run_writes_the_report_and_says_so(analysed, tmp_path, capsys):
    assert main(["run", "scan", "-o", str(tmp_path / "out")]) == 0
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == FILES
    said = capsys.readouterr()
    assert "pallidum" in said.out
    assert str(tmp_path / "out") in said.out
    assert said.err == ""


def test_no_page_where_none_is_wanted(analysed, tmp_path):
    assert main(["run", "scan", "-o", str(tmp_path / "out"), "--no-html", "--quiet"]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES - {"report.html"}


def test_run_hands_on_its_arguments(analysed, tmp_path, capsys):
    facts = tmp_path / "facts.yaml"
    facts.write_text("age_years: 52\n")
    assert (
        main(
            ["run", "scan", "-o", str(tmp_path / "o"), "--context", str(facts), "--series", "1.2", "--threshold", "100"]
        )
        == 0
    )
    asked = analysed.asked[0]
    assert asked["path"] == Path("scan")
    assert asked["context"] == {"age_years": 52}
    assert asked["series_uid"] == "1.2"
    assert asked["threshold_hu"] == 100.0


def test_run_hands_on_how_the_scan_was_made(analysed, tmp_path, capsys):
    given = ["--kvp", "80", "--thickness-mm", "2.5", "--kernel", "H31s"]
    assert main(["run", "scan", "-o", str(tmp_path / "o"), *given]) == 0
    asked = analysed.asked[0]
    assert (asked["kvp_kv"], asked["slice_thickness_mm"], asked["kernel"]) == (80.0, 2.5, "H31s")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--kvp", "1200"], "argument --kvp: must lie between 40 and 200 kV"),
        (["--thickness-mm", "thin"], "argument --thickness-mm: "),
        (["--kernel", ""], "argument --kernel: must name one"),
    ],
)
@pytest.mark.parametrize("command", ["run", "batch"])
def test_what_no_scan_has_is_a_usage_error(analysed, tmp_path, capsys, command, given, said):
    assert main([command, "scan", "-o", str(tmp_path / "o"), *given]) == 2
    assert said in capsys.readouterr().err


def test_json_is_the_report_and_nothing_else(analysed, tmp_path, capsys):
    assert main(["run", "scan", "-o", str(tmp_path / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((tmp_path / "out" / "report.json").read_text())


def test_quiet_says_nothing(analysed, tmp_path, capsys):
    assert main(["run", "scan", "-o", str(tmp_path / "out"), "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_identifiers_only_when_asked_for(analysed, tmp_path, capsys):
    main(["run", "scan", "-o", str(tmp_path / "a")])
    main(["run", "scan", "-o", str(tmp_path / "b"), "--keep-ids"])
    assert "Erika" not in (tmp_path / "a" / "report.json").read_text()
    assert "Erika" in (tmp_path / "b" / "report.json").read_text()
    assert "Erika" not in capsys.readouterr().out


@pytest.mark.parametrize("given", [{"accepted": False}, {"refused": True}])
def test_abstaining_is_status_4_and_a_report(analysed, tmp_path, capsys, given):
    analysed.answer["result"] = make_result(SMALL, **given)
    assert main(["run", "scan", "-o", str(tmp_path / "out")]) == 4
    assert json.loads((tmp_path / "out" / "report.json").read_text())["quality"]["state"] == "abstain"
    assert "ABSTAINS" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (NoCTError("no CT series", where="scan", hint="give a CT"), "calcscan: no CT series [scan]: give a CT\n"),
        (RefusedError("not a CT", code="not_ct", where="a\nb"), "calcscan: not a CT [a b]\n"),
        (ZeroDivisionError("oops"), "calcscan: a fault in calcscan (ZeroDivisionError: oops): run again with"),
    ],
)
def test_a_failure_is_one_line_and_status_1_and_no_output(analysed, tmp_path, capsys, error, line):
    analysed.answer["result"] = error
    assert main(["run", "scan", "-o", str(tmp_path / "out")]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(line)
    assert said.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_debugging_shows_the_fault(analysed, tmp_path, monkeypatch):
    monkeypatch.setenv("CALCSCAN_DEBUG", "1")
    analysed.answer["result"] = ZeroDivisionError("oops")
    with pytest.raises(ZeroDivisionError):
        main(["run", "scan", "-o", str(tmp_path / "out")])


def test_an_interrupt_is_clean(analysed, tmp_path, capsys):
    analysed.answer["result"] = KeyboardInterrupt()
    assert main(["run", "scan", "-o", str(tmp_path / "out")]) == 130
    assert capsys.readouterr().err == "calcscan: stopped\n"


def test_an_impossible_output_is_refused_before_the_work(analysed, tmp_path, capsys):
    (tmp_path / "lesions.csv").write_text("mine")
    assert main(["run", "scan", "-o", str(tmp_path)]) == 1
    assert analysed.asked == []
    assert "lesions.csv" in capsys.readouterr().err
    assert (tmp_path / "lesions.csv").read_text() == "mine"


def test_wrong_facts_are_refused_before_the_work(analysed, tmp_path, capsys):
    assert main(["run", "scan", "-o", str(tmp_path / "out"), "--context", str(tmp_path / "none.yaml")]) == 1
    assert analysed.asked == []
    assert "none.yaml" in capsys.readouterr().err


RULES = """
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
when = { fact = "age_years", below = 50UNIT }
"""


def test_run_uses_the_rules_asked_for(analysed, tmp_path, capsys):
    own = tmp_path / "ours.toml"
    own.write_text(RULES.replace("UNIT", ', unit = "years"'))
    chosen = ["--rules", str(own), "--without", "bg-age", "--literature"]
    assert main(["run", "scan", "-o", str(tmp_path / "out"), *chosen]) == 0
    ruleset = analysed.asked[0]["rules"]
    assert ruleset.name == "calcscan+literature+ours"
    assert ruleset.added == ("literature.toml: every rule", "ours.toml: ours-1")
    assert ruleset.left_out == ("bg-age",)


@pytest.mark.parametrize("command", ["run", "batch", "guide"])
def test_rules_that_can_not_be_taken_end_with_two_before_the_work(command, analysed, tmp_path, capsys):
    own = tmp_path / "ours.toml"
    own.write_text(RULES.replace("UNIT", ""))
    given = {"run": ["scan", "-o", str(tmp_path / "out")], "batch": [str(tmp_path), "-o", str(tmp_path / "out")]}
    arguments = [command, *given.get(command, ["-"])]
    for rules, said in (
        (["--rules", str(own)], f'{own}: rule[0] ours-1.when.below]: add unit = "years"'),
        (["--rules", str(tmp_path / "none.toml")], "none.toml]"),
        (["--without", "lit-pineal"], "add --literature"),
        (["--without", "bg-agee"], "did you mean 'bg-age'"),
    ):
        assert main([*arguments, *rules]) == 2
        assert said in capsys.readouterr().err
    assert analysed.asked == []
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["run"],
        ["run", "scan"],
        ["walk"],
        ["run", "scan", "-o", "x", "--threshold", "bone"],
        ["run", "scan", "-o", "x", "--threshold", "-5"],
        ["run", "scan", "-o", "x", "--threshold", "nan"],
        ["batch", "x", "-o", "y", "--jobs", "0"],
        ["batch", "x", "-o", "y", "--timeout", "inf"],
        ["run", "", "-o", "x"],
        ["run", "scan", "-o", " "],
        ["run", "scan", "-o", "x", "--context", ""],
        ["verify", "", "-o", "x"],
        ["verify", "scan", "-o", ""],
        ["batch", "", "-o", "x"],
        ["batch", "x", "-o", ""],
    ],
)
def test_wrong_usage_is_status_2(arguments, capsys):
    assert main(arguments) == 2
    assert "usage: calcscan" in capsys.readouterr().err


def test_every_command_that_is_offered_has_its_module_and_help(capsys):
    for command in COMMANDS:
        assert main([command, "--help"]) == 0
        assert f"usage: calcscan {command}" in capsys.readouterr().out
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"    {command} " in shown for command in COMMANDS)


def test_python_m_calcscan_is_the_same_program():
    done = subprocess.run([sys.executable, "-m", "calcscan", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("calcscan 0.")


def test_a_closed_pipe_is_no_traceback():
    script = "import sys\nfrom calcscan.cli import main\nsys.exit(main(['atlas']))"
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    error = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait() in (0, 1)
    assert "Traceback" not in error


class Screen:
    """A terminal in the place of stderr, and what was written to it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self._far, near = os.openpty()
        self.stderr = os.fdopen(near, "w")
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr(sys, "stderr", self.stderr)

    def text(self) -> str:
        """All of it; the terminal is closed."""
        self.stderr.flush()
        os.set_blocking(self._far, False)
        written = b""
        with suppress(BlockingIOError):
            while part := os.read(self._far, 4096):
                written += part
        self.stderr.close()
        os.close(self._far)
        return written.decode()


ERASE_LINE = "\x1b[2K"


def test_progress_is_shown_on_a_terminal_and_cleared(monkeypatch):
    screen = Screen(monkeypatch)
    with Progress() as progress:
        progress("register")
    text = screen.text()
    assert "calcscan: register ..." in text
    assert ERASE_LINE in text.rpartition("calcscan: register ...")[2]


def test_quiet_progress_writes_nothing_to_a_terminal(monkeypatch):
    screen = Screen(monkeypatch)
    with Progress(quiet=True) as progress:
        progress("register")
    Bar(quiet=True)(1, 2, "anna", "done")
    assert screen.text() == ""


def test_the_bar_counts_studies_and_shows_names_as_they_are(monkeypatch):
    screen = Screen(monkeypatch)
    bar = Bar()
    bar(1, 3, "[red]anna\x1b[31m", "done")
    bar.close()
    text = screen.text()
    assert "1/3" in text
    assert "[red]anna?[31m done" in text


@pytest.mark.parametrize("compiled", [True, False])
def test_the_first_run_says_that_it_compiles(monkeypatch, compiled):
    screen = Screen(monkeypatch)
    monkeypatch.setitem(sys.modules, "calcscan._kernels.warm", types.SimpleNamespace(is_compiled=lambda: compiled))
    with Progress() as progress:
        progress.tell_compiling()
        progress("find")
    assert ("compiling" in screen.text()) == (not compiled)


def test_a_limited_terminal_gets_what_it_can_display(monkeypatch):
    class Poor:
        encoding = "ascii"

        def write(self, text):
            self.text = text.encode("ascii").decode()

    poor = Poor()
    monkeypatch.setattr(sys, "stdout", poor)
    write_text("3 mm³")
    assert poor.text == "3 mm?"


def test_the_atlas_is_shown_with_licences_and_checksums(capsys):
    assert main(["atlas", "--json"]) == 0
    about = json.loads(capsys.readouterr().out)
    assert about["files"]
    assert all(source["licence"] and source["sha256"] for source in about["sources"])
    assert {"site": "caudate", "side": "left", "group": "basal_ganglia"}.items() <= about["sites"][0].items()
    assert main(["atlas"]) == 0
    shown = capsys.readouterr().out
    assert about["sha256"] in shown
    assert "caudate" in shown
