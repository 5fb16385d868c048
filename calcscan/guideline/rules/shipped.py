"""The rules files that calcscan ships."""

from __future__ import annotations

from functools import cache

from calcscan.guideline.facts.vocabulary import knowledge_text
from calcscan.guideline.rules.tables import load_toml

SEED_FILES = ("basal_ganglia", "dura", "calcinosis", "ectopic", "heterotopic")
DEFAULT_FILES = (*SEED_FILES, "guards")
_LITERATURE = "literature"


def shipped_texts(*, literature: bool) -> dict[str, str]:
    """The text of each file by its name."""
    names = (*DEFAULT_FILES, _LITERATURE) if literature else DEFAULT_FILES
    return {f"{name}.toml": knowledge_text(f"rules/{name}.toml") for name in names}


@cache
def literature_ids() -> frozenset[str]:
    """The rules that are used only if they are asked for.

    >>> "lit-pineal" in literature_ids()
    True
    """
    table = load_toml(knowledge_text(f"rules/{_LITERATURE}.toml"), f"{_LITERATURE}.toml")
    return frozenset(rule["id"] for rule in table["rule"])
