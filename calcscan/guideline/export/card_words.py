"""The words of CDS Hooks cards: whole sentences for their summaries, Markdown for their details."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from calcscan.guideline.facts.vocabulary import Vocabulary
from calcscan.guideline.model import ConflictKind, Group, Guidance, PageLine, Source
from calcscan.guideline.wording import label

_MOST_UNKNOWN = 5
_SUMMARY_CHARACTERS = 139
"""CDS Hooks asks for a summary of fewer than 140 characters."""
_BRACKETS = re.compile(r" \([^()]*\)")
_CLAUSE_END = re.compile(r"; |(?<=[.?!]) ")
_CAUTIONS = "; mind the cautions in the detail"
_MARKDOWN = re.compile(r"([\\`*_\[\]<>#|~])")


def whole(text: str, *, cautioned: bool = False) -> str:
    """As many of a text's clauses as fit, as one or more whole sentences; "" if not even the first does.

    What is said in brackets is left out before the first clause is given up. Where cautions are among what is cut off,
    the sentence says that there are some.

    >>> whole("Measure calcium; image with MRI")
    'Measure calcium; image with MRI.'
    """
    plain = text.strip().removesuffix(".")
    for given in (plain, _BRACKETS.sub("", plain)):
        for end in [len(given), *(match.start() for match in reversed(list(_CLAUSE_END.finditer(given))))]:
            said = given[:end]
            if cautioned and said != plain:
                said += _CAUTIONS
            said = said if said.endswith(("?", "!", ".")) else f"{said}."
            if said.count("(") == said.count(")") and len(said) <= _SUMMARY_CHARACTERS:
                return said if len(said) > 1 else ""
    return ""


def escaped(text: str) -> str:
    """Text that Markdown shows as it is.

    >>> print(escaped("<3 pg/mL"))
    \\<3 pg/mL
    """
    return _MARKDOWN.sub(r"\\\1", text)


def settles(line: PageLine, open_texts: Iterable[str]) -> bool:
    """If a line only says what contradicts or is in question, which stands in the detail under a heading of its own."""
    asks = line.group is Group.ASK and not line.rules
    return asks and (line.text.startswith("Settle first") or any(text in line.text for text in open_texts))


def bullet(line: PageLine) -> str:
    """A line of the page with its reasons and what it cites."""
    reasons = f" (because: {'; '.join(line.because)})" if line.because and line.group is not Group.DONE else ""
    cited = f" [{', '.join(line.covers or line.rules)}]" if line.rules else ""
    return "- " + escaped(line.text + reasons + cited)


def section(heading: str, texts: Sequence[str]) -> list[str]:
    """Texts under a heading; nothing if there are none."""
    return ["\n".join([f"**{heading}**", "", *(f"- {escaped(text)}" for text in texts)])] if texts else []


def contradictions(guidance: Guidance, words: Vocabulary) -> Iterator[str]:
    """Facts that contradict each other, with who says which."""
    for conflict in guidance.conflicts:
        if conflict.kind is ConflictKind.FACTS:
            sides = "; ".join(
                f"{label(side.fact, words)}: {_shown(side.value)} ({side.origin})" for side in conflict.sides
            )
            yield f"{conflict.text} {sides}"


def _shown(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def unknown(guidance: Guidance, words: Vocabulary) -> list[str]:
    """The facts that could decide most, if they were known."""
    return [label(need.fact, words) for need in guidance.needs_input[:_MOST_UNKNOWN]]


def told_sources(sources: Iterable[Source]) -> list[str]:
    """Each document once, with who published it and what it is."""

    def told(source: Source) -> str:
        about = ", ".join(part for part in (source.publisher, source.date, source.nature or source.status) if part)
        return f"{source.document} ({about})" + (f" {source.address}" if source.address else "")

    return list(dict.fromkeys(told(source) for source in sources))
