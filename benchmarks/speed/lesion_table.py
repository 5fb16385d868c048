"""calcscan.lesion_table against connected-components-3d and scipy doing the same job, on one volume in one run.

    python -m benchmarks.speed.lesion_table [--slices 324] [--share 0.08] [--scan INPUT] [--repeat 5]

The job: labels, number of voxels, centroid, bounding box, sum and maximum of HU of every component of the voxels at or
above 130 HU, in a volume of clumps or, with `--scan`, in a scan. connected-components-3d is only needed for the
comparison (`pip install connected-components-3d`). All take turns, `--repeat` times; the least of wall and
processor time counts.

Beside them: one numpy pass over the volume, `(hu >= 130).sum()` on the one thread that numpy takes, which compares
every voxel and adds up the answers; how long the threads take for the least that the job asks of memory (read the
volume; copy it into new labels); how much memory each takes beyond the volume (on Linux; the limit is the labels and
64 MB); and whether every label and number equals scipy's. The comparison with a plain flood fill is in the tests of
`calcscan.components`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan._kernels.threads import thread_count
from calcscan.components import lesion_table, warm_up
from calcscan.read import read_scan

THRESHOLD_HU = 130
EXTRA_MB = 64.0
SLOW = "scipy"
PIP = {"cc3d": "connected-components-3d"}
Volume = npt.NDArray[np.int16]


def volume(slices: int, share: float) -> Volume:
    """Clumps of all sizes: two scales of smooth noise, cut so that `share` of the voxels reach the threshold."""
    rng = np.random.default_rng(0)
    field = np.zeros((slices, 512, 512), np.float32)
    for sigma, weight in ((3.0, 5.2), (1.0, 0.3)):
        field += weight * ndimage.gaussian_filter(rng.standard_normal(field.shape, dtype=np.float32), sigma)
    cut = np.quantile(field[::4, ::4, ::4], 1 - share)
    return ((field - cut) / field.std() * 100 + THRESHOLD_HU).astype(np.int16)


def with_cc3d(hu: Volume) -> int:
    import cc3d

    labels, count = cc3d.connected_components(hu >= THRESHOLD_HU, connectivity=26, return_N=True)
    cc3d.statistics(labels)
    return _sums(hu, labels, count)


def with_scipy(hu: Volume) -> int:
    labels, count = ndimage.label(hu >= THRESHOLD_HU, np.ones((3, 3, 3)))
    ndimage.find_objects(labels)
    where = np.nonzero(labels)
    owner = labels[where]
    for axis in where:
        np.bincount(owner, weights=axis, minlength=count + 1)
    np.bincount(owner, minlength=count + 1)
    return _sums(hu, labels, count)


def _sums(hu: Volume, labels: npt.NDArray[np.integer], count: int) -> int:
    within = labels > 0
    owner, density = labels[within], hu[within]
    np.bincount(owner, weights=density, minlength=count + 1)
    peak = np.full(count + 1, -32768, np.int16)
    np.maximum.at(peak, owner, density)
    return count


def read(hu: Volume) -> int:
    """The volume read once, on as many threads as calcscan takes."""
    return _on_threads(len(hu), lambda part: int(hu[part].max()))


def copied(hu: Volume) -> int:
    """The volume copied into new labels."""
    labels = np.zeros(hu.shape, np.int32)

    def copy(part: slice) -> int:
        labels[part] = hu[part]
        return 0

    return _on_threads(len(hu), copy)


def _on_threads(slices: int, work: Callable[[slice], int]) -> int:
    edges = np.linspace(0, slices, 4 * thread_count() + 1).astype(int)
    with ThreadPoolExecutor(thread_count()) as pool:
        return max(pool.map(work, (slice(a, b) for a, b in pairwise(edges))))


def differences(hu: Volume) -> list[str]:
    """What of labels and table is not what scipy says."""
    labels, table = lesion_table(hu, THRESHOLD_HU)
    theirs, count = ndimage.label(hu >= THRESHOLD_HU, np.ones((3, 3, 3)))
    wrong = [] if count == len(table) and np.array_equal(labels, theirs) else ["labels"]
    where = np.nonzero(theirs)
    owner, density = theirs[where], hu[where]
    voxels = np.bincount(owner, minlength=count + 1)[1:]
    peak = np.full(count + 1, -32768, np.int16)
    np.maximum.at(peak, owner, density)
    boxes = [[(s.start, s.stop) for s in box] for box in ndimage.find_objects(theirs)]
    centroid = np.stack([np.bincount(owner, weights=x, minlength=count + 1)[1:] / voxels for x in where], axis=1)
    expected = {
        "voxels": voxels,
        "sum_hu": np.bincount(owner, weights=density, minlength=count + 1)[1:],
        "max_hu": peak[1:],
        "bbox": np.array(boxes),
        "centroid_kji": centroid,
    }
    return wrong + [name for name, values in expected.items() if not np.array_equal(table[name], values)]


def peak_mb(job: Callable[[Volume], int], hu: Volume) -> float | None:
    """How much more memory the process held at most while it did the job; None where that is not known."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
        before = _status_mb("VmRSS")
        job(hu)
        return _status_mb("VmHWM") - before
    except OSError:
        return None


def _status_mb(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(name)) / 1024


@dataclass(slots=True)
class Times:
    """Of one job: the least milliseconds of wall and of processor time, and its answer."""

    wall: float = float("inf")
    processor: float = float("inf")
    answer: int = 0

    def run(self, job: Callable[[Volume], int], hu: Volume) -> None:
        wall, processor = time.perf_counter(), time.process_time()
        self.answer = job(hu)
        self.wall = min(self.wall, (time.perf_counter() - wall) * 1000)
        self.processor = min(self.processor, (time.process_time() - processor) * 1000)


def in_turn(jobs: dict[str, Callable[[Volume], int]], hu: Volume, repeat: int) -> dict[str, Times]:
    """The times of all jobs that can be done, `repeat` times one after the other; scipy, which is slow, once."""
    times: dict[str, Times] = {}
    for turn in range(repeat):
        for name, job in jobs.items():
            if name == SLOW and turn:
                continue
            try:
                times.setdefault(name, Times()).run(job, hu)
            except ImportError as missing:
                times.pop(name)
                if not turn:
                    package = PIP.get(missing.name or "", missing.name)
                    print(f"{name} is not installed, and left out: pip install {package}")
    return times


def numpy_pass(hu: Volume) -> int:
    """One numpy pass over the volume."""
    return int((hu >= THRESHOLD_HU).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=int, default=324)
    parser.add_argument("--share", type=float, default=0.08)
    parser.add_argument("--scan", type=Path)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    hu = read_scan(options.scan).hu if options.scan else volume(options.slices, options.share)
    print(f"{hu.shape}, {(hu >= THRESHOLD_HU).mean():.1%} at or above {THRESHOLD_HU} HU, least of {options.repeat}")
    warm_up()
    jobs: dict[str, Callable[[Volume], int]] = {
        "calcscan": lambda x: len(lesion_table(x, THRESHOLD_HU)[1]),
        "cc3d": with_cc3d,
        SLOW: with_scipy,
        "one numpy pass": numpy_pass,
        "volume read": read,
        "volume copied": copied,
    }
    times = in_turn(jobs, hu, options.repeat)
    ours = times["calcscan"]
    print(f"{'':>15}  wall, ms  processor, ms  times calcscan's wall, processor  memory  ({thread_count()} threads)")
    for name, taken in times.items():
        ratio = f"{taken.wall / ours.wall:18.2f} {taken.processor / ours.processor:14.2f}"
        more = peak_mb(jobs[name], hu) if name in ("calcscan", "cc3d", SLOW) else None
        memory = "" if more is None else f"{more:6.0f} MB more, {taken.answer} components"
        print(f"{name:>15} {taken.wall:9.0f} {taken.processor:14.0f} {ratio}  {memory}")
    one = times["one numpy pass"]
    ratios = ours.wall / one.wall, ours.processor / one.processor
    print(f"calcscan takes {ratios[0]:.2f} of one numpy pass, of its processor time {ratios[1]:.2f}")
    print(f"calcscan's limit: labels of {4 * hu.size / 2**20:.0f} MB and {EXTRA_MB:.0f} MB")
    wrong = differences(hu)
    print("labels and table are those of scipy" if not wrong else f"differs in {wrong}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
