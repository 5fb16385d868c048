"""Facts and files that several tests of the guideline share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from calcscan.cli import guide
from calcscan.errors import FactsError

FACTS: dict[str, Any] = {
    "age_years": 52,
    "sex": "M",
    "findings": [{"site": "basal_ganglia", "present": True, "bilateral": True}],
    "symptoms": {"tetany": True, "headache": None},
    "labs": {"calcium": {"value": 1.9, "unit": "mmol/L"}, "phosphate": "high"},
}
TOML = """
age_years = 52
sex = "M"
findings = [{ site = "basal_ganglia", present = true, bilateral = true }]
symptoms = { tetany = true, headache = "unknown" }
labs = { calcium = { value = 1.9, unit = "mmol/L" }, phosphate = "high" }
"""
BOMB = "a: &a [1,1]\nb: &b [*a,*a]\nc: [*b,*b]\n"


def write(folder: Path, text: str | bytes, name: str = "facts.yaml") -> Path:
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def refusal(call: Any) -> FactsError | None:
    """What `call` was refused with, if it was; anything but a `FactsError` goes through."""
    try:
        call()
    except FactsError as error:
        return error
    return None


def run(*words: str) -> int:
    """`calcscan guide` with these words; its exit status."""
    parser = argparse.ArgumentParser()
    guide.add_arguments(parser)
    return guide.main(parser.parse_args(list(words)))
