"""Three-valued logic after Kleene: True, False, and None for unknown.

A result is unknown only while some way of filling in the unknown parts would make it true and another false.
"""

from __future__ import annotations

from collections.abc import Iterable

Truth = bool | None


def all_of(values: Iterable[Truth]) -> Truth:
    """False as soon as one is false, else unknown if one is unknown, else true.

    >>> all_of([True, None]), all_of([False, None]), all_of([])
    (None, False, True)
    """
    result: Truth = True
    for value in values:
        if value is False:
            return False
        if value is None:
            result = None
    return result


def any_of(values: Iterable[Truth]) -> Truth:
    """True as soon as one is true, else unknown if one is unknown, else false.

    >>> any_of([False, None]), any_of([True, None]), any_of([])
    (None, True, False)
    """
    result: Truth = False
    for value in values:
        if value is True:
            return True
        if value is None:
            result = None
    return result


def negate(value: Truth) -> Truth:
    """Unknown stays unknown.

    >>> negate(True), negate(None)
    (False, None)
    """
    return None if value is None else not value


def at_least(count: int, values: Iterable[Truth]) -> Truth:
    """Whether `count` or more of them are true, as far as the known ones decide it.

    >>> at_least(2, [True, True, None]), at_least(2, [True, None]), at_least(2, [True, False])
    (True, None, False)
    """
    held = list(values)
    sure = held.count(True)
    if sure >= count:
        return True
    return None if sure + held.count(None) >= count else False
