"""calcscan.lesion_table against connected-components-3d and scipy doing the same job, on one volume in one run.

    python -m benchmarks.speed.lesion_table [--slices 324] [--share 0.08] [--repeat 5]

The job: labels, number of voxels, centroid, bounding box, sum and maximum of HU of every component of the voxels at or
above 130 HU. connected-components-3d is only needed for the comparison (`pip install connected-components-3d`).

Also printed: how much memory each takes beyond the volume (on Linux; the limit is the labels and 64 MB), how long the
threads take for the least that the job asks of memory (read the volume; copy it into new labels), and whether every
label and number equals scipy's. The comparison with a plain flood fill is in the tests of `calcscan.components`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan._kernels.threads import thread_count
from calcscan.components import lesion_table, warm_up

THRESHOLD_HU = 130
EXTRA_MB = 64.0
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


def best_ms(job: Callable[[Volume], int], hu: Volume, repeat: int) -> tuple[float, int]:
    times, count = [], 0
    for _ in range(repeat):
        begin = time.perf_counter()
        count = job(hu)
        times.append(time.perf_counter() - begin)
    return min(times) * 1000, count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=int, default=324)
    parser.add_argument("--share", type=float, default=0.08)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    hu = volume(options.slices, options.share)
    print(f"{hu.shape}, {(hu >= THRESHOLD_HU).mean():.1%} at or above {THRESHOLD_HU} HU, best of {options.repeat}")
    warm_up()
    jobs: dict[str, Callable[[Volume], int]] = {
        "calcscan": lambda x: len(lesion_table(x, THRESHOLD_HU)[1]),
        "cc3d": with_cc3d,
        "scipy": with_scipy,
    }
    ours = 0.0
    for name, job in jobs.items():
        try:
            took, count = best_ms(job, hu, options.repeat if name != "scipy" else 1)
        except ImportError:
            print(f"{name:>9}: not installed")
            continue
        ours = ours or took
        more = peak_mb(job, hu)
        memory = "memory not measured" if more is None else f"{more:6.0f} MB more"
        print(f"{name:>9}: {took:8.0f} ms  {count} components  {took / ours:5.1f} times calcscan  {memory}")
    print(f"calcscan's limit: labels of {4 * hu.size / 2**20:.0f} MB and {EXTRA_MB:.0f} MB")
    for name, job in {"volume read once": read, "volume copied into new labels": copied}.items():
        took, _ = best_ms(job, hu, options.repeat)
        print(f"{name}, {thread_count()} thread(s): {took:.0f} ms, {took / ours:.0%} of calcscan's time")
    wrong = differences(hu)
    print("labels and table are those of scipy" if not wrong else f"differs in {wrong}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
