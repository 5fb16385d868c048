"""What several test files share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

collect_ignore_glob = ["encoded/*", "reading_case*.py"]


@pytest.fixture(scope="session")
def real_scans() -> Path:
    """The folder of real head CTs; tests that ask for it skip where there is none."""
    named = os.environ.get("CALCSCAN_REAL_SCANS", "")
    if not named or not Path(named).is_dir():
        pytest.skip("set CALCSCAN_REAL_SCANS to the folder of real head CTs to run this")
    return Path(named)
