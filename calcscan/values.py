"""Frozen values that stay what they are when they are copied, or sent to another process.

Python restores a frozen dataclass without its `__post_init__`, numpy makes every array that it copies writeable, and a
read-only mapping can't be pickled at all. Both are mended here, once: a dataclass that holds arrays is a `Value`, and
read-only mappings (`types.MappingProxyType`) become picklable wherever calcscan is imported.
"""

from __future__ import annotations

import copyreg
import reprlib
from collections.abc import Mapping
from dataclasses import Field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

ValueT = TypeVar("ValueT", bound="Value")
Scalar = TypeVar("Scalar", bound="np.generic")


def freeze(array: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
    """A read-only view; the caller's own array stays as it is.

    >>> import numpy as np
    >>> frozen = freeze(np.zeros(3))
    >>> frozen.flags.writeable
    False
    """
    view = array.view()
    view.flags.writeable = False
    return view


class Value:
    """A frozen dataclass whose arrays are read-only, from the start and in every copy: `copy`, `deepcopy`, `pickle`.

    Its `repr` is short: `dataclass` is told `repr=False` to leave it so. A class with a `__post_init__` of its own
    calls `self.freeze_arrays()` at its end.
    """

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __post_init__(self) -> None:
        self.freeze_arrays()

    def freeze_arrays(self) -> None:
        """Make every array that it holds a read-only view."""
        for field in fields(self):
            object.__setattr__(self, field.name, _frozen(getattr(self, field.name)))

    def __repr__(self) -> str:
        shown = (f"{field.name}={_SHORT.repr(getattr(self, field.name))}" for field in fields(self) if field.repr)
        return f"{type(self).__name__}({', '.join(shown)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), tuple(getattr(self, field.name) for field in fields(self)))


class _Short(reprlib.Repr):
    """What fits on a line or two: of an array its type and shape."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxtuple, self.maxdict, self.maxset, self.maxstring, self.maxother = 2, 2, 2, 2, 60, 60

    def repr_ndarray(self, array: npt.NDArray[Any], level: int) -> str:
        return f"<{array.dtype} {array.shape}>"


_SHORT = _Short()


def _frozen(held: Any) -> Any:
    """An array as a read-only view; all else as it is. Known by what it has, since facts and rules need no numpy."""
    flags = getattr(held, "flags", None)
    return freeze(held) if getattr(flags, "writeable", False) else held


def _restored(kind: type[ValueT], held: tuple[Any, ...]) -> ValueT:
    """A value of which everything is known already: nothing is checked or worked out anew."""
    value = object.__new__(kind)
    for field, one in zip(fields(kind), held, strict=True):
        object.__setattr__(value, field.name, _frozen(one))
    return value


def _read_only(entries: Mapping[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(dict(entries))


def _taken_apart(mapping: MappingProxyType[Any, Any]) -> tuple[Any, ...]:
    return _read_only, (dict(mapping),)


copyreg.pickle(MappingProxyType, _taken_apart)
