"""Our affine beside ANTs' affine: time, and how well the atlas lies.

    python -m venv ants && ants/bin/pip install antspyx
    python benchmarks/ants.py --python ants/bin/python [INPUT...] [--templates DIR]

Both get the same two images (template and head as brain in fluid) on the same two cores; ANTs runs in the other
environment, for it asks for another numpy. Ours uses one thread, so that its result never changes; ANTs is given two.
INPUT are scans: overlap and correlation tell how well the atlas lies on them. DIR holds the templates of nuclei.py, on
which the Dice of the deep nuclei with CIT168 is told.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from nuclei import PROTOCOLS, Truth, atlas_at, box, compared
from template_heads import WHOLE, template_head

import calcscan
from calcscan.geometry import Array, apply
from calcscan.knowledge import values
from calcscan.model import Atlas, AtlasFit, Head
from calcscan.register.judge import Comparison
from calcscan.register.tissue import Sight

RUNS = 3
Way = Callable[[Array], Array]
THEIRS = """
import sys, time
import ants, numpy as np
given = np.load(sys.argv[1])
def image(name):
    a = given[name + "_affine"]
    steps = a[:3, [2, 1, 0]]
    spacing = np.linalg.norm(steps, axis=0)
    return ants.from_numpy(given[name].transpose(2, 1, 0).astype("float32"), origin=a[:3, 3].tolist(),
                           spacing=spacing.tolist(), direction=steps / spacing)
fixed, moving = image("template"), image("head")
times = []
for _ in range(int(sys.argv[3])):
    begin = time.perf_counter()
    done = ants.registration(fixed, moving, type_of_transform="Affine", random_seed=1)
    times.append(time.perf_counter() - begin)
found = ants.read_transform(done["fwdtransforms"][0])
corners = np.vstack([np.zeros(3), np.eye(3)]) * 100.0
there = np.array([ants.apply_ants_transform_to_point(found, p) for p in corners])
matrix = np.eye(4)
matrix[:3, 3] = there[0]
matrix[:3, :3] = ((there[1:] - there[0]) / 100.0).T
np.savez(sys.argv[2], matrix=matrix, seconds=min(times))
"""


def by_ants(python: str, head: Head, atlas: Atlas) -> tuple[Array, float]:
    """Atlas LPS mm to scan LPS mm (4, 4), and seconds: the least of `RUNS`."""
    limits = values("registration")
    template, seen = Sight.of_template(atlas, limits), Sight.of_head(head, limits)
    with tempfile.TemporaryDirectory() as scratch:
        given, found = Path(scratch) / "given.npz", Path(scratch) / "found.npz"
        np.savez(
            given,
            template=template.calm,
            template_affine=template.affine,
            head=seen.calm,
            head_affine=seen.affine,
        )
        subprocess.run(
            [python, "-c", THEIRS, str(given), str(found), str(RUNS)],
            check=True,
            env={"ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "2", "PATH": ""},
        )
        answer = np.load(found)
        return answer["matrix"], float(answer["seconds"])


def by_us(head: Head, atlas: Atlas) -> tuple[AtlasFit, float]:
    """The fit, and seconds."""
    times = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        fit = calcscan.register(head, atlas)
        times.append(time.perf_counter() - begin)
    return fit, min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("inputs", nargs="*")
    parser.add_argument("--python", required=True, help="of an environment with antspyx")
    parser.add_argument("--templates", type=Path)
    arguments = parser.parse_args()
    atlas, limits = calcscan.load_atlas(), values("registration")
    template = Sight.of_template(atlas, limits)
    heads = {Path(name).name: calcscan.find_skull(calcscan.read_scan(name)) for name in arguments.inputs}
    if arguments.templates:
        heads[WHOLE] = template_head(arguments.templates, WHOLE).head
    print("head                         by        seconds  overlap  correlation  Dice of nuclei")
    for name, head in heads.items():
        fit, ours_s = by_us(head, atlas)
        matrix, theirs_s = by_ants(arguments.python, head, atlas)
        ways: dict[str, tuple[Way, Way, float]] = {
            "calcscan": (fit.to_atlas, fit.to_scan, ours_s),
            "ANTs": (partial(apply, np.linalg.inv(matrix)), partial(apply, matrix), theirs_s),
        }
        both = Comparison.of(Sight.of_head(head, limits), template, limits)
        for who, (to_atlas, to_scan, seconds) in ways.items():
            overlap, correlation = both.overlap(to_scan), both.correlation(to_scan)
            dice = f"{dice_of(to_atlas, atlas):.3f}" if name == WHOLE else "-"
            print(f"{name:28s} {who:9s} {seconds:7.2f}  {overlap:7.3f}  {correlation:11.3f}  {dice}", flush=True)
        print(f"{'':28s} ANTs takes {theirs_s / ours_s:.1f} times as long")


def dice_of(to_atlas: Way, atlas: Atlas) -> float:
    """Mean Dice of the atlas's nuclei with CIT168 in a template that lies in MNI space."""
    points = box()
    with tempfile.TemporaryDirectory() as cache:
        truth = Truth(PROTOCOLS["CIT168"], Path(cache))
    ours = atlas_at(atlas, to_atlas(points))
    return float(np.nanmean(compared(ours, truth.at(points), points, truth.nuclei)[0]))


if __name__ == "__main__":
    main()
