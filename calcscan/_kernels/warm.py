"""Is the first run going to compile? Asked to tell a user why it takes some seconds longer."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import numba
from numba.core.dispatcher import Dispatcher

import calcscan._kernels as package
from calcscan._kernels.cache import is_kept


def is_compiled() -> bool:
    """Whether every kernel is compiled already, in this process or on disk for this source, numba and processor.

    On doubt False; with numba's compiler turned off (`NUMBA_DISABLE_JIT`) True, for nothing will be compiled.
    """
    return bool(numba.config.DISABLE_JIT) or all(k.signatures or is_kept(k) for k in _kernels())


def _kernels() -> Iterator[Dispatcher]:
    """The public kernels of every module beside this one."""
    for module in pkgutil.iter_modules(package.__path__):
        if module.name not in ("cache", "threads", "warm"):
            for name, thing in vars(importlib.import_module(f"{package.__name__}.{module.name}")).items():
                if isinstance(thing, Dispatcher) and not name.startswith("_"):
                    yield thing
