"""The pieces that the page is made of. What is text is escaped here; what is said to be HTML is not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from calcscan.agree.statistics import Estimate

DASH = "–"
"""Not defined."""
_TEXTS = ("of", "source")
"""Columns of text, which is not set flush right."""


def section(title: str, content: str) -> str:
    """A part of the page with its heading; nothing where it has no content. `content` is HTML."""
    return f"<section><h2>{escape(title)}</h2>{content}</section>" if content else ""


def bullets(lines: Iterable[str]) -> str:
    """Lines of text as a list."""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""


def table(columns: Sequence[str], rows: Sequence[str], caption: str) -> str:
    """A table that scrolls where it is too wide; `rows` are HTML."""
    kinds = [' class="text"' if name in _TEXTS else "" for name in columns]
    head = "".join(f'<th scope="col"{kind}>{escape(name)}</th>' for name, kind in zip(columns, kinds, strict=True))
    told = f"<caption>{escape(caption)}</caption>" if caption else ""
    body = "\n".join(rows)
    inner = f"{told}<thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody>"
    return f'<div class="scroll" tabindex="0"><table>{inner}</table></div>'


def row(name: str, cells: Sequence[str], kind: str = "", texts: Sequence[str] = ()) -> str:
    """A row; `cells` are HTML already, name and `texts` are not."""
    numbers = "".join(f"<td>{cell}</td>" for cell in cells)
    told = "".join(f'<td class="text">{escape(text)}</td>' for text in texts)
    shown = f' class="{kind}"' if kind else ""
    return f'<tr{shown}><th scope="row">{escape(name)}</th>{numbers}{told}</tr>'


def percent(one: Estimate | None, opening: str = " (", closing: str = ")") -> str:
    """A share with its interval."""
    if one is None:
        return DASH
    interval = "" if one.low is None or one.high is None else f"{100 * one.low:.0f}–{100 * one.high:.0f}"
    interval = f"{opening}{interval}{closing}" if interval else ""
    return f"{100 * one.value:.1f} %{interval}"


def figure(svg: str, caption: str) -> str:
    """A picture with its caption; `svg` is HTML."""
    return f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"
