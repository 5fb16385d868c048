"""The page: what a person reads, the answer first, one line for each topic, at most ten lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain

from calcscan.guideline.facts.case import Case
from calcscan.guideline.facts.vocabulary import FINDINGS, vocabulary
from calcscan.guideline.judge import Applied, disputed_facts, filled, present_sites, results
from calcscan.guideline.logic import Truth
from calcscan.guideline.model import Group, PageLine, Priority, RuleKind, State
from calcscan.guideline.needs import RankedNeed
from calcscan.guideline.rules.layout import Topic
from calcscan.guideline.rules.rule import Rule
from calcscan.guideline.rules.ruleset import Ruleset
from calcscan.guideline.wording import is_known, joined, label, listed, reasons_in_words, sentence, value_in_words

_GROUPS = {group: place for place, group in enumerate(Group)}
_PRIORITIES = {priority: place for place, priority in enumerate(Priority)}
_KEPT_IN_MIND = (RuleKind.CAUSE, RuleKind.CAVEAT)
_ASKED = ("symptoms.", "conditions.", "medications.", "family_history", "age_years", "sex")


def page(
    applied: Sequence[Applied], needs: Sequence[RankedNeed], case: Case, ruleset: Ruleset, truths: Sequence[Truth]
) -> tuple[PageLine, ...]:
    """The lines of the page in order: answer, now, next, done, ask, keep in mind."""
    return _Page(applied, needs, case, ruleset, truths).lines()


class _Page:
    def __init__(
        self,
        applied: Sequence[Applied],
        needs: Sequence[RankedNeed],
        case: Case,
        ruleset: Ruleset,
        truths: Sequence[Truth],
    ) -> None:
        self.needs, self.case, self.ruleset, self.truths = needs, case, ruleset, truths
        self.sites = present_sites(case)
        self.layout = ruleset.layout
        self.size = self.layout.page
        self.applied = [one for one in applied if one.item.state is State.SUGGESTED]
        self.done = [one for one in applied if one.item.state is State.DONE]
        self.held = [one for one in applied if one.item.state is State.HELD_BACK]
        self.disputed = disputed_facts(case)
        self.own = ruleset.sites_with_a_document

    def lines(self) -> tuple[PageLine, ...]:
        answers = self._answers()
        said = {one.rule.id for one in answers if one.rule.kind in _KEPT_IN_MIND}
        joined = {one.rule.id for one in answers if self._topic(one.rule).with_answer}
        with_answer = [
            one
            for one in self.applied
            if self._topic(one.rule).with_answer
            and one.rule.topic in {answer.rule.topic for answer in answers}
            and (self._on_page(one) or one in answers)
        ]
        said |= joined | {one.rule.id for one in with_answer}
        topics = self._topics(one for one in self.applied if one.rule.id not in said and self._on_page(one))
        head = [self._answer_line(answers, with_answer)]
        urgent, ordinary = self._questions()
        body = [*urgent, *(line for line in topics if line.group is not Group.KEEP_IN_MIND)]
        tail = [*self._done_line(), *ordinary, *self._ask_line(answers)]
        mind = [line for line in topics if line.group is Group.KEEP_IN_MIND]
        room = max(0, self.size.lines_at_most - len(head) - len(tail))
        body = body[:room]
        mind = [*self._held_line(), *mind][: room - len(body)]
        return tuple(sorted([*head, *body, *tail, *mind], key=lambda line: _GROUPS[line.group]))

    def _topic(self, rule: Rule) -> Topic:
        return self.layout.topics[rule.topic]

    def _true(self, root: int) -> bool:
        return root >= 0 and self.truths[root] is True

    def _on_page(self, one: Applied) -> bool:
        """Cautions stand with what they warn of. What a general document says of a site gives way, on its topic, to
        the site's own document."""
        rule = one.rule
        if rule.cautions or rule.on_page is False or self._true(one.roots.off_page):
            return False
        if one.roots.on_page >= 0 and not self._true(one.roots.on_page):
            return False
        if not rule.general or not (rule.places & self.sites) <= self.own:
            return True
        return not any(
            other.rule.topic == rule.topic and not other.rule.general and not other.rule.cautions
            for other in chain(self.applied, self.done)
        )

    # The answer

    def _answers(self) -> list[Applied]:
        """The answer of the highest rank, and one for another site if it says something."""
        able = [one for one in self.applied if one.rule.answer and self._may_answer(one)]
        able.sort(key=lambda one: (-_rank(one), one.rule.id))
        chosen: list[Applied] = []
        for one in able:
            if not chosen or self._room_for_second(chosen, one):
                chosen.append(one)
        return chosen

    def _room_for_second(self, chosen: Sequence[Applied], one: Applied) -> bool:
        if len(chosen) > 1 or _rank(chosen[0]) >= self.size.alone_from_rank:
            return False
        about = one.rule.places & chosen[0].rule.places & self.sites
        return not about and _rank(one) >= self.size.second_answer_from_rank

    def _may_answer(self, one: Applied) -> bool:
        """Not on facts that something contradicts; of a person without symptoms and with one, the symptom counts."""
        if any(because.fact in self.disputed for because in one.item.because):
            return False
        only, unless = one.roots.answer_only, one.roots.answer_unless
        return (only < 0 or self._true(only)) and not self._true(unless)

    def _answer_line(self, answers: Sequence[Applied], beside: Sequence[Applied]) -> PageLine:
        if not answers:
            return PageLine(group=Group.ANSWER, topic="", text=self._nothing_said(), rules=(), covers=(), because=())
        texts = []
        for answer in answers:
            assert answer.rule.answer is not None
            texts.append(sentence(filled(answer.rule.answer.text, answer.rule, self.case, self.sites)))
            texts += [
                self._said(one)
                for one in beside
                if one.rule.topic == answer.rule.topic and one not in answers and self._said(one)
            ]
        members = [*answers, *(one for one in beside if one not in answers)]
        return self._line(Group.ANSWER, answers[0].rule.topic, joined(list(dict.fromkeys(texts))), members)

    def _nothing_said(self) -> str:
        """What stands in place of an answer."""
        words = self.case.words.sites
        if self.sites:
            names = listed([words[site].label for site in words if site in self.sites])
            return f"Calcification found ({names}): the documents in use don't say what it means here"
        absent = [site for site in words if self.case.values.get(f"{FINDINGS}.{site}.present") is False]
        if absent:
            return f"None detected at the sites examined ({listed([words[site].label for site in absent])})"
        return "Nothing can be said: no finding is known"

    # The topics

    def _topics(self, members: Iterable[Applied]) -> list[PageLine]:
        by_topic: dict[str, list[Applied]] = {}
        topics_in_order = {topic: place for place, topic in enumerate(self.layout.topics)}
        for one in members:
            if not self._asks_the_person(one.rule):
                by_topic.setdefault(one.rule.topic, []).append(one)
        lines = []
        for topic, of_topic in by_topic.items():
            of_topic.sort(key=_order)
            texts = self._texts(of_topic)
            if texts:
                urgency = min(_PRIORITIES[one.item.priority] for one in of_topic)
                lines.append((urgency, topics_in_order[topic], self._topic_line(topic, of_topic, texts)))
        return [line for *_, line in sorted(lines, key=lambda entry: entry[:2])]

    def _topic_line(self, topic: str, members: Sequence[Applied], texts: Sequence[str]) -> PageLine:
        to_do = [one for one in members if one.rule.kind not in _KEPT_IN_MIND]
        groups = [self.layout.priorities[one.item.priority].group for one in to_do]
        group = min(groups, key=_GROUPS.__getitem__) if groups else Group.KEEP_IN_MIND
        lead = self.layout.topics[topic].lead if members[0].rule.page_text is not None else ""
        whole = joined([lead + texts[0], *texts[1:]])
        return self._line(group, topic, whole, members)

    def _said(self, one: Applied) -> str:
        text = one.rule.text if one.rule.page_text is None else one.rule.page_text
        return filled(text, one.rule, self.case, self.sites).removesuffix(".")

    def _texts(self, members: Sequence[Applied]) -> list[str]:
        """What each says, with its cautions right behind it, and nothing twice."""
        texts: list[str] = []
        for one in members:
            said = self._said(one)
            warned = [self._caution(self.ruleset.rule(caution.rule)) for caution in one.item.cautions] if said else []
            texts += [text for text in (said, *warned) if text and text not in texts]
        return texts

    def _caution(self, rule: Rule) -> str:
        text = rule.text if rule.page_text is None else rule.page_text
        return filled(text, rule, self.case, self.sites).removesuffix(".")

    def _line(self, group: Group, topic: str, text: str, members: Sequence[Applied]) -> PageLine:
        cautions = [caution for one in members for caution in one.item.cautions]
        covers = [*(fact for one in members for fact in one.rule.covers), *(f for c in cautions for f in c.covers)]
        because = [because for one in members for because in one.item.because]
        return PageLine(
            group=group,
            topic=topic,
            text=text,
            rules=tuple(dict.fromkeys([*(one.rule.id for one in members), *(c.rule for c in cautions)])),
            covers=tuple(dict.fromkeys(covers)),
            because=reasons_in_words(because, self.case, self.size.reasons_at_most),
        )

    # Done, asked, held back

    def _done_line(self) -> list[PageLine]:
        """What is known of what was to be asked, measured or looked for; every laboratory value that was given."""
        shown = list(dict.fromkeys(result for one in self.done for result in results(one.rule, self.case)))
        named = {path for one in self.done for ask in one.rule.asks for path in ask}
        others = _measured()
        shown += [value_in_words(path, self.case) for path in others if path not in named and is_known(path, self.case)]
        if not shown:
            return []
        return [self._line(Group.DONE, "", sentence("; ".join(shown)), self.done)]

    def _asks_the_person(self, rule: Rule) -> bool:
        """If a rule only asks for what a person can tell."""
        paths = [path for ask in rule.asks for path in ask]
        return bool(paths) and not any(path.startswith(("labs.", "imaging.", "egfr")) for path in paths)

    def _ask_line(self, answers: Sequence[Applied]) -> list[PageLine]:
        """What the person can be asked: first what would change the most pressing line. Where the answer reassures,
        nothing is asked for its own sake, and nothing at all beside an answer that stands alone."""
        if any(_rank(one) >= self.size.alone_from_rank for one in answers):
            return []
        if not self.sites:
            known = any(self.case.values.get(f"{FINDINGS}.{site}.present") is False for site in self.case.sites)
            text = "Where calcification was found"
            return [] if known else [self._line(Group.ASK, "", text, ())]
        asking = [one for one in self.applied if self._asks_the_person(one.rule)]
        open_asks = [ask[0] for one in asking for ask in one.rule.asks if not any(is_known(p, self.case) for p in ask)]
        settled = bool(answers) and all(one.rule.reassures for one in answers)
        decisive = [] if settled else self._decisive()
        disorders = [path for path in decisive if path.startswith("conditions.")]
        others = [path for path in decisive if path not in disorders]
        unused = sorted(self.case.open_values, key=lambda value: value.fact)
        settling = [by for value in unused for by in value.settled_by[:1] if by != value.fact]
        settling = [path for path in settling if not is_known(path, self.case)]
        asked = list(dict.fromkeys([*settling, *others, *open_asks, *disorders]))[: self.size.asked_at_most]
        if not asked:
            return []
        members = [one for one in asking if any(path in asked for ask in one.rule.asks for path in ask)]
        return [self._line(Group.ASK, "", sentence(listed([label(path, self.case.words) for path in asked])), members)]

    def _decisive(self) -> list[str]:
        """What could turn on something pressing, or give the answer; a fact that implies another is not asked beside
        it."""
        weighty = [one.need.fact for one in self.needs if one.weight >= self.size.asked_from_weight]
        worth = [path for path in weighty if self._worth_asking(path)]
        implied = {first for first, second in self.case.words.implies if second in worth}
        return [path for path in worth if path not in implied]

    def _worth_asking(self, path: str) -> bool:
        """What a person can tell; what is to be measured or seen stands in lines of its own."""
        return path.startswith(_ASKED)

    def _held_line(self) -> list[PageLine]:
        if not self.held:
            return []
        why = "; ".join(dict.fromkeys(one.item.held_back_because for one in self.held))
        shown = [one for one in self.held if one.rule.on_page is not False] or self.held
        topics = listed(list(dict.fromkeys(self.layout.topics[one.rule.topic].label for one in shown)))
        return [self._line(Group.KEEP_IN_MIND, "", f"Held back ({topics}): {why}", self.held)]

    def _questions(self) -> tuple[list[PageLine], list[PageLine]]:
        """Values that can hardly be, and facts that contradict each other: what could be dangerous comes first."""
        urgent = [question.text for question in self.case.questions if question.urgent]
        others = [question.text for question in self.case.questions if not question.urgent]
        disputes = [f"{sentence(dispute.text)}." for dispute in self.case.disputes]
        settle = [f"Settle first: {' '.join(disputes)}"] if disputes else []
        return (
            [self._line(Group.NOW, "", " ".join(urgent), ())] if urgent else [],
            [self._line(Group.ASK, "", text, ()) for text in (*settle, " ".join(others)) if text],
        )


@cache
def _measured() -> tuple[str, ...]:
    """What a laboratory measures, in the order of the vocabulary."""
    return tuple(path for path in vocabulary().kinds if path.startswith("labs.") or path == "egfr")


def _rank(one: Applied) -> int:
    return one.rule.answer.rank if one.rule.answer else 0


def _order(one: Applied) -> tuple[bool, bool, str, int]:
    """Within a line: a site's own document first, whole sentences before what is added to them."""
    return one.rule.general, one.rule.page_text is not None, one.rule.source.document, one.rule.number
