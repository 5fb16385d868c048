"""How far off is the measured blur, in the plane and across the slices?

    python -m benchmarks.volume.blur [--seed 1] [SCAN …]

Without scans: synthetic heads of known blur (skin over fat over bone), every slice profile, overlap and gaps. With
scans: each is blurred further by known amounts, and the squares of what is measured must rise by the squares of what
was added: within the slices by a Gaussian, across them by the mean of several. Given are measured over expected, less
one, and what is measured of the scan as it is.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import ndimage
from support.blurred_head import PROFILES, blurred_head, profile_sd_mm

from benchmarks.heads.copies import mean_of_slices
from calcscan.blur import MeasuredBlur, measure_blur
from calcscan.model import Scan
from calcscan.read import read_scan

ADDED_MM = (0.5, 0.7, 1.0)
MEANS = (2, 3, 5)


def line(what: str, measured: MeasuredBlur, in_plane_mm: float, across_mm: float) -> str:
    """One row: what is measured beside what is expected."""
    blur, found_mm = measured.blur, float(np.median(measured.blur.across_mm))
    flags = " ".join(flag.code for flag in measured.flags)
    parts = []
    for name, found, true, error, told in (
        ("in plane", blur.in_plane_mm, in_plane_mm, blur.in_plane_error, blur.in_plane_measured),
        ("across", found_mm, across_mm, blur.across_error, blur.across_measured),
    ):
        off = f"{found / true - 1:+6.1%}" if told else "assumed"
        parts.append(f"{name} {found:.2f} of {true:.2f} mm {off} (error {error:.0%})")
    return f"{what:44s} {'   '.join(parts)} {flags}"


def synthetic(seed: int) -> None:
    """Heads of known blur."""
    for pixel_mm, psf_mm in ((0.4, 0.3), (0.5, 0.5), (0.5, 0.8), (0.7, 0.4), (0.9, 0.4), (0.9, 1.0), (0.7, 1.4)):
        scan = blurred_head((2.5, pixel_mm, pixel_mm), psf_mm=psf_mm, heights_mm=(0.0, 80.0), seed=seed)
        what = f"pixels of {pixel_mm} mm, blur {psf_mm} mm"
        print(line(what, measure_blur(scan), psf_mm, profile_sd_mm("box", 2.5)), flush=True)
    stacks = ((0.6, 0.6), (0.6, 0.3), (1.25, 1.0), (2.5, 2.5), (5.0, 5.0), (5.0, 1.0), (3.0, 6.0), (7.0, 7.0))
    for thickness_mm, between_mm in stacks:
        for kind in PROFILES:
            low_mm = 45.0 if between_mm <= 1.0 else 0.0
            scan = blurred_head(
                (between_mm, 0.6, 0.6), thickness_mm=thickness_mm, stated_mm=thickness_mm, kind=kind,
                heights_mm=(low_mm, 80.0), seed=seed,
            )  # fmt: skip
            what = f"{kind} of {thickness_mm} mm every {between_mm} mm"
            print(line(what, measure_blur(scan), 0.5, profile_sd_mm(kind, thickness_mm)), flush=True)


def further(path: Path) -> None:
    """A scan as it is, and blurred by known amounts."""
    scan = read_scan(path)
    plain = measure_blur(scan)
    in_plane_mm, across_mm = plain.blur.in_plane_mm, float(np.median(plain.blur.across_mm))
    print(path.name, line("as it is", plain, in_plane_mm, across_mm))
    hu, between_mm = scan.hu.astype(np.float32), scan.geometry.spacing_mm[0]
    for added_mm in ADDED_MM:
        sigma = added_mm / np.array(scan.geometry.spacing_mm[1:])
        if sigma.min() < 0.5:
            continue  # on so few pixels a sampled Gaussian is none
        blurred = ndimage.gaussian_filter(hu, (0.0, *sigma))
        found = measure_blur(replace(scan, hu=np.rint(blurred).astype(np.int16)))
        print(line(f"  {added_mm} mm more in the plane", found, float(np.hypot(in_plane_mm, added_mm)), across_mm))
    if between_mm > 2.5 or scan.geometry.irregularity_mm() > 0.1:
        return
    for count in MEANS:
        wider_mm = float(np.hypot(across_mm, between_mm * np.sqrt((count**2 - 1) / 12.0)))
        stated = replace(scan.acquisition, slice_thickness_mm=count * between_mm)
        mean = np.rint(ndimage.uniform_filter1d(hu, count, axis=0)).astype(np.int16)
        found = measure_blur(replace(scan, hu=mean, acquisition=stated))
        print(line(f"  mean of {count}, overlapping", found, in_plane_mm, wider_mm))
        apart, geometry = mean_of_slices(scan, count)
        found = measure_blur(Scan(hu=apart, geometry=geometry))
        print(line(f"  mean of {count}, apart", found, in_plane_mm, wider_mm), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scans", nargs="*", type=Path, metavar="SCAN")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if not args.scans:
        synthetic(args.seed)
    for path in args.scans:
        further(path)


if __name__ == "__main__":
    main()
