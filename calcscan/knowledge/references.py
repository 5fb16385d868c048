"""Publications that a methods paragraph cites: `references.toml`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from calcscan.knowledge.entries import read_toml, typed_entries
from calcscan.knowledge.settings import Table

FILE = "references.toml"


class Reference(Table, frozen=True, kw_only=True):
    """One publication. `authors` are "Family, Given", the last "others" where there are more."""

    key: str
    cited_for: str
    kind: str
    authors: tuple[str, ...]
    title: str
    journal: str | None = None
    year: int | None = None
    volume: str | None = None
    number: str | None = None
    pages: str | None = None
    doi: str | None = None
    url: str | None = None
    note: str | None = None


@cache
def references() -> Mapping[str, Reference]:
    """All of them by their keys.

    >>> references()["agatston1990"].year
    1990
    """
    return parse_references(read_toml(FILE))


def parse_references(entries: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Reference]:
    """References from the entries of the data file. Raises `KnowledgeError` as `typed_entries` does."""
    return typed_entries(Reference, entries, name_as="key", where=FILE)


def cited(reasons: Collection[str]) -> tuple[Reference, ...]:
    """Those that are cited for any of these reasons, in the order of the file."""
    return tuple(one for one in references().values() if one.cited_for in reasons)


def bibtex(one: Reference, *, version: str = "") -> str:
    """An entry of BibTeX.

    >>> print(bibtex(references()["mason"]))
    @software{mason,
      author = {Mason, Darcy L. and others},
      title = {{pydicom: an open source DICOM library}},
      url = {https://github.com/pydicom/pydicom},
    }
    """
    fields: dict[str, object] = {
        "author": " and ".join(one.authors),
        "title": f"{{{one.title}}}",
        "booktitle" if one.kind == "inproceedings" else "journal": one.journal,
        "year": one.year,
        "volume": one.volume,
        "number": one.number,
        "pages": one.pages,
        "version": version or None,
        "doi": one.doi,
        "url": one.url,
        "note": one.note,
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value is not None]
    return "\n".join([f"@{one.kind}{{{one.key},", *lines, "}"])


def citation(one: Reference, *, version: str = "") -> str:
    """The publication in one line of Markdown.

    >>> citation(references()["vanderwalt2014"]).partition(". ")[0]
    'van der Walt S, Schönberger JL, Nunez-Iglesias J, et al'
    >>> citation(references()["vanderwalt2014"]).partition("Python. ")[2]
    'PeerJ 2014;2:e453. doi:10.7717/peerj.453'
    """
    place = f"{one.volume or ''}{f'({one.number})' if one.number else ''}"
    pages = (one.pages or "").replace("--", "–")
    where = ":".join(part for part in (place, pages) if part)
    when = f"{one.journal + ' ' if one.journal else ''}{one.year or ''}".strip()
    if version:
        when = f"version {version}{', ' + str(one.year) if one.year else ''}"
    parts = [", ".join(_short(author) for author in one.authors).removesuffix("."), one.title]
    parts += [";".join(part for part in (when, where) if part)] if when or where else []
    parts += [one.note] if one.note else []
    text = ". ".join(parts)
    end = f"doi:{one.doi}" if one.doi else one.url or ""
    return f"{text}. {end}" if end else f"{text}."


def _short(author: str) -> str:
    """`Family, Given Names` as `Family GN`."""
    if author == "others":
        return "et al"
    family, _, given = author.strip("{}").partition(", ")
    initials = "".join(name[0] for name in given.replace("-", " ").split())
    return f"{family} {initials}".strip()
