"""Codes of other systems for what calcscan says, from `knowledge/codes.toml`: only those that could be looked up."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from functools import cache

import msgspec

from calcscan.guideline.facts.quantity import plain_unit
from calcscan.knowledge.entries import read_toml, typed_entries
from calcscan.knowledge.settings import Table, converted


class Code(Table, frozen=True, kw_only=True):
    """One code, what its system calls it ("" where that could not be looked up), and where it was verified."""

    name: str
    system: str
    code: str
    display: str
    verified_at: str
    date: datetime.date


class Codes(Table, frozen=True, kw_only=True):
    """Every code by the name that the other tables use. `lab` is by quantity and unit, `order` by rule."""

    system: Mapping[str, str]
    code: Mapping[str, Code]
    lab: Mapping[str, Mapping[str, str]]
    finding: Mapping[str, tuple[str, ...]]
    order: Mapping[str, str]
    not_ordered: tuple[str, ...]
    """Topics of which nothing is ordered."""
    ucum: Mapping[str, str]

    def of_lab(self, quantity: str, unit: str) -> list[Code]:
        """The code of a laboratory quantity that is given in `unit`."""
        name = self.lab.get(quantity, {}).get(plain_unit(unit))
        return [self.code[name]] if name else []

    def for_order(self, quantity: str) -> list[Code]:
        """The codes under which a laboratory quantity can be asked for, whatever the unit."""
        return [self.code[name] for name in dict.fromkeys(self.lab.get(quantity, {}).values())]

    def of_finding(self, site: str) -> list[Code]:
        """The codes of calcification at a site."""
        return [self.code[name] for name in self.finding.get(site, ())]


@cache
def codes() -> Codes:
    """The codes that calcscan ships.

    >>> [code.code for code in codes().of_lab("calcium", "mg/dL")]
    ['17861-6']
    """
    table = read_toml("codes.toml")
    code = typed_entries(Code, table.pop("code"), name_as="name", where="codes.toml: code")
    not_ordered = tuple(table.pop("not_ordered")["topics"])
    plain = converted({**table, "code": {}, "not_ordered": not_ordered}, Codes)
    return msgspec.structs.replace(plain, code=code)
