"""Registration of the atlas beside picsl-greedy and Elastix: time, and how far off landmarks end up.

    python -m venv peers && peers/bin/pip install picsl-greedy itk-elastix
    python -m benchmarks.speed.registration --python peers/bin/python INPUT... [--repeat 2]

All get the same two images (template and head as brain in fluid) in one sitting, in turn, on two threads; the peers run
in an environment of their own. Theirs is an affine fit of mutual information as by default: greedy's `-a -dof 12 -m NMI
-ia-image-centers -n 100x50x10`, Elastix's parameter map "affine", from the centres of mass on. Ours is the whole fit,
with preparation, acceptance and bend, and its affine alone, which takes no time of its own. The landmarks are those of
`benchmarks/registration/landmarks.toml`.

Seconds are wall time and processor time, the least of `--repeat`. A peer that isn't installed is left out, and told.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

import calcscan
from benchmarks.registration.ants import Way, landmarks
from calcscan.grid.geometry import Array, apply
from calcscan.knowledge.registration import RegistrationSettings
from calcscan.knowledge.settings import load
from calcscan.model import Intracranial
from calcscan.registration.preprocess import preprocess_head, preprocess_template

PIP = {"greedy": "picsl-greedy", "Elastix": "itk-elastix"}
_GIVEN = """
import sys, time
import numpy as np
given = np.load(sys.argv[1])
def axes(name):
    affine = given[name + "_affine"]
    steps = affine[:3, [2, 1, 0]]
    spacing = np.linalg.norm(steps, axis=0)
    return affine[:3, 3].tolist(), spacing.tolist(), steps / spacing
def timed(work):
    wall, processor = time.perf_counter(), time.process_time()
    matrix = work()
    seconds = [time.perf_counter() - wall, time.process_time() - processor]
    np.savez(sys.argv[2], matrix=matrix, seconds=seconds)
"""
THEIRS = {
    "greedy": _GIVEN
    + """
import SimpleITK as sitk
from picsl_greedy import Greedy3D
def image(name):
    made = sitk.GetImageFromArray(given[name].astype("float32"))
    origin, spacing, direction = axes(name)
    made.SetOrigin(origin); made.SetSpacing(spacing); made.SetDirection(direction.ravel().tolist())
    return made
fixed, moving = image("template"), image("head")
def work():
    greedy = Greedy3D()
    greedy.execute("-threads 2 -i fixed moving -a -dof 12 -m NMI -ia-image-centers -n 100x50x10 -o found",
                   fixed=fixed, moving=moving, found=None)
    flip = np.diag([-1.0, -1.0, 1.0, 1.0])
    return flip @ np.asarray(greedy["found"]) @ flip
timed(work)
""",
    "Elastix": _GIVEN
    + """
import itk
def image(name):
    made = itk.image_from_array(np.ascontiguousarray(given[name].astype("float32")))
    origin, spacing, direction = axes(name)
    made.SetOrigin(origin); made.SetSpacing(spacing)
    made.SetDirection(itk.matrix_from_array(np.ascontiguousarray(direction)))
    return made
fixed, moving = image("template"), image("head")
settings = itk.ParameterObject.New()
chosen = settings.GetDefaultParameterMap("affine")
chosen["AutomaticTransformInitialization"] = ["true"]
chosen["AutomaticTransformInitializationMethod"] = ["CenterOfGravity"]
settings.AddParameterMap(chosen)
def work():
    _, found = itk.elastix_registration_method(
        fixed, moving, parameter_object=settings, number_of_threads=2, log_to_console=False)
    held = found.GetParameterMap(0)
    numbers = np.array([float(one) for one in held["TransformParameters"]])
    centre = np.array([float(one) for one in held["CenterOfRotationPoint"]])
    matrix = np.eye(4)
    matrix[:3, :3] = numbers[:9].reshape(3, 3)
    matrix[:3, 3] = numbers[9:] + centre - matrix[:3, :3] @ centre
    return matrix
timed(work)
""",
}
_IMPORTS = {"greedy": "import picsl_greedy", "Elastix": "import itk; itk.ParameterObject"}
Seconds = tuple[float, float]


def installed(python: str | None, peer: str) -> bool:
    """Whether an environment has a peer; where it hasn't, a sentence says how to get it."""
    if python and not subprocess.run([python, "-c", _IMPORTS[peer]], capture_output=True, check=False).returncode:
        return True
    where = f"{Path(python).parent / 'pip'}" if python else "pip"
    print(f"{peer} is not installed, and left out: {where} install {PIP[peer]} in the environment of --python")
    return False


def by_peer(python: str, peer: str, intracranial: Intracranial) -> tuple[Way, Seconds]:
    """From the scan to the atlas, and seconds of wall and processor time."""
    settings = load(RegistrationSettings)
    head, template = preprocess_head(intracranial, settings), preprocess_template(calcscan.load_atlas(), settings)
    with tempfile.TemporaryDirectory() as scratch:
        given, found = Path(scratch) / "given.npz", Path(scratch) / "found.npz"
        np.savez(
            given,
            template=template.brain_hu, template_affine=template.affine,
            head=head.brain_hu, head_affine=head.affine,
        )  # fmt: skip
        command = [python, "-c", THEIRS[peer], str(given), str(found)]
        subprocess.run(command, check=True, capture_output=True, cwd=scratch)
        answer = np.load(found)
        wall, processor = answer["seconds"].tolist()
        return partial(apply, np.linalg.inv(answer["matrix"])), (wall, processor)


def by_us(intracranial: Intracranial) -> tuple[Way, Array, Seconds]:
    atlas = calcscan.load_atlas()
    wall, processor = time.perf_counter(), time.process_time()
    registration = calcscan.register_atlas(intracranial, atlas)
    seconds = time.perf_counter() - wall, time.process_time() - processor
    return registration.to_atlas, registration.scan_to_atlas, seconds


def compare(name: str, intracranial: Intracranial, python: str | None, peers: list[str], repeat: int) -> None:
    """A line for each way of registering one head."""
    by_us(intracranial)  # loads the kernels
    found: dict[str, tuple[Way, list[Seconds]]] = {}
    for _ in range(repeat):
        to_atlas, affine, seconds = by_us(intracranial)
        found.setdefault("calcscan", (to_atlas, []))[1].append(seconds)
        found.setdefault("its affine", (partial(apply, affine), []))
        for peer in peers:
            assert python is not None
            way, seconds = by_peer(python, peer, intracranial)
            found.setdefault(peer, (way, []))[1].append(seconds)
    least = {who: tuple(min(one) for one in zip(*times, strict=True)) for who, (_, times) in found.items() if times}
    for who, (way, _) in found.items():
        times = f"{'':28}"
        if who in least:
            wall, processor = least[who]
            times = f"{wall:8.2f} {processor:10.2f} {processor / least['calcscan'][1]:8.1f}"
        print(f"{name:26} {who:12} {times} {landmarks(name, way)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", nargs="+", type=Path)
    parser.add_argument("--python", help="of an environment with picsl-greedy and itk-elastix")
    parser.add_argument("--repeat", type=int, default=2)
    options = parser.parse_args()
    peers = [peer for peer in PIP if installed(options.python, peer)]
    print(f"{'head':26} {'by':12} {'wall, s':>8} {'processor':>10} {'ratio':>8} landmarks, mm (mean)")
    for path in options.inputs:
        intracranial = calcscan.segment_intracranial(calcscan.read_scan(path))
        compare(path.name, intracranial, options.python, peers, options.repeat)


if __name__ == "__main__":
    main()
