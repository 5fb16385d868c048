"""The rules of who may import whom ([tool.importlinter] in pyproject.toml) hold."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

PROJECT = Path(__file__).parent.parent


def test_every_module_imports_only_what_it_may():
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--no-cache"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_nothing_imports_in_a_circle() -> None:
    """Neither in the package nor in its tests and benchmarks; `graphlib` raises where something does."""
    modules = {}
    for path in sorted(p for folder in ("calcscan", "tests", "benchmarks") for p in (PROJECT / folder).rglob("*.py")):
        name = ".".join(path.relative_to(PROJECT).with_suffix("").parts).removeprefix("tests.")
        modules[name.removesuffix(".__init__")] = ast.parse(path.read_text(encoding="utf-8"))
    assert {"calcscan.pipeline", "support.heads", "benchmarks.volume.synthetic"} <= set(modules)
    graph = {
        name: {used for used in _imported(tree) if used in modules and used != name} for name, tree in modules.items()
    }
    assert "calcscan.model" in graph["calcscan.pipeline"]
    packages = {name.rpartition(".")[0] for name in modules}
    faces = {name for name in graph if name in packages}  # a package's face hands on the names of its own modules
    for name in graph:
        graph[name] -= {face for face in faces if name.startswith(f"{face}.")}
    assert len(list(TopologicalSorter(graph).static_order())) >= len(modules)


def _imported(tree: ast.Module) -> set[str]:
    """What a module imports as it is loaded, or names; not what only a function of it imports."""
    found = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found
