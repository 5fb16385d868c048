"""What was decided about a scan, for the log (`logging`, logger `calcscan`, level DEBUG).

Taken from the report, so that both say the same and the log names no person either.
"""

from __future__ import annotations

import logging

from calcscan.model import Result
from calcscan.progress import LOG


def log_decisions(result: Result) -> None:
    """Which series, which threshold, how the scan lies in the atlas, what was counted and what was not, and why."""
    if not LOG.isEnabledFor(logging.DEBUG):
        return
    from calcscan.report.build import build_report

    report = build_report(result)
    for series in report.series:
        LOG.debug("series of %d images %s: %s", series.images, "used" if series.chosen else "not used", series.reason)
    for flag in report.quality.flags:
        LOG.debug("flag %s (%s): %s", flag.code, flag.severity, flag.message)
    for name in ("threshold_hu", "smallest_mm3", "blur"):
        if name in report.settings:
            LOG.debug("%s: %s", name, report.settings[name])
    if report.registration is not None:
        fit = report.registration
        verdict = "accepted" if fit.accepted else "not accepted"
        LOG.debug("registration %s: %s (metric %.3f, overlap %.3f)", verdict, fit.reason, fit.metric, fit.overlap)
    for lesion in report.lesions or ():
        where = f"{lesion.site} {lesion.side}".strip()
        LOG.debug("lesion %d: %s, %.4g mm3, site_share %s", lesion.id, where, lesion.volume_mm3, lesion.site_share)
    for item in report.left_out or ():
        figures = ", ".join(f"{name} {value:.4g}" for name, value in item.evidence.items())
        LOG.debug("left out as %s: %.4g mm3, at most %d HU; %s", item.reason, item.volume_mm3, item.max_hu, figures)
    LOG.debug("quality: %s", report.quality.state)
