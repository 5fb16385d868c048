"""What the numbers of a label map mean: calcscan's own, those of a table (BIDS `_dseg.tsv`, or any with the columns
index or label, and name or site and side), or of a mask, which says no sites."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from calcscan.agree.places import ANY, Place, place_in_words, place_of
from calcscan.errors import InputError, UnreadableError
from calcscan.knowledge.sites import all_sites
from calcscan.read.label_map import LabelMap

_NUMBER = ("index", "label", "number", "value")
_NAME = ("name", "region", "structure")
_IGNORED = frozenset({"", "-", "ignore", "background", "clear label", "none", "n/a"})


def own_numbers() -> Mapping[int, Place]:
    """Those of `sites.nii.gz`.

    >>> own_numbers()[5]
    ('pallidum', 'left')
    """
    return {
        number: (site.site, side)
        for site in all_sites().values()
        for side, number in zip(site.sides, site.labels, strict=True)
    }


def read_label_names(path: Path) -> Mapping[int, Place | None]:
    """The numbers that a table names; None for one that is to be left aside (named `ignore`, `background` or `-`).

    Raises
    ------
    InputError, UnreadableError
        There is no such table, it lacks the columns, or names what is no site of calcscan's.
    """
    rows = read_rows(path)
    number = _column(rows, _NUMBER, path)
    named = next((name for name in _NAME if name in rows[0][1]), None)
    if named is None and "site" not in rows[0][1]:
        raise InputError(
            "the table of labels has neither a column name nor site",
            where=str(path),
            hint="give the columns index and name (left pallidum), or index, site and side",
        )
    meaning: dict[int, Place | None] = {}
    for line, row in rows:
        where = f"{path}, line {line}"
        if not row[number].isdecimal():
            raise InputError(f"{row[number]!r} is no label", where=where, hint="give a whole number from 1 on")
        key = int(row[number])
        if key in meaning:
            raise InputError(f"label {key} is named twice", where=where, hint="name each number once")
        meaning[key] = _meaning(row, named, key, where)
    meaning.pop(0, None)
    return meaning


def _meaning(row: Mapping[str, str], named: str | None, key: int, where: str) -> Place | None:
    if row.get("site"):
        site = row["site"]
        return None if site.casefold() in _IGNORED else place_of(site, row.get("side", ""), where=where)
    name = row.get(named or "", "")
    return None if key == 0 or name.casefold() in _IGNORED else place_in_words(name, where=where)


def names_in_map(labels: LabelMap, where: str) -> Mapping[int, Place | None]:
    """What the names in a label map's file, or beside it, mean; empty where there are none. Raises `InputError` where a
    name is no site of calcscan's."""
    found: dict[int, Place | None] = {}
    for key, name in labels.names.items():
        try:
            ignored = key == 0 or name.casefold() in _IGNORED
            found[key] = None if ignored else place_in_words(name, where=where)
        except InputError as error:
            hint = "say what the numbers mean with --labels FILE, or compare them as a mask with --as-mask"
            raise InputError(f"label {key}: {error.what}", where=where, hint=hint) from error
    return found


def places_in(labels: LabelMap, meaning: Mapping[int, Place | None], where: str) -> Mapping[int, Place]:
    """The place of each number that the map holds; numbers to be left aside are not in it. Raises `InputError` for one
    that has no meaning."""
    unknown = [number for number in labels.numbers if number not in meaning]
    if unknown:
        few = ", ".join(map(str, unknown[:8])) + (", …" if len(unknown) > 8 else "")
        raise InputError(
            f"the label map holds {few}, which {'is' if len(unknown) == 1 else 'are'} no number of a site",
            where=where,
            hint="say what the numbers mean with --labels FILE (columns index and name, or index, site and side), or "
            "compare them as a mask with --as-mask",
        )
    return {number: place for number in labels.numbers if (place := meaning[number]) is not None}


def mask_numbers(numbers: Iterable[int]) -> Mapping[int, Place]:
    """Every number means that there is something."""
    return dict.fromkeys(numbers, ANY)


def read_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """The rows of a table (commas, semicolons or tabs), each with its line; columns and cells without spaces around.

    Raises
    ------
    InputError, UnreadableError
        It can't be read, is empty, or a row has another number of cells than the first.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        what = f"the table can't be read ({error.strerror or error})"
        raise UnreadableError(what, where=str(path), hint="check the path and its permissions") from error
    except UnicodeDecodeError as error:
        raise UnreadableError("the table is not UTF-8 text", where=str(path), hint="save it as CSV UTF-8") from error
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "")
    mark = max("\t;,", key=first.count)
    try:
        reader = csv.reader(lines, delimiter=mark, strict=True)
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise UnreadableError(f"the table can't be read ({error})", where=str(path), hint="save it again") from error
    rows = [(line, row) for line, row in rows if any(row) and not row[0].startswith("#")]
    if len(rows) < 2:
        raise InputError("the table has no rows", where=str(path), hint="give a header and a row for each entry")
    header = [name.casefold() for name in rows[0][1]]
    if twice := {name for name in header if header.count(name) > 1}:
        raise InputError(f"two columns are called {min(twice)}", where=str(path), hint="name each column once")
    for line, row in rows[1:]:
        if len(row) != len(header):
            what = f"has {len(row)} cells, and the header {len(header)}"
            raise InputError(what, where=f"{path}, line {line}", hint="give every row the same columns")
    return [(line, dict(zip(header, row, strict=True))) for line, row in rows[1:]]


def _column(rows: list[tuple[int, dict[str, str]]], names: Iterable[str], path: Path) -> str:
    for name in names:
        if name in rows[0][1]:
            return name
    raise InputError(
        f"the table lacks a column {' or '.join(names)}", where=str(path), hint="name the columns in its first row"
    )
