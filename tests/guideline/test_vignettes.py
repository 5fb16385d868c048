"""People as fact files, read as a neurologist, an endocrinologist and an integrator would (`vignettes.yaml`): what the
page says first, what it must not say, how long it is; and one fault each of an earlier version (`vignettes/probes`)."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

import pytest
import yaml

from calcscan.guideline import Guidance, load_facts, recommend

HERE = Path(__file__).parent
PEOPLE: list[dict[str, Any]] = yaml.safe_load((HERE / "vignettes.yaml").read_text(encoding="utf-8"))


def of_person(person: dict[str, Any]) -> Guidance:
    facts = load_facts(HERE / "vignettes" / f"{person['name']}.yaml")
    return recommend(facts, literature=person["name"].endswith("_lit"))


def probe(name: str) -> Guidance:
    return recommend(load_facts(HERE / "vignettes" / "probes" / f"{name}.yaml"))


def cited(lines: Any) -> set[str]:
    return {name for line in lines for name in (*line.covers, *getattr(line, "rules", ()))}


def listed(given: Guidance, state: str = "") -> set[str]:
    items = [item for item in given.recommendations if state in ("", item.state)]
    return {name for item in items for name in (*item.covers, item.id)}


@pytest.mark.parametrize("person", [pytest.param(person, id=person["name"]) for person in PEOPLE])
def test_a_person(person: dict[str, Any]) -> None:
    given = of_person(person)
    first = cited(given.page[:1])
    assert set(person["must_cover"]) <= listed(given)
    assert not person["first_covers_one_of"] or first & set(person["first_covers_one_of"])
    assert not set(person["never_covers"]) & listed(given)
    assert len(given.page) <= person["lines_at_most"] <= 10
    assert sum(item.state == "suggested" for item in given.recommendations) <= person["suggested_at_most"]
    assert set(person["done"]) == cited(line for line in given.page if line.group == "done") & set(person["done"])


def test_the_page_is_short() -> None:
    lines = [len(of_person(person).page) for person in PEOPLE]
    assert median(lines) <= 6
    assert max(lines) <= 10


@pytest.mark.parametrize("person", [pytest.param(person, id=person["name"]) for person in PEOPLE])
def test_nothing_is_said_twice_and_nothing_known_is_asked(person: dict[str, Any]) -> None:
    given = of_person(person)
    order = ["answer", "now", "next", "done", "ask", "keep_in_mind"]
    groups = [order.index(line.group) for line in given.page]
    assert groups == sorted(groups)
    assert given.page[0].group == "answer"
    assert len({line.text for line in given.page}) == len(given.page)
    to_do = [line for line in given.page if line.group in ("now", "next", "keep_in_mind")]
    rules = [rule for line in to_do for rule in line.rules if not rule.startswith(("guard-", "dura-gadolinium"))]
    assert len(rules) == len(set(rules))
    known = {item.id for item in given.recommendations if item.state == "done"}
    assert not known & {rule for line in to_do for rule in line.rules}
    for line in given.page:
        assert line.text[0].isupper() or line.text.startswith("eGFR")
        assert not line.text.endswith(".") or line.text.startswith("Settle first")
        assert "{" not in line.text


# Nobody harmed


def test_the_gadolinium_caution_stands_in_the_line_that_suggests_the_contrast() -> None:
    given = of_person({"name": "05_dialysis_gado"})
    line = next(line for line in given.page if "DU-12" in line.covers)
    assert "DU-32" in line.covers
    assert "gadolinium" in line.text
    mri = next(item for item in given.recommendations if item.id == "dura-mri")
    assert "gadolinium" in mri.text
    assert [caution.covers for caution in mri.cautions] == [("DU-32",)]


def test_the_gadolinium_caution_holds_for_any_site() -> None:
    item = next(item for item in probe("bg_gado_dialysis").recommendations if item.id == "bg-topography-mri")
    assert [caution.rule for caution in item.cautions] == ["dura-gadolinium"]


def test_a_thrombosis_in_the_leg_says_nothing_of_the_head() -> None:
    given = probe("leg_dvt")
    assert not listed(given) & {"DU-12", "DU-15", "DU-23", "DU-24"}
    assert all(item.priority != "urgent" for item in given.recommendations)


def test_an_injury_or_tumour_elsewhere_says_nothing_of_the_brain() -> None:
    assert not listed(probe("old_ankle_fracture")) & {"CA-04", "EC-05", "EC-06", "HE-04"}


def test_a_normal_calcium_of_us_units_is_normal_and_albumin_is_asked_for() -> None:
    given = probe("us_calcium_87")
    assert not listed(given) & {"BG-06", "BG-21", "CA-16"}
    assert next(line for line in given.page if line.group == "ask").text == "Albumin"


def test_low_pth_with_high_calcium_is_not_hypoparathyroidism() -> None:
    assert "BG-21" not in listed(probe("low_pth_hypercalcaemia"))


def test_dangerous_calcium_is_urgent_and_calcium_is_not_taken_away() -> None:
    given = of_person({"name": "03_postthyroidectomy_34"})
    states = {item.id: (item.state, item.priority) for item in given.recommendations}
    assert states["bg-correct-minerals"] == ("suggested", "urgent")
    assert states["guard-dangerous-calcium"] == ("suggested", "urgent")
    assert states["heterotopic-medication-review"][0] == "held_back"
    assert given.page[1].group == "now"


def test_a_measured_excess_of_vitamin_d_is_said() -> None:
    assert "vitamin D" in probe("vitd_high_level").page[0].text


def test_a_value_of_unknown_age_is_not_judged_as_an_adults_and_that_is_said() -> None:
    given = probe("sporadic_unknown_age_child_labs")
    assert "BG-06" not in listed(given)
    assert "not judged: the age is unknown" in next(line for line in given.page if line.group == "done").text
    assert next(line for line in given.page if line.group == "ask").text.startswith("Age")


def test_possible_blood_comes_first_and_holds_back_the_rest() -> None:
    given = of_person({"name": "35_possible_blood"})
    assert "lit-possible-blood" in given.page[0].rules
    assert listed(given, "suggested") == {"lit-possible-blood", "BG-22", "BG-23", "verify-sources"}
    assert "BG-20" in listed(given, "held_back")


def test_what_contradicts_itself_reassures_nobody_and_is_said() -> None:
    given = of_person({"name": "19_contradictory"})
    assert not listed(given) & {"DU-01", "DU-20", "DU-26", "DU-29"}
    settle = next(line for line in given.page if line.text.startswith("Settle first"))
    assert "no symptoms at all, and seizures" in settle.text.lower()
    assert any(line.text.startswith("Settle first") for line in probe("absent_but_volume").page)


def test_a_known_disorder_is_not_called_physiological() -> None:
    assert not listed(probe("physiological_despite_hypopara")) & {"BG-11", "BG-18"}


def test_a_drug_against_inflammation_carries_its_caution() -> None:
    given = probe("nsaid_ckd")
    item = next(item for item in given.recommendations if item.id == "heterotopic-nsaid")
    assert [caution.rule for caution in item.cautions] == ["guard-nsaid-kidney"]
    assert any("kidney function" in line.text for line in given.page if "HE-12" in line.covers)


def test_contrast_in_pregnancy_carries_its_caution() -> None:
    facts = load_facts(HERE / "vignettes" / "21_pregnant_dura_headache.yaml")
    line = next(line for line in recommend(facts).page if "DU-12" in line.covers)
    assert "ask about pregnancy" in line.text
    facts["conditions"] = {"pregnancy": True}
    line = next(line for line in recommend(facts).page if "DU-12" in line.covers)
    assert "no gadolinium in pregnancy" in line.text


# No work-up without warrant


@pytest.mark.parametrize("name", ["dura_all_false_no_isolated", "dura_isolated_but_siphon", "dura_image_siphon"])
def test_monitoring_alone_can_be_reached_and_a_siphon_does_not_spoil_it(name: str) -> None:
    given = probe(name)
    assert {"DU-20", "DU-26"} <= cited(given.page[:1])
    assert not listed(given) & {"EC-19", "EC-20", "EC-22", "DU-12"}


def test_dots_on_both_sides_and_one_granuloma_are_no_infection() -> None:
    assert "BG-16" not in listed(probe("bg_plus_single_cortex"))
    assert "BG-16" not in listed(probe("hiv_symmetric_82"))


def test_atrophy_at_84_is_no_reason_for_contrast() -> None:
    assert not listed(probe("atrophy_at_84")) & {"DU-05", "DU-12", "DU-19"}


def test_one_reduced_filtration_is_no_kidney_disease() -> None:
    assert not listed(probe("egfr_58_phosphate_normal")) & {"EC-04", "EC-23"}
    assert not listed(probe("phosphate_high_kidney_normal")) & {"EC-04", "EC-20", "EC-23"}
    assert "DU-07" not in listed(probe("pth_high_normal_kidney"))


def test_normal_values_make_no_cause_the_likely_one() -> None:
    given = probe("tetany_only_normal_labs")
    assert "BG-15" not in cited(given.page)
    assert "BG-20" in listed(given, "done")


def test_a_deposit_that_is_given_twice_is_one_site() -> None:
    assert len([line for line in probe("dupsite").page if line.group == "answer"]) == 1


def test_what_is_detected_nowhere_is_never_called_absent() -> None:
    page = of_person({"name": "38_no_findings"}).page
    assert [line.group for line in page] == ["answer"]
    assert page[0].text.startswith("None detected")
