"""Three files over two workers, whatever starts them: as alone.

Each way in a process of its own with a time limit, so that one that hangs or dies fails, and no more.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.heads import CLEAN, PALLIDUM
from support.parallel import FORKED, WAYS, brief
from support.small_scans import ball_of_water, small_head
from support.waiting import PATIENCE_S

import calcscan

TESTS = Path(__file__).parent


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two heads, and a ball of water, which is none."""
    folder = tmp_path_factory.mktemp("heads")
    return [small_head(PALLIDUM, folder), small_head(CLEAN, folder), ball_of_water(folder)]


@pytest.fixture(scope="module")
def alone(files: list[Path]) -> list[list[Any]]:
    rows = [brief(calcscan.analyse(file)) for file in files]
    assert [lesions is None for _, lesions, *_ in rows] == [False, False, True]
    assert len(rows[0][1]) > 0
    return json.loads(json.dumps(rows))


def in_workers(how: str, files: list[Path], **environment: str) -> list[list[Any]]:
    path = os.pathsep.join([str(TESTS), str(TESTS.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "support.parallel", how, *map(str, files)],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("how", WAYS)
def test_workers_find_what_is_found_alone(how: str, files: list[Path], alone: list[list[Any]]) -> None:
    package = how.partition("-")[0]
    if package in ("joblib", "dask") and importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    if how in FORKED and not hasattr(os, "fork"):
        pytest.skip("this system does not fork")
    assert in_workers(how, files) == alone


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("cache", ["0", "1"])
def test_processes_forked_while_a_thread_analyses_end(cache: str, files: list[Path], alone: list[list[Any]]) -> None:
    """Also where the thread compiles: the lock of numba's compiler must not be inherited by a process that waits. (The
    ball is enough for that; with a head it would compile for long.)"""
    chosen = slice(0, 1) if cache == "1" else slice(2, 3)
    assert in_workers("beside-a-thread", files[chosen], CALCSCAN_NUMBA_CACHE=cache) == alone[chosen]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_an_error_in_a_worker_arrives_as_it_was_raised(tmp_path: Path) -> None:
    import multiprocessing

    with multiprocessing.get_context("fork").Pool(1) as workers, pytest.raises(calcscan.InputError) as raised:
        workers.apply_async(calcscan.analyse, (tmp_path / "nowhere",)).get(timeout=PATIENCE_S)
    assert raised.value.where == str(tmp_path / "nowhere")
