"""The files of facts and units: a slip in them is refused with its address."""

from __future__ import annotations

from typing import Any

import pytest

from calcscan.errors import KnowledgeError
from calcscan.guideline.facts.labs import Analyte
from calcscan.guideline.facts.vocabulary import FactKind, SiteKind, Threshold
from calcscan.knowledge.entries import read_toml, typed_entries


@pytest.mark.parametrize(
    ("kind", "name_as", "file", "section", "change", "message"),
    [
        (FactKind, "path", "facts.toml", "finding", {"kind": "yes"}, "present: .*'yes'.*kind"),
        (SiteKind, "site", "facts.toml", "site", {"place": "head"}, "basal_ganglia: .*'head'.*place"),
        (SiteKind, "site", "facts.toml", "site", {"lable": "?"}, "basal_ganglia: .*lable"),
        (Analyte, "name", "units.toml", "analyte", {"low": "2.2"}, "calcium: .*float.*low"),
        (Threshold, "name", "units.toml", "threshold", {"value": None}, "egfr_reduced: .*value"),
    ],
)
def test_a_slip_is_refused_with_file_section_and_name(
    kind: Any, name_as: str, file: str, section: str, change: dict[str, Any], message: str
) -> None:
    entries = read_toml(file)[section]
    first = next(iter(entries))
    entries[first] = entries[first] | change
    with pytest.raises(KnowledgeError, match=f"knowledge/{file}: {section}: {message}"):
        typed_entries(kind, entries, name_as=name_as, where=f"{file}: {section}")
