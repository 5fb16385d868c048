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
from calcscan.model import Atlas

MARKED = Path(__file__).with_name("landmarks.toml")
Points = dict[str, Array]


def points_of(name: str) -> Points:
    """Landmark → LPS mm of a head, or of `template`; empty for a head that is not marked."""
    marked = tomllib.loads(MARKED.read_text(encoding="utf-8"))
    return {p["name"]: np.array(p["lps_mm"]) for p in marked[name]["points"]} if name in marked else {}


def errors_mm(path: Path, atlas: Atlas) -> tuple[dict[str, float], dict[str, float]]:
    """Landmark → mm of a head, by the whole fit and by its affine alone."""
    on_template, in_head = points_of("template"), points_of(path.name)
    names = [name for name in on_template if name in in_head]
    if not names:
        return {}, {}
    registration = calcscan.register_atlas(calcscan.segment_intracranial(calcscan.read_scan(path)), atlas)
    print(f"{path.name}: {'accepted' if registration.accepted else 'not accepted, ' + registration.reason}", flush=True)
    points, target = np.array([in_head[n] for n in names]), np.array([on_template[n] for n in names])
    in_atlas = registration.to_atlas(points), apply(registration.scan_to_atlas, points)
    whole, affine = (np.linalg.norm(mapped - target, axis=1).tolist() for mapped in in_atlas)
    return dict(zip(names, whole, strict=True)), dict(zip(names, affine, strict=True))


def table(title: str, heads: dict[str, dict[str, float]]) -> None:
    """A row for each landmark, a column for each head."""
    print(f"\n{title}\n{'':28}" + "".join(f"{name[:12]:>14}" for name in heads) + f"{'mean':>8}")
    for name in points_of("template"):
        row = [mm.get(name) for mm in heads.values()]
        marked = [mm for mm in row if mm is not None]
        mean = f"{np.mean(marked):8.1f}" if marked else f"{'-':>8}"
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
    errors = {path.name: errors_mm(path, atlas) for path in parser.parse_args().inputs}
    errors = {name: fits for name, fits in errors.items() if fits[0]}
    if not errors:
        raise SystemExit("none of these heads is marked in landmarks.toml")
    whole, affine = ({name: fits[n] for name, fits in errors.items()} for n in (0, 1))
    table("the whole fit", whole)
    if whole != affine:
        table("its affine alone", affine)


if __name__ == "__main__":
    main()
