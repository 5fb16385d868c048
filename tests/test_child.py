"""A call in a process of its own answers as it would here, and fails as it would here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from calcscan import child
from calcscan.child import in_child

ELSEWHERE = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="a process is forked on Linux only")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "_alone", lambda: True)


def values() -> tuple[int, dict[str, np.ndarray]]:
    arrays = {
        "volume": np.arange(24, dtype=np.int16).reshape(2, 3, 4),
        "odd": np.arange(7, dtype=np.uint8),
        "turned": np.arange(6.0).reshape(2, 3).T,
        "none": np.zeros((0, 3)),
    }
    return os.getpid(), arrays


@ELSEWHERE
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_answer_is_that_of_another_process_to_the_bit() -> None:
    with in_child(values) as answer:
        number, arrays = answer()
    assert number != os.getpid()
    for name, expected in values()[1].items():
        assert arrays[name].dtype == expected.dtype
        np.testing.assert_array_equal(arrays[name], expected)
        assert not arrays[name].size or not arrays[name].flags.writeable


@ELSEWHERE
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "end", [lambda: 1 / 0, lambda: os._exit(3), lambda: os.kill(os.getpid(), 9)], ids=["error", "end", "killed"]
)
def test_what_fails_there_is_done_here(end) -> None:  # type: ignore[no-untyped-def]
    here = os.getpid()
    with in_child(lambda: here if os.getpid() == here else end()) as answer:
        assert answer() == here


@ELSEWHERE
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_error_comes_to_who_asks() -> None:
    with in_child(lambda: int("none")) as answer, pytest.raises(ValueError, match="none"):
        answer()


@ELSEWHERE
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_nothing_goes_on_after_the_block(tmp_path: Path) -> None:
    def begun_and_ended() -> None:
        (tmp_path / "number").write_text(str(os.getpid()), encoding="ascii")
        (tmp_path / "begun").touch()
        time.sleep(60)

    def stopped() -> None:
        with in_child(begun_and_ended):
            while not (tmp_path / "begun").exists():
                time.sleep(0.01)
            raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert time.monotonic() - began < 30
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "number").read_text(encoding="ascii")), 0)


@ELSEWHERE
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", ["fork", "memfd_create"])
def test_where_there_is_no_room_for_another_it_is_done_here(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def no_room(*_: object) -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, name, no_room)
    with in_child(os.getpid) as answer:
        assert answer() == os.getpid()


@ELSEWHERE
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_where_the_system_forgets_its_children_it_is_done_here() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with in_child(os.getpid) as answer:
            assert answer() == os.getpid()
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_a_process_with_threads_is_not_forked() -> None:
    code = (
        "import os, threading\n"
        "from calcscan.child import in_child\n"
        "go = threading.Event()\n"
        "threading.Thread(target=go.wait).start()\n"
        "with in_child(os.getpid) as answer: print(answer() == os.getpid())\n"
        "go.set()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
