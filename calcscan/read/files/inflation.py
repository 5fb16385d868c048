"""How much a packed file unpacks to, found out before memory is taken for it."""

from __future__ import annotations

import zlib
from typing import BinaryIO

from calcscan.errors import UnreadableError
from calcscan.knowledge.reading import ReadingSettings

_CHUNK_BYTES = 1 << 20


def expansion_problem(unpacked_bytes: int, packed_bytes: int, settings: ReadingSettings) -> str:
    """Why something that unpacks to so much is not unpacked, worded to follow a file's name; empty if it may be.

    >>> from calcscan.knowledge.settings import load
    >>> settings = load(ReadingSettings)
    >>> expansion_problem(4_000_000_000, 4_000_000, settings)
    'would unpack to 4,000 MB from 4 MB, as no CT file does'
    >>> expansion_problem(600_000, 600, settings), expansion_problem(600_000_000, 200_000_000, settings)
    ('', '')
    """
    large = unpacked_bytes > settings.packed_file_bytes
    if unpacked_bytes <= settings.max_member_bytes and not (
        large and unpacked_bytes > settings.max_expansion * packed_bytes
    ):
        return ""
    unpacked, packed = (f"{size / 1e6:,.0f} MB" for size in (unpacked_bytes, packed_bytes))
    return f"would unpack to {unpacked} from {packed}, as no CT file does"


def refuse_inflating(stream: BinaryIO, name: str, settings: ReadingSettings) -> None:
    """Of a deflated DICOM file, which is unpacked at once when it is read. The stream is left anywhere.

    Raises
    ------
    UnreadableError
        It is packed more densely than any CT, or unpacks to more than any: made to exhaust memory.
    """
    from pydicom.filereader import _read_file_meta_info, read_preamble

    stream.seek(0)
    read_preamble(stream, True)
    _read_file_meta_info(stream)
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    packed = unpacked = 0
    while chunk := stream.read(_CHUNK_BYTES):
        packed += len(chunk)
        while chunk and not inflate.eof:
            unpacked += len(inflate.decompress(chunk, _CHUNK_BYTES))
            chunk = inflate.unconsumed_tail
        if problem := expansion_problem(unpacked, packed, settings):
            raise UnreadableError(problem, where=name, hint="export it again")
