"""Programs run by a user who may write nowhere but where it is allowed: what a container does."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

NOBODY = 65534
_DROP_FROM_BOUNDING_SET = 24
_CAPABILITIES = (0, 1, 2, 3)  # CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER


def other_user() -> dict[str, Any]:
    """Arguments of `subprocess.run`: another user where this one is root and that one may run this Python; else root
    without its powers over files; else this user."""
    if os.geteuid() != 0:
        return {}
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if _may_run() else {"preexec_fn": _without_powers}


@contextmanager
def folder_for_all_users() -> Iterator[Path]:
    """A folder that every user may enter. (pytest's own is its user's alone, and made so whenever another starts.)"""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def their_number() -> int:
    return NOBODY if os.geteuid() == 0 and _may_run() else os.geteuid()


@cache
def _may_run() -> bool:
    """Python itself often lies in root's home."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", "import numba"], cwd="/", user=NOBODY, group=NOBODY, extra_groups=[], check=False,
            capture_output=True,
        )  # fmt: skip
    except OSError:
        return False
    return done.returncode == 0


def _without_powers() -> None:
    call = ctypes.CDLL(None).prctl
    for capability in _CAPABILITIES:
        call(_DROP_FROM_BOUNDING_SET, capability, 0, 0, 0)
