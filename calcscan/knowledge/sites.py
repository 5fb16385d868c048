"""The sites of the contract, as declared in `knowledge/sites.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteInfo:
    """One entry of `sites.toml`."""

    site: str
    group: str
    sides: tuple[str, ...]
    fact: str
    colour: str
    physiological: bool

    @property
    def paired(self) -> bool:
        return {"left", "right"} <= set(self.sides)


@cache
def all_sites() -> Mapping[str, SiteInfo]:
    """Every site by name, in the order of the report.

    >>> all_sites()["pallidum"].group
    'basal_ganglia'
    >>> [name for name, site in all_sites().items() if site.physiological]
    ['pineal', 'habenula', 'choroid_plexus']
    """
    table = tomllib.loads((files("calcscan") / "knowledge" / "sites.toml").read_text(encoding="utf-8"))
    return MappingProxyType(
        {
            name: SiteInfo(
                site=name,
                group=entry["group"],
                sides=tuple(entry["sides"]),
                fact=entry["fact"],
                colour=entry["colour"],
                physiological=entry.get("physiological", False),
            )
            for name, entry in table.items()
        }
    )
