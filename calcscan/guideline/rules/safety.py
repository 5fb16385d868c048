"""What no rule may do, proven when the rules are read, whatever the facts.

Nothing that takes a deposit away or works on it from outside is ever suggested because of a calcification inside the
skull: such a rule must be false unless a person stated a finding elsewhere in the body.
"""

from __future__ import annotations

import re

from calcscan.errors import RulesetError
from calcscan.guideline.facts.vocabulary import Region, vocabulary
from calcscan.guideline.logic import Truth
from calcscan.guideline.rules.condition_tree import Leaf, Node, leaves, truth
from calcscan.guideline.rules.conditions import sites_of

_WORKS_ON_THE_DEPOSIT = re.compile(
    r"remov|excis|surg|operat|shock|lithotr|calcitonin|physiotherap|physical therap|nsaid|"
    r"non-?steroidal|dissol|biops|stretching|thiosulfate|bisphosphonate",
    re.IGNORECASE,
)
_WARNED_OF = {
    "contrast_mri": re.compile(r"gadolinium|contrast\W.*\bMRI?\b|\bMRI?\b.*\bcontrast\b", re.IGNORECASE),
    "nsaid": re.compile(r"nsaid|non-?steroidal", re.IGNORECASE),
}
_ALLOWED = ("the disorder",)
"""`intervention = "the disorder"` says that the text is about a disorder found (a fistula), not about the deposit."""


def _without_stated_body(node: Node) -> Truth:
    """The truth with no finding stated in the body and everything else unknown; False is a proof."""
    return truth(node, {leaf.key: False for leaf in leaves(node) if _stated_in_body(leaf)})


def _stated_in_body(leaf: Leaf) -> bool:
    return leaf.key.endswith(".stated") and vocabulary().sites[leaf.key.split(".")[1]].place is Region.BODY


def check_safety(when: Node, text: str, intervention: str, sites: tuple[str, ...], where: str) -> None:
    """Raises `RulesetError` if a rule that works on a deposit could hold without a finding stated in the body."""
    if intervention in _ALLOWED:
        if truth(when, {leaf.key: False for leaf in leaves(when) if leaf.key.startswith("conditions.")}) is not False:
            hint = "ask for the disorder among its conditions"
            raise RulesetError("no disorder is asked for", where=f"{where}.when", hint=hint)
        return
    if not intervention and not _WORKS_ON_THE_DEPOSIT.search(text):
        return
    inside = {
        site for name in sites for site in sites_of(name, where) if vocabulary().sites[site].place is not Region.BODY
    }
    if inside:
        hint = "keep it to skin, periarticular, organ, eye or heart_valve"
        raise RulesetError(f"an intervention on {sorted(inside)[0]}", where=f"{where}.sites", hint=hint)
    if _without_stated_body(when) is not False:
        hint = 'ask for a finding that a person stated, such as { stated = "skin" }'
        what = "an intervention that could follow from a calcification inside the skull"
        raise RulesetError(what, where=f"{where}.when", hint=hint)


def check_warned(text: str, uses: tuple[str, ...], cautions: str, where: str) -> None:
    """Raises `RulesetError` if a rule suggests what cautions speak of, and does not say so: they would not be shown."""
    for use, words in _WARNED_OF.items():
        found = words.search(text)
        if found and use not in uses and not cautions:
            hint = f'add uses = ["{use}"], so that cautions are shown with it'
            raise RulesetError(f"{found[0]!r} without its cautions", where=f"{where}.uses", hint=hint)
