"""What a user should know of a study."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A doubt or a repair, by a code of `knowledge/quality.toml`, with the value seen and the limit it crossed."""

    code: str
    message: str
    value: float | str | None = None
    limit: float | str | None = None
    local: bool = False
    """It holds for the places that the summary leaves unknown for it, and puts no other in doubt."""
    note: bool = False
    """It only tells, and puts nothing in doubt, whatever its code weighs."""
