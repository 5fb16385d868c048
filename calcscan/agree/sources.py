"""What a side is: the results of `run` or `batch`, label maps, or a table of volumes → `Reader`."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from calcscan.agree.label_numbers import read_label_names
from calcscan.agree.model import Kind, Reader, Reading, SideName
from calcscan.agree.places import Place
from calcscan.agree.study_names import keys_of
from calcscan.agree.volume_tables import read_volumes, states_zeros, with_zeros
from calcscan.errors import InputError, UnreadableError
from calcscan.model import StudyLabel
from calcscan.read.files.bids_name import label_of, stem_of
from calcscan.read.files.inputs import must_exist
from calcscan.read.segmentation import is_dicom
from calcscan.report.outputs import REPORT

MAPS = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd", ".dcm")
TABLES = (".csv", ".tsv", ".txt")
SITES_MAP = "sites.nii.gz"
_SCHEMA = "calcscan-report/"
_VERSION = 1
_BATCH, _WORK = "batch.csv", ".calcscan"
VOLUMES = ("volume_mm3", "volume_130_mm3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """How a side is to be read: what its labels mean, which of calcscan's volumes is compared, and what a table means
    by leaving a row out (None: decided by whether it has rows with 0)."""

    labels: Path | None = None
    as_mask: bool = False
    volume: str = "volume_mm3"
    missing_is_zero: bool | None = None


def read_side(path: Path, side: SideName, how: Reads | None = None) -> Reader:
    """One side of the comparison.

    Raises
    ------
    InputError, UnreadableError
        There is nothing at the path that can be compared, or it can't be read; the message says what, and where.
    """
    how = how or Reads()
    must_exist(path)
    if path.is_dir():
        reports = _reports(path)
        if reports:
            kind: Kind = "run" if reports == [path / REPORT] else "batch"
            readings = tuple(_of_report(each, path, kind, how) for each in reports)
            return Reader(side=side, kind=kind, path=path, readings=readings, failed=_failed(path))
        maps, others = _maps_in(path)
        return _of_maps(maps, path, side, how, others)
    name = path.name.casefold()
    if name.endswith(TABLES):
        return _of_table(path, side, how)
    if name == REPORT:
        return Reader(side=side, kind="run", path=path.parent, readings=(_of_report(path, path.parent, "run", how),))
    if name.endswith(MAPS):
        return _of_maps([path], path, side, how)
    if is_dicom(path):
        return _of_maps([path], path, side, how)
    raise InputError(
        "it is nothing that can be compared",
        where=str(path),
        hint="give results of calcscan run or batch, label maps (NIfTI, NRRD, DICOM SEG) or a CSV with study,site,side,"
        "volume_mm3",
    )


def _reports(folder: Path) -> list[Path]:
    """The report of a run, or those of a batch."""
    if (folder / REPORT).is_file():
        return [folder / REPORT]
    return sorted(path for place in (".", _WORK) for path in (folder / place).glob(f"*/{REPORT}"))


def _failed(folder: Path) -> tuple[str, ...]:
    """Studies of a batch that have no report, by batch.csv."""
    try:
        with (folder / _BATCH).open(encoding="utf-8", newline="") as file:
            return tuple(str(row["study"]) for row in csv.DictReader(file) if row.get("state") == "failed")
    except (OSError, KeyError, csv.Error, UnicodeDecodeError):
        return ()


class _Row(msgspec.Struct, frozen=True):
    site: str
    side: str
    volume_mm3: float | None
    volume_130_mm3: float | None
    grade: str | None = None


class _Report(msgspec.Struct, frozen=True):
    """What is used of a report.json; the rest may be as in any version."""

    schema: str
    sites: tuple[_Row, ...]
    study: dict[str, Any]
    reviewed: dict[str, Any] | None = None


def _of_report(path: Path, root: Path, kind: Kind, how: Reads) -> Reading:
    report = _decoded(path)
    folder = path.parent
    told = report.study
    label = StudyLabel(**{name: told.get(name) for name in ("participant", "session", "run")})
    name = folder.name if kind == "batch" else told.get("study") or folder.resolve().name
    if not any((label.participant, label.session)):
        label = label_of(Path(name))
    sites = folder / SITES_MAP
    return Reading(
        name=name,
        keys=keys_of(name, label, folder.resolve().name),
        participant=label.participant,
        where=str(folder),
        volumes_mm3={(row.site, row.side): getattr(row, how.volume) for row in report.sites},
        grades={(row.site, row.side): row.grade for row in report.sites},
        label_map=sites if sites.is_file() else None,
        series_sha256=told.get("series_uid_sha256"),
        reviewed_by=str(report.reviewed.get("reader") or "a person") if report.reviewed else None,
    )


def _decoded(path: Path) -> _Report:
    try:
        content = path.read_bytes()
    except OSError as error:
        what = f"can't be read ({error.strerror or error})"
        raise UnreadableError(what, where=str(path), hint="check its permissions") from error
    try:
        schema = json.loads(content).get("schema", "")
        number = str(schema).removeprefix(_SCHEMA)
        if not str(schema).startswith(_SCHEMA) or not number.isdecimal():
            raise InputError("it is no report of calcscan's", where=str(path), hint="give a folder that run wrote")
        if int(number) > _VERSION:
            what = f"it was written by a newer calcscan ({schema}; this one reads {_SCHEMA}{_VERSION})"
            raise InputError(what, where=str(path), hint="use that version, or a newer one")
        return msgspec.json.decode(content, type=_Report)
    except (ValueError, AttributeError, RecursionError) as error:
        what = f"it is no whole report.json ({error})"
        raise InputError(what, where=str(path), hint="run the analysis again, or leave the folder out") from error


def _maps_in(folder: Path) -> tuple[list[Path], int]:
    """The label maps below a folder, and how many other images lie there: where some are named as segmentations are
    (`_dseg`, `_seg`, `_mask`), the others are the scans themselves."""
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.name.casefold().endswith(MAPS)
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )
    if not found:
        hint = "give results of calcscan run or batch, label maps (NIfTI, NRRD, DICOM SEG), or a CSV of volumes"
        raise InputError("the folder holds neither results nor label maps", where=str(folder), hint=hint)
    named = [path for path in found if stem_of(path.name).casefold().endswith(("_dseg", "_seg", "_mask", ".seg"))]
    return named or found, len(found) - len(named or found)


def _of_maps(paths: list[Path], root: Path, side: SideName, how: Reads, others: int = 0) -> Reader:
    labels: Mapping[int, Place | None] | None = None if how.labels is None else read_label_names(how.labels)
    readings = []
    for path in paths:
        inside = path.relative_to(root) if path != root else Path(path.name)
        label = label_of(inside)
        parent = inside.parent.name if path != root else ""
        name = _stem(path)
        readings.append(
            Reading(
                name=name,
                keys=keys_of(name, label, *([parent] if parent else [])),
                participant=label.participant,
                where=str(path),
                label_map=path,
            )
        )
    notes = (f"{side}: {others} images not named _dseg, _seg or _mask were left aside.",) if others else ()
    return Reader(
        side=side,
        kind="label_maps",
        path=root,
        readings=tuple(readings),
        labels=labels,
        as_mask=how.as_mask,
        notes=notes,
    )


def _stem(path: Path) -> str:
    """A label map's name without its endings.

    >>> _stem(Path("s1.seg.nrrd")), _stem(Path("s1.dcm")), _stem(Path("s1_dseg.nii.gz"))
    ('s1', 's1', 's1_dseg')
    """
    return stem_of(path.name).removesuffix(".dcm").removesuffix(".seg")


def _of_table(path: Path, side: SideName, how: Reads) -> Reader:
    readings = read_volumes(path)
    zero = how.missing_is_zero
    if zero is None:
        zero = not states_zeros(readings)
    filled, count = with_zeros(readings) if zero else (readings, 0)
    places = {place for one in readings for place in one.volumes_mm3 or {}}
    absent = sum(len(places - set(one.volumes_mm3 or {})) for one in readings)
    notes: tuple[str, ...] = ()
    if count:
        why = "as was asked for" if how.missing_is_zero else "since the table has no row with 0"
        notes = (
            f"{side}: {count} rows that the table does not have are taken as 0, {why}: of sites that it has for "
            "another study (--missing-rows unknown leaves them out).",
        )
    elif absent:
        notes = (
            f"{side}: {absent} rows that the table does not have are taken as unknown and left out: of sites that it "
            "has for another study (--missing-rows zero takes them as 0).",
        )
    return Reader(side=side, kind="table", path=path, readings=filled, notes=notes)
