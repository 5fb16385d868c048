"""The Python in the README runs, on a scan that is refused too, and pyright finds no fault (nor mypy: `test_style`)."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.readme import BLOCKS, ROOT
from support.small_scans import ball_of_water
from support.waiting import PATIENCE_S


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where `study/` is the sample head."""
    (tmp_path / "study").symlink_to(ROOT / "sample_data" / "bilateral_pallidum", target_is_directory=True)
    return tmp_path


def run(code: str, folder: Path) -> str:
    path = folder / "example.py"
    path.write_text(code, encoding="utf-8")
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); exec(open('example.py').read())"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_there_are_examples() -> None:
    assert len(BLOCKS) >= 3
    assert "calcscan.analyse(" in BLOCKS[0]


def test_the_examples_run_one_after_another(folder: Path) -> None:
    shown = run("\n".join(BLOCKS), folder)
    assert shown.count("pallidum") >= 2
    report = json.loads((folder / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["facts"]["age_years"] == 52


def test_the_first_example_runs_on_what_is_no_head(tmp_path: Path) -> None:
    ball_of_water(tmp_path)
    run(BLOCKS[0].replace('"study/"', '"ball.nii.gz"'), tmp_path)
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["quality"]["state"] == "abstain"
    assert report["lesions"] is None


def test_the_first_example_runs_on_a_phantom(tmp_path: Path, real_scans: Path) -> None:
    (tmp_path / "study").symlink_to(real_scans / "plastic_phantom", target_is_directory=True)
    run(BLOCKS[0], tmp_path)
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["quality"]["state"] == "abstain"


def test_pyright_finds_nothing_in_the_examples(folder: Path) -> None:
    """It runs on node and fetches itself once: where it can't, that is no fault of the examples."""
    if importlib.util.find_spec("pyright") is None or shutil.which("node") is None:
        pytest.skip("pyright or node is not installed")
    asks_nobody = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}  # whether there is a newer one
    version = [sys.executable, "-m", "pyright", "--version"]
    try:
        subprocess.run(version, env=asks_nobody, capture_output=True, check=True, timeout=PATIENCE_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        pytest.skip("pyright can't be fetched here")
    (folder / "example.py").write_text("\n".join(BLOCKS), encoding="utf-8")
    settings = {"typeCheckingMode": "strict", "include": ["example.py"], "extraPaths": [str(ROOT)]}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--outputjson"]
    done = subprocess.run(
        command, cwd=folder, env=asks_nobody, capture_output=True, text=True, check=False, timeout=PATIENCE_S,
    )  # fmt: skip
    found = json.loads(done.stdout)["generalDiagnostics"]
    assert [(one["range"]["start"]["line"], one["message"]) for one in found] == []
