"""Facts files: what is read, and what is refused."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from support.guideline_facts import BOMB, FACTS, TOML, refusal, write

from calcscan.errors import FactsError
from calcscan.guideline import load_facts, recommend


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("facts.yaml", "yaml"),
        ("facts.yml", "yaml"),
        ("facts.json", "json"),
        ("facts.toml", "toml"),
        *[(name, written) for name in ("facts", "-") for written in ("yaml", "json", "toml")],
    ],
)
def test_one_and_the_same_in_three_forms(tmp_path: Path, name: str, written: str) -> None:
    text = {"yaml": yaml.safe_dump(FACTS), "json": json.dumps(FACTS), "toml": TOML}[written]
    if name == "-":
        read = load_facts("-", stream=io.BytesIO(text.encode()))
    else:
        (tmp_path / name).write_text(text, encoding="utf-8")
        read = load_facts(tmp_path / name)
    assert recommend(read) == recommend(FACTS)


def test_yaml_in_braces_needs_no_quotation_marks() -> None:
    assert load_facts("-", stream=io.BytesIO(b" {age_years: 52, symptoms: {headache: true}}\n")) == {
        "age_years": 52,
        "symptoms": {"headache": True},
    }
    assert "not JSON" in str(refusal(lambda: load_facts("-", stream=io.BytesIO(b'{ "age_years": 52'))))


def test_an_empty_file_knows_nothing(tmp_path: Path) -> None:
    assert load_facts(write(tmp_path, "")) == {}
    assert load_facts(write(tmp_path, "# nothing yet\n")) == {}
    assert load_facts(write(tmp_path, "\ufeffage_years: 4\n")) == {"age_years": 4}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (BOMB, "anchor or alias"),
        ("symptoms: &s {headache: true}\nimaging: *s\n", "line 1"),
        ("age_years: !!python/object/apply:os.system ['true']\n", "the tag"),
        ("age_years: !!int '52'\n", "the tag"),
        ("age_years: 52\nage_years: 53\n", "stands twice"),
        ("symptoms:\n  headache: true\n  headache: false\n", "line 3"),
        ("symptoms: {<<: {headache: true}}\n", "merge key"),
        ("? [a, b]\n: 1\n", "name that is not text"),
        ("age_years: [52\n", "not YAML"),
        ("a: b: c\n", "not YAML"),
        ("- 1\n- 2\n", "not a table"),
        ("just words\n", "not a table"),
        ("a: 1\n---\nb: 2\n", "not YAML"),
        (b"age_years: \xff\xfe", "not UTF-8"),
        ("a: " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        ("x" * 1_000_001, "too large"),
        ("a: \x00\n", "not YAML"),
    ],
)
def test_yaml_that_is_refused(tmp_path: Path, text: str | bytes, what: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(FactsError, match=what) as refused:
        load_facts(file)
    assert str(file) in refused.value.where


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"age_years": 1, "age_years": 2}', "stands twice"),
        ('{"egfr": NaN}', "NaN"),
        ('{"egfr": Infinity}', "Infinity"),
        ("{", "not JSON"),
        ("[1]", "not a table"),
        ("[" * 100_000, "nested too deeply"),
        ('{"egfr": ' + "9" * 5000 + "}", "not JSON"),
    ],
)
def test_json_that_is_refused(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(FactsError, match=what):
        load_facts(write(tmp_path, text, "facts.json"))


def test_toml_that_is_refused_and_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FactsError, match="not TOML"):
        load_facts(write(tmp_path, "a = ", "facts.toml"))
    for text in ("a." * 300_000 + "a = 1", "[" + "a." * 300_000 + "a]"):
        with pytest.raises(FactsError, match="nested too deeply"):
            load_facts(write(tmp_path, text, "facts.toml"))
    with pytest.raises(FactsError, match="can't be read"):
        load_facts(tmp_path / "nothing.yaml")
    with pytest.raises(FactsError, match="can't be read"):
        load_facts(tmp_path)


@settings(max_examples=150, deadline=None)
@given(content=st.binary(max_size=120))
def test_any_bytes_are_read_or_refused_in_one_line(content: bytes) -> None:
    refused = refusal(lambda: load_facts("-", stream=io.BytesIO(content)))
    assert refused is None or "\n" not in str(refused)
