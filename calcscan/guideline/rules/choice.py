"""Which rules are to be used. A choice can be pickled and compared, and holds the text of its files: what was checked
before the work began is what is used until it ends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from calcscan.errors import RulesetError

_MAX_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class RulesText:
    """A rules file: the name that errors call it, and its text."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesChoice:
    """The shipped rules, with `files` and the literature beside them, and without the rules of these ids."""

    files: tuple[RulesText, ...] = ()
    without: tuple[str, ...] = ()
    literature: bool = False

    @classmethod
    def read(
        cls, files: Iterable[str | Path] = (), *, without: Iterable[str] = (), literature: bool = False
    ) -> RulesChoice:
        """A choice with the text of these files; one file or id may stand alone.

        Raises `RulesetError` for a file that can't be read; its rules are checked by `ruleset_of`.
        """
        paths = dict.fromkeys(Path(path) for path in ([files] if isinstance(files, str | Path) else files))
        return cls(
            files=tuple(RulesText(str(path), read_text(path)) for path in paths),
            without=_ids(without),
            literature=literature,
        )

    def leaving_out(self, ids: Iterable[str]) -> RulesChoice:
        """The same without these rules."""
        return replace(self, without=_ids((*self.without, *_ids(ids))))


SHIPPED_RULES = RulesChoice()
"""Nothing but the rules that calcscan ships."""


def _ids(ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({ids} if isinstance(ids, str) else set(ids)))


def read_text(path: Path) -> str:
    """The text of a rules file of the user's. Raises `RulesetError`."""
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        hint = "give a TOML file of rules; calcscan guide --example-rules writes one"
        raise RulesetError(f"can't be read: {error.strerror or error}", where=str(path), hint=hint) from error
    if len(data) > _MAX_BYTES:
        raise RulesetError("too large for a rules file", where=str(path), hint="at most 1 MB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RulesetError("not UTF-8 text", where=str(path)) from error
