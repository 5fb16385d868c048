"""What is said while calcscan works: nothing, unless it is asked for."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from dataclasses import replace

import pytest
from support.results import SMALL, make_result

import calcscan
from calcscan.decisions import log_decisions
from calcscan.model import Flag
from calcscan.pipeline import STAGES
from calcscan.progress import Stages, progress_of


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_stages_of_a_run_are_those_that_are_listed(sample_result: calcscan.Result) -> None:
    assert tuple(sample_result.timings_s) == STAGES


def test_a_function_is_told_each_stage() -> None:
    told: list[str] = []
    with progress_of(told.append, 3) as tell:
        assert tell is not None
        tell("read")
        tell("register")
    assert told == ["read", "register"]


@pytest.mark.parametrize("wanted", [None, False])
def test_nothing_is_shown_unasked(wanted: bool | None, capsys: pytest.CaptureFixture[str]) -> None:
    with progress_of(wanted, 3) as tell:
        assert tell is None
    assert capsys.readouterr() == ("", "")


def test_where_there_is_no_terminal_each_stage_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_of(True, 2) as tell:
        assert tell is not None
        tell("read")
        tell("reg\x1b[31mister")
    assert capsys.readouterr() == ("", "calcscan: read (1 of 2)\ncalcscan: reg?[31mister (2 of 2)\n")


def test_a_terminal_shows_a_bar_that_is_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress_of(True, 2) as tell:
        assert tell is not None
        tell("read")
        tell("register")
        shown = terminal.getvalue()
    assert "0/2" in shown
    assert "1/2" in shown
    assert "register" in shown
    assert len(terminal.getvalue()) > len(shown)


@pytest.mark.parametrize("wrong", ["yes", 1.5, [1]])
def test_what_is_no_progress_is_refused_by_name(wrong: object) -> None:
    with pytest.raises(TypeError, match="progress must be True, or a function"), progress_of(wrong, 2):  # type: ignore[arg-type]
        pass


def test_stages_are_logged_at_info_and_their_time_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="calcscan"):
        stage = Stages()
        with stage("register"):
            pass
    assert [(row.name, row.levelname, row.getMessage().split(":")[0]) for row in caplog.records] == [
        ("calcscan", "INFO", "register"),
        ("calcscan", "DEBUG", "register"),
    ]


def test_decisions_are_logged_at_debug_without_identifiers(caplog: pytest.LogCaptureFixture) -> None:
    result = make_result(SMALL, flags=[Flag(code="noisy", message="noise in the scan of MUSTERMANN")])
    assert result.scan.series[1].reason == "a localizer"
    with caplog.at_level(logging.INFO, logger="calcscan"):
        log_decisions(result)
    assert not caplog.records
    with caplog.at_level(logging.DEBUG, logger="calcscan"):
        log_decisions(result)
    text = caplog.text
    for part in (
        "a localizer",
        "threshold_hu: 130.0",
        "registration accepted",
        "lesion 1: pallidum left",
        "flag noisy",
    ):
        assert part in text
    for identifier in ("Mustermann", "MUSTERMANN", "HOSP-778899", "1.2.826", "20240131"):
        assert identifier not in text
    refused = make_result(SMALL, refused=True)
    with caplog.at_level(logging.DEBUG, logger="calcscan"):
        log_decisions(replace(refused, settings={}))
    assert "quality: abstain" in caplog.text


def test_a_program_that_sets_up_no_logging_hears_nothing() -> None:
    code = "import calcscan, logging; logging.getLogger('calcscan').error('x')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
