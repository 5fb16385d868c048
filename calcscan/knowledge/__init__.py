"""Data that a clinician could dispute: every number with its unit, its reason or source. Code holds none of them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any


@cache
def table(name: str) -> Mapping[str, Any]:
    """One data file, as it stands.

    >>> table("skull")["bone_hu"]["unit"]
    'HU'
    """
    text = (files(__name__) / f"{name}.toml").read_text(encoding="utf-8")
    return MappingProxyType(tomllib.loads(text))


@cache
def values(name: str) -> Mapping[str, float]:
    """The `value` of every entry of a data file.

    >>> values("skull")["bone_hu"]
    180
    """
    return MappingProxyType({key: entry["value"] for key, entry in table(name).items() if "value" in entry})
