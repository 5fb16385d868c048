"""calcscan: find, measure and locate calcification in a non-contrast head CT. Research use only.

    result = calcscan.analyse("study/")
    calcscan.write_report(result, "out/")

Importing this package loads nothing heavy: each public name, listed in `__init__.pyi`, is loaded on first use.
"""

import logging

import lazy_loader

from . import values as _values  # noqa: F401 (it makes read-only mappings picklable)
from .forks import LOADING as _LOADING

logging.getLogger(__name__).addHandler(logging.NullHandler())

__version__ = "0.2.0"

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    with _LOADING:
        return _load(name)
