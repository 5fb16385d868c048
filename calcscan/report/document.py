"""Result → what report.json holds (contract section 4): plain dicts, lists, strings, numbers and None.

Nothing in it names the person unless `keep_ids` is asked for: UIDs are hashed, and name, number and date are left out,
also where free text (a series description, a message) repeats them.
"""

from __future__ import annotations

import math
import platform
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from calcscan import __version__
from calcscan.model import Flag, LocatedLesion, Result, SeriesChoice, Study
from calcscan.quality import quality_codes, severity
from calcscan.report.sitelabels import SiteLabel, site_labels

SCHEMA = "calcscan-report/1"
DISCLAIMER = (
    "Research use only: not a medical device, not for diagnosis or treatment. Made by a program, reviewed by nobody. "
    "What is not listed was not detected, which does not mean that it is not there."
)
UID_SALT = "calcscan/1:"
"""The same for every user: the same series has the same hash everywhere, and a known UID can be recognised by it."""

_LIBRARIES = ("numpy", "scipy", "scikit-image", "numba", "SimpleITK", "pydicom", "nibabel", "pillow")


def document(result: Result, *, keep_ids: bool = False, written: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The whole of report.json. `written` says, by name, which files stand beside it (`calcscan.report.write`).

    Floats are rounded to six significant digits; what is not finite becomes None.
    """
    clean = str if keep_ids else _cleaner(result.scan.study)
    whole = {
        "schema": SCHEMA,
        "software": _software(),
        "settings": dict(result.settings),
        "atlas": {"name": result.atlas.name, "version": result.atlas.version, "sha256": result.atlas.sha256},
        "study": _study(result, keep_ids=keep_ids),
        "series": [_series(choice, clean, keep_ids=keep_ids) for choice in result.scan.series],
        "grid": _grid(result),
        "quality": {"state": result.quality.state, "flags": [_flag(flag, clean) for flag in result.quality.flags]},
        "registration": _registration(result, clean),
        "intracranial_ml": result.intracranial.intracranial_ml if result.intracranial else None,
        "lesions": [_lesion(lesion) for lesion in result.lesions.lesions] if result.lesions else None,
        "sites": _sites(result),
        "site_labels": [asdict(label) for label in site_labels().values()],
        "symmetry": [asdict(pair) for pair in result.summary.symmetry] if result.summary else None,
        "scores": dict(result.summary.scores) if result.summary else None,
        "multiple": result.summary.multiple if result.summary else None,
        "detection_floor_mm3": result.summary.detection_floor_mm3 if result.summary else None,
        "progression": None,
        "facts": dict(result.facts),
        "guideline": result.guidance.to_dict() if result.guidance is not None else None,
        "files": dict(written or {}),
        "timings_s": dict(result.timings_s),
        "disclaimer": DISCLAIMER,
    }
    plain: dict[str, Any] = _plain(whole)
    return plain


def hashed(uid: str) -> str | None:
    """The salted hash that stands for a UID; None for an empty one."""
    return sha256((UID_SALT + uid).encode()).hexdigest() if uid else None


def _software() -> dict[str, Any]:
    found: dict[str, Any] = {"name": "calcscan", "version": __version__, "python": platform.python_version()}
    return found | {name: _version(name) for name in _LIBRARIES}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _study(result: Result, *, keep_ids: bool) -> dict[str, Any]:
    study, made = result.scan.study, result.scan.acquisition
    uids = ("study_uid", "series_uid", "frame_of_reference_uid")
    named = ("patient_id", "patient_name", "study_date")
    return {
        "uid_hash": f"sha256 of {UID_SALT!r} followed by the UID",
        **{f"{uid}_sha256": hashed(getattr(study, uid)) for uid in uids},
        **{name: (getattr(study, name) or None) if keep_ids else None for name in (*uids, *named)},
        "age_years": study.age_years,
        "sex": study.sex,
        **{name: value for name, value in asdict(made).items() if name != "sharp_kernel"},  # which is a flag
    }


def _series(choice: SeriesChoice, clean: Callable[[str], str], *, keep_ids: bool) -> dict[str, Any]:
    return {
        "uid_sha256": hashed(choice.uid),
        "uid": (choice.uid or None) if keep_ids else None,
        "description": clean(choice.description) or None,
        "images": choice.images,
        "chosen": choice.chosen,
        "reason": clean(choice.reason),
    }


def _grid(result: Result) -> dict[str, Any]:
    geometry = result.scan.geometry
    between, row, column = geometry.spacing_mm
    return {
        "slices": geometry.shape[0],
        "rows": geometry.rows,
        "columns": geometry.columns,
        "slice_spacing_mm": between,
        "row_spacing_mm": row,
        "column_spacing_mm": column,
        "tilt_deg": geometry.tilt_deg,
        "irregularity_mm": geometry.irregularity_mm(),
    }


def _flag(flag: Flag, clean: Callable[[str], str]) -> dict[str, Any]:
    value, limit = (clean(item) if isinstance(item, str) else item for item in (flag.value, flag.limit))
    return {
        "code": flag.code,
        "severity": severity(flag),
        "message": clean(flag.message),
        "value": value,
        "limit": limit,
        "meaning": quality_codes()[flag.code].meaning,
    }


def _registration(result: Result, clean: Callable[[str], str]) -> dict[str, Any] | None:
    registration = result.registration
    if registration is None:
        return None
    return {
        "method": registration.method,
        "metric": registration.metric,
        "overlap": registration.overlap,
        "accepted": bool(registration.accepted),
        "reason": clean(registration.reason) or None,
        "scan_to_atlas": registration.scan_to_atlas.tolist(),
        "bend_rms_mm": registration.displacement.rms_mm,
    }


def _lesion(lesion: LocatedLesion) -> dict[str, Any]:
    also = [{"site": site, "side": side, "share": share} for site, side, share in lesion.also]
    return asdict(lesion) | {"also": also, "slice": round(lesion.centroid_kji[0]) + 1}


def _sites(result: Result) -> list[dict[str, Any]]:
    """One row for every site and side. Where calcscan abstains, only `unassigned` has numbers: the rest is unknown."""
    found = {(row.site, row.side): asdict(row) for row in result.summary.sites} if result.summary else {}
    if result.quality.state == "abstain":
        found = {key: row for key, row in found.items() if key[0] == "unassigned"}
    return [found.get(key) or _unknown_row(label) for key, label in site_labels().items()]


def _unknown_row(label: SiteLabel) -> dict[str, Any]:
    measured = (
        "volume_mm3",
        "volume_low_mm3",
        "volume_high_mm3",
        "volume_130_mm3",
        "count",
        "max_hu",
        "mean_hu",
        "grade",
    )
    return {"site": label.site, "side": label.side, "group": label.group} | dict.fromkeys(measured)


def _cleaner(study: Study) -> Callable[[str], str]:
    """Strikes identifiers, and each part of the name long enough to be one, out of free text; a word in small letters
    is taken for a word (a person may be called Head)."""
    parts = re.split(r"[\s^=,]+", study.patient_name)
    uids = (study.study_uid, study.series_uid, study.frame_of_reference_uid)
    words = {word for word in (study.patient_id, study.study_date, *uids, *parts) if len(word) >= 3}
    forms = {form for word in words for form in (word, word.upper(), word.capitalize())}
    if not forms:
        return str
    pattern = re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)))
    return lambda text: pattern.sub("***", text)


def _plain(value: Any) -> Any:
    """JSON's own types only: numpy scalars unwrapped, floats to six digits, NaN and infinity to None."""
    if hasattr(value, "item") and not isinstance(value, Mapping):
        value = value.item()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()  # a file's name may hold bytes that are no text
    if isinstance(value, bool | int) or value is None:
        return value
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, Sequence | set | frozenset):
        return [_plain(item) for item in value]
    return str(value)
