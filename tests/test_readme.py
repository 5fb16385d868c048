"""The Python in the README runs, on a scan that is refused too, and satisfies strict type checkers."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where `study/` is the sample head."""
    (tmp_path / "study").symlink_to(ROOT / "sample_data" / "bilateral_pallidum", target_is_directory=True)
    return tmp_path


def run(code: str, folder: Path) -> str:
    path = folder / "example.py"
    path.write_text(code, encoding="utf-8")
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); exec(open('example.py').read())"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
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


def ball(folder: Path) -> None:
    """A plastic ball full of water."""
    at = np.indices((40, 60, 60)) - np.array([20, 30, 30])[:, None, None, None]
    radius = np.sqrt((at**2).sum(axis=0))
    hu = np.where(radius < 17, 0, np.where(radius < 19, 120, -1000)).astype(np.int16)
    (folder / "study").mkdir()
    nibabel.Nifti1Image(hu, np.diag([4.0, 3.0, 3.0, 1.0])).to_filename(folder / "study" / "ball.nii.gz")


def test_the_first_example_runs_on_what_is_no_head(tmp_path: Path) -> None:
    ball(tmp_path)
    run(BLOCKS[0].replace('"study/"', '"study/ball.nii.gz"'), tmp_path)
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["quality"]["state"] == "abstain"
    assert report["lesions"] is None


def test_the_first_example_runs_on_a_phantom(tmp_path: Path, real_scans: Path) -> None:
    (tmp_path / "study").symlink_to(real_scans / "plastic_phantom", target_is_directory=True)
    run(BLOCKS[0], tmp_path)
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["quality"]["state"] == "abstain"


def test_mypy_finds_nothing_in_the_examples(folder: Path) -> None:
    (folder / "example.py").write_text("\n".join(BLOCKS), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--follow-imports=silent",
        "--cache-dir",
        ".mypy",
        "example.py",
    ]
    (folder / "calcscan").symlink_to(ROOT / "calcscan", target_is_directory=True)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_pyright_finds_nothing_in_the_examples(folder: Path) -> None:
    """It runs on node and fetches itself once: where it can't, that is no fault of the examples."""
    if importlib.util.find_spec("pyright") is None or shutil.which("node") is None:
        pytest.skip("pyright or node is not installed")
    version = [sys.executable, "-m", "pyright", "--version"]
    if subprocess.run(version, capture_output=True, check=False, timeout=300).returncode != 0:
        pytest.skip("pyright can't be fetched here")
    (folder / "example.py").write_text("\n".join(BLOCKS), encoding="utf-8")
    settings = {"typeCheckingMode": "strict", "include": ["example.py"], "extraPaths": [str(ROOT)]}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--outputjson"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=600)
    found = json.loads(done.stdout)["generalDiagnostics"]
    assert [(one["range"]["start"]["line"], one["message"]) for one in found] == []
