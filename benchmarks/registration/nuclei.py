"""Do caudate, putamen, pallidum and thalamus of the atlas overlap those of the head?

    python -m benchmarks.registration.nuclei --templates DIR [--cache DIR] [--seeds 100 101 102 103]

DIR holds scct_cormack_2mm.nii and scct_stripped.nii of https://github.com/neurolabusc/Clinical (BSD-2). The truth is
labels in MNI space, fetched with pip (`benchmarks/heads/labels.py`). Prints Dice by structure (the mean of both sides)
and the distance of centroids:

1. the labels of one protocol against another's in MNI space: no registration can do better;
2. the atlas on each template. Its ventricles are wider than those of the labels' template, so that a part of each
   labelled caudate lies in its fluid. Also printed: the share of our nuclei that lies in fluid, where none should, and
   how far the putamen would have to move up to contrast most with its surroundings, about 0 where labels fit;
3. the atlas on an individual with labels drawn on him (Colin, AAL; `benchmarks/heads/mri.py`); not used for tuning;
4. the atlas on heads deformed by known fields, by kind, made from the MRI average that CIT168 was drawn on, and from
   the CT template. Seeds below 100 are for tuning.

Each is done by the affine alone and by the whole registration.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from scipy import ndimage

import calcscan
from benchmarks.heads.labels import NUCLEI, PROTOCOLS, Labels, Truth, together
from benchmarks.heads.mri import colin, mni
from benchmarks.heads.templates import (
    KINDS,
    STRIPPED,
    WHOLE,
    BaseHead,
    KnownHead,
    deformed_head,
    older_adults,
    template_head,
)
from calcscan.grid.geometry import Array, apply
from calcscan.grid.isotropic import sample_at
from calcscan.model import Atlas, Registration

TISSUE_HU = 24.0
"""Brighter than what is partly fluid."""
FLUID_HU = 18.0
"""Half way between fluid and white matter."""
AXES = (np.arange(-48.0, 48.5), np.arange(-42.0, 48.5), np.arange(-24.0, 42.5))
"""The box around the nuclei, every millimetre, LPS mm."""


def atlas_at(atlas: Atlas, points: Array) -> Labels:
    """The atlas's own nuclei at points of its space, numbered as `Truth` does."""
    renumbered = np.zeros(256, dtype=np.int64)
    for number, site in atlas.sites.items():
        if site.site in NUCLEI:
            renumbered[number] = 1 + 2 * NUCLEI.index(site.site) + (site.side == "right")
    return renumbered[sample_at(atlas.labels, atlas.affine, points, nearest=True).astype(np.int64)]


def box() -> Array:
    """Points (n, 3) every millimetre around the nuclei, LPS mm."""
    return np.stack(np.meshgrid(*AXES, indexing="ij"), axis=-1).reshape(-1, 3)


def compared(ours: Labels, theirs: Labels, points: Array, nuclei: tuple[str, ...]) -> tuple[list[float], float]:
    """Dice of each nucleus, the mean of both sides (NaN where the protocol has none), and the mean distance of the
    centroids in mm."""
    dice, distance_mm = [], []
    for n, nucleus in enumerate(NUCLEI):
        sides = []
        for number in (1 + 2 * n, 2 + 2 * n):
            one, other = ours == number, theirs == number
            if nucleus in nuclei and one.any() and other.any():
                sides.append(2.0 * float((one & other).sum()) / float(one.sum() + other.sum()))
                distance_mm.append(float(np.linalg.norm(points[one].mean(axis=0) - points[other].mean(axis=0))))
        dice.append(float(np.mean(sides)) if sides else np.nan)
    return dice, float(np.mean(distance_mm))


def row(name: str, result: tuple[list[float], float]) -> str:
    dice, distance_mm = result
    cells = " ".join("    -" if np.isnan(d) else f"{d:5.2f}" for d in dice)
    return f"{name:44s} {cells}  {np.nanmean(dice):5.3f}  {distance_mm:4.1f} mm"


def header(title: str) -> str:
    return f"\n{title}\n{'':44s} {' '.join(n[:5].rjust(5) for n in NUCLEI)}   mean  centroids"


def fitted(known: KnownHead, atlas: Atlas, points: Array) -> tuple[Registration, Labels, Labels]:
    """The fit, and the atlas's nuclei at the head's points: by the affine alone, and by the whole fit."""
    registration = calcscan.register_atlas(known.intracranial, atlas)
    in_scan = known.in_scan(points)
    by_affine = atlas_at(atlas, apply(registration.scan_to_atlas, in_scan))
    return registration, by_affine, atlas_at(atlas, registration.to_atlas(in_scan))


def in_fluid(known: KnownHead, ours: Labels, points: Array) -> float:
    """Share of our nuclei that lies in the head's fluid."""
    isotropic = known.intracranial.isotropic_hu
    return float((sample_at(isotropic.values, isotropic.affine, known.in_scan(points[ours > 0])) < FLUID_HU).mean())


def best_offset_mm(known: KnownHead, labels: Labels, points: Array) -> int:
    """How far up (mm) the putamen as labelled contrasts most with the tissue within 3 mm around it."""
    isotropic, shape = known.intracranial.isotropic_hu, [len(axis) for axis in AXES]
    hu = sample_at(isotropic.values, isotropic.affine, known.in_scan(points)).reshape(shape)
    inside, any_nucleus = np.isin(labels, (3, 4)).reshape(shape), (labels > 0).reshape(shape)
    around = (ndimage.distance_transform_edt(~inside) <= 3.0) & ~any_nucleus
    contrast = {}
    for up_mm in range(-8, 9):
        putamen, ring = (np.roll(part, up_mm, axis=2) & (hu > TISSUE_HU) for part in (inside, around))
        contrast[up_mm] = float(hu[putamen].mean() - hu[ring].mean())
    return max(contrast, key=lambda up_mm: contrast[up_mm])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--templates", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="keep the downloads here")
    parser.add_argument("--seeds", type=int, nargs="*", default=[100, 101, 102, 103])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        cache = arguments.cache or Path(scratch)
        cache.mkdir(parents=True, exist_ok=True)
        report(arguments.templates, cache, arguments.seeds)


def report(folder: Path, cache: Path, seeds: list[int]) -> None:
    truths = {name: Truth(protocol, cache) for name, protocol in PROTOCOLS.items()}
    atlas, points = calcscan.load_atlas(), box()
    print(header("1. In MNI space, no registration"))
    for name, truth in truths.items():
        print(row(f"the atlas | {name}", compared(atlas_at(atlas, points), truth.at(points), points, truth.nuclei)))
    names = list(truths)
    for n, one in enumerate(names):
        for other in names[n + 1 :]:
            both = tuple(set(truths[one].nuclei) & set(truths[other].nuclei))
            result = compared(truths[one].at(points), truths[other].at(points), points, both)
            print(row(f"{one} | {other}", result))
    for template in (WHOLE, STRIPPED):
        known = template_head(folder, template)
        registration, by_affine, ours = fitted(known, atlas, points)
        ways = {"CIT168": truths["CIT168"].at(points), "affine": by_affine, "whole": ours}
        print(header(f"2. {template}, accepted: {registration.accepted}"))
        for way, labels in ways.items():
            up_mm = best_offset_mm(known, labels, points)
            print(f"{way}: {in_fluid(known, labels, points):.0%} in fluid, putamen {up_mm:+d} mm")
        for name, truth in truths.items():
            for way, labels in (("affine", by_affine), ("whole", ours)):
                print(row(f"{way} | {name}", compared(labels, truth.at(points), points, truth.nuclei)), flush=True)
    known, theirs = colin(cache, points)
    registration, by_affine, ours = fitted(known, atlas, points)
    print(header(f"3. Colin, accepted: {registration.accepted}, truth AAL"))
    for way, labels in (("affine", by_affine), ("whole", ours)):
        print(row(way, compared(labels, theirs, points, NUCLEI)), flush=True)
    cit, desikan = truths["CIT168"], truths["Desikan"]
    deformed("MRI average", mni(cache, cit, desikan), seeds, atlas, points, truths)
    deformed("CT template", older_adults(folder), seeds, atlas, points, truths)


def deformed(
    name: str, base: BaseHead, seeds: list[int], atlas: Atlas, points: Array, truths: dict[str, Truth]
) -> None:
    """Deformed heads against CIT168 with Desikan's thalamus, which is what the atlas itself is made from."""
    print(
        header(
            f"4. Deformed heads of the {name}, seeds {seeds}, truth CIT168 and Desikan's thalamus: mean of the seeds"
        )
    )
    every: list[tuple[float, float]] = []
    for kind in KINDS:
        found = []
        for seed in seeds:
            known = deformed_head(base, kind, seed)
            theirs = together(truths["CIT168"], truths["Desikan"], known.in_mni(points))
            registration, *ways = fitted(known, atlas, points)
            if not registration.accepted:
                print(f"{kind}, seed {seed}: not accepted, {registration.reason}")
            found.append([compared(labels, theirs, points, NUCLEI) for labels in ways])
        for n, way in enumerate(("affine", "whole")):
            mean = [float(v) for v in np.mean([ways[n][0] for ways in found], axis=0)]
            print(row(f"{kind}, {way}", (mean, float(np.mean([ways[n][1] for ways in found])))), flush=True)
        every += [(float(np.mean(ways[0][0])), float(np.mean(ways[1][0]))) for ways in found]
    affine, whole = np.array(every).T
    print(f"mean: affine {affine.mean():.3f}, whole {whole.mean():.3f}; least {affine.min():.3f}, {whole.min():.3f};")
    print(f"{int((whole >= affine).sum())} of {len(every)} heads are no worse than by the affine")


if __name__ == "__main__":
    main()
