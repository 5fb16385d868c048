"""Where contrast medium is seen, what it may have enhanced is not counted; what is denser than it reaches stays."""

from __future__ import annotations

from support.phantoms import Ball, head_of, phantom, stack

from calcscan.detection import detect_lesions
from calcscan.knowledge.left_out import LeftOutReason
from calcscan.material import judge_material
from calcscan.model import SearchRegion


def test_what_contrast_medium_may_have_enhanced_is_left_out() -> None:
    vessel = Ball(centre_mm=(-9.0, 0.0, 0.0), volume_mm3=80.0, hu=300.0)
    stone = Ball(centre_mm=(9.0, 0.0, 0.0), volume_mm3=80.0, hu=900.0)
    scan, _ = phantom([vessel, stone], stack(), noise_hu=3.0)
    region = SearchRegion.of(head_of(scan, 3.0))
    found = detect_lesions(scan, region)
    assert len(judge_material(found, scan, region).lesions) == 2
    judged = judge_material(found, scan, region, enhanced_high_hu=450.0)
    (kept,) = judged.lesions
    assert kept.centroid_lps_mm[0] > 5.0
    (left_out,) = judged.left_out
    assert left_out.reason == LeftOutReason.CONTRAST
    assert left_out.evidence["max_hu"] <= left_out.evidence["enhanced_high_hu"]
