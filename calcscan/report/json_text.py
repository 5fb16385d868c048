"""The text of a JSON file of ours: readable, and with nothing in it that acts on a terminal or an editor."""

from __future__ import annotations

import json
import re

_UNUSUAL = re.compile(r"[^ -~\n]")


def json_text(content: object) -> str:
    """Indented, in UTF-8's letters; what is not printable (such as what turns the order of letters round) is escaped,
    as JSON allows, so that it is read back as it was.

    Raises
    ------
    ValueError
        It holds a number that is not finite.

    >>> print(json_text({"mm³": "a\\u202eb"}), end="")
    {
      "mm³": "a\\u202eb"
    }
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    return _UNUSUAL.sub(_escaped, text) + "\n"


def _escaped(found: re.Match[str]) -> str:
    letter = found[0]
    return letter if letter.isprintable() else json.dumps(letter)[1:-1]
