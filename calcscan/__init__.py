"""calcscan: find, measure and locate calcification in a non-contrast head CT. Research use only.

Importing this package loads nothing heavy; each name below is fetched when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

__version__ = "0.1.0"

_WHERE: dict[str, str] = {
    "CalcscanError": "errors",
    "Geometry": "geometry",
    "Scan": "model",
}

__all__ = ["__version__", *sorted(_WHERE)]


def __getattr__(name: str) -> object:
    module = _WHERE.get(name)
    if module is None:
        raise AttributeError(f"module 'calcscan' has no attribute {name!r}")
    return getattr(importlib.import_module(f"calcscan.{module}"), name)


def __dir__() -> list[str]:
    return list(__all__)
