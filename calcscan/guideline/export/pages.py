"""Pages of text as HTML or Markdown: headings, paragraphs, nested lists and parts to unfold. Everything is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

_MARKDOWN = re.compile(r"([\\`*_\[\]<>#|~])")
_STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5b6675; --line: #d9dee5; --back: #fff; --mark: #0b5cad; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ee; --soft: #9aa6b5; --line: #333d4a; --back: #14181e; --mark: #7fb6f2; }
}
body { margin: 2rem auto; max-width: 58rem; padding: 0 1rem; background: var(--back); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.7rem; } h2 { margin-top: 3rem; border-top: 2px solid var(--line); padding-top: 1rem; }
h3 { color: var(--soft); margin-top: 2rem; text-transform: uppercase; font-size: .9rem; letter-spacing: .05em; }
h4 { margin: 1.6rem 0 .3rem; font-size: 1.05rem; }
p { margin: .3rem 0; } ul { margin: .2rem 0; padding-left: 1.3rem; } a { color: var(--mark); }
h4:target { background: color-mix(in srgb, var(--mark) 15%, transparent); }
p.small { color: var(--soft); font-size: .88rem; } details { margin: .3rem 0; } summary { cursor: pointer; }
@media print { details > * { display: block; } body { max-width: none; } }
"""


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a list, and those within it; `to` is the id of the heading that it leads to."""

    text: str
    inner: tuple[Item, ...] = ()
    to: str = ""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; `id` is what a link to it says."""

    level: int
    text: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; `lead` is said in bold before it."""

    text: str
    lead: str = ""
    small: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Fold:
    """A part that is shown on demand."""

    title: str
    inner: Sequence[Heading | Text | Items] = field(default_factory=tuple)


Block = Heading | Text | Items | Fold


def html_page(title: str, blocks: Iterable[Block]) -> str:
    """One file that needs no other.

    >>> "<h1>A &amp; B</h1>" in html_page("A & B", [Heading(1, "A & B")])
    True
    """
    body = "\n".join(_html(block) for block in blocks)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _html(block: Block) -> str:
    if isinstance(block, Heading):
        own_id = f' id="{escape(block.id)}"' if block.id else ""
        return f"<h{block.level}{own_id}>{escape(block.text)}</h{block.level}>"
    if isinstance(block, Text):
        lead = f"<b>{escape(block.lead)}</b> " if block.lead else ""
        small = ' class="small"' if block.small else ""
        return f"<p{small}>{lead}{escape(block.text)}</p>"
    if isinstance(block, Items):
        return _html_list(block.items)
    inner = "\n".join(_html(one) for one in block.inner)
    return f"<details><summary>{escape(block.title)}</summary>\n{inner}\n</details>"


def _html_list(items: Iterable[Item]) -> str:
    def entry(item: Item) -> str:
        text = escape(item.text)
        shown = f'<a href="#{escape(item.to)}">{text}</a>' if item.to else text
        return f"<li>{shown}{_html_list(item.inner) if item.inner else ''}</li>"

    return f"<ul>{''.join(map(entry, items))}</ul>"


def markdown_page(blocks: Iterable[Block]) -> str:
    """The same in Markdown.

    >>> print(markdown_page([Heading(1, "A"), Text("<b>")]))
    # A
    <BLANKLINE>
    \\<b\\>
    <BLANKLINE>
    """
    return "\n\n".join(_markdown(block) for block in blocks) + "\n"


def _plain(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)


def _markdown(block: Block) -> str:
    if isinstance(block, Heading):
        anchor = f'<a id="{escape(block.id)}"></a>\n\n' if block.id else ""
        return f"{anchor}{'#' * block.level} {_plain(block.text)}"
    if isinstance(block, Text):
        lead = f"**{_plain(block.lead)}** " if block.lead else ""
        return lead + _plain(block.text)
    if isinstance(block, Items):
        return "\n".join(_markdown_list(block.items, 0))
    return "\n\n".join([f"*{_plain(block.title)}*", *(_markdown(one) for one in block.inner)])


def _markdown_list(items: Iterable[Item], depth: int) -> list[str]:
    lines = []
    for item in items:
        text = f"[{_plain(item.text)}](#{item.to})" if item.to else _plain(item.text)
        lines += [f"{'  ' * depth}- {text}", *_markdown_list(item.inner, depth + 1)]
    return lines
