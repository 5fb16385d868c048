"""What is reported in a sharpened picture whose header names no kernel, and what of the plain one is lost in it?

    python -m benchmarks.detection.sharp INPUT... [--strengths 0.8:0.8 1.5:0.5 1.2:1.0] [--series UID]

A strength is AMOUNT:MM, an unsharp mask within the slice: so many times what a blur of that standard deviation takes
away is added. The registration of the plain picture is used for all. A lesion is new if it lies more than 2 mm from
all of the plain picture's, and lost if they have no other as near. `--series` searches another series of the same
head instead, such as a bone kernel.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from benchmarks.heads.copies import with_hu
from calcscan.atlas import load_atlas
from calcscan.bone_contact import recover_bone_contact
from calcscan.examination import search, segment_as_ordinary
from calcscan.intracranial import segment_intracranial
from calcscan.knowledge.stage_settings import StageSettings
from calcscan.model import Atlas, LocatedLesion, LocatedLesionMap, Registration, Scan
from calcscan.read import read_scan
from calcscan.registration import register_atlas

STRENGTHS = ("0.5:0.5", "0.8:0.8", "1.5:0.5", "1.2:1.0")
NEAR_MM = 2.0

Points = list[npt.NDArray[np.float64]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", nargs="+", type=Path)
    parser.add_argument("--strengths", nargs="*", default=list(STRENGTHS))
    parser.add_argument("--series", nargs="*", default=[])
    options = parser.parse_args()
    atlas, settings = load_atlas(), StageSettings.load()
    for path in options.input:
        scan = read_scan(path)
        registration = register_atlas(segment_intracranial(scan), atlas, settings=settings.registration)
        plain, _ = searched(scan, registration, atlas, settings)
        print(f"{path.name}: {_told(plain.lesions)}", flush=True)
        others = [(strength, sharpened(scan, strength)) for strength in options.strengths]
        others += [(f"series {uid[-12:]}", read_scan(path, series_uid=uid)) for uid in options.series]
        for name, other in others:
            found, sharp = searched(other, registration, atlas, settings)
            here, there = _points(plain, scan), _points(found, other)
            new = [n for n, at in zip(found.lesions, there, strict=True) if _apart(at, here)]
            lost = [n for n, at in zip(plain.lesions, here, strict=True) if _apart(at, there)]
            kept_mm3 = sum(n.volume_mm3 for n in found.lesions) - sum(n.volume_mm3 for n in new)
            true_mm3 = sum(n.volume_mm3 for n in plain.lesions) - sum(n.volume_mm3 for n in lost)
            print(
                f"  {name:20} {'seen as sharp' if sharp else 'not seen':14} new: {_told(new)}; lost: {_told(lost)}; "
                f"the others {kept_mm3:.0f} mm3, plain {true_mm3:.0f}",
                flush=True,
            )


def sharpened(scan: Scan, strength: str) -> Scan:
    amount, width_mm = map(float, strength.split(":"))
    hu = scan.hu.astype(np.float32)
    soft = ndimage.gaussian_filter(hu, (0.0, *(width_mm / np.array(scan.geometry.spacing_mm[1:]))))
    return with_hu(scan, hu + amount * (hu - soft))


def searched(
    scan: Scan, registration: Registration, atlas: Atlas, settings: StageSettings
) -> tuple[LocatedLesionMap, bool]:
    """What `calcscan.examination.examine` finds with a known registration, and whether the scan is sharp."""
    sharp = scan.acquisition.sharp_kernel
    scan, inside, flags = segment_as_ordinary(scan, settings)
    region = recover_bone_contact(
        scan,
        inside,
        registration,
        atlas,
        settings=settings.bone_contact,
        space=settings.intracranial,
        air=settings.air_contact,
    )
    return search(scan, region, registration, atlas, settings=settings), sharp or bool(flags)


def _points(found: LocatedLesionMap, scan: Scan) -> Points:
    """The voxels of each lesion, LPS mm (n, 3)."""
    return [scan.geometry.to_world(np.argwhere(found.labels == lesion.id)) for lesion in found.lesions]


def _apart(at: npt.NDArray[np.float64], others: Points) -> bool:
    return not others or float(cKDTree(np.concatenate(others)).query(at)[0].min()) > NEAR_MM


def _told(lesions: Sequence[LocatedLesion]) -> str:
    return ", ".join(f"{n.site} {n.volume_mm3:.0f} mm3 ({n.max_hu} HU)" for n in lesions) or "none"


if __name__ == "__main__":
    main()
