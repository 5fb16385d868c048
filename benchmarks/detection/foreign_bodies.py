"""Is anything that was put into a head reported as calcification, and is calcification that looks like it kept?

    python -m benchmarks.detection.foreign_bodies INPUT... [--seeds 100 101] [--kinds KIND...] [--calcified]

Tubes, wires, leads, contacts, casts, coils and fragments of 1 to 3 mm, 150 to 3000 HU and more, are inserted into each
scan at random places and courses, with a blur of 0.55 mm, the thickness of its slices, a burr hole where they pass the
skull, and rays where they are metal. Segmentation, recovery of what touches bone, detection and material are run anew;
the registration is that of the unchanged scan. Printed is what of them is still reported, mm3, and how much of the
scan's own calcification is not reported any more. With --calcified, calcification along smooth courses is inserted
instead (edges of falx and tentorium, plates, plexus, walls of arteries, streaks, gyri, dots), and what of it is lost.

Seeds below 100 were used for tuning, on the 1.25 mm and the tilted scan; the others are held out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from support.foreign_shapes import (
    BASILAR,
    FALX_EDGE,
    GLOMUS,
    TENTORIAL_EDGE,
    Thing,
    catheter,
    coil,
    curve,
    grid_of_contacts,
    knots,
    lead,
    line,
    put_in,
    random_entry,
    random_target,
    rope,
    sheet,
    tree,
    wall,
    with_burr_hole,
    with_streaks,
)

import calcscan
from calcscan.atlas import load_atlas
from calcscan.bone_contact import recover_bone_contact
from calcscan.detection import detect_lesions
from calcscan.intracranial import segment_intracranial
from calcscan.knowledge.stage_settings import StageSettings
from calcscan.material import judge_material
from calcscan.model import Atlas, Intracranial, LesionMap, Registration, Scan, SearchRegion
from calcscan.registration import register_atlas

KINDS = ("catheter", "stripe", "lead", "depth", "wire", "cast", "coil", "fragment", "grid", "icp")
CALCIFIED = (
    "falx edge", "tentorial edge", "basilar wall", "glomus", "even glomus", "perivascular", "falx plate", "gyrus",
    "streaks", "dots",
)  # fmt: skip
BLUR_MM = 0.55
MOST_MM3 = 10.0
RAS_TO_LPS = np.array([-1.0, -1.0, 1.0])


def foreign(kind: str, scan: Scan, head: Intracranial, rng: np.random.Generator) -> Scan:
    """The scan with one thing, or three fragments, of a kind in it."""
    entry = random_entry(head, rng)
    target = random_target(head, rng, near=None if kind == "depth" else entry)
    through, metal = True, kind in ("lead", "depth", "coil")
    if kind == "catheter":
        bore = rng.uniform(0.4, 0.7)
        things = [catheter(entry, target, rng, hu=rng.uniform(150, 900), radius_mm=rng.uniform(1.1, 1.5), bore_mm=bore)]
    elif kind == "stripe":
        things = [catheter(entry, target, rng, hu=rng.uniform(700, 2500), radius_mm=0.5, bore_mm=0.0)]
    elif kind == "lead":
        hu = rng.uniform(500, 2000)
        things = [lead(entry, target, radius_mm=0.65, hu=hu, contact_hu=3000, contacts=4, pitch_mm=2.0, contact_mm=1.5)]
    elif kind == "depth":
        hu, pitch = rng.uniform(100, 400), float(rng.choice([3.5, 5.0, 8.0]))
        things = [
            lead(entry, target, radius_mm=0.55, hu=hu, contact_hu=3000, contacts=10, pitch_mm=pitch, contact_mm=2.0)
        ]
    elif kind == "icp":
        way = (target - entry) / np.linalg.norm(target - entry)
        course = line(entry - 12.0 * way, entry + rng.uniform(15, 35) * way)
        things = [Thing.along(course, rng.uniform(0.5, 0.8), rng.uniform(600, 3000))]
    else:
        through = False
        things = _inside(kind, entry, target, head, rng)
    with_hole = with_burr_hole(scan, head, things[0].points) if through else scan
    out, filled = put_in(with_hole, things, BLUR_MM)
    return with_streaks(out, filled, rng) if metal else out


def _inside(
    kind: str, entry: np.ndarray, target: np.ndarray, head: Intracranial, rng: np.random.Generator
) -> list[Thing]:
    if kind == "cast":
        hu, radius, length = rng.uniform(1300, 2500), rng.uniform(0.6, 1.5), rng.uniform(20, 120)
        return [tree(target, rng, hu=hu, radius_mm=radius, length_mm=length)]
    if kind == "coil":
        return [coil(target, rng, diameter_mm=rng.uniform(4, 12), hu=rng.uniform(4000, 8000))]
    if kind == "grid":
        return grid_of_contacts(entry, head, rng, hu=3000, radius_mm=rng.uniform(0.9, 1.3))
    if kind == "fragment":
        places = [random_target(head, rng, least_mm=12.0)[None] for _ in range(3)]
        return [Thing.along(place, rng.uniform(0.7, 2.0), rng.uniform(2000, 6000)) for place in places]
    start, end = random_target(head, rng, least_mm=15.0), random_target(head, rng, least_mm=15.0)
    while np.linalg.norm(end - start) < 25.0:
        end = random_target(head, rng, least_mm=15.0)
    length = min(float(np.linalg.norm(end - start)), rng.uniform(25, 60))
    end = start + (end - start) / np.linalg.norm(end - start) * length
    return [Thing.along(line(start, end, bow_mm=rng.uniform(0, 3)), rng.uniform(0.5, 1.5), rng.uniform(250, 3000))]


def calcified(kind: str, fit: Registration, rng: np.random.Generator) -> list[Thing]:
    """Calcification of a kind, where the atlas has such."""
    side = np.array([rng.choice([-1, 1]), 1.0, 1.0])

    def there(points: np.ndarray) -> np.ndarray:
        return fit.to_scan(points * side * RAS_TO_LPS)

    hu, first = rng.uniform(250, 900), rng.uniform(0.0, 0.5)
    if kind == "falx edge":
        course = curve(there(FALX_EDGE), first, first + rng.uniform(0.25, 0.4))
        return [rope(course, rng, hu=hu, radius_mm=rng.uniform(0.8, 1.6))]
    if kind == "tentorial edge":
        return [rope(curve(there(TENTORIAL_EDGE), first, first + 0.45), rng, hu=hu, radius_mm=rng.uniform(0.8, 1.6))]
    if kind == "basilar wall":
        return [wall(curve(there(BASILAR)), rng, hu=hu, radius_mm=rng.uniform(1.5, 2.2))]
    if kind == "glomus":
        course = curve(there(GLOMUS), 0.0, rng.uniform(0.6, 1.0))
        return [knots(course, rng, hu=min(hu, 700.0), radius_mm=rng.uniform(1.2, 2.5), apart_mm=rng.uniform(1.5, 3))]
    if kind == "even glomus":
        course = curve(there(GLOMUS), 0.0, rng.uniform(0.6, 1.0))
        return [rope(course, rng, hu=min(hu, 600.0), radius_mm=rng.uniform(1.2, 2.0), uneven=0.25)]
    if kind == "falx plate":
        course = curve(there(FALX_EDGE), first, first + rng.uniform(0.15, 0.35))
        high, thick = rng.uniform(3, 10), rng.uniform(1.0, 2.5)
        return [sheet(course, np.array([0, 0, 1.0]), rng, hu=hu, high_mm=high, thick_mm=thick)]
    if kind == "gyrus":
        points = np.array([(-45, -70, 10), (-35, -82, 12), (-30, -80, 14), (-25, -90, 15), (-15, -92, 12)], float)
        course, up = curve(there(points)), np.array([0, 0, 1.0])
        return [
            sheet(course + np.array([0, dy, 0]), up, rng, hu=min(hu, 500.0), high_mm=rng.uniform(4, 12), thick_mm=1.2)
            for dy in (0.0, 4.0)
        ]
    if kind == "dots":
        return [
            Thing.along(there(np.array([[18, -3, 0.0]]) + rng.uniform(-1, 1, (1, 3)) * [8, 12, 9]), radius, 500.0)
            for radius in rng.uniform(0.7, 1.4, 24)
        ]
    out = []
    for _ in range(5):
        middle, way = np.array([rng.uniform(14, 32), rng.uniform(-20, 15), rng.uniform(0, 30)]), rng.normal(size=3)
        half = way / np.linalg.norm(way) * rng.uniform(3, 8 if kind == "streaks" else 7)
        points = np.array([middle - half, middle + rng.normal(0, 0.6, 3), middle + half])
        out.append(rope(curve(there(points)), rng, hu=hu, radius_mm=rng.uniform(0.5, 1.3), uneven=0.35))
    return out


def judged(scan: Scan, region: SearchRegion, fit: Registration, atlas: Atlas, settings: StageSettings) -> LesionMap:
    """What counts as calcification of a scan."""
    lesions = detect_lesions(scan, region, thresholds=settings.thresholds, volume=settings.volume)
    return judge_material(lesions, scan, region, fit, atlas, foreign_body=settings.foreign_body)


def region_of(scan: Scan, head: Intracranial, fit: Registration, atlas: Atlas, settings: StageSettings) -> SearchRegion:
    return recover_bone_contact(
        scan, head, fit, atlas, settings=settings.bone_contact, space=settings.intracranial, air=settings.air_contact
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("inputs", nargs="+", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[100, 101])
    parser.add_argument("--kinds", nargs="+")
    parser.add_argument("--calcified", action="store_true")
    arguments = parser.parse_args()
    settings, atlas = StageSettings.load(), load_atlas()
    kinds = arguments.kinds or (CALCIFIED if arguments.calcified else KINDS)
    sums: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
    for path in arguments.inputs:
        scan = calcscan.read_scan(path)
        head = segment_intracranial(scan, settings=settings.intracranial)
        fit = register_atlas(head, atlas, settings=settings.registration)
        region = region_of(scan, head, fit, atlas, settings)
        own = judged(scan, region, fit, atlas, settings).labels > 0
        for seed in arguments.seeds:
            for number, kind in enumerate(kinds):
                rng = np.random.default_rng([seed, number])
                if arguments.calcified:
                    changed, _ = put_in(scan, calcified(kind, fit, rng), BLUR_MM)
                    found = judged(changed, region, fit, atlas, settings)
                else:
                    changed = foreign(kind, scan, head, rng)
                    inside = segment_intracranial(changed, settings=settings.intracranial)
                    again = region_of(changed, inside, fit, atlas, settings)
                    found = judged(changed, again, fit, atlas, settings)
                told, lost = _sums(scan, changed, own, found)
                if arguments.calcified:
                    lost = sum(item.volume_mm3 for item in found.left_out if item.reason in ("foreign_body", "metal"))
                sums[kind].append((told, lost))
                print(f"{path.name:24} {seed:4} {kind:16} reported {told:6.0f} mm3  lost {lost:6.0f} mm3", flush=True)
    print(f"{'kind':16} {'cases':>5} {'over 10 mm3 reported':>21} {'over 10 mm3 lost':>17}")
    for kind, rows in sums.items():
        over, less = (sum(row[n] > MOST_MM3 for row in rows) for n in (0, 1))
        print(f"{kind:16} {len(rows):5} {over:21} {less:17}")


def _sums(scan: Scan, changed: Scan, own: np.ndarray, found: LesionMap) -> tuple[float, float]:
    """(mm3 of lesions reported that lie mostly in what was changed, mm3 of the scan's own calcification that was taken
    for foreign or metal)."""
    new = np.abs(changed.hu.astype(np.int32) - scan.hu) > 25
    told = 0.0
    for lesion in found.lesions:
        kji = tuple(found.voxels_kji(lesion.id).T)
        if new[kji].mean() > 0.3 and own[kji].mean() < 0.5:
            told += lesion.volume_mm3
    lost = 0.0
    for item in found.left_out:
        if item.reason in ("foreign_body", "metal"):
            kji = tuple(item.kji.T)
            lost += item.volume_mm3 if own[kji].mean() >= 0.5 else 0.0
    return told, lost


if __name__ == "__main__":
    main()
