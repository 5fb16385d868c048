"""The first line: what the calcification most likely means, or that it needs nothing of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from calcscan.guideline.facts.vocabulary import FINDINGS
from calcscan.guideline.judge import Applied, disputed_facts, filled
from calcscan.guideline.model import Group, PageLine
from calcscan.guideline.page.view import KEPT_IN_MIND, View
from calcscan.guideline.wording import joined, listed, sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundAnswer:
    """The line, the rules that answer, and the rules that need not be said again."""

    line: PageLine
    rules: tuple[Applied, ...]
    said: frozenset[str]

    @property
    def reassures(self) -> bool:
        """Whether everything that it says reassures."""
        return bool(self.rules) and all(one.rule.reassures for one in self.rules)

    def stands_alone(self, from_rank: int) -> bool:
        """Whether nothing is asked beside it."""
        return any(_rank(one) >= from_rank for one in self.rules)


def answer(view: View) -> FoundAnswer:
    """The answer of the highest rank, one for another site if it says something, and what belongs to their topics."""
    chosen = _chosen(view)
    if not chosen:
        return FoundAnswer(line=view.line(Group.ANSWER, _nothing_said(view)), rules=(), said=frozenset())
    topics = {one.rule.topic for one in chosen if view.topic(one.rule).with_answer}
    beside = [one for one in view.suggested if one.rule.topic in topics and one not in chosen and view.on_page(one)]
    texts: list[str] = []
    for one in chosen:
        assert one.rule.answer is not None
        texts.append(sentence(filled(one.rule.answer.text, one.rule, view.case, view.sites)))
        texts += [said for other in beside if other.rule.topic == one.rule.topic and (said := view.said(other.rule))]
    whole = joined(list(dict.fromkeys(texts)))
    repeated = [one for one in chosen if one.rule.kind in KEPT_IN_MIND or one.rule.topic in topics]
    return FoundAnswer(
        line=view.line(Group.ANSWER, whole, [*chosen, *beside], chosen[0].rule.topic),
        rules=tuple(chosen),
        said=frozenset(one.rule.id for one in (*repeated, *beside)),
    )


def _chosen(view: View) -> list[Applied]:
    disputed = disputed_facts(view.case)
    able = [one for one in view.suggested if one.rule.answer and _may_answer(view, one, disputed)]
    able.sort(key=lambda one: (-_rank(one), one.rule.id))
    chosen: list[Applied] = []
    for one in able:
        if not chosen or _room_for_second(view, chosen, one):
            chosen.append(one)
    return chosen


def _may_answer(view: View, one: Applied, disputed: frozenset[str]) -> bool:
    """Not on facts that something contradicts."""
    if any(because.fact in disputed for because in one.item.because):
        return False
    only, unless = one.roots.answer_only, one.roots.answer_unless
    return (only < 0 or view.is_true(only)) and not view.is_true(unless)


def _room_for_second(view: View, chosen: Sequence[Applied], one: Applied) -> bool:
    if len(chosen) > 1 or _rank(chosen[0]) >= view.size.alone_from_rank:
        return False
    about = one.rule.places & chosen[0].rule.places & view.sites
    return not about and _rank(one) >= view.size.second_answer_from_rank


def _rank(one: Applied) -> int:
    return one.rule.answer.rank if one.rule.answer else 0


def _nothing_said(view: View) -> str:
    """What stands in place of an answer."""
    words = view.case.words.sites
    if view.sites:
        names = listed([words[site].label for site in words if site in view.sites])
        return f"Calcification found ({names}): the documents in use don't say what it means here"
    none_detected = [site for site in words if view.case.values.get(f"{FINDINGS}.{site}.present") is False]
    if none_detected:
        return f"None detected at the sites examined ({listed([words[site].label for site in none_detected])})"
    return "Nothing can be said: no finding is known"
