"""How small a calcification is still found in an unchanged scan, and what is found although nobody put it there?

    python -m benchmarks.detection.recall INPUT... [--deposits 160] [--seed 1]

Deposits of known size and density are inserted into each scan with its own blur, slice profile and noise, as `calcscan
verify` does. The last lines list every lesion above 5 mm3 of the unchanged scan outside the sites that calcify in
healthy people, and every lesion that appeared with the deposits and belongs to none of them: both need a look by eye.
"""

from __future__ import annotations

import argparse

from calcscan.verification import verify_scan
from calcscan.verification.document import document
from calcscan.verification.text import summary_text

HARMLESS = ("pineal", "habenula", "choroid_plexus", "carotid_siphon", "vertebral", "falx", "petroclinoid")
LEAST_MM3 = 5.0


def report(path: str, deposits: int | None, seed: int) -> None:
    outcome = verify_scan(path, deposits=deposits, seed=seed)
    content = document(outcome)
    print(f"== {path}")
    print(summary_text(content), end="")
    for cell in content["detection"] or ():
        if (cell["diameter_mm"], cell["hu"]) == (3.0, 200.0):
            print(f"recall at 3 mm and 200 HU: {cell['recall']:.0%} of {cell['put_in']}")
    if outcome.baseline.lesions is None:
        return
    large = [lesion for lesion in outcome.baseline.lesions.lesions if lesion.volume_mm3 > LEAST_MM3]
    odd = [lesion for lesion in large if lesion.site not in HARMLESS]
    print(f"unchanged scan: {len(large)} lesions above {LEAST_MM3:g} mm3, {len(odd)} outside the harmless sites")
    false_positives = [stray.lesion for stray in outcome.false_positives if stray.lesion.volume_mm3 > LEAST_MM3]
    for words, lesions in (("unchanged", odd), ("appeared", false_positives)):
        for lesion in lesions:
            at = ", ".join(f"{x:.0f}" for x in lesion.centroid_lps_mm)
            print(f"  {words}: {lesion.site} {lesion.side} {lesion.volume_mm3:.0f} mm3 at ({at}) LPS mm")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", nargs="+")
    parser.add_argument("--deposits", type=int)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for path in options.input:
        report(path, options.deposits, options.seed)


if __name__ == "__main__":
    main()
