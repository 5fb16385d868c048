"""The typed settings: each class is its data file, entry for entry."""

from __future__ import annotations

import tomllib
from importlib import import_module
from importlib.resources import files

import pytest

from calcscan.errors import KnowledgeError
from calcscan.knowledge.settings import Settings, load, parse

KINDS = {
    kind.file: kind
    for entry in sorted(files("calcscan.knowledge").iterdir(), key=str)
    if entry.name.endswith(".py") and entry.name not in ("__init__.py", "settings.py", "sites.py")
    for kind in vars(import_module(f"calcscan.knowledge.{entry.name[:-3]}")).values()
    if isinstance(kind, type) and issubclass(kind, Settings) and kind is not Settings
}
SUFFIXES = {
    "_hu_mm": "HU/mm",
    "_mm": "mm",
    "_mm2": "mm2",
    "_mm3": "mm3",
    "_hu": "HU",
    "_ml": "ml",
    "_deg": "deg",
    "_kv": "kV",
}


def entries(file: str) -> dict:
    return tomllib.loads((files("calcscan.knowledge") / f"{file}.toml").read_text(encoding="utf-8"))


def test_there_are_settings():
    assert {"intracranial", "registration", "volume", "thresholds", "localisation"} <= set(KINDS)


@pytest.mark.parametrize("file", KINDS)
def test_a_class_holds_every_entry_of_its_file_as_it_stands(file):
    settings, table = load(KINDS[file]), entries(file)
    own = {name for name in settings.__struct_fields__ if not isinstance(getattr(settings, name), Settings)}
    assert own == set(table)  # settings within settings have a file of their own
    for name, entry in table.items():
        if isinstance(entry, dict) and "value" in entry:
            value = entry["value"]
            assert getattr(settings, name) == (tuple(value) if isinstance(value, list) else value)


@pytest.mark.parametrize("file", KINDS)
def test_an_entry_is_explained_and_its_unit_is_that_of_its_name(file):
    for name, entry in entries(file).items():
        if not isinstance(entry, dict) or "value" not in entry:
            continue
        assert entry.get("unit"), name
        assert entry.get("why") or entry.get("source"), name
        suffix = next((end for end in sorted(SUFFIXES, key=len, reverse=True) if name.endswith(end)), None)
        assert suffix is None or entry["unit"] == SUFFIXES[suffix], name


@pytest.mark.parametrize("file", KINDS)
def test_a_slip_in_a_file_is_refused_with_its_name(file):
    table = entries(file)
    first = next(iter(table))
    with pytest.raises(KnowledgeError, match=f"knowledge/{file}.toml: .*`{first}`"):
        parse(KINDS[file], {name: entry for name, entry in table.items() if name != first})
    with pytest.raises(KnowledgeError, match=f"knowledge/{file}.toml: .*`{first}_`"):
        parse(KINDS[file], {**table, f"{first}_": table[first]})
    with pytest.raises(KnowledgeError, match=f"knowledge/{file}.toml: .*{first}"):
        parse(KINDS[file], {**table, first: {"value": "many"}})
