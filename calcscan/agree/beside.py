"""Another agreement beside this one: that of two readers, which says how far people differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calcscan.errors import InputError, UnreadableError
from calcscan.report.outputs import AGREEMENT

SCOPES = ("overall", "combined", "by_site")
FIGURES = {
    "sensitivity": "sensitivity",
    "ppv": "PPV",
    "bias_mm3": "bias, mm³",
    "limits": "limits, mm³",
    "icc": "ICC(A,1)",
    "spearman": "Spearman",
    "dice": "Dice",
    "kappa_quadratic": "kappa, quadratic",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BesideRow:
    """One figure of both agreements at one place."""

    site: str | None
    side: str | None
    figure: str
    here: str
    beside: str


def read_agreement(path: Path) -> Mapping[str, Any]:
    """The agreement.json at a path, or in a folder.

    Raises
    ------
    InputError, UnreadableError
        There is none, it can't be read, or a newer calcscan wrote it.
    """
    file = path / AGREEMENT.main if path.is_dir() else path
    hint = "give the OUT of an earlier calcscan agree"
    try:
        content = json.loads(file.read_bytes())
        schema = str(content["schema"])
        number = int(schema.removeprefix(AGREEMENT.schema)) if schema.startswith(AGREEMENT.schema) else 0
        whole = {name: content[name] for name in SCOPES}
    except OSError as error:
        raise UnreadableError(f"can't be read ({error.strerror or error})", where=str(file), hint=hint) from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError("it is no agreement.json of calcscan's", where=str(file), hint=hint) from error
    if number != 1:
        raise InputError(f"it is of another version ({schema})", where=str(file), hint="make it again")
    return {"name": file.resolve().parent.name, "schema": schema, **whole}


def beside_rows(here: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[BesideRow]:
    """Every figure that both agreements have, at every place that both have."""
    told = {(row["site"], row["side"]): row for row in _rows(other)}
    for row in _rows(here):
        there = told.get((row["site"], row["side"]))
        for figure, name in FIGURES.items() if there is not None else ():
            one, another = _value(row, figure), _value(there or {}, figure)
            if one is not None and another is not None:
                yield BesideRow(site=row["site"], side=row["side"], figure=name, here=one, beside=another)


def _rows(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [document["overall"], *document["combined"], *document["by_site"]]


def _value(row: Mapping[str, Any], figure: str) -> str | None:
    """A figure for people; None where it is not defined, or the place is empty on both sides."""
    if not any(row.get(name) for name in ("detected_both", "only_a", "only_b")):
        return None
    if figure == "limits":
        low, high = row.get("loa_low_mm3"), row.get("loa_high_mm3")
        return None if low is None or high is None else f"{low:+.1f} to {high:+.1f}"
    value = row.get(figure)
    if value is None:
        return None
    form = "+.1f" if figure == "bias_mm3" else ".2f"
    begin = "bias" if figure == "bias_mm3" else figure
    end = "_mm3" if figure == "bias_mm3" else ""
    low, high = row.get(f"{begin}_low{end}"), row.get(f"{begin}_high{end}")
    return f"{value:{form}}" + ("" if low is None or high is None else f" ({low:{form}} to {high:{form}})")
