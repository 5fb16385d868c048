"""The whole job, `calcscan run`, in a process of its own: how long it takes, and where the time goes.

    python -m benchmarks.speed.whole_run INPUT [--repeat 5] [--against CHECKOUT]

With `--against`, the path of another checkout, both take turns, so that what else the machine does falls on both alike.
Printed are the least and the median of wall time, processor time (user and system), and the stages as report.json has
them, of which the rest is start-up, writing and the end of the process. Stages are wall time: where a machine has
other work to do, go by processor time. The first run of each is left out: it may compile kernels.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

_HERE = Path(__file__).resolve().parents[2]
_WALL, _PROCESSOR, _REST = "wall", "processor", "start-up, writing"


def measured(checkout: Path, source: Path) -> dict[str, float]:
    """Seconds of one run, by name: wall, processor, each stage, and the rest."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        before, begin = os.times(), time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "calcscan", "run", str(source), "-o", str(out), "--quiet"],
            cwd=checkout,
            env={**kept, "PYTHONPATH": str(checkout), "OPENBLAS_NUM_THREADS": "1"},
            check=True,
        )
        wall, after = time.perf_counter() - begin, os.times()
        stages = json.loads((out / "report.json").read_text(encoding="utf-8"))["timings_s"]
    processor = after.children_user - before.children_user + after.children_system - before.children_system
    return {_WALL: wall, _PROCESSOR: processor, **stages, _REST: wall - sum(stages.values())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", type=Path)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--against", type=Path, metavar="CHECKOUT")
    options = parser.parse_args()
    checkouts = [_HERE] if options.against is None else [options.against.resolve(), _HERE]
    source = options.input.resolve()
    runs: dict[Path, list[dict[str, float]]] = {checkout: [] for checkout in checkouts}
    for _ in range(options.repeat + 1):
        for checkout in checkouts:
            runs[checkout].append(measured(checkout, source))
    print(f"{options.repeat} runs each, seconds" + (": the other checkout, this one, ratio" if options.against else ""))
    for title, chosen in (("least", min), ("median", median)):
        print(f"{title:>20}")
        for name in runs[_HERE][-1]:
            seconds = [chosen([run.get(name, float("nan")) for run in each[1:]]) for each in runs.values()]
            ratio = f"   {seconds[1] / seconds[0]:5.2f}" if len(seconds) > 1 and seconds[0] > 0 else ""
            print(f"{name:>20}" + "".join(f"{value:9.2f}" for value in seconds) + ratio)


if __name__ == "__main__":
    main()
