"""What several test files share."""

from __future__ import annotations

import fcntl
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is loaded: its threads would hinder each other
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from calcscan import Result

# No limit of time: what calls a kernel first waits for its compilation, and other processes may be busy. The same
# examples in every run, so that a change fails for what it did; `--hypothesis-profile=search` looks for others.
_PATIENT = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("search", **_PATIENT)
hypothesis.settings.register_profile("same", derandomize=True, database=None, **_PATIENT)
hypothesis.settings.load_profile("same")

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
    """`calcscan run INPUT -o OUT`, once for each input in all tests and by whichever of pytest's workers comes first:
    exit status and OUT, which is only to be read."""
    from calcscan.cli import main

    worker = tmp_path_factory.getbasetemp()
    shared = (worker.parent if "PYTEST_XDIST_WORKER" in os.environ else worker) / "run_once"

    def once(source: Path) -> tuple[int, Path]:
        place = shared / sha256(os.fsencode(source.resolve())).hexdigest()[:16]
        place.mkdir(parents=True, exist_ok=True)
        out, status = place / source.name, place / "status"
        with (place / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # let go of as the file is closed
            if not status.exists():
                status.write_text(str(main(["run", str(source), "-o", str(out), "--quiet"])))
        return int(status.read_text()), out

    return once


@pytest.fixture(scope="session")
def sample_result() -> Result:
    """The sample head with two deposits in each pallidum, analysed once."""
    import calcscan

    return calcscan.analyse(Path(__file__).parent.parent / "sample_data" / "bilateral_pallidum")
