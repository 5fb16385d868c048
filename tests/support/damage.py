"""Random damage to files, by a seed: what copying, disks and bad exports do, and worse."""

from __future__ import annotations

import numpy as np


def damaged(content: bytes, chance: np.random.Generator) -> bytes:
    """The bytes with one to three things done to them."""
    for _ in range(int(chance.integers(1, 4))):
        content = _HARMS[int(chance.integers(len(_HARMS)))](content, chance)
    return content


def _place(content: bytes, chance: np.random.Generator) -> int:
    """Mostly within the header, where damage does most."""
    end = min(len(content), 2500) if chance.random() < 0.7 else len(content)
    return int(chance.integers(0, max(end, 1)))


def _bytes_changed(content: bytes, chance: np.random.Generator) -> bytes:
    changed = bytearray(content)
    for _ in range(int(chance.integers(1, 9)) if content else 0):
        changed[_place(content, chance)] = int(chance.integers(256))
    return bytes(changed)


def _bit_flipped(content: bytes, chance: np.random.Generator) -> bytes:
    changed = bytearray(content)
    if content:
        changed[_place(content, chance)] ^= 1 << int(chance.integers(8))
    return bytes(changed)


def _digits_changed(content: bytes, chance: np.random.Generator) -> bytes:
    """Numbers written as text become other numbers, or none."""
    changed = bytearray(content)
    digits = [at for at, byte in enumerate(content[:4000]) if 48 <= byte <= 57]
    for at in chance.choice(digits, size=min(len(digits), 3), replace=False) if digits else ():
        changed[at] = int(chance.choice(list(b"0123456789-+.eE \\x\0")))
    return bytes(changed)


def _cut_off(content: bytes, chance: np.random.Generator) -> bytes:
    return content[: _place(content, chance)]


def _piece_lost(content: bytes, chance: np.random.Generator) -> bytes:
    at = _place(content, chance)
    return content[:at] + content[at + int(chance.integers(1, 200)) :]


def _piece_doubled(content: bytes, chance: np.random.Generator) -> bytes:
    at, size = _place(content, chance), int(chance.integers(1, 200))
    return content[: at + size] + content[at:]


def _block_of_noughts(content: bytes, chance: np.random.Generator) -> bytes:
    at, size = _place(content, chance), int(chance.integers(1, 500))
    return content[:at] + bytes(min(size, len(content) - at)) + content[at + size :]


def _all_set(content: bytes, chance: np.random.Generator) -> bytes:
    """The largest number, or none, in two or four bytes."""
    at, size = _place(content, chance), int(chance.choice([2, 4]))
    return content[:at] + b"\xff" * min(size, len(content) - at) + content[at + size :]


_HARMS = (
    _bytes_changed,
    _bit_flipped,
    _digits_changed,
    _cut_off,
    _piece_lost,
    _piece_doubled,
    _block_of_noughts,
    _all_set,
)
