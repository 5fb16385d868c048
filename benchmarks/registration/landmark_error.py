"""How far from their place in the atlas do landmarks of real heads end up?

    python -m benchmarks.registration.landmark_error INPUT...

The landmarks are those of `landmarks.toml`, marked by eye in each head (looked up by the name of its folder or file)
and in the atlas's template. A head is registered and its landmarks are mapped into the atlas. Printed is the distance
in mm to the template's landmark: for each landmark, and for each head the mean, median and 90th percentile. A
distance includes the error of both marks, about 2 mm together (the file states how often marking was repeated).
"""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path

import numpy as np

import calcscan
from calcscan.grid.geometry import Array, apply
from calcscan.model import Atlas, Registration

MARKED = Path(__file__).with_name("landmarks.toml")
Points = dict[str, Array]


def points_of(name: str) -> Points:
    """Landmark → LPS mm of a head, or of `template`; empty for a head that is not marked."""
    marked = tomllib.loads(MARKED.read_text(encoding="utf-8"))
    return {p["name"]: np.array(p["lps_mm"]) for p in marked[name]["points"]} if name in marked else {}


def carried(registration: Registration, points: Array) -> Array:
    """Points (n, 3) of the scan in the atlas, by the whole fit."""
    return registration.to_atlas(points)


def carried_affine(registration: Registration, points: Array) -> Array:
    """The same by the fit's matrix alone."""
    return apply(registration.scan_to_atlas, points)


def errors_mm(path: Path, atlas: Atlas) -> tuple[dict[str, float], dict[str, float]]:
    """Landmark → mm of a head, by the whole fit and by the matrix alone."""
    there, here = points_of("template"), points_of(path.name)
    names = [name for name in there if name in here]
    if not names:
        return {}, {}
    registration = calcscan.register_atlas(calcscan.segment_intracranial(calcscan.read_scan(path)), atlas)
    print(f"{path.name}: {'accepted' if registration.accepted else 'not accepted, ' + registration.reason}", flush=True)
    points, goal = np.array([here[n] for n in names]), np.array([there[n] for n in names])
    whole, matrix = (np.linalg.norm(map_(registration, points) - goal, axis=1) for map_ in (carried, carried_affine))
    return dict(zip(names, whole.tolist(), strict=True)), dict(zip(names, matrix.tolist(), strict=True))


def table(title: str, heads: dict[str, dict[str, float]]) -> None:
    """A line a landmark, a column a head."""
    print(f"\n{title}\n{'':28}" + "".join(f"{name[:12]:>14}" for name in heads) + f"{'mean':>8}")
    for name in points_of("template"):
        row = [mm.get(name) for mm in heads.values()]
        seen = [mm for mm in row if mm is not None]
        mean = f"{np.mean(seen):8.1f}" if seen else f"{'-':>8}"
        print(f"{name:28}" + "".join(f"{'-':>14}" if mm is None else f"{mm:14.1f}" for mm in row) + mean)
    print()
    every = {name: list(mm.values()) for name, mm in heads.items()}
    every["all"] = [mm for values in every.values() for mm in values]
    for name, values in every.items():
        mean, median, high = np.mean(values), np.median(values), np.percentile(values, 90)
        print(f"{name:28} {len(values):3} points, mm: mean {mean:.1f}, median {median:.1f}, 90th percentile {high:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("inputs", nargs="+", type=Path)
    atlas = calcscan.load_atlas()
    found = {path.name: errors_mm(path, atlas) for path in parser.parse_args().inputs}
    found = {name: both for name, both in found.items() if both[0]}
    if not found:
        raise SystemExit("none of these heads is marked in landmarks.toml")
    whole, matrix = ({name: both[n] for name, both in found.items()} for n in (0, 1))
    table("the whole fit", whole)
    if whole != matrix:
        table("its affine alone", matrix)


if __name__ == "__main__":
    main()
