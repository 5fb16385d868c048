"""Guidance, explanations and problems as text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from calcscan.guideline.explain import Explained, Explanation
from calcscan.guideline.facts.vocabulary import Vocabulary
from calcscan.guideline.model import (
    DISCLAIMER,
    Conflict,
    ConflictKind,
    Group,
    Guidance,
    PageLine,
    Priority,
    Recommendation,
    State,
)
from calcscan.guideline.rules.combine import rules_in_words
from calcscan.guideline.wording import label

_HEADINGS = {
    Group.ANSWER: "ANSWER",
    Group.NOW: "NOW",
    Group.NEXT: "NEXT",
    Group.DONE: "DONE",
    Group.ASK: "ASK",
    Group.KEEP_IN_MIND: "MIND",
}
_STATES = {State.SUGGESTED: "SUGGESTED", State.DONE: "DONE", State.HELD_BACK: "HELD BACK"}
_MARKS = {Priority.URGENT: "!!", Priority.SOON: "! ", Priority.ROUTINE: "- "}
_RESULTS = {True: "yes", False: "no", None: "unknown"}
_INDENT = 8
WIDTH = 120


def _fold(text: str, first: str, rest: str, width: int) -> str:
    return textwrap.fill(text, width, initial_indent=first, subsequent_indent=rest, break_long_words=False)


def _ids(covers: Sequence[str], rules: Sequence[str] = ()) -> str:
    """What a line cites: facts of the documents, or the rules where it states none."""
    cited = covers or rules
    return f" [{', '.join(cited)}]" if cited else ""


def page_lines(lines: Sequence[PageLine], width: int = WIDTH) -> list[str]:
    """The page as text: each group named once, each line with its reasons and its sources."""
    out, before = [], None
    for line in lines:
        heading = _HEADINGS[line.group] if line.group is not before else ""
        before = line.group
        shows_reason = line.because and line.group is not Group.DONE
        reasons = f" (because: {'; '.join(line.because)})" if shows_reason else ""
        text = line.text + reasons + _ids(line.covers, line.rules)
        out.append(_fold(text, heading.ljust(_INDENT), " " * _INDENT, width))
    return out


def render(guidance: Guidance, width: int = WIDTH, *, everything: bool = False, words: Vocabulary | None = None) -> str:
    """The page, and with `everything` all that lies behind it: every rule that applies, what is unknown, and where
    sources disagree."""
    lines = page_lines(guidance.page, width)
    if everything:
        lines += _everything(guidance, width, words)
    lines.append(_footer(guidance, everything))
    lines.append(_fold(DISCLAIMER, "", "", width))
    return "\n".join(lines) + "\n"


def page_block(guidance: Guidance, width: int = WIDTH) -> list[str]:
    """The page under a heading that names the rules, for a longer text."""
    return [
        _fold(f"to consider {_footer(guidance, everything=False, more='report.json')}:", "", "    ", width),
        *page_lines(guidance.page, width),
    ]


def _footer(guidance: Guidance, everything: bool, more: str = "") -> str:
    shown = {rule for line in guidance.page for rule in line.rules}
    left = sum(item.id not in shown for item in guidance.recommendations)
    name = f"{guidance.ruleset} {guidance.version}, sha256 {guidance.sha256[:12]}"
    rules = "; ".join([f"rules {name}", *rules_in_words(guidance.rules_added, guidance.rules_left_out)])
    if more:
        return f"({rules}; {left} more in {more})" if left else f"({rules})"
    if everything or not left:
        return f"({rules}; one rule in full: --explain ID; one source: --source ID)"
    return f"({left} more: --all; why: --explain ID; source: --source ID; {rules})"


def _everything(guidance: Guidance, width: int, words: Vocabulary | None) -> list[str]:
    lines = []
    for state, heading in _STATES.items():
        items = [item for item in guidance.recommendations if item.state is state]
        lines += [f"{heading}, ALL"] * bool(items)
        lines += [_fold(_item(item), f" {_MARKS[item.priority]} ", "    ", width) for item in items]
    if guidance.needs_input:
        lines.append("UNKNOWN, THE MOST DECISIVE FIRST (rules that it could settle)")
        unknown = "; ".join(f"{label(need.fact, words)} ({len(need.would_decide)})" for need in guidance.needs_input)
        lines.append(_fold(unknown, " -  ", "    ", width))
    lines += _disagree(guidance.conflicts, width)
    documents = sorted({f"{_prefix(item)}  {item.source.document}{_dated(item)}" for item in guidance.recommendations})
    if documents:
        lines += ["SOURCES", *(_fold(document, " ", "     ", width) for document in documents)]
    lines.append("!! urgent, ! soon, - routine: calcscan's own priority, for the reason given in --json")
    return lines


def _item(item: Recommendation) -> str:
    text = item.text + _ids(item.covers, (item.id,))
    if item.state is State.DONE:
        return f"{text}: {item.result}"
    return f"{text}: {item.held_back_because}" if item.state is State.HELD_BACK else text


def _disagree(conflicts: Sequence[Conflict], width: int) -> list[str]:
    lines = ["WHERE FACTS OR SOURCES DISAGREE"] if conflicts else []
    for conflict in conflicts:
        if conflict.kind is ConflictKind.FACTS:
            sides = " / ".join(f"{side.text} ({side.origin})" for side in conflict.sides)
        else:
            sides = " / ".join(side.text + _ids(side.covers) for side in conflict.sides)
        lines.append(_fold(f"{conflict.text} {sides}. {conflict.handling}", " ~  ", "    ", width))
    return lines


def _prefix(item: Recommendation) -> str:
    """What the ids of a document's facts begin with."""
    return item.covers[0].partition("-")[0] if item.covers else "--"


def _dated(item: Recommendation) -> str:
    source = item.source
    parts = (source.publisher, source.date, source.nature or source.status)
    return f" ({', '.join(part for part in parts if part)})"


def _branches(node: Explained, depth: int, width: int) -> list[str]:
    shown = ""
    if node.fact:
        shown = f" = {_RESULTS[node.value] if isinstance(node.value, bool) else node.value}" if node.origin else ""
        said_by = ", ".join(part for part in (node.origin, node.detail) if part)
        shown += f" ({said_by})" if said_by else ""
    pad = "  " * depth
    line = _fold(f"{node.question}{shown}", f"{pad}{_RESULTS[node.result]:8}", pad + " " * 8, width)
    return [line, *(inner for part in node.parts for inner in _branches(part, depth + 1, width))]


def render_explanation(explanation: Explanation, width: int = WIDTH) -> str:
    """A rule's conditions as an indented tree, each with its value and where that came from."""
    source = explanation.source
    head = {True: "applies", False: "does not apply", None: "can't be decided yet"}[explanation.result]
    dated = ", ".join(part for part in (source.date, source.status) if part)
    return "\n".join(
        [
            f"{explanation.rule}: {head}",
            _fold(explanation.text, "  ", "  ", width),
            *_branches(explanation.tree, 1, width),
            *(["  ruled out by:", *_branches(explanation.unless, 1, width)] if explanation.unless else []),
            _fold(explanation.outcome, "  outcome: ", "    ", width),
            _fold(f"Source: {source.document} ({dated})", "  ", "    ", width),
            _fold(f"Section: {source.section}{_ids(source.facts)}", "  ", "    ", width),
            f"  {explanation.ruleset} {explanation.version}, sha256 {explanation.sha256[:12]}",
            _fold(DISCLAIMER, "", "", width),
            "",
        ]
    )
