"""The rules of who may import whom ([tool.importlinter] in pyproject.toml) hold."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_every_module_imports_only_what_it_may():
    project = Path(__file__).parent.parent
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--no-cache"], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout
