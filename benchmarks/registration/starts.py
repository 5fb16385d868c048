"""Does the registration depend on the position of the head in the scanner?

    python -m benchmarks.registration.starts INPUT [--starts 20] [--seed 0]

The scan is rotated by up to 30° about each axis and shifted by up to 60 mm (exactly, since only its geometry changes);
some are cropped at the base or the vertex. Compared with the unmoved scan: where points of the head are mapped to in
the atlas, and which sites are found.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.spatial.transform import Rotation

import calcscan
from benchmarks.sites.points import located
from calcscan.grid.geometry import Geometry
from calcscan.model import Registration, Scan


def moved(scan: Scan, rotation: np.ndarray, shift_mm: np.ndarray, first: int, last: int) -> Scan:
    """The scan's slices from `first` to before `last`, rotated and shifted."""
    g = scan.geometry
    return Scan(
        hu=np.array(scan.hu[first:last]),
        geometry=Geometry(
            origins_mm=(g.origins_mm @ rotation.T + shift_mm)[first:last],
            step_i_mm=rotation @ g.step_i_mm,
            step_j_mm=rotation @ g.step_j_mm,
            slab_mm=g.slab_mm[first:last],
            rows=g.rows,
            columns=g.columns,
        ),
        acquisition=scan.acquisition,
        study=scan.study,
    )


def examined(scan: Scan) -> tuple[Registration, list[str]]:
    atlas = calcscan.load_atlas()
    lesions, registration = located(scan, atlas)
    large = [lesion for lesion in lesions.lesions if lesion.volume_130_mm3 >= 10.0]
    return registration, sorted(f"{lesion.site} {lesion.side}" for lesion in large)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("input")
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    scan = calcscan.read_scan(arguments.input)
    reference, sites = examined(scan)
    size = np.array(scan.geometry.shape)
    points = scan.geometry.to_world(
        size * np.array([[0.5, 0.5, 0.5], [0.6, 0.4, 0.4], [0.6, 0.6, 0.6], [0.4, 0.5, 0.4]])
    )
    expected = reference.to_atlas(points)
    print(f"unmoved: {', '.join(sites) or 'nothing'} of 10 mm3 and more; correlation {reference.metric:.2f}")
    rng = np.random.default_rng(arguments.seed)
    same = flagged = 0
    worst_mm = 0.0
    for n in range(arguments.starts):
        angles, shift_mm = rng.uniform(-30, 30, 3), rng.uniform(-60, 60, 3)
        rotation = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
        cut = int(0.1 * size[0])
        first, last = [(0, size[0]), (cut, size[0]), (0, size[0] - cut)][n % 3]
        registration, found_sites = examined(moved(scan, rotation, shift_mm, first, last))
        in_atlas = registration.to_atlas(points @ rotation.T + shift_mm)
        error_mm = float(np.linalg.norm(in_atlas - expected, axis=1).max())
        flagged += not registration.accepted
        same += registration.accepted and found_sites == sites
        worst_mm = max(worst_mm, error_mm if registration.accepted else 0.0)
        if not registration.accepted or found_sites != sites:
            reason = registration.reason
            print(f"{n}: {angles.round()} deg, slices {first}:{last}, {error_mm:.1f} mm off, {reason}: {found_sites}")
    print(f"{arguments.starts} starts: {same} the same sites, {flagged} flagged, at most {worst_mm:.1f} mm off")


if __name__ == "__main__":
    main()
