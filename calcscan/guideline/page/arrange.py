"""The lines of the page, put together."""

from __future__ import annotations

from collections.abc import Sequence

from calcscan.guideline.facts.case import Case
from calcscan.guideline.judge import Judgement
from calcscan.guideline.logic import Truth
from calcscan.guideline.model import Group, PageLine, State
from calcscan.guideline.needs import Needs
from calcscan.guideline.page.answer import answer
from calcscan.guideline.page.known_and_asked import ask_lines, done_lines, held_back_lines, question_lines
from calcscan.guideline.page.topics import topic_lines
from calcscan.guideline.page.view import View
from calcscan.guideline.rules.ruleset import Ruleset

_ORDER = {group: place for place, group in enumerate(Group)}


def arrange_page(
    judged: Judgement, needs: Needs, case: Case, ruleset: Ruleset, truths: Sequence[Truth]
) -> tuple[PageLine, ...]:
    """The lines of the page in order: answer, now, next, done, ask, keep in mind. Where there are too many, the least
    pressing are left out; they stand in the full list."""
    view = View(
        case=case,
        ruleset=ruleset,
        truths=truths,
        sites=judged.sites,
        suggested=[one for one in judged.applied if one.item.state is State.SUGGESTED],
        done=[one for one in judged.applied if one.item.state is State.DONE],
        held_back=[one for one in judged.applied if one.item.state is State.HELD_BACK],
        needs=needs,
    )
    found = answer(view)
    topics = topic_lines(view, [one for one in view.suggested if one.rule.id not in found.said and view.on_page(one)])
    questions = question_lines(view)
    kept = [found.line, *questions, *done_lines(view), *ask_lines(view, found)]
    to_do = [line for line in topics if line.group is not Group.KEEP_IN_MIND]
    in_mind = [line for line in topics if line.group is Group.KEEP_IN_MIND]
    room = max(0, view.size.lines_at_most - len(kept))
    kept += [*to_do, *held_back_lines(view), *in_mind][:room]
    return tuple(sorted(kept, key=lambda line: _ORDER[line.group]))
