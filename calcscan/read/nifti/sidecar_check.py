"""Which fields of the JSON beside a NIfTI can be used: what is no value that a CT can have is named and left out, and
so is what describes another volume than the one it lies beside."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from calcscan.knowledge.reading import ReadingSettings

_UNSTATED = frozenset({"", "n/a", "na", "unknown", "u"})
_NUMBERS = ("KVP", "SliceThickness", "GantryDetectorTilt", "GantryTilt")
_COUNTS, _SPACINGS = ("Rows", "Columns", "NumberOfFrames", "NumberOfSlices"), ("PixelSpacing", "SpacingBetweenSlices")
_TEXTS = (
    "ConvolutionKernel", "Manufacturer", "ManufacturerModelName", "ManufacturersModelName", "SeriesDescription",
    "ProtocolName", "PatientSex", "PatientAge", "ImageType",
)  # fmt: skip
_SEXES = {"m": "M", "male": "M", "f": "F", "female": "F", "o": "O", "other": "O"}
_AGE = re.compile(r"\s*\d{1,3}(?:\.\d+)?\s*[DWMY]?\s*", re.IGNORECASE)
_DOUBTS = re.compile(
    r"Contrast\w*|Modality|ImageType|SeriesDescription|ProtocolName|Derivation\w*|Units|RescaleType|BurnedInAnnotation"
)
"""Fields that can only raise a doubt: they count even where the rest seems to be another scan's."""


def usable(
    fields: Mapping[str, Any],
    shape: Sequence[int],
    steps_mm: Sequence[float],
    settings: ReadingSettings,
    *,
    resampled: bool = False,
) -> tuple[dict[str, Any], str]:
    """The fields that can be used, and what to say of the others: one sentence's worth, empty if there is nothing.

    Parameters
    ----------
    fields
        Of the JSON, by name.
    shape, steps_mm
        Of the NIfTI: voxels and mm along (i, j, k).
    resampled
        The JSON is that of the volume which this one was made from, so its grid may be another.
    """
    other = "" if resampled else _other_grid(fields, shape, steps_mm, settings)
    if other:
        kept = {name: value for name, value in fields.items() if _DOUBTS.fullmatch(str(name))}
        return kept, f"it describes another volume ({other})"
    problems = {name: _problem(name, value, settings) for name, value in fields.items()}
    wrong = [f"{name} {problem}" for name, problem in problems.items() if problem]
    kept = {name: value for name, value in fields.items() if not problems[name] and not _is_absent(name, value)}
    sex = kept.get("PatientSex")
    if isinstance(sex, str):
        kept["PatientSex"] = _SEXES.get(sex.strip().casefold(), sex)
    return kept, "; ".join(wrong)


def _problem(name: str, value: Any, settings: ReadingSettings) -> str:
    """What is wrong with a value; empty for one that is absent, or that may be right."""
    if _is_absent(name, value):
        return ""
    if name == "KVP":
        return _outside(value, settings.min_kvp_kv, settings.max_kvp_kv, "kV")
    if name == "SliceThickness":
        return _outside(value, settings.min_step_mm, settings.max_step_mm, "mm")
    if name in ("GantryDetectorTilt", "GantryTilt"):
        return _outside(value, -settings.max_tilt_deg, settings.max_tilt_deg, "degrees")
    if name in (*_COUNTS, *_SPACINGS):
        parts = value if isinstance(value, list) and name in _SPACINGS else [value]
        wrong = next((part for part in parts if _number(part) is None), None)
        return "" if wrong is None else f"is {_kind(wrong)}, not {'numbers' if name in _SPACINGS else 'one number'}"
    if name in _TEXTS:
        parts = value if isinstance(value, list) else [value]
        if not all(isinstance(part, str | int | float) and not isinstance(part, bool) for part in parts):
            return f"is {_kind(value)}, not text"
    if name == "PatientAge":
        return _age(value, settings)
    if name == "PatientSex" and str(value).strip().casefold() not in _SEXES:
        return "is none of M, F and O"
    return ""


def _is_absent(name: str, value: Any) -> bool:
    """Whether a field that is used says that nothing is known, as BIDS writes it ("n/a") or others do."""
    if name not in (*_NUMBERS, *_TEXTS, *_COUNTS, *_SPACINGS):
        return False
    return value is None or value == [] or (isinstance(value, str) and value.strip().casefold() in _UNSTATED)


def _age(value: Any, settings: ReadingSettings) -> str:
    """Implausible ages as DICOM writes them are told by the reader of headers."""
    if isinstance(value, int | float):
        return _outside(value, 0.0, settings.max_age_years, "years")
    return "" if isinstance(value, str) and _AGE.fullmatch(value) else "is no age"


def _outside(value: Any, low: float, high: float, unit: str) -> str:
    number = _number(value)
    if number is None:
        return f"is {_kind(value)}, not one number"
    if not low <= number <= high:
        return f"{number:g} does not lie between {low:g} and {high:g} {unit}"
    return ""


def _number(value: Any) -> float | None:
    """The number, also one written as text; None where there is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except OverflowError:
        return math.inf if int(value) > 0 else -math.inf
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _kind(value: Any) -> str:
    """What JSON calls a value of that type: the value itself may name a person."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list) else "an object" if isinstance(value, dict) else "no number"


def _other_grid(
    fields: Mapping[str, Any], shape: Sequence[int], steps_mm: Sequence[float], settings: ReadingSettings
) -> str:
    """Where the fields state another size than the volume has along any of its axes."""
    sizes, steps = " × ".join(map(str, shape)), " × ".join(f"{step:.3g}" for step in steps_mm)
    found = []
    for name in _COUNTS:
        number = _number(fields.get(name))
        if number is not None and number > 1 and number not in shape:
            found.append(f"{name} {number:g}, where the NIfTI has {sizes} voxels")
    for name in _SPACINGS:
        value = fields.get(name)
        numbers = [_number(part) for part in (value if isinstance(value, list) else [value])]
        for number in numbers:
            if number is not None and not any(
                abs(number - step) <= settings.sidecar_spacing_share * step for step in steps_mm
            ):
                found.append(f"{name} {number:g} mm, where the NIfTI has {steps} mm")
                break
    return "; ".join(found)
