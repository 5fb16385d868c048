"""What several test files share."""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is loaded: its threads would hinder each other
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from calcscan import Result

hypothesis.settings.register_profile("compiled", deadline=None)  # what calls a kernel first waits for its compilation
hypothesis.settings.load_profile("compiled")

collect_ignore_glob = ["support/*"]


@pytest.fixture(scope="session")
def real_scans() -> Path:
    """The folder of real head CTs; tests that ask for it skip where there is none."""
    named = os.environ.get("CALCSCAN_REAL_SCANS", "")
    if not named or not Path(named).is_dir():
        pytest.skip("set CALCSCAN_REAL_SCANS to the folder of real head CTs to run this")
    return Path(named)


@pytest.fixture(scope="session")
def run_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], tuple[int, Path]]:
    """`calcscan run INPUT -o OUT`, once for each input in all tests: exit status and OUT, which is only to be read."""
    from calcscan.cli import main

    done: dict[Path, tuple[int, Path]] = {}

    def once(source: Path) -> tuple[int, Path]:
        if source not in done:
            out = tmp_path_factory.mktemp("out") / source.name
            done[source] = (main(["run", str(source), "-o", str(out), "--quiet"]), out)
        return done[source]

    return once


@pytest.fixture(scope="session")
def sample_result() -> Result:
    """The sample head with two deposits in each pallidum, analysed once."""
    import calcscan

    return calcscan.analyse(Path(__file__).parent.parent / "sample_data" / "bilateral_pallidum")
