"""The rows of lesions.csv and sites.csv, from the document of report.json: all say the same. Unknown is empty."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

LESION_COLUMNS = (
    "id", "deposit", "site", "side", "site_share", "volume_mm3", "volume_low_mm3", "volume_high_mm3", "volume_130_mm3",
    "voxels", "mean_hu", "max_hu", "mass_hu_mm3", "agatston", "diameter_mm",
    "centroid_l_mm", "centroid_p_mm", "centroid_s_mm", "slice",
)  # fmt: skip
SITE_COLUMNS = (
    "label", "group", "site", "side", "volume_mm3", "volume_low_mm3", "volume_high_mm3", "volume_130_mm3",
    "count", "max_hu", "mean_hu", "grade",
)  # fmt: skip


def lesions_csv(document: Mapping[str, Any]) -> str:
    """One row a lesion. `slice` counts from 1."""
    return _csv(LESION_COLUMNS, (_lesion_row(lesion) for lesion in document["lesions"] or ()))


def sites_csv(document: Mapping[str, Any]) -> str:
    """One row a site and side, also the empty ones; `label` is the number in sites.nii.gz."""
    numbers = {(entry["site"], entry["side"]): entry["label"] for entry in document["site_labels"]}
    rows = ({**row, "label": numbers[row["site"], row["side"]]} for row in document["sites"])
    return _csv(SITE_COLUMNS, rows)


def _lesion_row(lesion: Mapping[str, Any]) -> dict[str, Any]:
    left, back, up = lesion["centroid_lps_mm"]
    return {**lesion, "centroid_l_mm": left, "centroid_p_mm": back, "centroid_s_mm": up}


def _csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
