"""Arrays, nearly empty ones mostly, as one gzip stream: made in parts, on all threads, with each empty part from stock.

The parts of a deflate stream can be made by themselves if each begins anew (RFC 1951), and the checksum of the whole
follows from theirs (as in zlib's `crc32_combine`). Any program reads it: there is one member, as pigz makes it too.
"""

from __future__ import annotations

import struct
import zlib
from functools import cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from calcscan.processors import at_once

_LEVEL = 1
_PART_BYTES = 2**20
_HEAD = struct.pack("<4BIBB", 0x1F, 0x8B, 8, 0, 0, 4, 255)
"""Deflate, no name, no time, fastest, on an unknown system: as `gzip.compress(…, mtime=0)` begins."""
_NO_MORE = b"\x03\x00"
"""An empty last block."""
_CRC = 0xEDB88320
_ONE = 1 << 31

Part = tuple[bytes, int, int]
"""Deflated; checksum and length of what it holds."""


def gzipped(head: bytes, array: npt.NDArray[Any]) -> bytes:
    """`head` and then the array (in the order of C) as one gzip file. Same input, same bytes.

    >>> import gzip
    >>> gzip.decompress(gzipped(b"head", np.arange(3, dtype=np.uint8)))
    b'head\\x00\\x01\\x02'
    """
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    pieces = [flat[at : at + _PART_BYTES] for at in range(0, len(flat), _PART_BYTES)]
    parts = [_deflated(head), *at_once([partial(_part, piece) for piece in pieces])]
    checksum = 0
    for _, own, length in parts:
        checksum = _times(_byte_shift(length), checksum) ^ own
    size = (len(head) + flat.nbytes) % 2**32
    return b"".join([_HEAD, *(deflated for deflated, _, _ in parts), _NO_MORE, struct.pack("<II", checksum, size)])


def _part(piece: npt.NDArray[np.uint8]) -> Part:
    whole = len(piece) % 8 == 0
    filled = (piece.view(np.uint64) if whole else piece).any()
    return _deflated(piece.data) if filled else _empty(len(piece))


@cache
def _empty(length: int) -> Part:
    return _deflated(bytes(length), level=9)


def _deflated(data: bytes | memoryview, level: int = _LEVEL) -> Part:
    made = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    return made.compress(data) + made.flush(zlib.Z_FULL_FLUSH), zlib.crc32(data), len(data)


@cache
def _byte_shift(count: int) -> int:
    """x to the power of 8 × `count`, modulo the polynomial of the checksum: what so many bytes more multiply it by."""
    power, square = _ONE, 1 << 23
    while count:
        if count & 1:
            power = _times(square, power)
        square = _times(square, square)
        count >>= 1
    return power


def _times(one: int, other: int) -> int:
    """The product of two polynomials over bits, highest power first, modulo that of the checksum."""
    product = 0
    while one:
        if one & _ONE:
            product ^= other
        one = one << 1 & 0xFFFFFFFF
        other = other >> 1 ^ (_CRC if other & 1 else 0)
    return product
