"""Guidance, explanations and problems as text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from calcscan.guideline.explain import Explained, Explanation
from calcscan.guideline.facts.vocabulary import vocabulary
from calcscan.guideline.model import (
    DISCLAIMER,
    Conflict,
    ConflictKind,
    Guidance,
    NeedsInput,
    Recommendation,
    RuleKind,
    Urgency,
)

_HEADINGS = {
    RuleKind.WORKUP_LABORATORY: "Laboratory",
    RuleKind.WORKUP_IMAGING: "Imaging",
    RuleKind.WORKUP_CLINICAL: "History and examination",
    RuleKind.REFERRAL: "Referral",
    RuleKind.MANAGEMENT: "Management",
    RuleKind.CAUSE: "Possible causes",
    RuleKind.FOLLOW_UP: "Follow-up",
    RuleKind.CAVEAT: "Keep in mind",
}
_MARKS = {Urgency.URGENT: "!!", Urgency.SOON: "! ", Urgency.ROUTINE: "- "}
_RESULTS = {True: "yes", False: "no", None: "unknown"}
_ASKED = 8
WIDTH = 120


def _fold(text: str, first: str, rest: str, width: int) -> str:
    return textwrap.fill(text, width, initial_indent=first, subsequent_indent=rest, break_long_words=False)


def _label(path: str) -> str:
    kind = vocabulary().kinds.get(path)
    return kind.label if kind else path


def _ids(covers: Sequence[str]) -> str:
    return f" [{', '.join(covers)}]" if covers else ""


def _suggestion(item: Recommendation) -> str:
    """A rule's text without its first word, which stands once above all of them."""
    text = item.text.removeprefix("Consider").lstrip(" ,")
    return text[:1].upper() + text[1:].removesuffix(".") + _ids(item.covers)


def _grouped(items: Sequence[Recommendation], width: int) -> list[str]:
    lines = ["CONSIDER"]
    for kind, heading in _HEADINGS.items():
        of_kind = [item for item in items if item.kind == kind]
        if of_kind:
            lines.append(heading)
            lines += [_fold(_suggestion(item), f" {_MARKS[item.urgency]} ", "    ", width) for item in of_kind]
    return lines


def _asked(needs: Sequence[NeedsInput], width: int) -> list[str]:
    if not needs:
        return []
    places = [need for need in needs if need.fact.endswith(".present")]
    others = [need for need in needs if not need.fact.endswith(".present")]
    lines = ["WORTH KNOWING NEXT (rules that it could settle)"]
    if others:
        shown = "; ".join(f"{_label(need.fact)} ({len(need.would_decide)})" for need in others[:_ASKED])
        more = f"; and {len(others) - _ASKED} more" if len(others) > _ASKED else ""
        lines.append(_fold(shown + more, " -  ", "    ", width))
    if places:
        sites = vocabulary().sites
        names = ", ".join(sites[need.fact.split(".")[1]].label for need in places)
        lines.append(_fold(f"Calcification, present or not, at: {names}", " -  ", "    ", width))
    return lines


def _disagree(conflicts: Sequence[Conflict], width: int) -> list[str]:
    lines = ["WHERE FACTS OR SOURCES DISAGREE"] if conflicts else []
    for conflict in conflicts:
        if conflict.kind is ConflictKind.FACTS:
            sides = " / ".join(f"{side.text} ({side.origin})" for side in conflict.sides)
        else:
            sides = " / ".join(side.text + _ids(side.covers) for side in conflict.sides)
        lines.append(_fold(f"{conflict.text} {sides}", " ~  ", "    ", width))
    return lines


def render(guidance: Guidance, width: int = WIDTH) -> str:
    """Everything that guidance says, on about one screen."""
    items = guidance.recommendations
    lines = _grouped(items, width) if items else ["Nothing to consider from what is known."]
    lines += _asked(guidance.needs_input, width) + _disagree(guidance.conflicts, width)
    if items:
        documents = sorted({f"{_prefix(item)}  {item.source.document}{_dated(item)}" for item in items})
        lines += ["SOURCES", *(_fold(document, " ", "     ", width) for document in documents)]
        lines.append(
            "!! urgent, ! soon, - routine. Why a line is there: --explain with its id, such as " + _first_id(items)
        )
    lines.append(f"Rules: {guidance.ruleset} {guidance.version}, sha256 {guidance.sha256[:12]}")
    lines.append(_fold(DISCLAIMER, "", "", width))
    return "\n".join(lines) + "\n"


def _first_id(items: Sequence[Recommendation]) -> str:
    return (*items[0].covers, items[0].id)[0]


def _prefix(item: Recommendation) -> str:
    """What the ids of a document's facts begin with."""
    return item.covers[0].partition("-")[0] if item.covers else "--"


def _dated(item: Recommendation) -> str:
    return " (" + ", ".join(part for part in (item.source.date, item.source.status) if part) + ")"


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
            _fold(f"Source: {source.document} ({dated})", "  ", "    ", width),
            _fold(f"Section: {source.section}{_ids(source.facts)}", "  ", "    ", width),
            f"  {explanation.ruleset} {explanation.version}, sha256 {explanation.sha256[:12]}",
            _fold(DISCLAIMER, "", "", width),
            "",
        ]
    )
