"""What every part of the page looks at: the rules that apply, in their states, and what is known of the person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from calcscan.guideline.facts.case import Case
from calcscan.guideline.judge import Applied, filled
from calcscan.guideline.logic import Truth
from calcscan.guideline.model import Group, PageLine, RuleKind
from calcscan.guideline.needs import Needs
from calcscan.guideline.rules.layout import PageSize, Topic
from calcscan.guideline.rules.rule import Rule
from calcscan.guideline.rules.ruleset import Ruleset
from calcscan.guideline.wording import reasons_in_words

KEPT_IN_MIND = (RuleKind.CAUSE, RuleKind.CAVEAT)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One person's case, judged."""

    case: Case
    ruleset: Ruleset
    truths: Sequence[Truth]
    sites: frozenset[str]
    suggested: Sequence[Applied]
    done: Sequence[Applied]
    held_back: Sequence[Applied]
    needs: Needs

    @property
    def size(self) -> PageSize:
        """How much the page holds."""
        return self.ruleset.layout.page

    def topic(self, rule: Rule) -> Topic:
        """What a rule speaks of."""
        return self.ruleset.layout.topics[rule.topic]

    def is_true(self, root: int) -> bool:
        """Whether a condition, if there is one, is known to hold."""
        return root >= 0 and self.truths[root] is True

    def on_page(self, one: Applied) -> bool:
        """Cautions stand with what they warn of. What a general document says of a site gives way, on its topic, to
        the site's own document."""
        rule = one.rule
        if rule.cautions or rule.on_page is False or self.is_true(one.roots.off_page):
            return False
        if one.roots.on_page >= 0 and not self.is_true(one.roots.on_page):
            return False
        if not rule.general or not (rule.places & self.sites) <= self.ruleset.sites_with_a_document:
            return True
        return not any(
            other.rule.topic == rule.topic and not other.rule.general and not other.rule.cautions
            for other in chain(self.suggested, self.done)
        )

    def said(self, rule: Rule) -> str:
        """How a rule is said on a line; empty if only its source is named."""
        text = rule.text if rule.page_text is None else rule.page_text
        return filled(text, rule, self.case, self.sites).removesuffix(".")

    def line(self, group: Group, text: str, members: Sequence[Applied] = (), topic: str = "") -> PageLine:
        """A line with the rules, sources and reasons of its members, and of their cautions."""
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
