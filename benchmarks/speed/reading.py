"""How long does reading take beside pydicom decoding the same files, and how much memory?

    python -m benchmarks.speed.reading FOLDER [--repeats 5]

Each measurement has a process of its own, the two in turn; the shortest counts (by then the files are in the system's
cache). Memory: the peak of resident memory while reading, above what the imports had taken, relative to the size of the
volume in int16. Linux only.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path


def by_calcscan(folder: str) -> tuple[Callable[[], object], Callable[[object], int]]:
    """What is to be timed, all imports done; and the bytes of the volume that it returns."""
    from calcscan.knowledge.reading import ReadingSettings
    from calcscan.knowledge.settings import load
    from calcscan.read import read_scan

    import_module("calcscan.read.dicom")
    load(ReadingSettings)
    return lambda: read_scan(folder), lambda scan: int(scan.hu.nbytes)  # type: ignore[attr-defined]


def by_pydicom(folder: str) -> tuple[Callable[[], object], Callable[[object], int]]:
    """Only headers and pixels of every file, in no order, stored values as they are; None is kept but the arrays."""
    import pydicom
    import pydicom.pixels

    files = [path for path in sorted(Path(folder).rglob("*")) if path.is_file() and pydicom.misc.is_dicom(path)]

    def decode() -> object:
        datasets = (pydicom.dcmread(path) for path in files)
        return [dataset.pixel_array for dataset in datasets if "PixelData" in dataset]

    return decode, lambda arrays: sum(array.size * 2 for array in arrays)  # type: ignore[attr-defined]


READERS = {"calcscan": by_calcscan, "pydicom": by_pydicom}


def resident_bytes(which: str) -> int:
    """VmRSS (now) or VmHWM (peak) of this process."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(which):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"the system doesn't tell {which}")


def measure(name: str, folder: str) -> dict[str, float]:
    read, volume_of = READERS[name](folder)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    before = resident_bytes("VmRSS")
    start = time.perf_counter()
    result = read()
    seconds = time.perf_counter() - start
    return {"s": seconds, "peak": resident_bytes("VmHWM") - before, "volume": volume_of(result)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--measure", choices=READERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options.folder)))
        return
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in READERS}
    for _ in range(options.repeats):
        for name in READERS:
            command = [sys.executable, "-m", __spec__.name, options.folder, "--measure", name]
            runs[name].append(json.loads(subprocess.run(command, capture_output=True, check=True).stdout))
    best = {name: min(each, key=lambda run: run["s"]) for name, each in runs.items()}
    print("| | time | peak memory above imports | by the volume's size |\n|---|---|---|---|")
    for name, run in best.items():
        peak = max(each["peak"] for each in runs[name])
        print(f"| {name} | {run['s']:.2f} s | {peak / 2**20:.0f} MiB | {peak / run['volume']:.2f} |")
    print(f"\ntime by pydicom's: {best['calcscan']['s'] / best['pydicom']['s']:.2f}")


if __name__ == "__main__":
    main()
