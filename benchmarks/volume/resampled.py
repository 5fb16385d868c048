"""What becomes of a scan that was resampled before it came?

    python -m benchmarks.volume.resampled SCAN [SCAN …] [--copies averaged5,linear1.0 linear1.0 tilted …]

A copy is named by words joined with `,`: `averaged3` (mean of three slices), `linear1.0`, `spline1.0` (cubes of 1 mm),
`tilted` (a tilted scan with its shear taken off by linear interpolation within the slices, as converters do; an
upright one as if sheared by 15 degrees). Original and copy are analysed alike. Told are the flag, the thickness that
each slice shows, lesions of the original found again, lost, and new ones, and how many volumes of the original
lie in the interval of the copy's. The original of `averaged…` is the averaged scan.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from benchmarks.heads.copies import mean_of_slices
from calcscan.grid.geometry import Geometry
from calcscan.model import Result, Scan
from calcscan.pipeline import analyse_scan
from calcscan.read import read_scan

COPIES = (
    *(f"{how}{mm}" for how in ("linear", "spline") for mm in (0.7, 1.0, 2.0)),
    *(f"averaged{count},{how}1.0" for count in (3, 5) for how in ("linear", "spline")),
    "tilted",
)
NEAR_MM = 4.0
TILT_DEG = 15.0


def on_cubes(scan: Scan, mm: float, *, spline: bool) -> Scan:
    """The scan on upright cubes of `mm`, from the first to the last slice, wherever its slices lie."""
    grid = scan.geometry
    along_i = grid.step_i_mm / np.linalg.norm(grid.step_i_mm)
    axes = np.stack([grid.normal, np.cross(grid.normal, along_i), along_i])
    last = np.array(grid.shape) - 1
    corners = grid.to_world(np.indices((2, 2, 2)).reshape(3, -1).T * last) @ axes.T
    low = corners.min(axis=0)
    low[0] = grid.origins_mm[0] @ axes[0]
    shape = tuple(int(n) for n in (corners.max(axis=0) - low) / mm + 1 + 1e-6)
    source = scan.hu.astype(np.float32)
    if spline:
        source = ndimage.spline_filter(source, order=3, output=np.float32)
    j, i = np.meshgrid(*(mm * np.arange(n) for n in shape[1:]), indexing="ij")
    hu = np.empty(shape, np.int16)
    for k in range(shape[0]):
        points = np.stack([np.full_like(j, low[0] + mm * k), low[1] + j, low[2] + i], axis=-1) @ axes
        at = np.moveaxis(grid.to_index(points), -1, 0)
        order = 3 if spline else 1
        values = ndimage.map_coordinates(source, at, order=order, mode="constant", cval=-1024.0, prefilter=False)
        hu[k] = np.rint(values).clip(-1024, 3071)
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = mm * axes.T, low @ axes
    return Scan(hu=hu, geometry=Geometry.from_affine(affine, hu.shape), study=scan.study)


def straightened(scan: Scan) -> Scan:
    """Each slice moved within its plane onto the normal of the first, by linear interpolation."""
    grid = scan.geometry
    plane = np.linalg.pinv(np.column_stack([grid.step_j_mm, grid.step_i_mm]))
    away_mm = grid.positions_mm - grid.positions_mm[0]
    upright = grid.origins_mm[0] + away_mm[:, None] * grid.normal
    push = (upright - grid.origins_mm) @ plane.T
    if grid.tilt_deg < 1.0:
        push[:, 0] = np.tan(np.radians(TILT_DEG)) * away_mm / grid.spacing_mm[1] % 1.0
        upright = upright + push[:, :1] * grid.step_j_mm
    hu = np.stack(
        [
            ndimage.shift(part.astype(np.float32), -by, order=1, mode="constant", cval=-1024.0)
            for part, by in zip(scan.hu, push, strict=True)
        ]
    )
    moved = Geometry(
        origins_mm=upright,
        step_i_mm=grid.step_i_mm,
        step_j_mm=grid.step_j_mm,
        slab_mm=grid.slab_mm,
        rows=grid.rows,
        columns=grid.columns,
    )
    return Scan(hu=np.rint(hu).astype(np.int16), geometry=moved, study=scan.study)


def copy_of(scan: Scan, word: str) -> Scan:
    """The copy that a word describes."""
    if word.startswith("averaged"):
        hu, geometry = mean_of_slices(scan, int(word.removeprefix("averaged")))
        return Scan(hu=hu, geometry=geometry, study=scan.study)
    if word == "tilted":
        return straightened(scan)
    for how in ("linear", "spline"):
        if word.startswith(how):
            return on_cubes(scan, float(word.removeprefix(how)), spline=how == "spline")
    raise ValueError(f"there is no copy {word!r}")


def _thickness_mm(result: Result) -> float:
    """What the slices average over, by the blur that was measured; NaN where nothing was analysed."""
    blur = result.searched.blur if result.searched else None
    return float(np.median(blur.thickness_mm)) if blur else np.nan


def compared(original: Result, copy: Result) -> str:
    """Lesions of the copy beside those of the original."""
    flags = {flag.code for flag in copy.quality.flags}
    told = f"{copy.quality.state:8s} {'resampled' if 'resampled' in flags else '-':9s}"
    if original.lesions is None or copy.lesions is None:
        return f"{told} not analysed"
    told += f" {_thickness_mm(copy):5.2f}"
    old, new = original.lesions, copy.lesions
    trees = [cKDTree(old.geometry.to_world(old.voxels_kji(one.id))) for one in old.lesions]
    matched: dict[int, list[int]] = {}
    unknown = []
    for lesion in new.lesions:
        at = new.geometry.to_world(new.voxels_kji(lesion.id))
        away = [float(tree.query(at)[0].min()) for tree in trees]
        if away and min(away) <= NEAR_MM:
            matched.setdefault(int(np.argmin(away)), []).append(lesion.id)
        else:
            unknown.append(f"{lesion.site} {lesion.volume_mm3:.0f}")
    holds = 0
    for number, ids in matched.items():
        parts = [new.lesions[one - 1] for one in ids]
        low, high = sum(part.volume_low_mm3 for part in parts), sum(part.volume_high_mm3 for part in parts)
        holds += low <= old.lesions[number].volume_mm3 <= high
    lost = [f"{old.lesions[n].site} {old.lesions[n].volume_mm3:.0f}" for n in range(len(trees)) if n not in matched]
    told += f"  again {len(matched)} of {len(trees)}, interval holds {holds}"
    return told + f"; lost: {', '.join(lost) or '-'}; NEW: {', '.join(unknown) or '-'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scans", nargs="+", type=Path, metavar="SCAN")
    parser.add_argument("--copies", nargs="+", default=COPIES)
    args = parser.parse_args()
    for path in args.scans:
        scan = read_scan(path)
        originals: dict[str, Result] = {}
        for name in args.copies:
            *before, last = name.split(",")
            if before and scan.geometry.spacing_mm[0] > 2.5:
                continue
            key, source = ",".join(before), scan
            for word in before:
                source = copy_of(source, word)
            if key not in originals:
                originals[key] = analyse_scan(source)
                flags = [str(flag.code) for flag in originals[key].quality.flags]
                print(f"{path.name} {key or 'original'}: {_thickness_mm(originals[key]):.2f} mm, {flags}", flush=True)
            print(f"  {name:24s} {compared(originals[key], analyse_scan(copy_of(source, last)))}", flush=True)


if __name__ == "__main__":
    main()
