"""What to do and what to keep in mind: one line for each topic, the most pressing first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from calcscan.guideline.judge import Applied
from calcscan.guideline.model import Group, PageLine, Priority
from calcscan.guideline.page.view import KEPT_IN_MIND, View
from calcscan.guideline.wording import joined

_GROUPS = {group: place for place, group in enumerate(Group)}
_PRIORITIES = {priority: place for place, priority in enumerate(Priority)}


def topic_lines(view: View, members: Iterable[Applied]) -> list[PageLine]:
    """The lines of these rules; what only asks the person stands in a line of its own kind, and not here."""
    by_topic: dict[str, list[Applied]] = {}
    in_order = {topic: place for place, topic in enumerate(view.ruleset.layout.topics)}
    for one in members:
        if not one.rule.asks_the_person:
            by_topic.setdefault(one.rule.topic, []).append(one)
    lines = []
    for topic, of_topic in by_topic.items():
        of_topic.sort(key=_order)
        texts = _texts(view, of_topic)
        if texts:
            urgency = min(_PRIORITIES[one.item.priority] for one in of_topic)
            lines.append((urgency, in_order[topic], _line(view, topic, of_topic, texts)))
    return [line for *_, line in sorted(lines, key=lambda entry: entry[:2])]


def _order(one: Applied) -> tuple[bool, bool, str, int]:
    """Within a line: a site's own document first, whole sentences before what is added to them."""
    return one.rule.general, one.rule.page_text is not None, one.rule.source.document, one.rule.number


def _line(view: View, topic: str, members: Sequence[Applied], texts: Sequence[str]) -> PageLine:
    layout = view.ruleset.layout
    to_do = [one for one in members if one.rule.kind not in KEPT_IN_MIND and one.rule.page_text != ""]
    groups = [layout.priorities[one.item.priority].group for one in to_do]
    group = min(groups, key=_GROUPS.__getitem__) if groups else Group.KEEP_IN_MIND
    lead = layout.topics[topic].lead if members[0].rule.page_text is not None else ""
    return view.line(group, joined([lead + texts[0], *texts[1:]]), members, topic)


def _texts(view: View, members: Sequence[Applied]) -> list[str]:
    """What each says, with its cautions right behind it, and nothing twice."""
    texts: list[str] = []
    for one in members:
        said = view.said(one.rule)
        warned = [view.said(view.ruleset.rule(caution.rule)) for caution in one.item.cautions] if said else []
        texts += [text for text in (said, *warned) if text and text not in texts]
    return texts
