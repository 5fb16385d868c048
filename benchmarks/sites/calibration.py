"""Is a site as often right as its share says?

    python -m benchmarks.sites.calibration --templates DIR [--seeds 300 301] [--kinds KIND...]
    python -m benchmarks.sites.calibration --scans INPUT... [--volume 100]

With `--templates`: heads of known anatomy (`benchmarks/heads/templates.py`) are deformed and registered. Balls of 14,
65 and 270 mm3 lie in them where the atlas's own prior draws them, in each site but the dura and the arteries beside
bone, where a ball is no likeness. Their true site is the atlas's in the undeformed head, so this counts the errors of
the registration and of the vote, not those of how the atlas was drawn. With `--scans`: deposits at points marked by
eye (`sites/points.toml`), through all stages. Printed are, for each range of the share that was given, how many there
were and how many were right.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

import calcscan
from benchmarks.heads.templates import KINDS, KnownHead, deformed_head, older_adults
from benchmarks.sites.points import batches, located, places_of, with_deposits
from calcscan.grid.geometry import Array, apply
from calcscan.grid.isotropic import sample_at
from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.knowledge.settings import load
from calcscan.knowledge.sites import all_sites
from calcscan.localisation.atlas_vote import Place, atlas_vote, ranked
from calcscan.localisation.certainty import probability
from calcscan.model import Atlas, Registration

RADII_MM = (1.5, 2.5, 4.0)
BALLS = 600
"""In each head."""
TENTHS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.001)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What was said of a deposit, and whether it was right."""

    share: float
    right: bool
    group_share: float
    group_right: bool


def known_balls(known: KnownHead, registration: Registration, atlas: Atlas, seed: int) -> Iterator[Told]:
    """Balls in a head of known anatomy, as the atlas votes on them."""
    settings, rng = load(LocalisationSettings), np.random.default_rng([seed, 7])
    prior = np.zeros(256)
    for number, site in atlas.sites.items():
        if str(all_sites()[site.site].group) not in ("dura", "vascular"):
            prior[number] = settings.prior.get(site.site, 0.0)
    kji = np.argwhere(prior[atlas.labels] > 0)
    weight = prior[atlas.labels[tuple(kji.T)]]
    plexus = [number for number, site in atlas.sites.items() if site.site == "choroid_plexus"]
    front = apply(atlas.affine, kji)[:, 1] < settings.trigone_y_mm
    weight[front & np.isin(atlas.labels[tuple(kji.T)], plexus)] = settings.plexus_body_prior
    drawn = kji[rng.choice(len(kji), BALLS, p=weight / weight.sum())]
    isotropic = known.intracranial.isotropic_hu
    for middle in _in_head(known, apply(atlas.affine, drawn + rng.uniform(-0.5, 0.5, drawn.shape))):
        radius = float(rng.choice(RADII_MM))
        ball = middle + _points(0.0, radius)
        numbers = sample_at(atlas.labels, atlas.affine, known.in_mni(ball), nearest=True).astype(np.int64)
        number = int(np.bincount(numbers).argmax())
        if number == 0:
            continue
        truth = (atlas.sites[number].site, atlas.sites[number].side)
        shell = known.in_scan(middle + _points(radius + settings.shell_inner_mm, radius + settings.shell_outer_mm))
        fluid = float((sample_at(isotropic.values, isotropic.affine, shell) < settings.fluid_hu).mean())
        in_scan = known.in_scan(ball)
        beside_mm = max(abs(float(registration.to_atlas(in_scan)[:, 0].mean())) - settings.falx_half_mm, 0.0)
        weights = {"falx": float(np.exp(-0.5 * (beside_mm / settings.uncertainty_mm) ** 2))}
        if fluid >= settings.fluid_share:
            weights["choroid_plexus"] = settings.fluid_weight
        yield _told(ranked(atlas_vote(in_scan, registration, atlas, settings), weights), truth, settings)


def _told(votes: list[tuple[Place, float]], truth: Place, settings: LocalisationSettings) -> Told:
    groups: dict[tuple[str, str], float] = {}
    for place, share in votes:
        groups[_group(place)] = groups.get(_group(place), 0.0) + share
    group = max(groups, key=lambda name: groups[name])
    return Told(
        share=probability(votes[0][1], settings),
        right=votes[0][0] == truth,
        group_share=probability(groups[group], settings),
        group_right=group == _group(truth),
    )


def _group(place: Place) -> tuple[str, str]:
    return str(all_sites()[place[0]].group), place[1]


def _in_head(known: KnownHead, mni_mm: Array) -> Array:
    """The points of the unmoved head at these places of MNI space: the way there, inverted step by step."""
    points = mni_mm.copy()
    for _ in range(8):
        points += mni_mm - known.in_mni(points)
    return points


def _points(least_mm: float, most_mm: float) -> Array:
    """Points every millimetre, this far from the origin."""
    axis = np.arange(-np.ceil(most_mm), np.ceil(most_mm) + 1.0)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    far = np.linalg.norm(points, axis=1)
    return np.asarray(points[(far >= least_mm) & (far <= most_mm)])


def marked(path: Path, volume_mm3: float, atlas: Atlas) -> tuple[list[Told], int, int]:
    """Deposits at the points of a real scan through all stages: what was told, how many missed, how many unassigned."""
    scan, told, missed, nowhere = calcscan.read_scan(path), [], 0, 0
    for batch in batches(places_of(path)):
        changed, owner = with_deposits(scan, batch, volume_mm3, 600.0)
        lesions, _ = located(changed, atlas)
        for n, place in enumerate(batch, start=1):
            labels = lesions.labels[owner == n]
            if not labels.any():
                missed += 1
                continue
            lesion = lesions.lesions[int(np.bincount(labels[labels > 0]).argmax()) - 1]
            right = (lesion.site, lesion.side) == (place.site, place.side)
            if lesion.site == "unassigned":
                nowhere += 1
            share = lesion.site_share
            print(f"{path.name:24} {place.site:15} {place.side:8} {lesion.site} {lesion.side} {share} {lesion.also}")
            if share is not None:
                told.append(Told(share=share, right=right, group_share=share, group_right=right))
    return told, missed, nowhere


def table(rows: list[tuple[float, bool]], title: str) -> None:
    print(f"\n{title}\n{'share given':14} {'deposits':>9} {'mean share':>11} {'right':>7}")
    values = np.array(rows, dtype=float)
    for low, high in pairwise(TENTHS):
        here = (values[:, 0] >= low) & (values[:, 0] < high)
        if here.any():
            share, right = values[here].mean(axis=0)
            print(f"{low:.2f} to {min(high, 1.0):.2f}   {here.sum():9} {share:11.3f} {right:7.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--templates", type=Path)
    parser.add_argument("--seeds", type=int, nargs="*", default=[300, 301])
    parser.add_argument("--kinds", nargs="*", default=list(KINDS))
    parser.add_argument("--scans", nargs="*", type=Path, default=[])
    parser.add_argument("--volume", type=float, default=100.0, help="mm3")
    arguments = parser.parse_args()
    atlas = calcscan.load_atlas()
    if arguments.templates:
        base, told = older_adults(arguments.templates), []
        for seed in arguments.seeds:
            for kind in arguments.kinds:
                known = deformed_head(base, kind, seed)
                registration = calcscan.register_atlas(known.intracranial, atlas)
                if registration.accepted:
                    told += list(known_balls(known, registration, atlas, seed))
                print(f"{kind}, seed {seed}: {'' if registration.accepted else 'not '}accepted", flush=True)
        table([(row.share, row.right) for row in told], "Site and side")
        table([(row.group_share, row.group_right) for row in told], "Group of sites and side")
    rows: list[Told] = []
    for path in arguments.scans:
        found, missed, nowhere = marked(path, arguments.volume, atlas)
        print(f"{path.name}: {missed} not found or taken for bone, {nowhere} unassigned", flush=True)
        rows += found
    if rows:
        table([(row.share, row.right) for row in rows], "Marked points, all stages")


if __name__ == "__main__":
    main()
