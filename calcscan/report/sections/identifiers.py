"""What stands for a UID where identifiers were not asked for."""

from __future__ import annotations

from hashlib import sha256

UID_SALT = "calcscan/1:"
"""The same for every user: the same series has the same hash everywhere, and a known UID can be recognised by it."""


def hashed(uid: str) -> str | None:
    """The salted hash that stands for a UID; None for an empty one."""
    return sha256((UID_SALT + uid).encode()).hexdigest() if uid else None
