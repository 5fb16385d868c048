"""The program as a process: signals, closed streams, two at once. The analysis is replaced by a synthetic one."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.results import FILES
from support.signals import not_ignored
from support.waiting import PATIENCE_S, wait_until

PROGRAM = """
import sys, types
sys.path.insert(0, {tests!r})
from pathlib import Path
from support.results import SMALL, make_result
from support.waiting import wait_until
import calcscan.report.write
from calcscan.cli import main

def analyse(path, **named):
    Path(sys.argv[1]).touch()
    if sys.argv[2]:
        wait_until(Path(sys.argv[2]).exists)
    return make_result(SMALL)

sys.modules["calcscan.pipeline"] = types.SimpleNamespace(analyse=analyse)
calcscan.report.write.mosaic_png = lambda result, **_: b"not what is tested here"
sys.exit(main(sys.argv[3:]))
"""


class Place:
    """A folder in which the program is started, with an input, and an output that may hold a report."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.out = folder, folder / "out"
        (folder / "scan").mkdir()
        (folder / "program.py").write_text(PROGRAM.format(tests=str(Path(__file__).parents[1])))

    def command(self, *more: str, until: str = "", name: str = "begun") -> list[str]:
        """The analysis ends at once, or when there is a file by the name `until`; it makes one as it begins."""
        scan, last = self.folder / "scan", until and str(self.folder / until)
        program = [sys.executable, str(self.folder / "program.py"), str(scan / name), last]
        return [*program, "run", str(scan), "-o", str(self.out), *more]

    def start(self, *more: str, until: str, name: str = "begun") -> subprocess.Popen[str]:
        process = subprocess.Popen(
            self.command(*more, until=until, name=name), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        begun = self.folder / "scan" / name
        wait_until(lambda: begun.exists() or process.poll() is not None)
        return process

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.out.iterdir()} if self.out.exists() else {}

    def beside(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()} - {"scan", "program.py", "out"}


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize("again", [False, True])
def test_a_signal_ends_the_run_and_leaves_what_was_there(place, number, again):
    if again:
        subprocess.run(place.command("--quiet"), check=True)
        (place.folder / "scan" / "begun").unlink()
    before = place.files()
    assert bool(before) == again
    with not_ignored(number):
        process = place.start(until="never")
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 128 + number
    assert out == ""
    assert err == ("calcscan: stopped\n" if number == signal.SIGINT else f"calcscan: stopped ({number.name})\n")
    assert place.files() == before
    assert place.beside() == set()


def test_a_signal_that_was_to_be_ignored_is_ignored(place):
    """As with nohup."""
    command = shlex.join(place.command("--quiet", until="scan/sent"))
    process = subprocess.Popen(["sh", "-c", f"trap '' HUP; exec {command}"], stderr=subprocess.PIPE)
    wait_until(lambda: (place.folder / "scan" / "begun").exists() or process.poll() is not None)
    process.send_signal(signal.SIGHUP)
    (place.folder / "scan" / "sent").touch()
    assert process.communicate(timeout=PATIENCE_S)[1] == b""
    assert process.returncode == 0
    assert "report.json" in place.files()


@pytest.mark.parametrize("closed", ["2>&-", ">&-", "<&-", ">&- 2>&- <&-"])
def test_a_closed_stream_is_no_reason_to_fail(place, closed):
    done = subprocess.run(["sh", "-c", f"{shlex.join(place.command())} {closed}"], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert set(place.files()) == FILES
    assert json.loads(place.files()["report.json"])["schema"] == "calcscan-report/1"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_output_that_cant_be_written_is_said_in_one_line(place, more):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(place.command(*more), stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("calcscan: the standard output can't be written to (No space left on device)")
    assert done.stderr.count("\n") == 1
    assert "report.json" in place.files()


def test_of_two_runs_into_one_folder_the_later_one_leaves_the_report_of_the_earlier(place):
    slow = place.start("--json", until="out/report.json", name="slow")
    quick = subprocess.run(place.command("--json", name="quick"), capture_output=True, text=True, check=False)
    written = place.files()
    assert quick.returncode == 0
    assert json.loads(quick.stdout) == json.loads(written["report.json"])
    out, err = slow.communicate(timeout=PATIENCE_S)
    assert (slow.returncode, out) == (1, "")
    assert err.startswith("calcscan: another run has written its results there since this one began, and they stay")
    assert err.count("\n") == 1
    assert place.files() == written
    assert place.beside() == set()


def test_the_input_is_never_the_output(place):
    for out in (place.folder / "scan", place.folder / "scan" / "out"):
        given = [*place.command()[:-1], str(out)]
        done = subprocess.run(given, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "which is only ever read" in done.stderr
        assert list((place.folder / "scan").iterdir()) == []


def test_a_killed_run_leaves_nothing_for_good(place):
    """Killed while it writes: a later run takes away what it left."""
    program = (place.folder / "program.py").read_text()
    killing = "import os, signal\nos.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)\n"
    (place.folder / "program.py").write_text(program.replace("sys.exit(main", f"{killing}sys.exit(main"))
    done = subprocess.run(place.command(), check=False)
    assert done.returncode == -signal.SIGKILL
    assert not place.out.exists()
    assert len(place.beside()) == 1
    (place.folder / "program.py").write_text(program)
    subprocess.run(place.command("--quiet"), check=True)
    assert place.beside() == set()
    assert "report.json" in place.files()


@pytest.mark.parametrize("kind", ["RLIMIT_AS", "RLIMIT_DATA"])
@pytest.mark.parametrize("command", ["run", "batch", "verify"])
def test_memory_that_the_libraries_can_not_even_be_loaded_into_is_said_at_once(tmp_path, command, kind):
    """OpenBLAS would try for ever to get its share of 400 MB, and a signal could not end that."""
    code = (
        f"import resource, sys; resource.setrlimit(resource.{kind}, (400 << 20, 400 << 20));"
        "from calcscan.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    given = [sys.executable, "-c", code, command, str(tmp_path), "-o", str(tmp_path / "out")]
    done = subprocess.run(given, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 1
    assert done.stderr == (
        "calcscan: not enough memory: close other programs, or raise the memory limit (2 GB are enough)\n"
    )
    assert done.stdout == ""
