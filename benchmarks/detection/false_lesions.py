"""What is reported in a scan, and in copies of it, that nobody put there?

    python -m benchmarks.detection.false_lesions INPUT... [--scans DIR] [--copies plain turn_x+20 …] [--from-mm3 10]

Each copy (`benchmarks/heads/copies.py`) passes through all stages. Every lesion above `--from-mm3` is listed, those
outside the sites that calcify in healthy people with their place; at the end their number and volume by copy. Run it in
two checkouts to compare them: the copies are the same to the voxel.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

from benchmarks.detection.recall import HARMLESS
from benchmarks.heads.copies import copy_of
from calcscan.atlas import load_atlas
from calcscan.errors import CalcscanError
from calcscan.examination import examine
from calcscan.read import read_scan

COPIES = (
    *("plain", "turn_x+20", "turn_x-20", "turn_y+15", "turn_z-20", "turn_x+10,thick5", "sharp", "noise12", "noise20"),
    *("crop_base15", "crop_base30", "crop_vertex30", "thick3", "thick5", "thick7"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", nargs="*", type=Path)
    parser.add_argument("--scans", type=Path)
    parser.add_argument("--copies", nargs="+", default=list(COPIES))
    parser.add_argument("--from-mm3", type=float, default=10.0)
    options = parser.parse_args()
    odd: dict[str, list[float]] = defaultdict(list)
    for path in [*options.input, *(sorted(options.scans.iterdir()) if options.scans else ())]:
        if not (path.is_dir() or path.name.endswith((".nii.gz", ".nii"))):
            continue
        scan = read_scan(path)
        for copy in options.copies:
            try:
                examination = examine(copy_of(scan, copy), load_atlas())
            except CalcscanError as error:
                print(f"{path.name} {copy}: {error}", flush=True)
                continue
            lesions = [n for n in examination.lesions.lesions if n.volume_130_mm3 > options.from_mm3]
            doubt = "" if examination.registration.accepted else " (registration not accepted)"
            found = ", ".join(f"{n.site} {n.volume_130_mm3:.0f}" for n in lesions if n.site in HARMLESS)
            print(f"{path.name} {copy}{doubt}: harmless: {found or 'none'}", flush=True)
            for lesion in lesions:
                if lesion.site not in HARMLESS:
                    odd[copy].append(lesion.volume_130_mm3)
                    at = ", ".join(f"{x:.0f}" for x in lesion.centroid_lps_mm)
                    print(f"  {lesion.site} {lesion.volume_130_mm3:.0f} mm3, {lesion.max_hu} HU at ({at})", flush=True)
    for copy in options.copies:
        print(f"{copy:20} {len(odd[copy])} lesions elsewhere, {sum(odd[copy]):.0f} mm3")


if __name__ == "__main__":
    main()
