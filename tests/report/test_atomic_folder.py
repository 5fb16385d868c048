from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.signals import not_ignored

from calcscan.errors import OutputError
from calcscan.report import atomic_folder
from calcscan.report.atomic_folder import check_output, put_files
from calcscan.report.earlier import put_aside
from calcscan.report.folder_lock import locked
from calcscan.report.outputs import EARLIER, OURS, state_of

REPORT = json.dumps({"schema": "calcscan-report/1"}).encode()
FIRST = {"report.json": REPORT, "lesions.csv": b"one", "lesions.nii.gz": b"map"}
SECOND = {"report.json": REPORT + b" ", "lesions.csv": b"two", "mosaic.png": b"picture"}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_new_folder_and_its_parents_are_made(tmp_path):
    put_files(tmp_path / "a" / "b" / "out", FIRST)
    assert contents(tmp_path) == {f"a/b/out/{name}": content for name, content in FIRST.items()}
    (tmp_path / "plain").mkdir()
    assert (tmp_path / "a/b/out").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_running_again_replaces_and_leaves_nothing_of_the_last_run(tmp_path):
    put_files(tmp_path / "out", FIRST)
    put_files(tmp_path / "out", SECOND)
    assert contents(tmp_path / "out") == SECOND
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_empty_folder_is_used_as_it_is(tmp_path):
    before = tmp_path.stat().st_ino
    put_files(tmp_path, FIRST)
    assert contents(tmp_path) == FIRST
    assert tmp_path.stat().st_ino == before


def test_a_users_files_are_never_touched(tmp_path):
    (tmp_path / "thesis.docx").write_bytes(b"years of work")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "lesions.csv").write_bytes(b"mine")
    for new in (FIRST, SECOND):
        put_files(tmp_path, new)
        assert contents(tmp_path) == {**new, "thesis.docx": b"years of work", "data/lesions.csv": b"mine"}


@pytest.mark.parametrize("name", ["lesions.csv", "report.json", "report.html"])
def test_a_users_file_by_one_of_our_names_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b'{"schema": "theirs"}')
    for attempt in (lambda: check_output(tmp_path), lambda: put_files(tmp_path, FIRST)):
        with pytest.raises(OutputError, match="did not write"):
            attempt()
    assert contents(tmp_path) == {name: b'{"schema": "theirs"}'}


def test_an_output_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "out").write_text("x")
    with pytest.raises(OutputError, match="is a file"):
        check_output(tmp_path / "out")
    with pytest.raises(OutputError):
        check_output(tmp_path / "out" / "below")


def test_checking_leaves_nothing_behind(tmp_path):
    check_output(tmp_path / "a" / "b")
    check_output(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_input_is_only_ever_read(tmp_path):
    scan, other = tmp_path / "scan", tmp_path / "other"
    (scan / "series").mkdir(parents=True)
    (scan / "1.dcm").write_bytes(bytes(128) + b"DICM")
    (scan / "head.nii.gz").write_bytes(b"")
    (scan / "lesions.nii.gz").write_bytes(b"")
    (tmp_path / "linked").symlink_to(scan)
    for out in (scan, tmp_path / "linked", scan / "series" / "..", scan / "series", scan / "new" / "out"):
        with pytest.raises(OutputError, match="only ever read"):
            check_output(out, inputs=[other, scan])
    for file in ("1.dcm", "lesions.nii.gz"):
        with pytest.raises(OutputError, match="only ever read"):
            check_output(scan, inputs=[scan / file])
    with pytest.raises(OutputError, match="the output is the input"):
        check_output(scan, inputs=[scan], may_lie_inside=True)
    before = contents(tmp_path)
    (scan / "lesions.nii.gz").unlink()
    for out, given in ((other, scan), (tmp_path, scan), (scan, scan / "head.nii.gz"), (scan, tmp_path / "none")):
        check_output(out, inputs=[given])
    check_output(scan / "out", inputs=[scan], may_lie_inside=True)
    assert set(before) - set(contents(tmp_path)) == {"scan/lesions.nii.gz"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="can't be written"):
        check_output(tmp_path / "out")
    tmp_path.chmod(0o700)


class Cut(OSError):
    """The disk says no."""


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("when", range(12))
def test_whenever_the_disk_fails_the_old_report_is_there_or_the_new(tmp_path, monkeypatch, when, plain):
    """Every write and every move in turn is the one that fails, in one step and file by file."""
    monkeypatch.setattr(atomic_folder, "is_working_directory", lambda out: not plain)
    tmp_path /= "out"
    put_files(tmp_path, FIRST)
    (tmp_path / "notes.txt").write_bytes(b"mine")
    calls = iter(range(1000))

    def fragile(original):
        def call(*arguments, **named):
            if next(calls) == when:
                raise Cut("no space left on device")
            return original(*arguments, **named)

        return call

    monkeypatch.setattr(Path, "replace", fragile(Path.replace))
    monkeypatch.setattr(atomic_folder.os, "fsync", fragile(os.fsync))
    try:
        put_files(tmp_path, SECOND)
        expected = SECOND
    except OutputError:
        expected = FIRST
    assert contents(tmp_path) == {**expected, "notes.txt": b"mine"}
    assert [path.name for path in tmp_path.parent.iterdir()] == ["out"]


def killed_at(when: int, work: Callable[[], None]) -> bool:
    """Do the work in a process that is killed (SIGKILL) at its n-th step on the disk; False if it came to its end."""
    steps = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "open", "ctypes.dlsym", "os.scandir"}
    child = os.fork()
    if child == 0:
        count = itertools.count()

        def kill(event: str, _: object) -> None:
            if event in steps and next(count) == when:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.addaudithook(kill)
            work()
        except BaseException:
            os._exit(3)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL)
    return status != 0


def ours(folder: Path) -> dict[str, bytes]:
    return {name: content for name, content in contents(folder).items() if name in OURS}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("existing", [False, True])
def test_whenever_a_run_is_killed_there_is_the_old_report_or_the_new(tmp_path, existing):
    out = tmp_path / "out"
    for when in range(200):
        if existing:
            put_files(out, FIRST)
            (out / "notes.txt").write_bytes(b"mine")
        killed = killed_at(when, lambda: put_files(out, SECOND))
        assert ours(out) in ((FIRST, SECOND) if existing else ({}, SECOND))
        put_files(out, FIRST)
        assert contents(tmp_path) == {f"out/{name}": content for name, content in FIRST.items()} | (
            {"out/notes.txt": b"mine"} if existing else {}
        )
        assert [path.name for path in tmp_path.iterdir()] == ["out"]
        if not existing:
            shutil.rmtree(out)
        if not killed:
            break
    assert 8 < when < 199


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("attempt", [put_files, check_output])
def test_where_folders_cannot_be_exchanged_the_next_run_repairs_what_a_killed_one_left(tmp_path, attempt):
    """In a folder with folders in it: never a mixture, and the old report comes back."""
    (tmp_path / "data").mkdir()
    for when in range(200):
        put_files(tmp_path, FIRST)
        killed = killed_at(when, lambda: put_files(tmp_path, SECOND))
        left = ours(tmp_path)
        assert left in (FIRST, SECOND) or "report.json" not in left
        if attempt is check_output:
            killed_at(when % 7, lambda: check_output(tmp_path))
            check_output(tmp_path)
            assert ours(tmp_path) in (FIRST, SECOND)
        put_files(tmp_path, FIRST)
        assert contents(tmp_path) == FIRST
        assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["data"]
        if not killed:
            break
    assert 15 < when < 199


@pytest.mark.parametrize("plain", [True, False])
def test_a_signal_to_stop_waits_until_the_report_is_written(tmp_path, monkeypatch, plain):
    out = tmp_path / "out"
    put_files(out, FIRST)
    if not plain:
        (out / "data").mkdir()
    original = Path.replace, atomic_folder.exchange
    monkeypatch.setattr(Path, "replace", lambda *paths: (signal.raise_signal(signal.SIGINT), original[0](*paths))[1])
    monkeypatch.setattr(
        atomic_folder, "exchange", lambda *paths: (signal.raise_signal(signal.SIGINT), original[1](*paths))[1]
    )
    with not_ignored(signal.SIGINT), pytest.raises(KeyboardInterrupt):
        put_files(out, SECOND)
    assert contents(tmp_path) == {f"out/{name}": content for name, content in SECOND.items()}


def test_many_writers_into_one_folder_leave_one_whole_report(tmp_path):
    """Into a folder that exists and into one that does not."""
    (tmp_path / "mixed" / "data").mkdir(parents=True)
    for turn in range(4):
        for out in (tmp_path / "plain", tmp_path / f"new{turn}", tmp_path / "mixed"):
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda content, out=out: put_files(out, content), [FIRST, SECOND] * 3))
            assert contents(out) in (FIRST, SECOND)
    assert not list(tmp_path.rglob(".*"))


def test_a_run_that_began_earlier_does_not_replace_a_later_report(tmp_path):
    out = tmp_path / "out"
    before = state_of(out)
    put_files(out, FIRST, replaces=before)
    with pytest.raises(OutputError, match="another run has written"):
        put_files(out, SECOND, replaces=before)
    assert contents(out) == FIRST
    put_files(out, SECOND, replaces=state_of(out))
    assert contents(out) == SECOND


def test_waiting_too_long_for_another_writer_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr("calcscan.report.folder_lock.WAIT_S", 0.05)
    put_files(tmp_path, FIRST)
    with locked(tmp_path), pytest.raises(OutputError, match="another calcscan is writing there"):
        put_files(tmp_path, SECOND)
    assert contents(tmp_path) == FIRST


def test_only_the_report_is_put_aside(tmp_path):
    put_files(tmp_path, FIRST)
    (tmp_path / "notes.txt").write_bytes(b"mine")
    assert put_aside(tmp_path)
    kept = {f"{EARLIER}/{name}": content for name, content in FIRST.items()} | {"notes.txt": b"mine"}
    assert contents(tmp_path) == kept
    assert not put_aside(tmp_path)
    assert not put_aside(tmp_path / "none")
    assert contents(tmp_path) == kept
    put_files(tmp_path, SECOND)
    assert contents(tmp_path) == SECOND | {"notes.txt": b"mine"}
    (tmp_path / "report.json").write_bytes(b"mine")
    assert not put_aside(tmp_path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_whenever_putting_aside_is_killed_a_whole_report_is_there(tmp_path):
    for when in range(200):
        put_files(tmp_path, FIRST)
        killed = killed_at(when, lambda: put_aside(tmp_path))
        aside = {name.removeprefix(f"{EARLIER}/"): content for name, content in contents(tmp_path).items()
                 if name.startswith(EARLIER)}  # fmt: skip
        assert FIRST in (ours(tmp_path), aside)
        if not killed:
            break
    assert 8 < when < 199


@pytest.mark.parametrize("damaged", [b'{\n  "schema": "calcscan-report/1",\n  "softw', None])
def test_a_report_of_ours_that_is_damaged_may_be_replaced(tmp_path, damaged):
    put_files(tmp_path, FIRST)
    (tmp_path / "status.json").write_bytes(b'{"schema": "calcscan-status/1"}')
    (tmp_path / "report.json").unlink()
    if damaged is not None:
        (tmp_path / "report.json").write_bytes(damaged)
    put_files(tmp_path, SECOND)
    assert ours(tmp_path) == SECOND


def test_a_name_that_calcscan_does_not_write_is_refused():
    with pytest.raises(ValueError, match="not names of ours"):
        put_files(Path("nowhere"), {"thesis.docx": b""})


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")
def test_a_pipe_in_a_files_place_is_refused_and_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "report.json")
    with pytest.raises(OutputError, match="did not write"):
        check_output(tmp_path)
