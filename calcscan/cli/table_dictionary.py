"""`python -m calcscan.cli.table_dictionary` writes knowledge/tables.json: every column of every table, as the classes
of their rows describe it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

import calcscan
from calcscan.agree.schema import FigureRow, SizeRow, StudyRow
from calcscan.agree.schema import LesionRow as AgreementLesionRow
from calcscan.batch.columns import LeftOutRow, study_row
from calcscan.knowledge.tables import FILE
from calcscan.report.schema import Part
from calcscan.report.tables import LesionRow, RegionRow, SiteRow, columns_of
from calcscan.verification.schema import DepositRow

_UNITS = {
    "_hu_mm3": "HU·mm³", "_mm3": "mm³", "_mm": "mm", "_hu": "HU", "_kv": "kV", "_ml": "ml", "_years": "years",
    "seconds": "s",
}  # fmt: skip
"""How the names of columns with a unit end; the longer ones first."""


def table_rows() -> Mapping[str, tuple[str, type[Part]]]:
    """Each table: what a row of it is, and the class of its rows."""
    return {
        "lesions.csv": ("a lesion; beside a batch's studies, those of all of them", LesionRow),
        "sites.csv": ("a site and side, also without calcification; beside a batch's studies, of all of them", SiteRow),
        "regions.csv": ("a region of the user's own, and what lies in none of them", RegionRow),
        "batch.csv": ("a study of a batch", study_row()),
        "left_out.csv": ("a file of a batch's input that is part of no study, or many of one kind", LeftOutRow),
        "agreement.csv": ("how results agree with a reference at one place", FigureRow),
        "agreement_studies.csv": ("a study at one place, as results and reference have it", StudyRow),
        "agreement_lesions.csv": ("a lesion of the results or of the reference", AgreementLesionRow),
        "agreement_sizes.csv": ("a class of lesions by volume", SizeRow),
        "verify.csv": ("a deposit that calcscan verify inserted", DepositRow),
    }


def dictionary() -> dict[str, Any]:
    """Table → what a row is, and its columns: description, unit, type, and the values or range that it may have."""
    return {
        name: {"row": row, "columns": {column: _column(column, kind) for column in columns_of(kind)}}
        for name, (row, kind) in table_rows().items()
    }


def _column(name: str, kind: type[Part]) -> dict[str, Any]:
    schema = msgspec.json.schema(kind)
    parts = schema["$defs"]
    about = _flat(parts[kind.__name__]["properties"][name], parts)
    found = {
        "description": about.get("description", ""),
        "unit": next((unit for end, unit in _UNITS.items() if name.endswith(end)), None),
        "type": about.get("type", "string" if "enum" in about else None),
        "values": [value for value in about["enum"] if value is not None] if "enum" in about else None,
        "minimum": about.get("minimum"),
        "maximum": about.get("maximum"),
    }
    return {key: value for key, value in found.items() if value is not None}


def _flat(about: Mapping[str, Any], parts: Mapping[str, Any]) -> dict[str, Any]:
    """A column's schema without "or null" and references."""
    if "$ref" in about:
        return _flat(parts[about["$ref"].rpartition("/")[2]], parts) | {k: v for k, v in about.items() if k != "$ref"}
    if "anyOf" in about:
        first = next(one for one in about["anyOf"] if one.get("type") != "null")
        return _flat(first, parts) | {k: v for k, v in about.items() if k != "anyOf"}
    return dict(about)


def dictionary_text() -> str:
    """The file's text."""
    return json.dumps(dictionary(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    (Path(calcscan.__file__).parent / "knowledge" / FILE).write_text(dictionary_text(), encoding="utf-8")
