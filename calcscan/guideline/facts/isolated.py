"""If a calcification is all that is abnormal in the head: stated, or what the other facts make of it."""

from __future__ import annotations

from calcscan.guideline.facts.case import DERIVED, STATED, Case
from calcscan.guideline.facts.vocabulary import FINDINGS, vocabulary

_ABNORMAL = tuple(
    f"imaging.{name}" for name in ("white_matter_lesions", "atrophy", "venous_abnormality", "other_abnormality")
)
_HAEMORRHAGE = "imaging.possible_haemorrhage"
_MARKS = tuple(f"{FINDINGS}.dura.dural_{mark}" for mark in ("thickening", "enhancement"))


def put_isolated(case: Case) -> None:
    """Says of each site that was spoken of whether its calcification is isolated, where the facts make it so.

    Calcified vessels, skin or scalp and physiological places neither count against it nor are asked for.
    """
    words, values = vocabulary(), case.values
    spoiling = [site for site in words.groups["spoils_isolated"] if site in case.sites]
    present = [f"{FINDINGS}.{site}.present" for site in spoiling]
    abnormal = [path for path in (*_ABNORMAL, *present, *_MARKS) if values.get(path) is True]
    for site in sorted(case.sites):
        own = f"{FINDINGS}.{site}.present"
        path = f"{FINDINGS}.{site}.isolated"
        others = [other for other in abnormal if other != own]
        if others:
            _not_isolated(case, site, path, others[0])
        elif path not in values and values.get(own) is True and _nothing_else(case, site):
            case.put(path, True, DERIVED, "nothing else in the brain and the dura, and nothing else abnormal")


def _not_isolated(case: Case, site: str, path: str, other: str) -> None:
    if case.values.get(path) is False:
        return
    label = vocabulary().kinds[other].label
    if case.origins.get(path) == STATED:
        where = vocabulary().sites[site].label
        text = f"Nothing abnormal beside the {where} calcification, and {label}: one of the two can't be right."
        case.dispute(path, other, text)
    else:
        case.put(path, False, DERIVED, f"there is also {label}")


def _nothing_else(case: Case, site: str) -> bool:
    """If everything that could be abnormal in the brain and the dura is known, and nothing is."""
    isolable, values = vocabulary().groups["isolable"], case.values
    return (
        site in isolable
        and all(values.get(path) is False for path in _ABNORMAL)
        and values.get(_HAEMORRHAGE) is not True
        and all(values.get(f"{FINDINGS}.{other}.present") is False for other in isolable if other != site)
    )
