"""What is known already, what the person can be asked, what is held back, and what has to be settled first."""

from __future__ import annotations

from functools import cache

from calcscan.guideline.facts.vocabulary import FINDINGS, vocabulary
from calcscan.guideline.judge import results
from calcscan.guideline.model import Group, PageLine
from calcscan.guideline.page.answer import FoundAnswer
from calcscan.guideline.page.view import View
from calcscan.guideline.wording import is_known, label, listed, open_asks, sentence, value_in_words

_TOLD_BY_A_PERSON = ("symptoms.", "conditions.", "medications.", "family_history", "age_years", "sex")


def done_lines(view: View) -> list[PageLine]:
    """What is known of what was to be asked, measured or looked for; every laboratory value that was given."""
    shown = list(dict.fromkeys(result for one in view.done for result in results(one.rule, view.case)))
    named = {path for one in view.done for ask in one.rule.asks for path in ask}
    others = [path for path in _measured() if path not in named and is_known(path, view.case)]
    shown += [value_in_words(path, view.case) for path in others]
    return [view.line(Group.DONE, sentence("; ".join(shown)), view.done)] if shown else []


def ask_lines(view: View, answer: FoundAnswer) -> list[PageLine]:
    """What the person can be asked: first what would change the most pressing line. Where the answer reassures, nothing
    is asked for its own sake, and nothing at all beside an answer that stands alone."""
    if answer.stands_alone(view.size.alone_from_rank):
        return []
    if not view.sites:
        known = any(view.case.values.get(f"{FINDINGS}.{site}.present") is False for site in view.case.sites)
        return [] if known else [view.line(Group.ASK, "Where calcification was found, if it was")]
    asking = [one for one in view.suggested if one.rule.asks_the_person]
    unknown = open_asks((ask for one in asking for ask in one.rule.asks), view.case)
    decisive = [] if answer.reassures else _decisive(view)
    disorders = [path for path in decisive if path.startswith("conditions.")]
    others = [path for path in decisive if path not in disorders]
    asked = list(dict.fromkeys([*_settling(view), *others, *unknown, *disorders]))[: view.size.asked_at_most]
    if not asked:
        return []
    members = [one for one in asking if any(path in asked for ask in one.rule.asks for path in ask)]
    return [view.line(Group.ASK, sentence(listed([label(path, view.case.words) for path in asked])), members)]


def _settling(view: View) -> list[str]:
    """What would let a value be judged that is not, or change its verdict."""
    unused = sorted(view.case.open_values, key=lambda value: value.fact)
    settling = [by for value in unused for by in value.settled_by[:1] if by != value.fact]
    return [path for path in settling if not is_known(path, view.case)]


def _decisive(view: View) -> list[str]:
    """What a person can tell that could turn on something pressing, or give the answer; a fact that implies another is
    not asked beside it."""
    worth = [path for path in view.needs.decisive if path.startswith(_TOLD_BY_A_PERSON)]
    implied = {first for first, second in view.case.words.implies if second in worth}
    return [path for path in worth if path not in implied]


def held_back_lines(view: View) -> list[PageLine]:
    """What would be suggested, and why it is not for now."""
    if not view.held_back:
        return []
    why = "; ".join(dict.fromkeys(one.item.held_back_because for one in view.held_back))
    shown = [one for one in view.held_back if one.rule.on_page is not False] or view.held_back
    topics = listed(list(dict.fromkeys(view.topic(one.rule).label for one in shown)))
    return [view.line(Group.KEEP_IN_MIND, f"Held back ({topics}): {why}", view.held_back)]


def question_lines(view: View) -> list[PageLine]:
    """Values that can hardly be, those that could be dangerous first, and facts that contradict each other."""
    urgent = " ".join(question.text for question in view.case.questions if question.urgent)
    others = " ".join(question.text for question in view.case.questions if not question.urgent)
    disputes = " ".join(f"{sentence(dispute.text)}." for dispute in view.case.disputes)
    settle = f"Settle first: {disputes}" if disputes else ""
    texts = ((Group.NOW, urgent), (Group.ASK, settle), (Group.ASK, others))
    return [view.line(group, text) for group, text in texts if text]


@cache
def _measured() -> tuple[str, ...]:
    """What a laboratory measures, in the order of the vocabulary."""
    return tuple(path for path in vocabulary().kinds if path.startswith("labs.") or path == "egfr")
