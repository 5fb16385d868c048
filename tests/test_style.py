"""Lint, format and types, as everybody's editor shows them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.readme import BLOCKS, ROOT


@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy", "-p", "calcscan"]],
    ids=["lint", "format", "types"],
)
def test_the_code_is_clean(command: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_readmes_examples_have_sound_types(tmp_path: Path) -> None:
    """By mypy's settings for the package, whose types it knows from the test before."""
    (tmp_path / "example.py").write_text("\n".join(BLOCKS), encoding="utf-8")
    command = [sys.executable, "-m", "mypy", str(tmp_path / "example.py")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_machine_path_or_registry_host_is_written_down() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("not a git checkout")
    forbidden = ("/" + "work/", "/" + "root/", "/home" + "/", "pypi" + ".org", "registry" + ".npm", "deb" + ".debian")
    for name in tracked.stdout.splitlines():
        path = ROOT / name
        if path.suffix in {".py", ".toml", ".md", ".json", ".yaml", ".yml", ".cfg"} and path.is_file():
            text = path.read_text(encoding="utf-8")
            assert not [word for word in forbidden if word in text], name
