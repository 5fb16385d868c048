"""A table of volumes (`study,site,side,volume_mm3`, perhaps `grade`) → readings, one a study."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from calcscan.agree.label_numbers import read_rows
from calcscan.agree.model import GRADES, Reading
from calcscan.agree.places import Place, place_of, words
from calcscan.agree.study_names import keys_of, label_in
from calcscan.errors import InputError

_MOST_MM3 = 1e7
"""Ten litres."""
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(,\d{3})+")
"""A decimal comma, or a comma between thousands: nobody can tell."""
_UNKNOWN = frozenset({"", "n/a", "na", "nan", "null", "none", "unknown", "-"})
_NAMES = {
    "study": ("study", "study_id"),
    "participant": ("participant", "participant_id", "subject", "subject_id"),
    "session": ("session", "session_id"),
    "run": ("run", "run_id"),
}
_HINT = "give the columns study (or participant, session), site, side and volume_mm3; an unknown volume is empty"


def read_volumes(path: Path) -> tuple[Reading, ...]:
    """The studies of a table, by name. A volume that is empty or `n/a` is unknown.

    Raises
    ------
    InputError, UnreadableError
        The table can't be read, lacks a column, names a site that there isn't, says something twice, or holds what is
        no volume; with its line.
    """
    rows = read_rows(path)
    columns = rows[0][1]
    named = {what: next((name for name in names if name in columns), None) for what, names in _NAMES.items()}
    missing = [name for name in ("site", "volume_mm3") if name not in columns]
    if not (named["study"] or named["participant"]):
        missing.insert(0, "study")
    if missing:
        raise InputError(f"the table lacks the column {', '.join(missing)}", where=str(path), hint=_HINT)
    volumes: dict[tuple[str, ...], dict[Place, float | None]] = defaultdict(dict)
    grades: dict[tuple[str, ...], dict[Place, str | None]] = defaultdict(dict)
    for line, row in rows:
        where = f"{path}, line {line}"
        study = tuple(row[name] if name else "" for name in named.values())
        if not any(study[:2]):
            raise InputError("the row names no study", where=where, hint=_HINT)
        place = place_of(row["site"], row.get("side", ""), where=where)
        if place in volumes[study]:
            what = f"{words(place)} of {' '.join(filter(None, study))} stands there twice"
            raise InputError(what, where=where, hint="give one row for each study, site and side")
        volumes[study][place] = _volume(row["volume_mm3"], where)
        grades[study][place] = _grade(row.get("grade", ""), where)
    return tuple(_reading(study, volumes[study], grades[study], path) for study in sorted(volumes))


def _reading(
    study: tuple[str, ...], volumes: Mapping[Place, float | None], grades: Mapping[Place, str | None], path: Path
) -> Reading:
    named, *parts = study
    participant, session, run = (
        f"{key}-{text.removeprefix(f'{key}-')}" if text and text.casefold() not in _UNKNOWN else None
        for key, text in zip(("sub", "ses", "run"), parts, strict=True)
    )
    name = named or "_".join(filter(None, (participant, session, run)))
    label = label_in(name, participant, session, run)
    return Reading(
        name=name,
        keys=keys_of(name, label),
        participant=label.participant,
        where=str(path),
        volumes_mm3=volumes,
        grades=grades,
    )


def _volume(text: str, where: str) -> float | None:
    if text.casefold() in _UNKNOWN:
        return None
    if _THOUSANDS.fullmatch(text):
        what = f"{text} may be {text.replace(',', '')} or {text.replace(',', '.', 1)} mm3"
        raise InputError(what, where=where, hint="write it without a comma")
    try:
        value = float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
    except ValueError as error:
        raise InputError(f"{text!r} is no volume in mm3", where=where, hint="leave it empty if unknown") from error
    if not math.isfinite(value) or value < 0:
        raise InputError(f"{text} is no volume in mm3", where=where, hint="give a number from 0 on, or leave it empty")
    if value > _MOST_MM3:
        what = f"{text} mm3 is more than a head holds"
        raise InputError(what, where=where, hint="give mm3: 1 ml is 1000 mm3")
    return value


def _grade(text: str, where: str) -> str | None:
    plain = text.casefold().replace(" ", "_")
    if plain in _UNKNOWN - {"none"}:
        return None
    plain = {"none": "none_detected", "absent": "none_detected", "0": "none_detected"}.get(plain, plain)
    plain = {str(n): grade for n, grade in enumerate(GRADES)}.get(plain, plain)
    if plain not in GRADES:
        raise InputError(f"{text!r} is no grade", where=where, hint=f"write {', '.join(GRADES)}, or leave it empty")
    return plain


def states_zeros(readings: tuple[Reading, ...]) -> bool:
    """Whether a table gives a row also where nothing was found: then what it has no row for is unknown."""
    return any(value == 0 for one in readings for value in (one.volumes_mm3 or {}).values())


def with_zeros(readings: tuple[Reading, ...]) -> tuple[tuple[Reading, ...], int]:
    """The same, with 0 wherever a study has no row for a place that another study of the table has; and how often."""
    places = {place for one in readings for place in one.volumes_mm3 or {}}
    filled, count = [], 0
    for one in readings:
        told = dict(one.volumes_mm3 or {})
        count += len(places - set(told))
        filled.append(replace(one, volumes_mm3={place: told.get(place, 0.0) for place in places} | told))
    return tuple(filled), count
