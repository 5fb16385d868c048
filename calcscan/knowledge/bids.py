"""Names by which images are told apart that are no CT: `bids.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatch
from typing import ClassVar

from calcscan.knowledge.settings import Settings, Table


class Names(Table, frozen=True, kw_only=True):
    """Names of one kind, and why what is called so is left out."""

    names: tuple[str, ...]
    what: str

    def has(self, name: str) -> bool:
        """Whether a name is among them, in whichever case; `*` stands for any end."""
        return any(fnmatch(name.casefold(), one.casefold()) for one in self.names)


class BidsNames(Settings, frozen=True, kw_only=True):
    """Entries of `knowledge/bids.toml`."""

    file: ClassVar[str] = "bids"

    version: str
    """Of BIDS."""
    air_hu: int
    bone_hu: int
    outside: tuple[str, ...]
    """Folders of a dataset that hold no scan of its own."""
    suffix: Mapping[str, Names]
    words: Mapping[str, Names]
    entity: Mapping[str, Names]
