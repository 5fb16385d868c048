"""The rules of who may import whom ([tool.importlinter] in pyproject.toml) hold."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def test_every_module_imports_only_what_it_may():
    project = Path(__file__).parent.parent
    tool = shutil.which("lint-imports")
    if tool is None or not (project / "pyproject.toml").exists():
        pytest.skip("needs import-linter and a checkout")
    done = subprocess.run([tool, "--no-cache"], cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
