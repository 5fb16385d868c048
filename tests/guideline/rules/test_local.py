"""A hospital's own rules: what a file may add and replace, what is refused, and that every report says what is used."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import pytest

from calcscan.errors import FactsError, RulesetError
from calcscan.guideline import explain, load_ruleset, merged_facts, recommend
from calcscan.guideline.facts.vocabulary import knowledge_text, vocabulary
from calcscan.guideline.rules.lint import lint

DOCUMENT = """
[document]
key = "ours"
title = "Our protocol"
status = "approved"
"""
DURA = {"site": "dura", "present": True}


def rule(when: str, name: str = "ours-1", extra: str = "", text: str = "Consider our clinic.") -> str:
    return f"""
[[rule]]
id = "{name}"
kind = "referral"
priority = "routine"
citation = "Our protocol"
section = "1"
sites = ["dura"]
text = "{text}"
when = {when}
{extra}
"""


def file(folder: Path, *parts: str, name: str = "ours.toml") -> Path:
    path = folder / name
    path.write_text(DOCUMENT + "".join(parts), encoding="utf-8")
    return path


def suggested(facts: dict[str, Any], path: Path, name: str = "ours-1") -> bool | None:
    """Whether a rule applies; None while that is open."""
    return explain(name, facts, rulesets=[path]).result


@pytest.mark.parametrize(
    ("when", "yes", "no"),
    [
        ('{ fact = "age_years", below = 50, unit = "years" }', {"age_years": 49.9}, {"age_years": 50}),
        ('{ fact = "age_years", at_most = 50, unit = "years" }', {"age_years": 50}, {"age_years": 50.1}),
        ('{ fact = "age_years", below = 18, unit = "months" }', {"age_years": 1.4}, {"age_years": 1.6}),
        (
            '{ fact = "age_years", at_least = 18, below = 65, unit = "years" }',
            {"age_years": 18},
            {"age_years": 65},
        ),
        ('{ fact = "egfr", below = 45, unit = "mL/min" }', {"egfr": 44}, {"egfr": 45}),
        (
            '{ fact = "labs.pth", above = 300, unit = "pg/mL" }',
            {"labs": {"PTH": "70 pmol/L"}},
            {"labs": {"pth": {"value": 300, "unit": "ng/L"}}},
        ),
        (
            '{ fact = "labs.pth", above = 300, unit = "pg/mL" }',
            {"labs": {"pth": "> 300 pg/mL"}},
            {"labs": {"pth": "<3 ng/L"}},
        ),
        (
            '{ all = [{ fact = "labs.phosphate", is = "high" },'
            ' { fact = "labs.phosphate", below = 2, unit = "mmol/L" }] }',
            {"age_years": 50, "labs": {"phosphate": "1.8 mmol/L"}},
            {"age_years": 50, "labs": {"phosphate": "2.1 mmol/L"}},
        ),
        (
            '{ site = "dura", volume_mm3 = { above = 100, unit = "mm3" } }',
            {"findings": [{**DURA, "volume_mm3": 100.5}]},
            {"findings": [{**DURA, "volume_mm3": 100}]},
        ),
        (
            '{ sites_of = "brain", above = 1 }',
            {"findings": [{"site": "cortex", "present": True}, {"site": "thalamus", "present": True}]},
            {"findings": [{"site": site, "present": False} for site in vocabulary().groups["brain"]]},
        ),
        (
            '{ sites_of = "brain", below = 2 }',
            {"findings": [{"site": site, "present": False} for site in vocabulary().groups["brain"]]},
            {"findings": [{"site": "cortex", "present": True}, {"site": "thalamus", "present": True}]},
        ),
    ],
)
def test_numbers_with_their_unit(tmp_path: Path, when: str, yes: dict[str, Any], no: dict[str, Any]) -> None:
    path = file(tmp_path, rule(when))
    assert suggested(yes, path) is True
    assert suggested(no, path) is False
    assert suggested({}, path) is None
    assert lint([path]) == []


NAMES = """
[threshold.age_ours]
value = 30
unit = "years"
source = "Our protocol"
date = 2026-01-31

[fact.conditions.gout]
label = "gout"

[fact.bone_density]
kind = "number"
label = "bone density"
unit = "SD"
low = -8
high = 8
units = { "dSD" = 0.1 }

[fact."symptoms.hiccups"]
label = "hiccups"

[fact.ward]
kind = "choice"
label = "ward"
values = ["stroke", "dialysis", "not said"]
no_answer = ["not said"]

[concept.young]
label = "young"
all = [{ fact = "age_years", below = "age_ours" }, { site = "dura" }]

[topic.our_clinic]
label = "our clinic"
"""


@pytest.mark.parametrize(
    ("when", "yes", "no"),
    [
        ('{ concept = "young" }', {"age_years": 29, "findings": [DURA]}, {"age_years": 30, "findings": [DURA]}),
        ('{ fact = "conditions.gout" }', {"conditions": {"gout": True}}, {"conditions": {"Gout": False}}),
        ('{ fact = "bone_density", below = -2.5, unit = "SD" }', {"bone_density": -2.6}, {"bone density": -2.5}),
        ('{ fact = "bone_density", below = -2.5, unit = "SD" }', {"bone_density": "-26 dSD"}, {"bone_density": 0}),
        ('{ fact = "ward", is = "stroke" }', {"ward": "Stroke"}, {"ward": "dialysis"}),
        ('{ fact = "symptoms.hiccups" }', {"symptoms": {"hiccups": True}}, {"symptoms": {"asymptomatic": True}}),
    ],
)
def test_names_of_ones_own(tmp_path: Path, when: str, yes: dict[str, Any], no: dict[str, Any]) -> None:
    path = file(tmp_path, NAMES, rule(when, extra='topic = "our_clinic"'))
    assert suggested(yes, path) is True
    assert suggested(no, path) is False
    assert suggested({"ward": "not said"}, path) is None
    assert lint([path]) == []


def test_a_fact_of_ones_own_is_told_asked_for_and_named_like_any_other(tmp_path: Path) -> None:
    both = '{ all = [{ site = "dura" }, { fact = "conditions.gout" }] }'
    path = file(tmp_path, NAMES, rule(both, extra='topic = "our_clinic"'))
    ruleset = load_ruleset([path])
    told = {"conditions": {"gout": True}, "findings": [DURA]}
    guidance = recommend(told, rulesets=ruleset)
    item = next(item for item in guidance.recommendations if item.id == "ours-1")
    assert [(because.fact, because.label) for because in item.because][-1] == ("conditions.gout", "gout")
    line = next(line for line in guidance.page if "ours-1" in line.rules)
    assert line.topic == "our_clinic"
    assert "gout" in line.because
    unknown = recommend({"findings": [DURA]}, rulesets=ruleset)
    assert "ours-1" in next(need for need in unknown.needs_input if need.fact == "conditions.gout").would_decide
    assert merged_facts(told, words=ruleset.vocabulary)["conditions"] == {"gout": True}
    with pytest.raises(FactsError, match="unknown fact 'gout'"):
        recommend(told)
    with pytest.raises(FactsError, match="bone density of 9 is not possible"):
        recommend({"bone_density": 9}, rulesets=ruleset)


def test_what_the_shipped_rules_say_stays_as_it_is_beside_names_of_ones_own(tmp_path: Path) -> None:
    path = file(tmp_path, NAMES, rule('{ concept = "young" }'))
    facts = {"age_years": 52, "findings": [DURA], "symptoms": {"headache": True}}
    shipped, ours = recommend(facts), recommend(facts, rulesets=[path])
    assert [item for item in ours.recommendations if item.id != "ours-1"] == list(shipped.recommendations)
    assert vocabulary().kinds.keys().isdisjoint({"conditions.gout", "ward"})


@pytest.mark.parametrize(
    ("parts", "where", "what"),
    [
        ([rule('{ fact = "age_years", below = 50 }')], "when.below", 'a number without its unit.*unit = "years"'),
        ([rule('{ fact = "age_years", below = 50, unit = "mm" }')], "when.below", "'mm' is not a unit of age_years"),
        ([rule('{ fact = "age_years", below = 500, unit = "years" }')], "when.below", "never 500 years"),
        ([rule('{ fact = "age_years", below = nan, unit = "years" }')], "when.below", "not a number"),
        ([rule(f'{{ fact = "age_years", below = {10**400}, unit = "years" }}')], "when.below", "not a number"),
        ([rule('{ fact = "age_years" }')], "when", "is a number.*compare it"),
        ([rule('{ fact = "labs.calcium", below = 1.9, unit = "mmol/L" }')], "when.below", 'write is = "low"'),
        ([rule('{ fact = "egfr", below = "egfr_reduced", unit = "mL/min" }')], "when.below", "threshold has its own"),
        ([rule('{ site = "dura", volume_mm3 = { above = 100 } }')], "volume_mm3.above", 'unit = "mm3"'),
        ([rule('{ site = "dura", volume_mm3 = 100 }')], "when.volume_mm3", "is a number"),
        ([rule('{ sites_of = "brain", at_least = 9 }')], "when.at_least", "not a count of sites"),
        ([rule('{ fact = "conditions.gowt" }'), NAMES], "when.fact", "did you mean 'conditions.gout'"),
        ([rule('{ fact = "zzz" }')], "when.fact", r"calcscan guide --facts.*\[fact.NAME\]"),
        (["[[rules]]\nid = 'x'\n"], "ours.toml.rules", "unknown key 'rules'.*'rule'"),
        (["[fact.gout]\n"], "fact.gout.label", "'label' is missing"),
        (['[fact.conditions.diabetes]\nlabel = "d"\n'], "fact.conditions.diabetes", "is there already"),
        (['[fact.conditions."CKD"]\nlabel = "d"\n'], "fact.conditions.CKD", "is not a name"),
        (['[fact.conditions.ckd]\nlabel = "d"\n'], "fact.conditions.ckd", "as 'conditions.chronic_kidney_disease'"),
        (['[fact."labs.ferritin"]\nlabel = "d"\n'], "fact.labs.ferritin", "no facts can be added to 'labs'"),
        (['[fact.x]\nkind = "number"\nlabel = "x"\nlow = 0\nhigh = 1\n'], "fact.x.unit", "missing"),
        (['[fact.x]\nkind = "number"\nlabel = "x"\nunit = "m"\nlow = 2\nhigh = 1\n'], "fact.x.low", "from 2 to 1"),
        (['[fact.x]\nkind = "choice"\nlabel = "x"\nvalues = ["a", "A"]\n'], "fact.x.values", "can't be told apart"),
        (['[fact.x]\nkind = "lab"\nlabel = "x"\n'], "fact.x.kind", "unknown kind 'lab'"),
        (['[threshold.x]\nvalue = 1\nunit = "years"\nsource = "s"\n'], "threshold.x.date", "'date' is missing"),
        (['[threshold.x]\nvalue = 1\nsource = "s"\ndate = 2026-01-01\n'], "threshold.x.unit", "'unit' is missing"),
        (
            ['[threshold.age_cohen]\nvalue = 1\nunit = "years"\nsource = "s"\ndate = 2026-01-01\n'],
            "threshold.age_cohen",
            "is there already.*replaces = true",
        ),
        (["[concept.dural_concern]\nany = [{ site = 'dura' }]\n"], "concept.dural_concern", "is there already"),
        (["[concept.loop]\nall = [{ concept = 'loop' }]\n"], "concept.loop.all", "stands for itself"),
        (["[topic.causes]\nlabel = 'c'\n"], "topic.causes", "is there already"),
        ([rule("{ not = " * 50 + '{ site = "dura" }' + " }" * 50)], "ours.toml", "nested too deeply|not TOML"),
        ([rule('{ site = "dura" }', "bg-age")], "bg-age.id", 'shipped rule.*replaces = "bg-age".*--without bg-age'),
        (
            [rule('{ site = "dura" }', extra='replaces = "bg-agee"')],
            "replaces",
            "replaces nothing.*did you mean 'bg-age'",
        ),
        ([rule('{ site = "dura" }', extra='replaces = "lit-pineal"')], "replaces", "add --literature"),
        ([rule('{ site = "dura" }', extra='uses = ["contrast"]')], "uses", "nothing warns.*'contrast_mri'"),
        ([rule('{ site = "dura" }', extra='cautions = "surgry"')], "cautions", "nothing uses 'surgry'"),
        ([rule('{ site = "dura" }', extra="page_text = 3")], "page_text", "not text"),
        (
            [rule('{ site = "dura" }'), rule('{ site = "dura" }', text="Consider it.")],
            "rule.1. ours-1",
            "a second rule called",
        ),
    ],
)
def test_what_is_refused_with_its_address_by_the_loader_and_the_linter(
    tmp_path: Path, parts: list[str], where: str, what: str
) -> None:
    path = file(tmp_path, *parts)
    with pytest.raises(RulesetError, match=what) as refused:
        load_ruleset([path])
    assert where in refused.value.where.replace("[", ".").replace("]", ".") or where in refused.value.where
    problems = [str(problem) for problem in lint([path])]
    assert any(refused.value.what in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("old", "new", "where", "what"),
    [
        ('key = "ours"', 'key = "dura"', "document.key", "a second document 'dura'"),
        ('status = "approved"', 'status = "x"\nfacts = ["BG-20"]', "document.facts", "a second fact 'BG-20'"),
        ('status = "approved"', 'status = "x"\norigin = "seed"', "document.origin", "origin 'seed'"),
    ],
)
def test_a_document_of_ones_own_is_told_from_those_shipped(
    tmp_path: Path, old: str, new: str, where: str, what: str
) -> None:
    path = tmp_path / "ours.toml"
    path.write_text((DOCUMENT + rule('{ site = "dura" }')).replace(old, new), encoding="utf-8")
    with pytest.raises(RulesetError, match=what) as refused:
        load_ruleset([path])
    assert refused.value.where == f"{path}: {where}"
    assert any(what in str(problem) for problem in lint([path]))
    path.write_text(DOCUMENT + rule('{ site = "dura" }'), encoding="utf-8")
    assert load_ruleset([path]).documents[-1].origin == "local"


def test_every_problem_of_a_rule_is_listed_and_urgency_is_called_priority(tmp_path: Path) -> None:
    bad = rule('{ all = [{ site = "durra" }, { fact = "age_years", below = 50 }] }', "bg-age", text="Do it.")
    path = file(tmp_path, bad.replace('priority = "routine"', 'urgency = "routine"').replace("referral", "referal"))
    found = [(problem.where.rpartition(" ")[2].partition(".")[2], str(problem)) for problem in lint([path])]
    assert [where for where, _ in found] == [
        "urgency", "kind", "text", "when.all[0].site", "when.all[1].below", "id"
    ]  # fmt: skip
    assert "write 'priority'" in found[0][1]
    assert "did you mean 'referral'" in found[1][1]


def test_a_rule_that_replaces_another_takes_its_place_and_the_report_says_so(tmp_path: Path) -> None:
    facts = {"findings": [{"site": "basal_ganglia", "present": True}]}
    own = rule('{ site = "basal_ganglia" }', extra='replaces = "bg-mineral-labs"')
    guidance = recommend(facts, rulesets=[file(tmp_path, own)])
    ids = {item.id for item in guidance.recommendations}
    assert "ours-1" in ids
    assert "bg-mineral-labs" not in ids
    assert guidance.rules_added == ("ours.toml: ours-1 (replaces bg-mineral-labs)",)
    same = rule('{ site = "basal_ganglia" }', "bg-mineral-labs", 'replaces = "bg-mineral-labs"')
    again = recommend(facts, rulesets=[file(tmp_path, same)])
    assert next(item for item in again.recommendations if item.id == "bg-mineral-labs").text == "Consider our clinic."


def test_leaving_a_rule_out_lifts_the_clash_and_the_report_says_so(tmp_path: Path) -> None:
    path = file(tmp_path, rule('{ site = "dura" }', "dura-benign"))
    guidance = recommend({"findings": [DURA]}, rulesets=[path], without=["dura-benign"])
    assert next(i for i in guidance.recommendations if i.id == "dura-benign").text == "Consider our clinic."
    assert guidance.rules_left_out == ("dura-benign",)
    assert guidance.rules_added == ("ours.toml: dura-benign",)
    own = load_ruleset([file(tmp_path, rule('{ site = "dura" }'))], without=["ours-1"])
    assert own.left_out == ("ours-1",)
    assert own.added == ()


def test_what_is_in_use_is_in_the_checksum_wherever_its_file_lies(tmp_path: Path) -> None:
    own = rule('{ site = "dura" }')
    (tmp_path / "elsewhere").mkdir()
    first, second = file(tmp_path, own), file(tmp_path / "elsewhere", own, name="z.toml")
    changed = file(tmp_path, own.replace("our clinic", "their clinic"), name="changed.toml")
    sums = [
        load_ruleset().sha256,
        load_ruleset([first]).sha256,
        load_ruleset([changed]).sha256,
        load_ruleset(literature=True).sha256,
        load_ruleset(without=["bg-age"]).sha256,
        load_ruleset([first], without=["bg-age"]).sha256,
    ]
    assert len(set(sums)) == len(sums)
    assert load_ruleset([second]).sha256 == sums[1]
    assert load_ruleset().without(["bg-age"]).sha256 == sums[4]
    assert str(tmp_path) not in "".join(load_ruleset([first]).added)


def test_a_ruleset_can_be_changed_further(tmp_path: Path) -> None:
    path = file(tmp_path, rule('{ site = "dura" }'))
    more = recommend({}, rulesets=load_ruleset([path]), literature=True, without="bg-age")
    assert more.rules_added == ("literature.toml: every rule", "ours.toml: ours-1")
    assert more.rules_left_out == ("bg-age",)
    assert more.sha256 == load_ruleset([path], literature=True, without=["bg-age"]).sha256


def test_a_threshold_replaced_changes_the_shipped_rules(tmp_path: Path) -> None:
    table = '[threshold.egfr_reduced]\nvalue = 45\nunit = "mL/min/1.73 m2"\nsource = "s"\ndate = 2026-01-01\n'
    reduced = rule('{ concept = "reduced_kidney_function" }')
    facts = {"egfr": 50, "conditions": {"chronic_kidney_disease": False}}
    path = file(tmp_path, reduced)
    assert suggested(facts, path) is True
    path = file(tmp_path, table + "replaces = true\n", reduced)
    assert suggested(facts, path) is False
    other = path.read_text().replace("mL/min/1.73 m2", "years")
    path.write_text(other, encoding="utf-8")
    with pytest.raises(RulesetError, match="another unit"):
        load_ruleset([path])


def test_a_laboratory_value_without_its_number_or_in_question_decides_no_number(tmp_path: Path) -> None:
    path = file(tmp_path, rule('{ fact = "labs.phosphate", below = 0.9, unit = "mmol/L" }'))
    for phosphate in ("low", "< 1 mmol/L", "0.1 mmol/L"):
        assert suggested({"labs": {"phosphate": phosphate}}, path) is None, phosphate
    assert suggested({"labs": {"phosphate": {"value": 0.1, "unit": "mmol/L", "confirmed": True}}}, path) is True
    given = recommend({"labs": {"phosphate": "0.8 mmol/L"}}, rulesets=[path])
    item = next(item for item in given.recommendations if item.id == "ours-1")
    assert [(because.fact, because.value) for because in item.because] == [("labs.phosphate", 0.8)]
    facts = merged_facts({"labs": {"phosphate": "0.8 mmol/L"}}, words=load_ruleset([path]).vocabulary)
    assert facts == {"labs": {"phosphate": "0.8 mmol/L"}, "findings": []}


def test_a_bound_is_taken_only_where_it_decides_ones_own_numbers_too(tmp_path: Path) -> None:
    path = file(tmp_path, rule('{ fact = "egfr", below = 100, unit = "mL/min" }'))
    assert suggested({"egfr": "> 90 mL/min"}, path) is None
    assert suggested({"egfr": "> 100 mL/min"}, path) is False
    assert suggested({"egfr": "< 10 mL/min"}, path) is True


@pytest.mark.parametrize(
    "extra",
    [
        'page_text = "excision"',
        'answer = { rank = 1, text = "surgery helps" }',
        'intervention = "the disorder"',
    ],
)
def test_the_guards_hold_for_rules_of_ones_own(tmp_path: Path, extra: str) -> None:
    when = '{ any = [{ concept = "young" }, { fact = "conditions.gout" }] }'
    with pytest.raises(RulesetError, match=r"intervention|no disorder"):
        load_ruleset([file(tmp_path, NAMES, rule(when, extra=extra))])


@pytest.mark.parametrize(
    ("text", "uses"),
    [
        ("Image with MRI, with gadolinium.", "contrast_mri"),
        ("Image with contrast-enhanced MRI.", "contrast_mri"),
        ("Consider an NSAID for the joint.", "nsaid"),
    ],
)
def test_what_needs_a_caution_says_that_it_uses_it(tmp_path: Path, text: str, uses: str) -> None:
    own = rule('{ stated = "skin" }', text=text).replace('"dura"', '"skin"')
    with pytest.raises(RulesetError, match=f'add uses = ."{uses}".'):
        load_ruleset([file(tmp_path, own)])
    path = file(tmp_path, own.replace("when =", f'uses = ["{uses}"]\nwhen ='))
    assert lint([path]) == []


def test_the_example_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "example.toml"
    path.write_text(knowledge_text("rules/example.toml"), encoding="utf-8")
    assert lint([path]) == []
    ruleset = load_ruleset([path])
    assert ruleset.added[-1] == "example.toml: our-mineral-labs (replaces bg-mineral-labs)"
    facts = {
        "age_years": 40,
        "conditions": {"gout": True},
        "ward": "stroke",
        "findings": [
            {**DURA, "volume_mm3": 150},
            {"site": "periarticular", "present": True},
            *({"site": site, "present": True} for site in ("basal_ganglia", "thalamus", "cortex")),
        ],
    }
    ids = {item.id for item in recommend(facts, rulesets=ruleset).recommendations}
    assert {"our-dura-clinic", "our-several-sites", "our-gout", "our-mineral-labs"} <= ids


def test_the_rules_in_the_readme_are_taken(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    blocks = [block for block in re.findall(r"```toml\n(.*?)```", readme, re.DOTALL) if "[document]" in block]
    for n, block in enumerate(blocks):
        path = tmp_path / f"{n}.toml"
        path.write_text(block, encoding="utf-8")
        assert lint([path]) == []
        assert load_ruleset([path]).added


def test_a_ruleset_is_the_same_in_another_process(tmp_path: Path) -> None:
    path = file(tmp_path, NAMES, rule('{ concept = "young" }'))
    ruleset = load_ruleset([path], without=["bg-age"], literature=True)
    path.unlink()
    again = pickle.loads(pickle.dumps(ruleset))
    assert (again.sha256, again.added, again.left_out) == (ruleset.sha256, ruleset.added, ruleset.left_out)
    assert again.vocabulary.kinds["conditions.gout"].label == "gout"
