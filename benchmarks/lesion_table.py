"""calcscan.lesion_table against connected-components-3d and scipy doing the same job, on one volume in one run.

    python benchmarks/lesion_table.py [--slices 324] [--share 0.08] [--repeat 5]

The job: labels, number of voxels, centroid, bounding box, sum and maximum of HU of every component of the voxels at or
above 130 HU. connected-components-3d is only compared with, never needed (`pip install connected-components-3d`).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.components import lesion_table, warm_up

THRESHOLD_HU = 130
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
        print(f"{name:>9}: {took:8.0f} ms  {count} components  {took / ours:5.1f} times calcscan")


if __name__ == "__main__":
    main()
