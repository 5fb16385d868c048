"""Every reason for leaving something out has a meaning for people."""

from __future__ import annotations

import pytest

from calcscan.errors import KnowledgeError
from calcscan.knowledge.left_out import LeftOutReason, left_out_meanings, parse_left_out


def test_every_reason_has_one_sentence() -> None:
    meanings = left_out_meanings()
    assert set(meanings) == set(LeftOutReason)
    assert all(meaning.meaning.endswith(".") for meaning in meanings.values())


def test_a_reason_that_is_missing_or_unknown_is_named() -> None:
    whole = {name: {"meaning": m.meaning, "hides": m.hides} for name, m in left_out_meanings().items()}
    with pytest.raises(KnowledgeError, match="nothing is said of metal"):
        parse_left_out({name: entry for name, entry in whole.items() if name != "metal"})
    with pytest.raises(KnowledgeError, match="ghost"):
        parse_left_out({**whole, "ghost": whole["metal"]})
