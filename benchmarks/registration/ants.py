"""Our registration compared with ANTs' affine: time, and how well the atlas fits.

    python -m venv ants && ants/bin/pip install antspyx
    python -m benchmarks.registration.ants --python ants/bin/python [INPUT...] [--cache DIR]

Both get the same two images (template and head as brain in fluid) on the same two cores; ANTs runs in an environment
of its own because it needs another numpy. Ours uses one thread, so that its result never changes; ANTs is given two.
INPUT are scans: overlap and correlation measure how well the atlas fits them, `landmarks.toml` how far off it is. The
last is a head made from an MRI average and deformed by a known field (`benchmarks/heads/mri.py`, whose packages are
kept in DIR), with the Dice of its deep nuclei. Our affine alone is listed too.
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

import calcscan
from benchmarks.heads.labels import NUCLEI, PROTOCOLS, Labels, Truth, together
from benchmarks.heads.mri import mni
from benchmarks.heads.templates import KnownHead, deformed_head
from benchmarks.registration.landmark_error import points_of
from benchmarks.registration.nuclei import atlas_at, box, compared
from calcscan.grid.geometry import Array, apply
from calcscan.knowledge.registration import RegistrationSettings
from calcscan.knowledge.settings import load
from calcscan.model import Atlas, Intracranial, Registration
from calcscan.registration.agreement import Agreement
from calcscan.registration.preprocess import preprocess_head, preprocess_template

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
transform = ants.read_transform(done["fwdtransforms"][0])
corners = np.vstack([np.zeros(3), np.eye(3)]) * 100.0
mapped = np.array([ants.apply_ants_transform_to_point(transform, p) for p in corners])
matrix = np.eye(4)
matrix[:3, 3] = mapped[0]
matrix[:3, :3] = ((mapped[1:] - mapped[0]) / 100.0).T
np.savez(sys.argv[2], matrix=matrix, seconds=min(times))
"""


def by_ants(python: str, intracranial: Intracranial, atlas: Atlas) -> tuple[Array, float]:
    """Atlas LPS mm to scan LPS mm (4, 4), and seconds: the least of `RUNS`."""
    settings = load(RegistrationSettings)
    head, template = preprocess_head(intracranial, settings), preprocess_template(atlas, settings)
    with tempfile.TemporaryDirectory() as scratch:
        given, found = Path(scratch) / "given.npz", Path(scratch) / "found.npz"
        np.savez(
            given,
            template=template.brain_hu,
            template_affine=template.affine,
            head=head.brain_hu,
            head_affine=head.affine,
        )
        subprocess.run(
            [python, "-c", THEIRS, str(given), str(found), str(RUNS)],
            check=True,
            env={"ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "2", "PATH": ""},
        )
        answer = np.load(found)
        return answer["matrix"], float(answer["seconds"])


def by_us(intracranial: Intracranial, atlas: Atlas) -> tuple[Registration, float]:
    """The fit, and seconds."""
    times = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        registration = calcscan.register_atlas(intracranial, atlas)
        times.append(time.perf_counter() - begin)
    return registration, min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("inputs", nargs="*")
    parser.add_argument("--python", required=True, help="of an environment with antspyx")
    parser.add_argument("--cache", type=Path, help="keep the downloads here")
    arguments = parser.parse_args()
    print(f"{'head':28s} {'by':16s} seconds  overlap  correlation  landmarks, mm  Dice of nuclei")
    for name in arguments.inputs:
        intracranial = calcscan.segment_intracranial(calcscan.read_scan(name))
        compare(
            Path(name).name, intracranial, arguments.python, lambda to_atlas, n=Path(name).name: landmarks(n, to_atlas)
        )
    with tempfile.TemporaryDirectory() as scratch:
        known, theirs = deformed_mri(arguments.cache or Path(scratch))
    compare(
        "deformed MRI head",
        known.intracranial,
        arguments.python,
        lambda to_atlas: f"{'-':>13s}  {dice(known, theirs, to_atlas)}",
    )


def compare(name: str, intracranial: Intracranial, python: str, accuracy: Callable[[Way], str]) -> None:
    """Prints a line for each way of registering one head."""
    atlas, settings = calcscan.load_atlas(), load(RegistrationSettings)
    head, template = preprocess_head(intracranial, settings), preprocess_template(atlas, settings)
    agreement = Agreement.between(head, template, settings)
    registration, ours_s = by_us(intracranial, atlas)
    matrix, theirs_s = by_ants(python, intracranial, atlas)
    affine, ants = registration.scan_to_atlas, np.linalg.inv(matrix)
    ways: dict[str, tuple[Way, Way, float]] = {
        "calcscan": (registration.to_atlas, registration.to_scan, ours_s),
        "its affine": (partial(apply, affine), partial(apply, np.linalg.inv(affine)), ours_s),
        "ANTs": (partial(apply, ants), partial(apply, matrix), theirs_s),
    }
    for who, (to_atlas, to_scan, seconds) in ways.items():
        agree = f"{agreement.overlap(to_scan):7.3f}  {agreement.correlation(to_scan):11.3f}"
        print(f"{name:28s} {who:16s} {seconds:7.2f}  {agree}  {accuracy(to_atlas)}", flush=True)
    print(f"{'':28s} ANTs takes {theirs_s / ours_s:.1f} times as long")


def landmarks(name: str, to_atlas: Way) -> str:
    """The mean distance of a head's landmarks from the template's."""
    on_template, in_head = points_of("template"), points_of(name)
    error_mm = [float(np.linalg.norm(to_atlas(in_head[n]) - on_template[n])) for n in on_template if n in in_head]
    return f"{np.mean(error_mm):13.1f}" if error_mm else f"{'-':>13s}"


def deformed_mri(cache: Path) -> tuple[KnownHead, Labels]:
    """A head, and its nuclei at the points of `box`."""
    cache.mkdir(parents=True, exist_ok=True)
    cit, desikan = (Truth(PROTOCOLS[name], cache) for name in ("CIT168", "Desikan"))
    known = deformed_head(mni(cache, cit, desikan), "plain", 100)
    return known, together(cit, desikan, known.in_mni(box()))


def dice(known: KnownHead, theirs: Labels, to_atlas: Way) -> str:
    points = box()
    ours = atlas_at(calcscan.load_atlas(), to_atlas(known.in_scan(points)))
    return f"{np.nanmean(compared(ours, theirs, points, NUCLEI)[0]):.3f}"


if __name__ == "__main__":
    main()
