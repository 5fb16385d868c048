"""Facts files and what is refused of them; laboratory units; the command."""

from __future__ import annotations

import argparse
import io
import json
import math
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from calcscan.cli import guide
from calcscan.errors import FactsError
from calcscan.guideline import load_facts, recommend
from calcscan.guideline.told import read_told
from calcscan.guideline.units import analytes, judge, read_result

FACTS: dict[str, Any] = {
    "age_years": 52,
    "sex": "M",
    "findings": [{"site": "basal_ganglia", "present": True, "bilateral": True}],
    "symptoms": {"tetany": True, "headache": None},
    "labs": {"calcium": {"value": 1.9, "unit": "mmol/L"}, "phosphate": "high"},
}
TOML = """
age_years = 52
sex = "M"
findings = [{ site = "basal_ganglia", present = true, bilateral = true }]
symptoms = { tetany = true, headache = "unknown" }
labs = { calcium = { value = 1.9, unit = "mmol/L" }, phosphate = "high" }
"""


# Reading files


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


def yaml_file(folder: Path, text: str | bytes, name: str = "facts.yaml") -> Path:
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_an_empty_file_knows_nothing(tmp_path: Path) -> None:
    assert load_facts(yaml_file(tmp_path, "")) == {}
    assert load_facts(yaml_file(tmp_path, "# nothing yet\n")) == {}
    assert load_facts(yaml_file(tmp_path, "\ufeffage_years: 4\n")) == {"age_years": 4}


BOMB = "a: &a [1,1]\nb: &b [*a,*a]\nc: [*b,*b]\n"


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
    file = yaml_file(tmp_path, text)
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
        load_facts(yaml_file(tmp_path, text, "facts.json"))


def test_toml_that_is_refused_and_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FactsError, match="not TOML"):
        load_facts(yaml_file(tmp_path, "a = ", "facts.toml"))
    with pytest.raises(FactsError, match="can't be read"):
        load_facts(tmp_path / "nothing.yaml")
    with pytest.raises(FactsError, match="can't be read"):
        load_facts(tmp_path)


def refusal(call: Any) -> FactsError | None:
    """What `call` was refused with, if it was; anything but a `FactsError` goes through."""
    try:
        call()
    except FactsError as error:
        return error
    return None


@settings(max_examples=150, deadline=None)
@given(content=st.binary(max_size=120))
def test_any_bytes_are_read_or_refused_in_one_line(content: bytes) -> None:
    refused = refusal(lambda: load_facts("-", stream=io.BytesIO(content)))
    assert refused is None or "\n" not in str(refused)


# Checking what they say


@pytest.mark.parametrize(
    ("facts", "address", "hint"),
    [
        ({"labs": {"calcum": "low"}}, "labs.calcum", "did you mean 'calcium'"),
        ({"symptoms": {"hedache": True}}, "symptoms.hedache", "did you mean 'headache'"),
        ({"age": 52}, "age", "did you mean 'age_years'"),
        ({"symptom": {}}, "symptom", "did you mean 'symptoms'"),
        ({"findings": [{"site": "dura"}, {"site": "durra"}]}, "findings[1].site", "did you mean 'dura'"),
        ({"findings": [{"site": "putamen"}]}, "findings[0].site", "write 'basal_ganglia'"),
        ({"findings": [{"site": "dura", "bilaterl": True}]}, "findings[0].bilaterl", "did you mean 'bilateral'"),
        ({"findings": [{"present": True}]}, "findings[0].site", "known: basal_ganglia"),
        ({"findings": {"dura": True}}, "findings", "write a list"),
        ({"findings": ["dura"]}, "findings[0]", "name: value"),
        ({"findings": [{"site": "dura", "present": "yes"}]}, "findings[0].present", "true, false or unknown"),
        ({"findings": [{"site": "dura", "present": 1}]}, "findings[0].present", "true, false or unknown"),
        ({"findings": [{"site": "dura", "progression": "worse"}]}, "findings[0].progression", "known here"),
        ({"findings": [{"site": "dura", "volume_mm3": -1}]}, "findings[0].volume_mm3", "0 to"),
        ({"symptoms": {"headache": "no"}}, "symptoms.headache", "true, false or unknown"),
        ({"symptoms": ["headache"]}, "symptoms", "name: value"),
        ({"symptoms": {1: True}}, "symptoms", "name: value"),
        ({"family_history": "mother"}, "family_history", "true, false or unknown"),
        ({"age_years": -3}, "age_years", "0 to 120"),
        ({"age_years": 520}, "age_years", "0 to 120"),
        ({"age_years": "52"}, "age_years", "years"),
        ({"age_years": True}, "age_years", "years"),
        ({"age_years": math.nan}, "age_years", "0 to 120"),
        ({"egfr": 900}, "egfr", "0 to 250"),
        ({"egfr": math.inf}, "egfr", "0 to 250"),
        ({"egfr": 10**400}, "egfr", "0 to 250"),
        ({"sex": "X"}, "sex", "known here"),
        ({"sex": 1}, "sex", "known"),
        ({"labs": {"calcium": 1.9}}, "labs.calcium", "{value: 1.9, unit: mmol/L}"),
        ({"labs": {"calcium": "lowish"}}, "labs.calcium", "low, normal or high"),
        ({"labs": {"calcium": {"value": 1.9}}}, "labs.calcium.unit", "mmol/l"),
        ({"labs": {"calcium": {"value": 1.9, "unit": "pg/mL"}}}, "labs.calcium.unit", ""),
        ({"labs": {"pth": {"value": 8, "unit": "mmol/L"}}}, "labs.pth.unit", "pmol/l"),
        ({"labs": {"calcium": {"value": 9.4, "unit": "mmol/L"}}}, "labs.calcium.value", "is the unit right"),
        ({"labs": {"calcium": {"value": -1, "unit": "mmol/L"}}}, "labs.calcium.value", "must lie between"),
        ({"labs": {"calcium": {"value": "1.9", "unit": "mmol/L"}}}, "labs.calcium.value", "such as 2.1"),
        (
            {"labs": {"calcium": {"value": 2, "unit": "mmol/L", "range": [3, 2]}}},
            "labs.calcium.range",
            "lower limit first",
        ),
        ({"labs": {"calcium": {"value": 2, "unit": "mmol/L", "range": "2-3"}}}, "labs.calcium.range", "such as"),
        ({"labs": {"calcium": {"value": 2, "units": "mmol/L"}}}, "labs.calcium.units", "did you mean 'unit'"),
    ],
)
def test_what_is_refused_is_named_with_its_address(facts: dict[Any, Any], address: str, hint: str) -> None:
    with pytest.raises(FactsError) as refused:
        recommend(facts)
    assert refused.value.where == address
    assert hint in refused.value.hint
    with pytest.raises(FactsError) as refused:
        recommend({}, image=facts)
    assert refused.value.where == f"image.{address}"


def test_none_and_unknown_are_the_same_as_nothing() -> None:
    told = {
        "age_years": None,
        "sex": "unknown",
        "egfr": "Unknown",
        "findings": None,
        "symptoms": None,
        "labs": {"calcium": "unknown", "pth": None, "phosphate": {"value": None, "unit": "mmol/L"}},
        "conditions": {"dialysis": "unknown"},
    }
    assert recommend(told) == recommend({})


def test_the_contracts_example_is_taken() -> None:
    text = """
age_years: 52
sex: M
findings:
  - site: dura
    present: true
    bilateral: true
    symmetric: true
    multiple: false
    isolated: true              # nothing else abnormal
    volume_mm3: 120
    progression: unknown        # stable, progressive, unknown, not_comparable
    dural_thickening: false
    dural_enhancement: false
imaging: {white_matter_lesions: false, atrophy: false, venous_abnormality: false, other_abnormality: false}
symptoms: {asymptomatic: false, headache: true, severe_headache: false, positional_headache: true,
           visual_disturbance: false, cognitive_change: false, dementia: false, seizure: false, focal_deficit: false,
           parkinsonism: false, psychiatric: false, movement_disorder: false, paroxysmal_dyskinesia: false,
           tetany: false, pain: false, ulceration: false,
           recurrent_infection: false, restricted_function: false}
labs:                           # low, normal, high, or a value with its unit
  calcium: {value: 1.9, unit: mmol/L}
  phosphate: high
  pth: {value: 8, unit: pg/mL}
  magnesium: normal
  vitamin_d: low
egfr: 28                        # mL/min/1.73 m2
conditions: {chronic_kidney_disease: true, dialysis: false, hypoparathyroidism: false, pseudohypoparathyroidism: false,
             hyperparathyroidism: false, dural_av_fistula: false, venous_thrombosis: false, csf_leak: false,
             intracranial_hypotension: false, diabetes: false, hypercholesterolaemia: false,
             connective_tissue_disease: false, systemic_sclerosis: false, toxoplasmosis: false, rubella: false,
             cytomegalovirus: false, cysticercosis: false, hiv: false, trauma: false,
             tissue_injury: false, malignancy: false}
medications: {calcium_supplement: false, phosphate: false, vitamin_d: true, diuretic: false}
family_history: false
"""
    facts = load_facts("-", stream=io.BytesIO(text.encode()))
    covers = {fact for item in recommend(facts).recommendations for fact in item.covers}
    assert {"DU-12", "DU-32", "DU-08"} <= covers


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["age_years", "findings", "labs", "symptoms", "egfr", "sex", "imaging"]) | st.text(max_size=5)


@settings(max_examples=200, deadline=None)
@given(facts=st.dictionaries(NAMES, JSON, max_size=4))
def test_any_facts_are_taken_or_refused(facts: dict[str, Any]) -> None:
    refused = refusal(lambda: recommend(facts).to_dict())
    assert refused is None or refused.hint


# Laboratory values


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("calcium", (2.5, "mmol/L"), (10.02, "mg/dL")),
        ("calcium", (2.5, "mmol/L"), (5.0, "mEq/L")),
        ("phosphate", (1.0, "mmol/L"), (3.097, "mg/dL")),
        ("magnesium", (0.8, "mmol/L"), (1.944, "mg/dL")),
        ("magnesium", (0.8, "mmol/L"), (1.6, "mEq/L")),
        ("pth", (40, "pg/mL"), (40, "ng/L")),
        ("pth", (40, "pg/mL"), (4.244, "pmol/L")),
        ("vitamin_d", (75, "nmol/L"), (30.05, "ng/mL")),
        ("vitamin_d", (75, "nmol/L"), (30.05, "µg/L")),
        ("albumin", (40, "g/L"), (4.0, "g/dL")),
        ("ionised_calcium", (1.2, "mmol/L"), (4.81, "mg/dL")),
    ],
)
def test_the_same_amount_in_two_units(name: str, first: tuple[float, str], second: tuple[float, str]) -> None:
    one, other = (read_result(name, {"value": v, "unit": u}, "x").value for v, u in (first, second))
    assert one == pytest.approx(other, rel=2e-3)


def level(name: str, value: float, unit: str, **more: Any) -> str | None:
    result = read_result(name, {"value": value, "unit": unit, **more}, "x")
    return judge({name: result}, 40)[name][0]


@pytest.mark.parametrize("name", sorted(analytes()))
def test_low_normal_high_at_the_limits(name: str) -> None:
    analyte = analytes()[name]
    step = (analyte.high - analyte.low) / 100
    told = [
        level(name, value, analyte.unit)
        for value in (analyte.low - step, analyte.low, analyte.high, analyte.high + step)
    ]
    assert told == ["low", "normal", "normal", "high"]
    assert len(analyte.source) > 20


def test_the_laboratorys_own_range_goes_first() -> None:
    assert level("pth", 70, "pg/mL") == "high"
    assert level("pth", 70, "pg/mL", range=[12, 88]) == "normal"
    assert level("calcium", 8.4, "mg/dL", range=[8.6, 10.2]) == "low"


def test_ranges_for_adults_are_not_used_for_children() -> None:
    phosphate = {"value": 1.7, "unit": "mmol/L"}
    facts = {"findings": [{"site": "dura", "present": True}], "labs": {"phosphate": phosphate}}
    assert "phosphate" in str(recommend({**facts, "age_years": 30}).to_dict()["recommendations"])
    child = recommend({**facts, "age_years": 4})
    assert "labs.phosphate" in {need.fact for need in child.needs_input}
    own = {**facts, "age_years": 4, "labs": {"phosphate": {**phosphate, "range": [1.1, 1.8]}}}
    assert "labs.phosphate" not in {need.fact for need in recommend(own).needs_input}


def test_calcium_is_adjusted_for_albumin() -> None:
    calcium = read_result("calcium", "2.05 mmol/L", "x")
    low, normal = (read_result("albumin", {"value": v, "unit": "g/L"}, "x") for v in (25, 40))
    assert judge({"calcium": calcium, "albumin": normal}, None)["calcium"][0] == "low"
    adjusted, detail = judge({"calcium": calcium, "albumin": low}, None)["calcium"]
    assert adjusted == "normal"
    assert "albumin-adjusted calcium 2.35 mmol/L" in detail
    assert judge({"calcium": calcium, "albumin": read_result("albumin", "low", "x")}, None)["calcium"][0] == "low"


def test_ionised_calcium_stands_in_for_total_and_a_difference_is_shown() -> None:
    facts: dict[str, Any] = {"findings": [{"site": "dura", "present": True}], "labs": {"ionised_calcium": "1.0 mmol/L"}}
    assert "calcinosis-low-calcium" in {item.id for item in recommend(facts).recommendations}
    facts["labs"]["calcium"] = "high"
    told = recommend(facts)
    assert "calcinosis-high-calcium" in {item.id for item in told.recommendations}
    assert "facts:labs.calcium" in {item.id for item in told.conflicts}


def test_several_findings_at_one_site_are_put_together() -> None:
    told = read_told(
        {
            "findings": [
                {"site": "skin", "present": True, "volume_mm3": 10, "diameter_mm": 4, "progression": "stable"},
                {"site": "skin", "present": False, "volume_mm3": 5, "diameter_mm": 6, "progression": "progressive"},
            ]
        }
    ).values
    assert told["findings.skin.present"] is True
    assert told["findings.skin.volume_mm3"] == 15
    assert told["findings.skin.diameter_mm"] == 6
    assert told["findings.skin.progression"] == "progressive"
    assert "findings.skin.multiple" not in told


# The command


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    guide.add_arguments(parser)
    return guide.main(parser.parse_args(list(words)))


@pytest.fixture
def facts_file(tmp_path: Path) -> str:
    return str(yaml_file(tmp_path, yaml.safe_dump(FACTS)))


def test_text_for_people(facts_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(facts_file) == 0
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert "[BG-20]" in told.out
    assert "WORTH KNOWING NEXT" in told.out
    assert "Research use only, not for diagnosis" in " ".join(lines[-3:])
    assert "What are the implications of basal ganglia calcifications? (2025-05-20" in told.out
    assert told.err == ""
    assert max(map(len, lines)) <= 140


def test_json_for_machines(facts_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(facts_file, "--json") == 0
    assert json.loads(capsys.readouterr().out) == recommend(FACTS).to_dict()


def test_explain_on_the_command_line(facts_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(facts_file, "--explain", "BG-15") == 0
    told = capsys.readouterr().out
    assert told.startswith("bg-hypoparathyroidism: applies")
    assert "yes     tetany = yes (stated)" in told
    assert "unknown seizures" in told
    assert run(facts_file, "--explain", "BG-20", "--json") == 0
    assert json.loads(capsys.readouterr().out)["tree"]["value"] is True


@pytest.mark.parametrize(
    ("text", "words", "told"),
    [
        ("labs: {calcum: low}", (), "facts.yaml: labs.calcum]: did you mean 'calcium'?"),
        ("age_years: -3", (), "facts.yaml: age_years]"),
        (BOMB, (), "anchor or alias"),
        ("age_years: 3", ("--explain", "BG-99"), "no rule 'BG-99'"),
        ("age_years: 3", ("--without", "x"), "no rule 'x'"),
        ("age_years: 3", ("--rules", "nowhere.toml"), "can't be read"),
    ],
)
def test_what_can_not_be_taken_ends_with_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: tuple[str, ...], told: str
) -> None:
    assert run(str(yaml_file(tmp_path, text)), *words) == 2
    seen = capsys.readouterr()
    assert told in seen.err
    assert seen.err.count("\n") == 1
    assert seen.out == ""


def test_no_facts_is_a_mistake_of_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 2
    assert "give a facts file" in capsys.readouterr().err


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"findings: [{site: dura, present: true}]")))
    assert run("-") == 0
    assert "[DU-11]" in capsys.readouterr().out


def test_lint_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--lint") == 0
    assert capsys.readouterr().out == "no problems found\n"
    file = yaml_file(tmp_path, '[document]\nkey = "a"\ntitle = "A"\nstatus = "draft"\n[[rule]]\nid = "r"\n', "own.toml")
    assert run("--lint", str(file)) == 1
    assert f"{file}: rule[0] r.text: 'text' is missing" in capsys.readouterr().out


def test_left_out_and_literature_on_the_command_line(facts_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(facts_file, "--without", "BG-20", "--literature", "--json") == 0
    ids = {item["id"] for item in json.loads(capsys.readouterr().out)["recommendations"]}
    assert "bg-mineral-labs" not in ids
    assert "lit-more-labs" in ids


def test_the_toml_above_is_toml() -> None:
    assert tomllib.loads(TOML)["age_years"] == 52
