"""Copies of a value: what they must have in common with it."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{f"pickle {n}": lambda value, n=n: pickle.loads(pickle.dumps(value, n)) for n in range(2, 6)},
}


def differences(one: Any, other: Any, at: str = "value") -> list[str]:
    """Where two values differ in type or content; a NaN is like another."""
    if type(one) is not type(other):
        return [f"{at}: {type(one).__name__} and {type(other).__name__}"]
    if isinstance(one, np.ndarray):
        same = one.dtype == other.dtype and one.shape == other.shape and np.array_equal(one, other, equal_nan=True)
        return [] if same else [f"{at}: arrays"]
    if is_dataclass(one):
        names = [field.name for field in fields(one)]
        return [found for n in names for found in differences(getattr(one, n), getattr(other, n), f"{at}.{n}")]
    if isinstance(one, Mapping):
        if list(one) != list(other):
            return [f"{at}: keys"]
        return [found for key in one for found in differences(one[key], other[key], f"{at}[{key!r}]")]
    if isinstance(one, tuple | list):
        if len(one) != len(other):
            return [f"{at}: lengths"]
        pairs = enumerate(zip(one, other, strict=True))
        return [found for n, (a, b) in pairs for found in differences(a, b, f"{at}[{n}]")]
    if isinstance(one, float) and math.isnan(one) and math.isnan(other):
        return []
    return [] if one == other else [f"{at}: {one!r} and {other!r}"]


def writeable(value: Any, at: str = "value") -> list[str]:
    """The arrays in a value that could be written to."""
    if isinstance(value, np.ndarray):
        return [at] if value.flags.writeable else []
    if is_dataclass(value):
        return [found for f in fields(value) for found in writeable(getattr(value, f.name), f"{at}.{f.name}")]
    if isinstance(value, Mapping):
        return [found for key in value for found in writeable(value[key], f"{at}[{key!r}]")]
    if isinstance(value, tuple | list):
        return [found for n, one in enumerate(value) for found in writeable(one, f"{at}[{n}]")]
    return []
