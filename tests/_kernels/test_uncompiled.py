"""The kernels as plain Python: the same tests without numba's compiler, so that every line of a kernel runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
QUICK = (
    "tests/test_components.py",
    "tests/grid/test_interpolate.py",
    "tests/grid/test_isotropic.py",
    "tests/grid/test_masks.py",
    "tests/grid/test_smooth.py",
    "tests/bone_contact/test_skull_base.py",
)


def test_the_kernels_pass_their_tests_without_the_compiler() -> None:
    # what asks for compiled code is left out
    chosen = "not warm and not False and (flood or components or isotropic or field or masks)"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, *QUICK]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "NUMBA_DISABLE_JIT": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:]
    passed = re.findall(r"\.", "".join(re.findall(r"^([.s]+) +\[", done.stdout, flags=re.MULTILINE)))
    assert len(passed) > 20
