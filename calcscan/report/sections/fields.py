"""A part of the report from a value that has fields of the same names."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

PartT = TypeVar("PartT", bound=msgspec.Struct)


def same_fields(kind: type[PartT], source: object, **others: Any) -> PartT:
    """A part whose fields are those of `source` by the same names, and `others`."""
    names = [name for name in kind.__struct_fields__ if name not in others]
    return kind(**{name: getattr(source, name) for name in names}, **others)
