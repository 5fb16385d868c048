"""What the documents say exists: links, commands, names."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import calcscan

ROOT = Path(__file__).parent.parent
DOCUMENTS = ("README.md", "CHANGELOG.md", "benchmarks/README.md", ".github/CONTRIBUTING.md", "sample_data/README.md")
BENCHMARKS = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "benchmarks").rglob("*.py")
    if "def main(" in path.read_text(encoding="utf-8")
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_within_the_repository_lead_somewhere(name: str) -> None:
    document = ROOT / name
    targets = re.findall(r"\]\((?!https?:)([^)]*)\)", document.read_text(encoding="utf-8"))
    for target in targets:
        path, _, heading = target.partition("#")
        linked = (document.parent / path).resolve() if path else document
        assert linked.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert heading in {title.lower().replace(" ", "-").replace(",", "") for title in titles}, target


@pytest.mark.parametrize("name", DOCUMENTS)
def test_python_examples_use_public_names(name: str) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), flags=re.DOTALL)
    assert set(re.findall(r"calcscan\.(\w+)", "".join(blocks))) <= set(calcscan.__all__)


def test_every_benchmark_is_listed_and_every_one_listed_exists() -> None:
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"benchmarks\.\w+\.\w+", text)) == BENCHMARKS


def test_every_benchmark_can_be_imported_from_the_root_of_the_repository() -> None:
    code = f"import importlib; [importlib.import_module(name) for name in {sorted(BENCHMARKS)}]"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_citation_file_names_this_version() -> None:
    text = (ROOT / ".github" / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {calcscan.__version__}\n" in text
    assert yaml.safe_load(text)["cff-version"] == "1.2.0"
