"""The JSON files that describe a NIfTI: the one beside it, and in a BIDS dataset those above that apply to it too."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from calcscan.knowledge.reading import ReadingSettings
from calcscan.read.files.bids_name import bids_name
from calcscan.read.headers.fields import one_line

_MADE_FROM = re.compile(r"(?:_Tilt|_Eq)+(?:_\d+)?$")
"""The suffix by which dcm2niix marks what it made of a tilted or unevenly spaced stack; the JSON lacks it."""
_DATASET = "dataset_description.json"
_MOST_LEVELS = 5


def stem_of_image(path: Path) -> str:
    """The name of a NIfTI without its ending."""
    return re.sub(r"\.(?:nii|hdr|img)?(?:\.gz)?$", "", path.name, flags=re.IGNORECASE)


def is_made_from_another(stem: str) -> bool:
    """Whether dcm2niix made the volume from another one, whose JSON is also its own."""
    return _MADE_FROM.search(stem) is not None


def sidecar_files(path: Path) -> tuple[Path, ...]:
    """Every JSON that describes a NIfTI; what a later one says counts.

    Beside it, that of the same name. Above it, as far as the folder that says to be a BIDS dataset: files with the same
    suffix and none but the image's own entities, the one with most entities last.
    """
    stem = stem_of_image(path)
    names = dict.fromkeys((stem, _MADE_FROM.sub("", stem)))
    try:
        beside = next((one for one in (path.with_name(f"{name}.json") for name in names) if one.is_file()), None)
        return (*_above(path), *([beside] if beside is not None else []))
    except OSError:
        return ()


def _above(path: Path) -> tuple[Path, ...]:
    own = bids_name(path.name)
    if own is None:
        return ()
    folders = (path.absolute().parent, *path.absolute().parents[1:])[:_MOST_LEVELS]
    root = next((place for place, folder in enumerate(folders) if (folder / _DATASET).is_file()), None)
    if root is None:
        return ()
    found = []
    for folder in reversed(folders[: root + 1]):
        here = []
        for one in folder.glob(f"*{own.suffix}.json"):
            entities = _entities(one.name, own.suffix)
            if entities is not None and len(entities) < len(own.entities) and entities.items() <= own.entities.items():
                here.append((len(entities), one.name, one))
        found += [one for _, _, one in sorted(here)]
    return tuple(found)


def _entities(name: str, suffix: str) -> Mapping[str, str] | None:
    """Those of a JSON's name, which need not begin with a participant."""
    named = bids_name(f"sub-0_{name}")
    if name.startswith("sub-"):
        named = bids_name(name)
        return None if named is None or named.suffix != suffix else named.entities
    if named is None or named.suffix != suffix:
        return None
    return {key: value for key, value in named.entities.items() if key != "sub"}


def json_fields(path: Path, settings: ReadingSettings) -> tuple[Mapping[str, Any], str]:
    """The fields of all JSON files that describe a NIfTI, and why one of them was not used."""
    fields: dict[str, Any] = {}
    doubts = []
    for beside in sidecar_files(path):
        content, doubt = _read(beside, settings)
        fields |= content
        if doubt:
            doubts.append(doubt)
    return fields, "; ".join(doubts)


def _read(path: Path, settings: ReadingSettings) -> tuple[Mapping[str, Any], str]:
    try:
        if path.stat().st_size > settings.max_sidecar_bytes:
            return {}, f"it is larger than {settings.max_sidecar_bytes / 1e6:g} MB"
        content = json.loads(path.read_text(encoding="utf-8-sig", errors="replace"), object_pairs_hook=_once)
    except OSError as error:
        return {}, f"it can't be read ({error.strerror or type(error).__name__})"
    except _SaidTwiceError as twice:
        return {}, f"it says {twice} twice, and not the same"
    except (ValueError, RecursionError) as error:
        return {}, f"it is not JSON ({one_line(error)})"
    if not isinstance(content, dict):
        return {}, "it holds no named fields"
    return content, ""


class _SaidTwiceError(Exception):
    """A field stands twice with different values."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The fields of a JSON object; the same said twice is said once."""
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields and fields[name] != value:
            raise _SaidTwiceError(name)
        fields[name] = value
    return fields
