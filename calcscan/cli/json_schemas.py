"""The JSON Schemas of every file that calcscan writes or reads as JSON and others may rely on, by name.

`python -m calcscan.cli.json_schemas` writes them to `calcscan/knowledge/`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import msgspec

from calcscan.agree.file import AgreementFile
from calcscan.report.json_schema import SCHEMA_FILE, schema_of
from calcscan.report.schema import Report
from calcscan.review.read import ReviewFile

KINDS: Mapping[str, type[msgspec.Struct]] = {"report": Report, "review": ReviewFile, "agreement": AgreementFile}


def schema_file(name: str) -> Path:
    """Where the schema lies."""
    return SCHEMA_FILE.with_name(f"{name}.schema.json")


def schema_text(name: str) -> str:
    """The schema file's text, from the classes."""
    return json.dumps(schema_of(KINDS[name]), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for each in KINDS:
        schema_file(each).write_text(schema_text(each), encoding="utf-8")
