"""What every message of ours must have."""

from __future__ import annotations

from calcscan.errors import CalcscanError


def one_line(error: CalcscanError) -> str:
    assert error.what
    assert error.where
    assert error.hint
    assert "\n" not in str(error)
    return str(error)
