"""A process of one study keeps its memory; a process that is not ours is left as it is."""

from __future__ import annotations

import gc
import os
import subprocess
import sys

from calcscan.cli import main


def test_a_program_of_one_study_looks_for_no_garbage() -> None:
    code = (
        "import gc, sys\n"
        "from calcscan.cli import main\n"
        "sys.argv = ['calcscan', 'run', 'nowhere', '-o', 'out']\n"
        "main()\n"
        "sys.exit(gc.isenabled())"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_a_caller_of_the_program_keeps_its_garbage_collector(tmp_path) -> None:  # type: ignore[no-untyped-def]
    assert main(["run", str(tmp_path / "nowhere"), "-o", str(tmp_path / "out")]) == 1
    assert gc.isenabled()


def test_freed_memory_is_used_again_where_the_system_can() -> None:
    code = (
        "import platform, resource, sys\n"
        "from calcscan import memory\n"
        "if platform.libc_ver()[0] != 'glibc': sys.exit(0)\n"
        "memory.for_one_study()\n"
        "import numpy as np\n"
        "def faults():\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    for _ in range(8): np.empty(5_000_000, np.uint8).fill(1)\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before\n"
        "faults()\n"
        "sys.exit(faults() > 1000)"
    )
    env = {**os.environ, "NUMPY_MADVISE_HUGEPAGE": "0"}
    assert subprocess.run([sys.executable, "-c", code], env=env, check=False).returncode == 0
