"""The notebook runs from the first cell to the last, and shows what it should."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.waiting import PATIENCE_S

ROOT = Path(__file__).parent.parent
PATIENCE = str(round(PATIENCE_S / 2))
NOTEBOOK = ROOT / "tests" / "notebooks" / "first_steps.ipynb"
EXECUTE = """
import sys, nbclient, nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
where = {"metadata": {"path": sys.argv[2]}}
patience = dict.fromkeys(("timeout", "startup_timeout", "iopub_timeout"), int(sys.argv[4]))
nbclient.NotebookClient(notebook, **patience, kernel_name="python3", resources=where).execute()
nbformat.write(notebook, sys.argv[3])
"""


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The code cells, as they were executed in a kernel of their own."""
    for package in ("nbclient", "nbformat", "ipykernel", "pandas"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    folder = tmp_path_factory.mktemp("notebook")
    done = subprocess.run(
        [sys.executable, "-c", EXECUTE, str(NOTEBOOK), str(ROOT), str(folder / "done.ipynb"), PATIENCE],
        env={**os.environ, "IPYTHONDIR": str(folder / "ipython"), "JUPYTER_RUNTIME_DIR": str(folder / "runtime")},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    notebook = json.loads((folder / "done.ipynb").read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def shown(cell: dict[str, Any], kind: str) -> str:
    """What a cell shows of a kind (`text/html`, `text/plain`, or a stream's name), joined."""
    texts = [output["data"].get(kind, "") for output in cell["outputs"] if "data" in output]
    texts += [output["text"] for output in cell["outputs"] if output.get("name") == kind]
    return "".join("".join(text) for text in texts)


def test_the_notebook_is_kept_without_outputs() -> None:
    kept = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert [cell["outputs"] for cell in kept if cell["cell_type"] == "code" and cell["outputs"]] == []


def test_a_result_is_shown_as_a_picture_and_tables_and_in_short_as_text(cells: list[dict[str, Any]]) -> None:
    html, text = shown(cells[0], "text/html"), shown(cells[0], "text/plain")
    assert html.count("data:image/jpeg;base64,") == 1
    assert html.count("<table>") == 2
    assert "pallidum" in html
    assert len(text) < 2500
    assert "pallidum" in text
    progress = shown(cells[0], "stderr").splitlines()
    assert progress[0] == "calcscan: read (1 of 11)"
    assert progress[-1] == "calcscan: advise (11 of 11)"
    assert len(progress) == 11


def test_tables_are_data_frames(cells: list[dict[str, Any]]) -> None:
    assert shown(cells[1], "text/html").count("<td>pallidum</td>") == 4
    assert shown(cells[2], "text/html").count("<td>pallidum</td>") == 2


def test_the_rest_is_said_in_words_and_nothing_is_on_stderr(cells: list[dict[str, Any]]) -> None:
    assert "quality: ok" in shown(cells[3], "stdout")
    assert shown(cells[3], "text/plain").startswith("Scan(hu=<int16 (83, 256, 256)>")
    assert shown(cells[5], "stdout").startswith("answer: Basal ganglia")
    assert "nowhere" in shown(cells[6], "stdout")
    assert [shown(cell, "stderr") for cell in cells[1:]] == [""] * 6
