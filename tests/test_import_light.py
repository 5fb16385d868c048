"""`import calcscan` and `calcscan --help` load nothing heavy: measured by what they load, not by a clock."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("numpy", "scipy", "skimage", "SimpleITK", "numba", "pydicom", "nibabel", "PIL", "rich", "yaml")


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


def test_every_public_name_is_an_object_that_help_explains():
    import inspect

    import calcscan

    assert {"analyse", "read_scan", "register_atlas", "write_report", "Scan"} <= set(calcscan.__all__)
    for name in calcscan.__all__:
        public = getattr(calcscan, name)
        assert inspect.isfunction(public) or inspect.isclass(public), name
        assert public.__doc__, name
        assert inspect.isclass(public) or inspect.signature(public).parameters.keys() or name == "load_atlas"
    with pytest.raises(AttributeError, match="analyze"):
        calcscan.analyze  # noqa: B018
