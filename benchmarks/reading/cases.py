"""How calcscan, dcm2niix and SimpleITK read head CTs: where they put a ball of known position and volume.

    python -m benchmarks.reading.cases [--dcm2niix PATH]... [--only WORDS]

The cases are those of tests/support/reading_cases.py, written to a temporary folder. Right: the ball's centre within
0.5 mm and its volume within 3 %. Otherwise flagged (an image, and a warning), refused (no image), or SILENTLY WRONG.

The other programs get the benefit of every doubt: of all images that they make the best counts (dcm2niix writes
native and resampled ones; SimpleITK is given every series, nested folders too), and any line that they do not always
print counts as a warning. A flag of calcscan counts only if it is more severe than a note. dcm2niix: `apt install
dcm2niix`, or a newer one by `pip install dcm2niix` in an environment of its own, named by --dcm2niix; it is left out
if there is none.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nibabel
import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from support.ball_phantom import grid_of, measured
from support.reading_case import Reading, judged, read_by_calcscan
from support.reading_cases import CASES

VERDICTS = ("right", "flagged", "refused", "SILENTLY WRONG")
NOT_ASKED = Reading(verdict="–")
ROUTINE = ("Chris Rorden", "Found ", "Convert ", "Conversion required", "Compress")
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
Array = npt.NDArray[np.float64]
Reader = Callable[[Path], Reading]


def best(readings: list[Reading], said: str) -> Reading:
    """The best of several images; refused without any."""
    if not readings:
        return Reading(verdict="refused", said=said)
    return min(readings, key=lambda one: (VERDICTS.index(one.verdict), one.ball.error_mm if one.ball else 1e9))


def ball_in(hu: npt.NDArray[np.generic], to_lps: Array, said: str) -> Reading:
    """`to_lps` takes the array's indices to LPS mm; a voxel's volume is its determinant."""
    ball = measured(np.asarray(hu), grid_of(hu.shape, to_lps), abs(np.linalg.det(to_lps[:3, :3])))
    return judged(ball, warned=bool(said), said=said)


def by_dcm2niix(program: str) -> Reader:
    def read(path: Path) -> Reading:
        if path.name.endswith((".nii", ".nii.gz")):
            return NOT_ASKED
        with tempfile.TemporaryDirectory() as out:
            command = [program, "-b", "n", "-z", "n", "-f", "%s_%d_%p", "-o", out, str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, errors="replace")
            lines = (done.stdout + done.stderr).splitlines()
            said = "; ".join(line for line in lines if line.strip() and not line.startswith(ROUTINE))
            if done.returncode:
                said = said or f"exit status {done.returncode}"
            readings = []
            for file in sorted(Path(out).rglob("*.nii")):
                image = nibabel.load(file)
                data = np.asarray(image.dataobj, np.float64)  # type: ignore[attr-defined]
                volumes = [data] if data.ndim == 3 else [data[..., n] for n in range(data.shape[-1])]
                to_lps = RAS_TO_LPS @ image.affine  # type: ignore[attr-defined]
                readings += [ball_in(volume, to_lps, said) for volume in volumes if volume.ndim == 3]
        return best(readings, said)

    return read


def by_simpleitk(path: Path) -> Reading:
    readings = []
    with _stderr() as said:
        for names in _series(path):
            try:
                image = _execute(names)
            except RuntimeError:
                said.append("an error")
                continue
            hu = sitk.GetArrayFromImage(image).T
            if hu.ndim == 3 and min(hu.shape) > 1:
                readings.append((hu, _to_lps(image)))
    return best([ball_in(hu, to_lps, "; ".join(said)) for hu, to_lps in readings], "; ".join(said))


def _series(path: Path) -> list[tuple[str, ...]]:
    if path.is_file():
        return [(str(path),)]
    folders = [path, *(one for one in sorted(path.rglob("*")) if one.is_dir())]
    uids = {uid for folder in folders for uid in sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))}
    return [sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(path), uid, False, True) for uid in sorted(uids)]


def _execute(names: tuple[str, ...]) -> sitk.Image:
    if len(names) == 1:
        return sitk.ReadImage(names[0])
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(names)
    return reader.Execute()


def _to_lps(image: sitk.Image) -> Array:
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) @ np.diag(image.GetSpacing())
    matrix[:3, 3] = image.GetOrigin()
    return matrix


@contextmanager
def _stderr() -> Iterator[list[str]]:
    """What the libraries below write to stderr, as lines, once the `with` is over."""
    lines: list[str] = []
    own = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield lines
        finally:
            os.dup2(own, 2)
            os.close(own)
            caught.seek(0)
            lines += [line for line in caught.read().decode(errors="replace").splitlines() if line.strip()]


def version_of(program: str) -> str:
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    words = [word for word in done.stdout.split() if word.startswith("v1.")]
    return words[-1] if words else "?"


def readers(programs: list[str]) -> dict[str, Reader]:
    found: dict[str, Reader] = {"calcscan": read_by_calcscan}
    for program in programs:
        found[f"dcm2niix {version_of(program)}"] = by_dcm2niix(program)
    found[f"SimpleITK {sitk.Version.VersionString()}"] = by_simpleitk
    return found


def shown(reading: Reading) -> str:
    if reading.ball is None:
        return reading.verdict
    return f"{reading.verdict} {reading.ball.error_mm:.2f} mm {reading.ball.volume_ratio:.2f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dcm2niix", action="append", default=[], help="a program to compare with; may be repeated")
    parser.add_argument("--only", default="", help="cases whose name holds these words")
    parser.add_argument("--said", action="store_true", help="print what each reader said")
    options = parser.parse_args()
    on_path = shutil.which("dcm2niix")
    tools = readers(options.dcm2niix or ([on_path] if on_path else []))
    if len(tools) == 2:
        print("dcm2niix is not on the PATH and is left out: apt install dcm2niix\n")
    counts = {tool: Counter[str]() for tool in tools}
    print("| case | " + " | ".join(tools) + " |\n|---|" + "---|" * len(tools))
    for case in CASES:
        if options.only not in case.name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            path = case.make(Path(folder))
            got = {tool: read(path) if case.peers or tool == "calcscan" else NOT_ASKED for tool, read in tools.items()}
        print(f"| {case.name} | " + " | ".join(shown(reading) for reading in got.values()) + " |")
        for tool, reading in got.items():
            counts[tool][reading.verdict] += 1
            if options.said and reading.said:
                print(f"    {tool}: {reading.said[:300]}")
    print("\n| | " + " | ".join(VERDICTS) + " | not asked |\n|---|" + "---|" * (len(VERDICTS) + 1))
    for tool, count in counts.items():
        print(f"| {tool} | " + " | ".join(str(count[verdict]) for verdict in (*VERDICTS, "–")) + " |")
    return int(counts["calcscan"]["SILENTLY WRONG"] > 0)


if __name__ == "__main__":
    sys.exit(main())
