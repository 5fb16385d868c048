"""Where compiled kernels are kept from one run to the next, and what happens where that fails: they are compiled again.

numba's own cache ends the program where no folder can be written to, and where a file in it is damaged. Ours takes the
first folder of these that will do, and none if none will:

1. `NUMBA_CACHE_DIR`, where that is set;
2. `__pycache__` beside the kernels, as numba does;
3. the user's cache folder (`XDG_CACHE_HOME`, `~/.cache`);
4. the folder for temporary files.

What is loaded from there is run. So nobody else may be able to write to it: a folder of the last two kinds is taken
only if it belongs to this user, and neither group nor others may write to it. What was compiled into `__pycache__` when
calcscan was installed is used from there also by those who can't write to it. A checksum stands before each file of
machine code; one that is cut short, empty or otherwise damaged counts as absent.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from functools import cache as once
from pathlib import Path
from typing import Any, ClassVar

import numba
from numba.core import caching
from numba.core.runtime import rtsys

_HERE = Path(__file__).resolve().parent
_IN_TREE = _HERE / "__pycache__"
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_OWNERS = hasattr(os, "geteuid")
"""Whether this system says who owns a file in numbers; elsewhere temporary folders are the user's own."""


def keep(dispatcher: Any) -> Any:
    """Give a kernel its place on disk, where there is one; returns the kernel."""
    if folder() is not None or _may_load(_IN_TREE):
        with suppress(AttributeError, OSError, RuntimeError, TypeError):  # the source is gone; a numba unlike today's
            dispatcher._cache = _Cache(dispatcher.py_func)
    return dispatcher


def is_kept(dispatcher: Any) -> bool:
    """Whether anything of a kernel, for its source and this numba, is on disk."""
    kept = getattr(dispatcher, "_cache", None)
    return isinstance(kept, _Cache) and any(place._load_index() for place in kept._places)


@once
def folder() -> Path | None:
    """Where compiled kernels are written to; None where nowhere."""
    if os.environ.get("CALCSCAN_NUMBA_CACHE", "1") == "0":
        return None
    return next((path for path, private in _candidates() if _may_keep(path, private=private)), None)


def note() -> str:
    """One line for people where compiled kernels can't be kept as usual; empty where all is as it is wont to be.

    Said of a folder for temporary files only as long as nothing lies in it.
    """
    place = folder()
    if os.environ.get("CALCSCAN_NUMBA_CACHE", "1") == "0":
        return ""
    if place is None:
        return (
            "nowhere to keep compiled code, so that each run compiles anew and takes longer: "
            "set NUMBA_CACHE_DIR to a folder that only you may write to"
        )
    temporary = _temporary()
    if place == temporary and not any(place.glob("*.nbi")):
        return f"compiled code is kept in {place}, as neither the installation nor a home folder can be written to"
    return ""


def _candidates() -> Iterator[tuple[Path, bool]]:
    """Folders in the order of preference, and whether each must be private to this user."""
    if numba.config.CACHE_DIR:
        yield Path(numba.config.CACHE_DIR) / _name(), False
    yield _IN_TREE, False
    home = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))  # noqa: PTH111 (may stay a ~)
    if home.is_absolute():
        yield home / "calcscan" / _name(), True
    temporary = _temporary()
    if temporary is not None:
        yield temporary, True


def _name() -> str:
    """Installations of calcscan beside each other don't share."""
    return "kernels-" + hashlib.sha256(os.fsencode(_HERE)).hexdigest()[:16]


def _temporary() -> Path | None:
    try:
        ground = Path(tempfile.gettempdir())
    except OSError:
        return None
    if ground == Path.cwd() and ground not in map(Path, filter(None, map(os.environ.get, ("TMPDIR", "TEMP", "TMP")))):
        return None  # what Python takes where no folder for temporary files can be written to
    owner = f"-{os.geteuid()}" if _OWNERS else ""
    return ground / f"calcscan{owner}" / _name()


def _may_keep(path: Path, *, private: bool) -> bool:
    """Make the folder if need be, and see whether it can be written to, and whether by this user alone."""
    try:
        if private:
            path.parent.parent.mkdir(exist_ok=True)  # `.cache`, but no home
            for part in (path.parent, path):
                part.mkdir(mode=0o700, exist_ok=True)
                if not _is_private(part):
                    return False
        else:
            path.mkdir(parents=True, exist_ok=True)
            if path == _IN_TREE and not _may_load(path):
                return False
        with tempfile.TemporaryFile(dir=path):
            return True
    except OSError:
        return False


def _is_private(path: Path) -> bool:
    """A folder (no link) of this user's that nobody else may write to, in one from which nobody else may take it."""
    about, around = path.lstat(), path.parent.stat()
    if not stat.S_ISDIR(about.st_mode):
        return False
    if not _OWNERS:
        return True
    own = about.st_uid == os.geteuid() and not about.st_mode & _OTHERS_WRITE
    safe = around.st_uid in (0, os.geteuid()) and (
        not around.st_mode & _OTHERS_WRITE or bool(around.st_mode & stat.S_ISVTX)
    )
    return own and safe


def _may_load(path: Path) -> bool:
    """A folder beside the kernels is as good as they are: nobody may write to it who couldn't write to them."""
    if os.environ.get("CALCSCAN_NUMBA_CACHE", "1") == "0":
        return False
    try:
        about, code = path.lstat(), path.parent.stat()
    except OSError:
        return False
    if not _OWNERS:
        return stat.S_ISDIR(about.st_mode)
    theirs = about.st_uid in (0, os.geteuid(), code.st_uid)
    return stat.S_ISDIR(about.st_mode) and theirs and not about.st_mode & ~code.st_mode & _OTHERS_WRITE


class _Files(caching.IndexDataCacheFile):  # type: ignore[misc]
    """numba's index and files of machine code; these with a checksum before them. What is damaged counts as absent."""

    def _load_index(self) -> Any:
        try:
            index = super()._load_index()
        except Exception:
            return {}
        return index if isinstance(index, dict) else {}

    def _load_data(self, name: str) -> Any:
        content = Path(self._data_path(name)).read_bytes()
        digest, data = content[:32], content[32:]
        if hashlib.sha256(data).digest() != digest:
            raise OSError("damaged")
        return pickle.loads(data)

    def _save_data(self, name: str, data: Any) -> None:
        content = self._dump(data)
        with self._open_for_write(self._data_path(name)) as file:
            file.write(hashlib.sha256(content).digest() + content)


_InTree: Any = getattr(caching, "InTreeCacheLocator", None) or caching._InTreeCacheLocator  # the name until numba 0.61


class _Locator(_InTree):  # type: ignore[misc]
    """Our folder; how old the source is, as numba tells it."""

    def get_cache_path(self) -> str:
        return str(folder() or _IN_TREE)

    def ensure_cache_path(self) -> None:
        """Was ensured as the folder was chosen."""


class _Results(caching.CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes: ClassVar[list[Any]] = [_Locator]


class _Cache(caching.FunctionCache):  # type: ignore[misc]
    """numba's cache of one kernel, in our folder. Whatever goes wrong in it, the kernel is compiled."""

    _impl_class = _Results

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        base, stamp = self._impl.filename_base, self._impl.locator.get_source_stamp()
        places = [place for place in (folder(), _IN_TREE if _may_load(_IN_TREE) else None) if place is not None]
        self._places = [_Files(str(place), base, stamp) for place in dict.fromkeys(places)]
        self._cache_file = self._places[0]

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        # Not `target_context.refresh()`, as numba has it: that loads all that it can compile from, for half a second,
        # and compiled code only needs numba's memory. What isn't found here is compiled, which loads it.
        rtsys.initialize(target_context)
        for place in self._places:
            try:
                data = place.load(self._index_key(sig, target_context.codegen()))
                if data is not None:
                    found = self._impl.rebuild(target_context, data)
                    if tuple(found.signature.args) == tuple(sig):
                        return found
            except Exception:
                continue
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        if folder() is None:
            return
        try:
            super().save_overload(sig, data)
        except Exception:
            return
