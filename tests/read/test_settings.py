"""The reader's settings: words and kinds of files are checked as they are loaded, and handed down from `read_scan`."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest
from support import dicom_faults as faults

from calcscan.errors import GeometryError, KnowledgeError
from calcscan.knowledge.file_kinds import FileKinds
from calcscan.knowledge.reading import ReadingSettings
from calcscan.knowledge.series_words import SeriesWords
from calcscan.knowledge.settings import load, parse
from calcscan.read import read_scan


def entries(name: str) -> dict:
    return tomllib.loads((files("calcscan.knowledge") / f"{name}.toml").read_text(encoding="utf-8"))


def test_a_pattern_of_words_that_is_not_a_regular_expression_is_refused_with_its_name():
    words = entries("series_words")
    words["dose_report"]["patterns"] = ["dose("]
    with pytest.raises(KnowledgeError, match=r"series_words\.toml: not a regular expression.*dose_report"):
        parse(SeriesWords, words)


def test_a_pattern_of_a_file_kind_that_is_not_a_regular_expression_is_refused():
    kinds = entries("file_kinds")
    kinds["kind"]["zip"]["names"] = ["*.zip"]
    with pytest.raises(KnowledgeError, match=r"file_kinds\.toml: not a regular expression"):
        parse(FileKinds, kinds)


def test_an_unknown_use_of_a_file_kind_is_refused():
    kinds = entries("file_kinds")
    kinds["kind"]["zip"]["use"] = "picture"
    with pytest.raises(KnowledgeError, match="picture"):
        parse(FileKinds, kinds)


def test_settings_reach_the_place_where_they_count(tmp_path: Path):
    faults.write(faults.series(), tmp_path)
    settings = load(ReadingSettings)
    assert len(read_scan(tmp_path, settings=settings).hu) == 28
    with pytest.raises(GeometryError, match="at least 29"):
        read_scan(tmp_path, settings=msgspec.structs.replace(settings, min_slices=29))
