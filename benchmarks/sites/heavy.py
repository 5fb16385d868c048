"""Heavy calcification of many kinds, drawn with what the atlas lacks: volume, site, side, and what is silently lost.

    python -m benchmarks.sites.heavy INPUT... [--seed 7] [--diseases fahr stones] [--moves pushed wide] [--keep TO]

Each disease of `benchmarks.heads.heavy` is put into each scan and all stages are run anew. Of each voxel that
calcification fills by half it is asked what became of it: at its site, at another, at the other side, left out (and for
which reason), or not seen. `--keep` writes each head as NIfTI, for `calcscan run`.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import nibabel
import numpy as np

import calcscan
from benchmarks.heads.copies import PLAIN, copy_of
from benchmarks.heads.heavy import DISEASES, MOVES, Drawn, draw
from calcscan.bone_contact import recover_bone_contact
from calcscan.examination import segment_as_ordinary
from calcscan.knowledge.stage_settings import StageSettings
from calcscan.model import Atlas, Result, Scan
from calcscan.registration import register_atlas
from calcscan.verification.blur import find_blur

Place = tuple[str, str]
AS_GOOD: Mapping[str, tuple[str, ...]] = {
    "bridge": ("caudate", "putamen", "pallidum", "thalamus", "white_matter"),
    "mass": ("unassigned", "extra_axial", "falx", "choroid_plexus", "ventricle_wall"),
    "speck": ("thalamus", "white_matter", "cerebellum", "putamen", "pallidum", "caudate", "cortex", "dentate"),
}
"""Where what no site of the atlas is may be told."""
SHOWN = 0.02


def fates(drawn: Drawn, result: Result) -> dict[Place, Counter[str]]:
    """What became of each place's calcification, mm3 of voxels."""
    mm3 = drawn.scan.geometry.voxel_mm3
    told = [f"left out: {item.reason}{'' if item.sure else '?'}" for item in result.lesions.left_out]
    number = np.zeros(drawn.owner.shape, np.int32)
    for n, item in enumerate(result.lesions.left_out, start=1):
        number[tuple(item.kji.T)] = -n
    number = np.where(result.lesions.labels > 0, result.lesions.labels, number)
    by_id = {item.id: item for item in result.lesions.lesions}
    out: dict[Place, Counter[str]] = {}
    for n, (site, side) in enumerate(drawn.places, start=1):
        kji = np.argwhere((drawn.owner == n) & (drawn.scan.hu >= 130))
        counts: Counter[str] = Counter()
        found = number[tuple(kji.T)]
        for value in np.unique(found):
            amount = float(mm3[kji[found == value, 0]].sum())
            if value <= 0:
                counts[told[-value - 1] if value else "not seen"] += amount
                continue
            lesion = by_id[int(value)]
            if lesion.side in ("left", "right") and lesion.side != side:
                counts[f"SIDE {lesion.site} {lesion.side}"] += amount
            elif lesion.site in (site, *AS_GOOD.get(site, ())):
                counts["right"] += amount
            else:
                counts[f"{lesion.site} {lesion.side}".strip()] += amount
        out[site, side] = counts
    return out


def report(title: str, drawn: Drawn, result: Result, before: Result) -> str:
    """What was said of one head, and what was true."""
    flags = ", ".join(flag.code for flag in result.quality.flags)
    lines = [f"== {title}: {result.quality.state} ({flags})"]
    if result.lesions is None or result.summary is None:
        return lines[0]
    old = {(row.site, row.side): row for row in before.summary.sites}
    told = {(row.site, row.side): row for row in result.summary.sites}
    every = [sum(getattr(n, name) for n in result.lesions.lesions) for name in
             ("volume_mm3", "volume_low_mm3", "volume_high_mm3")]  # fmt: skip
    was = sum(n.volume_mm3 for n in before.lesions.lesions)
    truth = sum(drawn.mm3.values()) + was
    sites = sum(row.volume_mm3 or 0.0 for row in told.values())
    lines.append(f"   total {every[0]:.0f} ({every[1]:.0f}-{every[2]:.0f}) for {truth:.0f} mm3, {every[0] / truth:.0%};"
                 f" sites sum to {sites:.0f}")  # fmt: skip
    for place, counts in fates(drawn, result).items():
        most = sum(counts.values()) or 1.0
        shares = ", ".join(f"{name} {v / most:.0%}" for name, v in counts.most_common() if v >= SHOWN * most)
        row = told.get(place)
        said = ""
        if row is not None and row.volume_mm3 is not None:
            mm3 = drawn.mm3[place] + (old[place].volume_mm3 or 0.0)
            held = row.volume_low_mm3 <= mm3 <= row.volume_high_mm3
            said = f"{row.volume_mm3:6.0f} ({row.volume_low_mm3:.0f}-{row.volume_high_mm3:.0f}){'' if held else ' OUT'}"
        name = " ".join(place)
        lines.append(f"   {name:22} true {drawn.mm3[place]:6.0f}  told {said or 'unknown':24} | {shares}")
    true_places = set(drawn.mm3)
    for place, row in told.items():
        more = (row.volume_mm3 or 0.0) - (old[place].volume_mm3 or 0.0)
        if place not in true_places and more > 20.0:
            lines.append(f"   elsewhere: {' '.join(place)} {more:.0f} mm3")
    for pair in result.summary.symmetry:
        left, right = (drawn.mm3.get((pair.pair, side), 0.0) for side in ("left", "right"))
        if left + right > 0:
            index = "unknown" if pair.index is None else f"{pair.index:+.2f}"
            lines.append(f"   symmetry {pair.pair}: {index} for {(left - right) / (left + right):+.2f},"
                         f" bilateral {pair.bilateral}, symmetric {pair.symmetric}")  # fmt: skip
    return "\n".join(lines)


def keep(scan: Scan, path: Path) -> None:
    """The scan as NIfTI, upright and evenly spaced only."""
    grid = scan.geometry
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = grid.step_i_mm, grid.step_j_mm
    affine[:3, 2] = (grid.origins_mm[-1] - grid.origins_mm[0]) / (len(grid.origins_mm) - 1)
    affine[:3, 3] = grid.origins_mm[0]
    nibabel.save(nibabel.Nifti1Image(np.asarray(scan.hu).T, np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine), path)


def examine(name: str, scan: Scan, atlas: Atlas, options: argparse.Namespace) -> None:
    """Every disease put into one scan."""
    settings = StageSettings.load()
    before = calcscan.analyse_scan(scan, atlas=atlas)
    ordinary, space, _ = segment_as_ordinary(scan, settings)
    registration = register_atlas(space, atlas, settings=settings.registration)
    region = recover_bone_contact(
        ordinary, space, registration, atlas, settings=settings.bone_contact, space=settings.intracranial,
        air=settings.air_contact,
    )  # fmt: skip
    psf_mm = find_blur(ordinary).psf_mm
    for disease in options.diseases:
        for move in options.moves:
            drawn = draw(disease, scan, region, registration, atlas, psf_mm, seed=options.seed, move=move)
            title = " ".join(filter(None, (name, disease, move)))
            if options.keep:
                keep(drawn.scan, options.keep / f"{title.replace(' ', '_')}.nii.gz")
            print(report(title, drawn, calcscan.analyse_scan(drawn.scan, atlas=atlas), before), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("inputs", nargs="+", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--diseases", nargs="*", default=list(DISEASES), choices=list(DISEASES))
    parser.add_argument("--moves", nargs="*", default=[""], choices=list(MOVES))
    parser.add_argument("--copies", nargs="*", default=[PLAIN], help="as benchmarks.heads.copies names them")
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    atlas = calcscan.load_atlas()
    for path in options.inputs:
        scan = calcscan.read_scan(path)
        for copy in options.copies:
            name = path.name if copy == PLAIN else f"{path.name} {copy}"
            examine(name, copy_of(scan, copy), atlas, options)


if __name__ == "__main__":
    main()
