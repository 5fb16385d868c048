"""The JSON Schema of report.json, from the classes of `calcscan.report.schema`.

`python -m calcscan.report.json_schema` writes it to `calcscan/knowledge/report.schema.json`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

import calcscan
from calcscan.report.schema import Report

SCHEMA_FILE = Path(calcscan.__file__).parent / "knowledge" / "report.schema.json"


def report_schema() -> dict[str, Any]:
    """The schema, as JSON's own types: the keys of the report at its top, its parts under `$defs`.

    >>> report_schema()["properties"]["lesions"]["anyOf"][0]["items"]
    {'$ref': '#/$defs/LesionEntry'}
    """
    parts = msgspec.json.schema(Report)["$defs"]
    report = parts.pop(Report.__name__)
    about = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "calcscan-report/1"}
    return {**report, **about, "$defs": parts}


def schema_text() -> str:
    """The schema file's text."""
    return json.dumps(report_schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
