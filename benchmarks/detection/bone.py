"""Is bone ever counted as calcification: a plaque, a siphon, cortex?

    python -m benchmarks.detection.bone --scans DIR [INPUT...] [--scan NAME ...] [--copies plain turn_x+20 ...]
        [--changes hyperostosis craniectomy ...] [--seeds 200 201] [--from-mm3 30] [--left-out]

Each head passes through all stages as it is, in copies (`benchmarks/heads/copies.py`: turned, cropped, averaged) and
with its bone changed (`benchmarks/heads/bone.py`: hyperostosis, craniectomies, burr holes, flaps, motion), at a place
and a size that each seed chooses. What the head shows as it is counts as its own: a lesion of the same site, no more
than 8 mm away in the atlas, is not counted in a copy. Printed is every other lesion of `--from-mm3` and more, and at
the end how many in how many pictures. Lesions of the unchanged heads are listed as `own`: those need a look by eye.
Seeds below 200 were used for tuning. `--thick 5` averages each changed head to slices of 5 mm.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.detection.recall import HARMLESS
from benchmarks.heads.bone import CHANGES, Head
from benchmarks.heads.copies import PLAIN, averaged, copy_of
from calcscan.atlas import load_atlas
from calcscan.bone_contact import recover_bone_contact
from calcscan.errors import CalcscanError
from calcscan.examination import search
from calcscan.inspection import inspect_scan, moved_slices
from calcscan.intracranial import segment_intracranial
from calcscan.knowledge.stage_settings import StageSettings
from calcscan.model import LocatedLesion, Registration, Scan
from calcscan.quality import FlagCode
from calcscan.read import read_scan
from calcscan.registration import register_atlas

COPIES = (
    "turn_x+20",
    "turn_x-20",
    "turn_y+15",
    "turn_z-20",
    "crop_base20",
    "crop_vertex20",
    "thick3",
    "thick5",
    "thick7",
)
SAME_MM = 8.0
SEARCHED = {"pineal", "habenula", "choroid_plexus"}
"""Never made of bone."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", nargs="*", type=Path)
    parser.add_argument("--scans", type=Path)
    parser.add_argument("--scan", nargs="+", default=())
    parser.add_argument("--copies", nargs="*", default=list(COPIES))
    parser.add_argument("--changes", nargs="*", default=list(CHANGES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[200, 201])
    parser.add_argument("--thick", nargs="+", type=int, default=[0])
    parser.add_argument("--from-mm3", type=float, default=30.0)
    parser.add_argument("--left-out", action="store_true", help="list what was taken for bone, too")
    options = parser.parse_args()
    pictures: dict[str, int] = defaultdict(int)
    false: dict[str, list[float]] = defaultdict(list)
    for path in [*options.input, *(sorted(options.scans.iterdir()) if options.scans else ())]:
        if options.scan and path.name not in options.scan:
            continue
        if not (path.is_dir() or path.name.endswith((".nii.gz", ".nii"))):
            continue
        try:
            scan = read_scan(path)
            space = segment_intracranial(scan)
        except CalcscanError as error:
            print(f"{path.name}: {error}", flush=True)
            continue
        head = Head(scan=scan, space=space, registration=register_atlas(space, load_atlas()))
        own = _judged(path.name, PLAIN, scan, head.registration, (), options)
        pictures[PLAIN] += 1
        for copy in options.copies:
            pictures[copy] += 1
            false[copy] += [
                n.volume_130_mm3 for n, _ in _judged(path.name, copy, copy_of(scan, copy), None, own, options)
            ]
        for change in options.changes:
            for seed in options.seeds:
                changed = CHANGES[change](head, seed)
                for thick_mm in options.thick:
                    picture = averaged(changed, thick_mm) if thick_mm else changed
                    name = f"{change} {seed}" + (f" thick{thick_mm}" if thick_mm else "")
                    found = _judged(path.name, name, picture, head.registration, own, options)
                    pictures[change] += 1
                    false[change] += [lesion.volume_130_mm3 for lesion, _ in found]
    for name, count in pictures.items():
        if name != PLAIN:
            print(f"{name:16} {count:3} pictures, {len(false[name]):3} false, {sum(false[name]):6.0f} mm3")


Found = tuple[LocatedLesion, np.ndarray]


def _judged(
    head: str,
    name: str,
    scan: Scan,
    registration: Registration | None,
    own: tuple[Found, ...],
    options: argparse.Namespace,
) -> tuple[Found, ...]:
    """The lesions of a picture with their places in the atlas, less those that are the head's own; prints them."""
    atlas, settings = load_atlas(), StageSettings.load()
    try:
        space = segment_intracranial(scan, settings=settings.intracranial)
    except CalcscanError as error:
        print(f"{head} {name}: {error}", flush=True)
        return ()
    registration = registration or register_atlas(space, atlas, settings=settings.registration)
    region = recover_bone_contact(scan, space, registration, atlas)
    flags = inspect_scan(scan, region, registration, atlas, settings=settings.inspection)
    if any(flag.code == FlagCode.MOTION for flag in flags):
        region = replace(region, moved_slices=moved_slices(scan, region, settings.inspection))
    located = search(scan, region, registration, atlas, settings=settings)
    found = [
        (lesion, registration.to_atlas(np.array(lesion.centroid_lps_mm)))
        for lesion in located.lesions
        if name == PLAIN or (lesion.volume_130_mm3 >= options.from_mm3 and lesion.site not in SEARCHED)
    ]
    new = [one for one in found if not any(_same(one, other) for other in own)]
    doubt = "" if registration.accepted else ", registration not accepted"
    doubt += ", motion" if any(flag.code == FlagCode.MOTION for flag in flags) else ""
    bone = [item for item in located.left_out if item.reason in ("bone", "motion", "uncertain_material")]
    sure = sum(item.sure for item in bone)
    print(f"{head} {name}{doubt}: {len(new)}; {len(bone)} taken for bone or uncertain, {sure} surely bone", flush=True)
    for lesion, _ in new:
        if name == PLAIN and lesion.volume_130_mm3 < options.from_mm3 and lesion.site in HARMLESS:
            continue
        at = ", ".join(f"{x:.0f}" for x in lesion.centroid_lps_mm)
        word = "own" if name == PLAIN else "FALSE"
        size = f"{lesion.volume_130_mm3:.0f} mm3, {lesion.max_hu} HU, mean {lesion.mean_hu:.0f}"
        print(f"  {word} {lesion.site} {lesion.side} {size} at ({at})", flush=True)
    for item in bone if options.left_out else ():
        at = ", ".join(f"{x:.0f}" for x in item.centroid_lps_mm)
        figures = ", ".join(f"{key} {value:g}" for key, value in item.evidence.items())
        word = "surely" if item.sure else "perhaps"
        site = f"{item.nearest_site} {item.nearest_side}"
        print(f"  {word} {item.reason} {item.volume_mm3:.0f} mm3 {item.max_hu} HU ({at}) {site}: {figures}", flush=True)
    return tuple(new)


def _same(one: Found, other: Found) -> bool:
    near = float(np.linalg.norm(one[1] - other[1])) <= SAME_MM
    return near and (one[0].site == other[0].site or one[0].volume_130_mm3 < 2.0 * other[0].volume_130_mm3)


if __name__ == "__main__":
    main()
