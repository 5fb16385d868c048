from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from calcscan.errors import OutputError
from calcscan.report import folder as folder_module
from calcscan.report.folder import check_output, put_files, remove_report

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


def test_a_file_is_no_folder(tmp_path):
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


@pytest.mark.parametrize("when", range(12))
def test_whenever_the_disk_fails_the_old_report_is_there_or_the_new(tmp_path, monkeypatch, when):
    """Every write and every move in turn is the one that fails."""
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
    monkeypatch.setattr(folder_module.os, "fsync", fragile(os.fsync))
    try:
        put_files(tmp_path, SECOND)
        expected = SECOND
    except OutputError:
        expected = FIRST
    assert contents(tmp_path) == {**expected, "notes.txt": b"mine"}


@pytest.mark.parametrize("when", range(12))
def test_a_run_that_was_killed_is_cleared_up_by_the_next(tmp_path, monkeypatch, when):
    put_files(tmp_path, FIRST)
    calls = iter(range(1000))
    original = Path.replace

    def fragile(self, target):
        if next(calls) >= when:
            raise SystemExit
        return original(self, target)

    monkeypatch.setattr(Path, "replace", fragile)
    monkeypatch.setattr(folder_module, "_recover", lambda out, kind: None)
    killed = True
    try:
        put_files(tmp_path, SECOND)
        killed = False
    except SystemExit:
        pass
    monkeypatch.undo()
    assert killed == (when < 6)
    put_files(tmp_path, FIRST)
    assert contents(tmp_path) == FIRST


def test_a_report_is_taken_away_and_nothing_else(tmp_path):
    put_files(tmp_path, FIRST)
    (tmp_path / "status.json").write_bytes(b"{}")
    remove_report(tmp_path)
    assert contents(tmp_path) == {"status.json": b"{}"}
    (tmp_path / "lesions.csv").write_bytes(b"mine")
    remove_report(tmp_path)
    assert contents(tmp_path) == {"status.json": b"{}", "lesions.csv": b"mine"}


def test_only_names_that_are_ours():
    with pytest.raises(ValueError, match="not names of ours"):
        put_files(Path("nowhere"), {"thesis.docx": b""})
