"""Facts files: YAML, TOML and JSON, read without trusting them."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Hashable
from pathlib import Path
from typing import IO, Any, NoReturn

from calcscan.errors import FactsError

_MAX_BYTES = 1_000_000
_MOST_PARTS = 100
"""A dotted name of TOML with more dots is no fact's."""
_FORMATS = {".yaml": "YAML", ".yml": "YAML", ".toml": "TOML", ".json": "JSON"}


def load_facts(path: str | Path, *, stream: IO[bytes] | None = None) -> dict[str, Any]:
    """The facts in a YAML, TOML or JSON file; `-` is the standard input, whichever of the three it holds.

    The names in it are checked when it is used. Aliases, tags and double names are refused, as is a file that holds
    anything but one table.

    Raises `FactsError` that names the file and, where known, the line.
    """
    if str(path) == "-":
        return _parse((stream or sys.stdin.buffer).read(_MAX_BYTES + 1), "standard input", "")
    file = Path(path)
    try:
        with file.open("rb") as opened:
            data = opened.read(_MAX_BYTES + 1)
    except OSError as error:
        hint = "give a YAML, TOML or JSON file, or - for the standard input"
        raise FactsError(f"can't be read: {error.strerror or error}", where=str(path), hint=hint) from error
    return _parse(data, str(path), _FORMATS.get(file.suffix.lower(), ""))


def _parse(data: bytes, where: str, form: str) -> dict[str, Any]:
    if len(data) > _MAX_BYTES:
        raise FactsError("too large for a facts file", where=where, hint="at most 1 MB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FactsError("not UTF-8 text", where=where, hint="save it as UTF-8") from error
    form = form or _guess(text)
    try:
        table = _json(text) if form == "JSON" else _toml(text) if form == "TOML" else _yaml(text)
    except FactsError as error:
        raise FactsError(error.what, where=f"{where}{error.where}", hint=error.hint) from error
    except (ValueError, RecursionError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else f"not {form}: {str(error).splitlines()[0]}"
        raise FactsError(what, where=where) from error
    if table is None:
        return {}
    if not isinstance(table, dict):
        raise FactsError("not a table of facts", where=where, hint="write name: value lines")
    return table


def _guess(text: str) -> str:
    """JSON by its brace and quotation mark (YAML may have the brace alone), TOML if it reads as TOML, else YAML."""
    if re.match(r'\s*\{\s*["}]', text):
        return "JSON"
    try:
        _toml(text)
    except (ValueError, RecursionError):
        return "YAML"
    return "TOML"


def _toml(text: str) -> object:
    """A name of very many parts is refused beforehand: the parser's time grows with the square of their number."""
    for line in text.splitlines():
        if line.partition("#")[0].partition("=")[0].count(".") > _MOST_PARTS:
            raise RecursionError
    return tomllib.loads(text)


def _json(text: str) -> object:
    def table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        for key, value in pairs:
            if key in seen:
                raise FactsError(f"{key!r} stands twice", where="", hint="keep one")
            seen[key] = value
        return seen

    def constant(name: str) -> NoReturn:
        raise FactsError(f"{name} is not a value", where="", hint="leave out what is unknown")

    return json.loads(text, object_pairs_hook=table, parse_constant=constant)


def _yaml(text: str) -> object:
    import yaml

    class Loader(yaml.SafeLoader):
        """Plain values only: no alias (so no bomb), no tag, no name twice."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            event = self.peek_event()  # type: ignore[no-untyped-call]
            if getattr(event, "anchor", None) is not None:
                _refuse("an anchor or alias", event)
            if getattr(event, "tag", None) is not None:
                _refuse(f"the tag {event.tag}", event)
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
            seen: set[str] = set()
            for key, _ in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    _refuse("a name that is not text", key)
                if key.value in seen or key.value == "<<":
                    _refuse(f"{key.value!r}, which stands twice" if key.value in seen else "a merge key", key)
                seen.add(key.value)
            made: dict[Hashable, Any] = super().construct_mapping(node, deep)
            return made

    def _refuse(what: str, at: Any) -> NoReturn:
        line = at.start_mark.line + 1
        raise FactsError(f"{what} is not taken", where=f", line {line}", hint="write plain names and values")

    try:
        return yaml.load(text, Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise FactsError(f"not YAML: {problem}", where=place) from error
