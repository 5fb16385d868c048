"""Is a calcification assigned to the right site and side?

    python -m benchmarks.sites.points INPUT... [--volume 100] [--hu 600] [--sites SITE...]

Deposits are inserted at points that are known without calcscan: in a real scan those of `points.toml` (marked by eye,
looked up by the name of the folder or file), in a sample head published MNI positions taken through the warp that
made it. Several far apart are inserted at a time, and all stages are run anew. A deposit of the falx or tentorium is
flat; one of the convexity is a plaque of 3.5 mm on the inner table, whose course between two slices is followed,
since a slice that the table crosses obliquely blurs plaque and table alike. Printed are the share of each deposit's
voxels that is assigned to the right site and side, and how far the atlas's structure lies from the point; at the end
the sums, separately for points on which limits were chosen (tuned) and points marked before anything was tried on
them (held). Plaques of many sizes at random places of the vault: `benchmarks.detection.plaques`.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage.morphology import convex_hull_image

import calcscan
from benchmarks import ROOT
from calcscan.examination import examine as examine_scan
from calcscan.grid.geometry import apply
from calcscan.model import Atlas, LesionMap, Registration, Scan

MARKED = Path(__file__).with_name("points.toml")
APART_MM = 25.0
PLAQUE_MM = 3.5
TABLE_HU, BRAIN_HU = 500, 35.0
NARROW = ("carotid_siphon", "petroclinoid", "vertebral")
"""Sites between bones with no room for more than 30 mm3."""
BLUR_MM = 0.6
ACROSS = {"falx": (1.0, 0.0, 0.0), "tentorium": (0.0, 0.0, 1.0)}
MNI_MM = {
    "caudate": (13.0, 11.0, 9.0),
    "putamen": (26.0, 3.0, 1.0),
    "pallidum": (20.0, -4.0, -2.0),
    "thalamus": (11.0, -18.0, 7.0),
    "dentate": (15.0, -60.0, -34.0),
    "choroid_plexus": (25.0, -42.0, 8.0),
}
"""Published centres of the nuclei in MNI152 (right side)."""
MIDLINE_MNI_MM = (
    ("pineal", (0.0, -29.0, 1.2)),
    ("falx", (0.0, 48.0, 28.0)),
    ("falx", (0.0, -20.0, 68.0)),
    ("falx", (0.0, -80.0, 30.0)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    site: str
    side: str
    lps_mm: tuple[float, float, float]
    normal: tuple[float, float, float] | None = None
    """Across the sheet of a falx or tentorium; None takes it to stand upright or to lie flat."""
    set: str = "tuned"


def places_of(path: Path) -> list[Place]:
    """Where deposits go in this scan; empty where nothing is known of it."""
    marked = tomllib.loads(MARKED.read_text(encoding="utf-8"))
    if path.name in marked:
        return [
            Place(
                site=p["site"],
                side=p["side"],
                lps_mm=tuple(p["lps_mm"]),
                normal=tuple(p["normal"]) if "normal" in p else None,
                set=p.get("set", "tuned"),
            )
            for p in marked[path.name]["points"]
        ]
    sys.path.insert(0, str(ROOT / "sample_data"))
    from heads import HEADS
    from person import Warp

    builds = {head.name: head.build for head in HEADS}
    if path.name not in builds:
        return []
    rows = [
        (site, side, (x if side == "right" else -x, y, z))
        for site, (x, y, z) in MNI_MM.items()
        for side in ("right", "left")
    ]
    rows += [(site, "midline", point) for site, point in MIDLINE_MNI_MM]
    there = Warp(builds[path.name]).to_scanner(np.array([point for *_, point in rows]))
    return [
        Place(site=site, side=side, lps_mm=(float(p[0]), float(p[1]), float(p[2])))
        for (site, side, _), p in zip(rows, there, strict=True)
    ]


def with_deposits(scan: Scan, places: list[Place], volume_mm3: float, hu: float) -> tuple[Scan, np.ndarray]:
    """The scan with a deposit at each place, and which voxels each one filled by half or reached 130 HU in (1…n)."""
    out = scan.hu.astype(np.float32)
    owner = np.zeros(scan.hu.shape, np.int16)
    for n, place in enumerate(places, start=1):
        box, share = _filled(scan, place, volume_mm3)
        block = out[box]
        before = block.copy()
        under = (
            BRAIN_HU if place.site == "convexity_dura" else block
        )  # it takes the brain's part of a voxel, not bone's
        block += share * np.maximum(hu - under, 0.0)
        owner[box][(block >= 130.0) & (before < 130.0) & (share > 0.02)] = n
    again = Scan(
        hu=np.rint(out).astype(np.int16),
        geometry=scan.geometry,
        acquisition=scan.acquisition,
        study=scan.study,
        series=scan.series,
        flags=scan.flags,
    )
    return again, owner


def _filled(scan: Scan, place: Place, volume_mm3: float) -> tuple[tuple[slice, ...], np.ndarray]:
    """The share of each voxel of a box that the deposit fills, blurred in plane."""
    middle = np.array(place.lps_mm)
    box = box_around(scan, middle, 14.0)
    depth_mm = _under_the_table(scan, box) if place.site == "convexity_dura" else None

    def held(points: np.ndarray) -> np.ndarray:
        within = _within(points - middle, place, volume_mm3)
        if depth_mm is not None:
            depth = depth_mm(points)
            within &= (depth > 0.0) & (depth <= PLAQUE_MM)
        return within

    return box, share_held(scan, box, held)


def box_around(scan: Scan, point: np.ndarray, reach_mm: float) -> tuple[slice, ...]:
    """The voxels no farther than this from a point, along each axis of the grid."""
    grid = scan.geometry
    nearest = np.rint(grid.to_index(point)).astype(int)
    reach = np.ceil(reach_mm / np.array([np.diff(grid.positions_mm).min(), *grid.spacing_mm[1:]])).astype(int)
    low, high = np.maximum(nearest - reach, 0), np.minimum(nearest + reach + 1, grid.shape)
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))


def share_held(scan: Scan, box: tuple[slice, ...], held: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """The share of each voxel of a box of which `held` says that it is filled, blurred in plane."""
    grid = scan.geometry
    index = np.stack(np.meshgrid(*(np.arange(part.start, part.stop) for part in box), indexing="ij"), axis=-1)
    world = grid.to_world(index.reshape(-1, 3))
    slab = np.repeat(grid.slab_mm[box[0]], index[0, ..., 0].size)
    share = np.zeros(len(world))
    steps = [(a, b, c) for a in np.linspace(-0.45, 0.45, 7) for b in (-0.25, 0.25) for c in (-0.25, 0.25)]
    for a, b, c in steps:
        points = world + a * slab[:, None] * grid.normal + b * grid.step_j_mm + c * grid.step_i_mm
        share += held(points) / len(steps)
    return ndimage.gaussian_filter(share.reshape(index.shape[:3]), (0.0, *(BLUR_MM / np.array(grid.spacing_mm[1:]))))


def _within(offset: np.ndarray, place: Place, volume_mm3: float) -> np.ndarray:
    """Which points lie in the deposit: a ball, or flat along the dura."""
    radius = ((30.0 if place.site in NARROW else volume_mm3) * 0.75 / np.pi) ** (1 / 3)
    thin, wide = 0.5 * radius, radius * np.sqrt(2.0)
    if place.site == "convexity_dura":
        return np.linalg.norm(offset, axis=1) <= 1.5 * wide
    if place.site not in ACROSS:
        return np.linalg.norm(offset, axis=1) <= radius
    normal = np.array(place.normal or ACROSS[place.site])
    across = offset @ (normal / np.linalg.norm(normal))
    along2 = (offset**2).sum(axis=1) - across**2
    return (across / thin) ** 2 + along2 / wide**2 <= 1.0


def _under_the_table(scan: Scan, box: tuple[slice, ...]) -> Callable[[np.ndarray], np.ndarray]:
    """How deep points lie under the vault's inner table, mm. Its course is seen in each slice where the density passes
    TABLE_HU; between slices the distances in plane are interpolated, and the slope turns them into depth."""
    low = np.array([max(box[0].start - 1, 0), max(box[1].start - 20, 0), max(box[2].start - 20, 0)])
    high = np.minimum([box[0].stop + 1, box[1].stop + 20, box[2].stop + 20], scan.hu.shape)
    sampling = scan.geometry.spacing_mm[1:]
    signed = []
    for k in range(low[0], high[0]):
        bone = largest_piece(scan.hu[k] > TABLE_HU)  # not the head's rest
        whole = largest_piece(convex_hull_image(bone) & ~bone)  # a hole in the vault leaves the hull whole
        inner = ndimage.binary_fill_holes(whole)[low[1] : high[1], low[2] : high[2]]
        outwards = ndimage.distance_transform_edt(~inner, sampling=sampling)
        signed.append(ndimage.distance_transform_edt(inner, sampling=sampling) - outwards)
    stack = np.array(signed)

    def in_plane_mm(points: np.ndarray) -> np.ndarray:
        return ndimage.map_coordinates(stack, (scan.geometry.to_index(points) - low).T, order=1, mode="nearest")

    def depth_mm(points: np.ndarray) -> np.ndarray:
        slope = in_plane_mm(points + 0.5 * scan.geometry.normal) - in_plane_mm(points - 0.5 * scan.geometry.normal)
        return in_plane_mm(points) / np.sqrt(1.0 + slope**2)

    return depth_mm


def largest_piece(mask: np.ndarray) -> np.ndarray:
    pieces, _ = ndimage.label(mask, np.ones((3, 3)))
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return np.asarray(pieces == sizes.argmax())


def batches(places: list[Place]) -> list[list[Place]]:
    """Places of one batch lie far from each other."""
    out: list[list[Place]] = []
    for place in places:
        for batch in out:
            if all(np.linalg.norm(np.subtract(place.lps_mm, p.lps_mm)) >= APART_MM for p in batch):
                batch.append(place)
                break
        else:
            out.append([place])
    return out


def off_mm(place: Place, registration: Registration, atlas: Atlas) -> float | None:
    """From the point to the nearest voxel of its site in the atlas; None for what is not drawn."""
    numbers = [n for n, s in atlas.sites.items() if (s.site, s.side) == (place.site, place.side)]
    kji = np.argwhere(np.isin(atlas.labels, numbers))
    if len(kji) == 0:
        return None
    there = registration.to_atlas(np.array(place.lps_mm))
    gap = float(np.linalg.norm(apply(atlas.affine, kji) - there, axis=1).min())
    return 0.0 if gap < 1.0 else gap


def located(scan: Scan, atlas: Atlas) -> tuple[LesionMap, Registration]:
    """The stages from the intracranial space to sites, run on this scan."""
    examination = examine_scan(scan, atlas)
    return examination.lesions, examination.registration


def examine(
    path: Path, volume_mm3: float, hu: float, atlas: Atlas, sites: set[str]
) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """For each set and site (volume filled, volume right) of every deposit; prints a line each."""
    scan = calcscan.read_scan(path)
    sums: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for batch in batches([place for place in places_of(path) if not sites or place.site in sites]):
        changed, owner = with_deposits(scan, batch, volume_mm3, hu)
        lesions, registration = located(changed, atlas)
        for n, place in enumerate(batch, start=1):
            here = np.argwhere(owner == n)
            mm3 = scan.geometry.voxel_mm3[here[:, 0]]
            lesion = lesions.labels[tuple(here.T)]
            told = defaultdict(float)
            for number in np.unique(lesion):
                name = "missed" if number == 0 else " ".join(_told(lesions.lesions[number - 1]))
                told[name] += float(mm3[lesion == number].sum())
            total, right = float(mm3.sum()), told[f"{place.site} {place.side}"]
            sums[place.set, place.site].append((total, right))
            gap = off_mm(place, registration, atlas)
            print(
                f"{path.name:24} {place.set:5} {place.site:15} {place.side:8} {right / max(total, 1e-9):4.0%}"
                f" of {total:4.0f} mm3"
                f"   atlas {'-' if gap is None else f'{gap:.1f} mm off'}   "
                + ", ".join(f"{name} {mm3:.0f}" for name, mm3 in told.items()),
                flush=True,
            )
    return sums


def _told(lesion: calcscan.model.Lesion) -> tuple[str, str]:
    return lesion.site or "", lesion.side or ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("inputs", nargs="+", type=Path)
    parser.add_argument("--volume", type=float, default=100.0, help="mm3")
    parser.add_argument("--hu", type=float, default=600.0)
    parser.add_argument("--sites", nargs="*", default=[], help="only deposits at these")
    arguments = parser.parse_args()
    atlas = calcscan.load_atlas()
    sums: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for path in arguments.inputs:
        told = examine(path, arguments.volume, arguments.hu, atlas, set(arguments.sites))
        for key, pairs in told.items():
            sums[key] += pairs
    for name in sorted({name for name, _ in sums}, reverse=True):
        print()
        here = {site: pairs for (of, site), pairs in sums.items() if of == name}
        here["all"] = [pair for pairs in here.values() for pair in pairs]
        for site, rows in here.items():
            total, right = (sum(column) for column in zip(*rows, strict=True))
            print(f"{name:5} {site:15} {len(rows):3} deposits, {right / total:4.0%} of the volume right")


if __name__ == "__main__":
    main()
