"""Calls begun before their turn, so that no processor waits while others work."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar, cast

from calcscan.processors import processor_count

P = ParamSpec("P")
T = TypeVar("T")


class Begun:
    """What was begun, by its call: who needs an answer asks with the same function and arguments, and need not know
    whether it was begun. Arguments are the same if they are equal, big values if they are one and the same.

    Calls run one after the other, beside the thread that began them. An error comes to whoever asks.

    >>> begun = Begun()
    >>> begun.begin(pow, 2, 10)
    >>> begun.answer(pow, 2, 10), begun.answer(pow, 2, 3)
    (1024, 8)
    """

    def __init__(self) -> None:
        self._calls: list[tuple[Callable[..., Any], tuple[Any, ...], Callable[[], Any]]] = []
        self._pool = ThreadPoolExecutor(1) if processor_count() > 1 else None

    def begin(self, function: Callable[P, T], *arguments: P.args, **none: P.kwargs) -> None:
        """Begin a call; on a single processor it is made in its turn."""
        if self._pool is not None:
            self.expect(self._pool.submit(function, *arguments, **none).result, function, *arguments, **none)

    def expect(self, answer: Callable[[], T], function: Callable[P, T], *arguments: P.args, **none: P.kwargs) -> None:
        """Know that `answer()` is that of a call begun elsewhere."""
        self._calls.append((function, arguments, answer))

    def answer(self, function: Callable[P, T], *arguments: P.args, **none: P.kwargs) -> T:
        """The answer of the call, waited for if it was begun, else made now."""
        for begun, given, answer in self._calls:
            if begun is function and given == arguments:
                return cast(T, answer())
        return function(*arguments, **none)
