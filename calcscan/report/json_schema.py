"""The JSON Schema of report.json, from the classes of `calcscan.report.schema`.

`python -m calcscan.cli.json_schemas` writes it, and those of the other files, to `calcscan/knowledge/`.
"""

from __future__ import annotations

from inspect import cleandoc
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
    return schema_of(Report)


def schema_of(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The schema of a file whose key `schema` names its form: its keys at the top, its parts under `$defs`."""
    parts = _described(msgspec.json.schema(kind)["$defs"])
    whole = parts.pop(kind.__name__)
    title = whole["properties"]["schema"]["enum"][0]
    about = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    return {**whole, **about, "$defs": parts}


def _described(part: Any) -> Any:
    """The same with every description without the indentation of the docstring that it comes from, which Python keeps
    up to 3.12 and drops from 3.13 on."""
    if isinstance(part, dict):
        return {key: cleandoc(held) if _is_text(key, held) else _described(held) for key, held in part.items()}
    return [_described(held) for held in part] if isinstance(part, list) else part


def _is_text(key: str, held: object) -> bool:
    return key == "description" and isinstance(held, str)
