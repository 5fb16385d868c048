"""`import calcscan` and `calcscan --help` load nothing heavy: measured by what they load, not by a clock."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("numpy", "scipy", "skimage", "SimpleITK", "numba", "pydicom", "nibabel", "PIL", "tqdm", "yaml")


def loaded(code: str) -> set[str]:
    """The heavy packages that running `code` in a fresh Python loads."""
    script = f"import sys\n{code}\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_importing_the_package_loads_nothing_heavy():
    assert loaded("import calcscan; dir(calcscan); calcscan.__version__") == set()


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["run", "--help"], ["batch", "--help"], ["atlas", "--help"], []]
)
def test_help_loads_nothing_heavy(arguments):
    assert loaded(f"from calcscan.cli import main\nmain({arguments!r})") == set()


def test_the_measure_itself_works():
    assert "numpy" in loaded("import calcscan; calcscan.Scan")


def test_every_public_name_is_there_and_is_declared_for_type_checkers():
    import ast
    from pathlib import Path

    import calcscan

    tree = ast.parse(Path(calcscan.__file__).read_text(encoding="utf-8"))
    guard = next(node for node in tree.body if isinstance(node, ast.If))
    declared = {alias.asname for node in ast.walk(guard) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert declared == set(calcscan.__all__) - {"__version__"}
    with pytest.raises(AttributeError, match="no attribute 'analyze'"):
        calcscan.analyze  # noqa: B018


def test_a_stage_is_module_and_function_at_once():
    """In either order of importing, and for both ways to say it."""
    code = """
import calcscan
before = calcscan.register
from calcscan.register import register
import calcscan.register as module
assert before is calcscan.register is module and module.register is register
try:
    calcscan.register()
except TypeError as error:
    assert 'head' in str(error), error
else:
    raise SystemExit(1)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
