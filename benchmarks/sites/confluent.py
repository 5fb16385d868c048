"""Heavy calcification, as in Fahr's disease: does each site and side receive its share of it?

    python -m benchmarks.sites.confluent INPUT... [--hu 500]

Whole nuclei of a real scan are filled with calcification, where the atlas lies on the scan as it came, so that it is
connected across many sites and both sides; all stages are then run anew. The truth comes from the same atlas, so this
shows whether heavy calcification misleads calcscan, not where a nucleus lies (see `benchmarks.registration.nuclei`).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

import calcscan
from benchmarks.sites.points import BLUR_MM, located
from calcscan.grid.isotropic import sample_at
from calcscan.model import Atlas, LesionMap, Registration, Scan

STRIATE = ("caudate", "putamen", "pallidum")
PATTERNS = {
    "striate and pallidum": (STRIATE, ("left", "right")),
    "all deep nuclei and dentate": ((*STRIATE, "thalamus", "dentate"), ("left", "right")),
    "pallidum and dentate": (("pallidum", "dentate"), ("left", "right")),
    "lentiform, left only": (("putamen", "pallidum"), ("left",)),
}
GRAIN_MM = 2.5
Labels = npt.NDArray[np.int64]


def labels_on(scan: Scan, registration: Registration, atlas: Atlas) -> Labels:
    """The atlas's number at every voxel of the scan."""
    plane = np.stack(np.meshgrid(*(np.arange(n) for n in scan.hu.shape[1:]), indexing="ij"), axis=-1).reshape(-1, 2)
    out = np.zeros(scan.hu.shape, np.int64)
    for k in range(len(out)):
        there = registration.to_atlas(scan.geometry.to_world(np.insert(plane, 0, k, axis=1)))
        out[k] = sample_at(atlas.labels, atlas.affine, there, nearest=True).reshape(out.shape[1:])
    return out


def calcified(scan: Scan, where: npt.NDArray[np.bool_], hu: float, *, patchy: bool) -> Scan:
    """The scan with calcification there: even, or in clumps that hang together over about half of it."""
    pixel = BLUR_MM / np.array(scan.geometry.spacing_mm[1:])
    if patchy:
        grain = GRAIN_MM / np.array(scan.geometry.spacing_mm)
        rough = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=scan.hu.shape), grain)
        where = where & (rough > np.quantile(rough[where], 0.45))
    share = ndimage.gaussian_filter(where.astype(np.float32), (0.0, *pixel))
    changed = np.rint(scan.hu + share * np.maximum(hu - scan.hu, 0.0)).astype(np.int16)
    return Scan(hu=changed, geometry=scan.geometry, acquisition=scan.acquisition, study=scan.study, series=scan.series)


def examine(name: str, scan: Scan, before: LesionMap, where: Labels, hu: float, atlas: Atlas) -> None:
    """`where` holds the numbers of the sites to fill, 0 elsewhere."""
    mm3 = scan.geometry.voxel_mm3[:, None, None]
    for patchy in (False, True):
        changed = calcified(scan, where > 0, hu, patchy=patchy)
        lesions, registration = located(changed, atlas)
        new = (changed.hu >= 130) & (where > 0) & (scan.hu < 130)
        title = f"{name}{', patchy' if patchy else ''}"
        if not registration.accepted:
            print(f"  {title:36} refused: {registration.reason}", flush=True)
            continue
        right = 0.0
        for number in np.unique(where[new]):
            site = atlas.sites[int(number)]
            ids = [n.id for n in lesions.lesions if (n.site, n.side) == (site.site, site.side)]
            right += float((mm3 * (new & (where == number) & np.isin(lesions.labels, ids))).sum())
        total = float((mm3 * new).sum())
        found = float((mm3 * (new & (lesions.labels > 0))).sum())
        old = [(n.site, n.side) for n in before.lesions]
        filled = {(atlas.sites[int(n)].site, atlas.sites[int(n)].side) for n in np.unique(where[where > 0])}
        other = {(str(n.site), str(n.side)): n.volume_130_mm3 for n in lesions.lesions}
        strange = [f"{s} {d} {v:.0f}" for (s, d), v in other.items() if (s, d) not in filled and (s, d) not in old]
        print(
            f"  {title:36} {total / 1000:5.1f} ml: found {found / total:4.0%}, right site and side {right / total:4.0%}"
            f"; at other sites: {', '.join(strange) or 'nothing'}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("inputs", nargs="+", type=Path)
    parser.add_argument("--hu", type=float, default=500.0)
    options = parser.parse_args()
    atlas = calcscan.load_atlas()
    for path in options.inputs:
        scan = calcscan.read_scan(path)
        before, registration = located(scan, atlas)
        labels = labels_on(scan, registration, atlas)
        print(path.name)
        for name, (sites, sides) in PATTERNS.items():
            numbers = [n for n, s in atlas.sites.items() if s.site in sites and s.side in sides]
            examine(name, scan, before, np.where(np.isin(labels, numbers), labels, 0), options.hu, atlas)


if __name__ == "__main__":
    main()
