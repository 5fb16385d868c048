"""Every error that calcscan raises on purpose. This module imports nothing of ours.

    CalcscanError                .what .where .hint
    ├─ InputError                the input can't be used at all
    │  ├─ NoCTError              nothing in it is a CT series
    │  ├─ UnreadableError        a file or folder can't be read
    │  └─ GeometryError          slices that make no volume, however they are put
    ├─ RefusedError              a CT, but not one that calcscan can judge (not a head, no brain)
    ├─ OutputError               the results can't be written
    ├─ AtlasError                the atlas is missing, damaged or incomplete
    ├─ FactsError                a facts file that can't be taken as it is
    ├─ RulesetError              a rules file that can't be taken as it is
    ├─ KnowledgeError            a data file of calcscan itself that is damaged or holds a slip
    └─ SettingError              an environment variable that can't be taken as it is

A wrong argument from Python code stays a `ValueError` or `TypeError` that names the argument.
"""

from __future__ import annotations

from typing import Any


class CalcscanError(Exception):
    """What went wrong, where, and what to do next; `str()` is one line of all three. Can be pickled and copied.

    >>> str(CalcscanError("no slices", where="scan/", hint="give a folder with at least 8 slices"))
    'no slices [scan/]: give a folder with at least 8 slices'
    """

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        self.what, self.where, self.hint = what, where, hint
        text = what + (f" [{where}]" if where else "") + (f": {hint}" if hint else "")
        super().__init__(text)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.args, dict(self.__dict__))


def _restored(kind: type[CalcscanError], args: tuple[Any, ...], held: dict[str, Any]) -> CalcscanError:
    """An error as it was. Python would call the class with the whole message alone, which is not what it takes."""
    error = kind.__new__(kind, *args)
    error.__dict__.update(held)
    return error


class InputError(CalcscanError):
    """The input can't be used at all."""


class NoCTError(InputError):
    """Nothing in the input is a CT series."""


class UnreadableError(InputError):
    """A file or folder can't be read."""


class GeometryError(InputError):
    """Slices that make no volume, however they are put."""


class RefusedError(CalcscanError):
    """A CT, but not one that calcscan can judge: `code` is one of `knowledge/quality.toml`."""

    def __init__(self, what: str, *, code: str, where: str = "", hint: str = "") -> None:
        self.code = code
        super().__init__(what, where=where, hint=hint)


class OutputError(CalcscanError):
    """The results can't be written."""


class AtlasError(CalcscanError):
    """The atlas is missing, damaged or incomplete."""


class FactsError(CalcscanError):
    """A facts file that can't be taken as it is; `where` is file and address."""


class RulesetError(CalcscanError):
    """A rules file that can't be taken as it is; `where` is file and address."""


class KnowledgeError(CalcscanError):
    """A data file of calcscan (`knowledge/*.toml`) lacks an entry, or holds one that is unknown or of another type."""


class SettingError(CalcscanError):
    """An environment variable that can't be taken as it is."""


def lacks_memory(error: BaseException) -> bool:
    """Was there too little memory? A library that finds no room to be loaded says so in an `ImportError`.

    >>> lacks_memory(MemoryError()), lacks_memory(ImportError("x.so: failed to map segment from shared object"))
    (True, True)
    >>> lacks_memory(ImportError("No module named 'x'"))
    False
    """
    words = ("failed to map segment", "cannot allocate memory")
    return isinstance(error, MemoryError) or any(text in str(error).lower() for text in words)
