"""A call that was begun is made once, and answers whoever makes it."""

from __future__ import annotations

import threading

import pytest

from calcscan import begun as module
from calcscan.begun import Begun


@pytest.fixture(params=[1, 2], ids=["one processor", "two"])
def begun(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Begun:
    monkeypatch.setattr(module, "processor_count", lambda: request.param)
    return Begun()


class Big:
    """A value that equals itself only."""


def test_a_call_is_made_once_and_for_the_same_values_only(begun: Begun) -> None:
    calls: list[tuple[object, str]] = []

    def call(big: Big, word: str) -> int:
        calls.append((big, word))
        return len(calls)

    one, other = Big(), Big()
    begun.begin(call, one, "a")
    assert begun.answer(call, one, "a") == 1
    assert [begun.answer(call, other, "a"), begun.answer(call, one, "b")] == [2, 3]
    assert calls == [(one, "a"), (other, "a"), (one, "b")]


def test_what_is_begun_goes_on_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "processor_count", lambda: 2)
    done, begun = threading.Event(), Begun()
    begun.begin(done.set)
    assert done.wait(60)


def test_an_error_comes_to_who_asks(begun: Begun) -> None:
    begun.begin(int, "none")
    with pytest.raises(ValueError, match="none"):
        begun.answer(int, "none")


def test_an_answer_can_come_from_elsewhere(begun: Begun) -> None:
    begun.expect(lambda: 7, int, "3")
    assert (begun.answer(int, "3"), begun.answer(int, "4")) == (7, 4)
