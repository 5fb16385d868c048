"""The bytes of a NIfTI or Analyze file → its header, and its slices one by one: the volume is in memory once."""

from __future__ import annotations

import gzip
import logging
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from calcscan.errors import GeometryError, InputError, UnreadableError
from calcscan.knowledge.reading import ReadingSettings
from calcscan.read.files.kinds import START_BYTES, kind_of, unpacked
from calcscan.read.files.source import SourceFile
from calcscan.read.headers.fields import one_line

_KINDS = ("nifti", "pair", "label_map")
"""In `knowledge/file_kinds.toml`."""
_PAIR = {".hdr": ".img", ".img": ".img", ".hdr.gz": ".img.gz", ".img.gz": ".img.gz"}
_READ_ERRORS = (OSError, EOFError, ValueError, TypeError, KeyError, OverflowError, zlib.error)
_COPY = "copy or convert it again"
_TAIL_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NiftiFile:
    """One file (or pair) of which the header has been read. `header` is nibabel's; `shape` is (i, j, k). `pixels` is
    the file that holds the values, `path` the one that was given."""

    path: Path
    pixels: Path
    alone: bool
    header: Any
    shape: tuple[int, int, int]
    slope: float
    intercept: float

    @property
    def analyze(self) -> bool:
        """Is it Analyze, the format before NIfTI, which has no orientation?"""
        return "magic" not in self.header

    def slices(self) -> Iterator[npt.NDArray[Any]]:
        """The stored values of each k, (j, i), before slope and intercept; raises `UnreadableError`."""
        dtype, (columns, rows, count) = self.header.get_data_dtype(), self.shape
        try:
            with _opened(self.pixels) as stream:
                stream.seek(self._offset())
                for _ in range(count):
                    content = _exactly(stream, rows * columns * dtype.itemsize)
                    yield np.frombuffer(content, dtype=dtype).reshape(rows, columns)
                _check_the_end(stream)
        except EOFError as error:
            raise UnreadableError("is truncated", where=str(self.path), hint=_COPY) from error
        except _READ_ERRORS as error:
            what = f"can't be read as NIfTI ({one_line(error)})"
            raise UnreadableError(what, where=str(self.path), hint=_COPY) from error

    def _offset(self) -> int:
        least = int(self.header["sizeof_hdr"]) + 4 if self.alone else 0
        return max(least, int(self.header.get_data_offset()))


def is_nifti(path: Path, settings: ReadingSettings) -> bool:
    """By its content, or by its name where the content is not of another known kind; Analyze by its header's size."""
    if any(path.name.lower().endswith(end) for end in _PAIR):
        return _header_size(_start_of(_partner(path, "hdr"))) is not None
    if _start_of(path)[128:132] == b"DICM":
        return False
    return kind_of(path.name, _bytes_of(path), settings.kinds).key in _KINDS


def open_nifti(path: Path, settings: ReadingSettings) -> NiftiFile:
    """Read the header.

    Raises
    ------
    UnreadableError
        It is damaged, or one of a pair is missing.
    InputError
        It holds something else than one grey volume.
    GeometryError
        It is too small to be a head, or too large to be read.
    """
    header_at = path
    pixels = path
    if any(path.name.lower().endswith(end) for end in _PAIR):
        header_at, pixels = _partner(path, "hdr"), _partner(path, "img")
        if not pixels.is_file():
            what = f"its other half, {pixels.name}, is missing"
            raise UnreadableError(what, where=str(path), hint="put both files (.hdr and .img) into one folder")
    SourceFile(path.name, path=header_at).start(1)  # says why, if nobody may open it
    try:
        with _quiet_nibabel():
            header = _header(_start_of(header_at))
            slope, intercept = _scaling(header)
            shape = tuple(int(n) for n in header.get_data_shape())
            dtype = header.get_data_dtype()
    except _READ_ERRORS as error:
        what = f"can't be read as NIfTI ({one_line(error)})"
        raise UnreadableError(what, where=str(path), hint=_COPY) from error
    begin = header.get_data_offset()
    if begin > settings.max_value_bytes:
        what = f"is damaged: by its header the values begin at byte {begin:,.0f}"
        raise UnreadableError(what, where=str(path), hint=_COPY)
    return NiftiFile(
        path=path,
        pixels=pixels,
        alone=pixels == header_at,
        header=header,
        shape=_volume(shape, dtype, str(path), settings),
        slope=slope,
        intercept=intercept,
    )


def partner_files(path: Path) -> tuple[Path, ...]:
    """The file, or both halves of a pair, as far as they are there."""
    if not any(path.name.lower().endswith(end) for end in _PAIR):
        return (path,)
    return tuple(half for half in (_partner(path, "hdr"), _partner(path, "img")) if half.is_file())


def _bytes_of(path: Path) -> bytes:
    """Its first bytes; none where it can't be opened."""
    try:
        return SourceFile(path.name, path=path).start(START_BYTES)
    except UnreadableError:
        return b""


def _start_of(path: Path) -> bytes:
    """Its first bytes, unpacked where the file is packed with gzip."""
    start = _bytes_of(path)
    return unpacked(start) if start[:2] == b"\x1f\x8b" else start


def _partner(path: Path, half: str) -> Path:
    """The header or the image of a pair, in whichever case and packing it is there."""
    stem = path.name.lower().removesuffix(".gz")
    bare = path.name[: len(stem) - 4]
    ends = [end for plain in (half, half.upper()) for end in (f".{plain}", f".{plain}.gz")]
    found = (path.with_name(bare + end) for end in ends)
    return next((one for one in found if one.is_file()), path.with_name(f"{bare}.{half}"))


def _header_size(start: bytes) -> int | None:
    for order in ("<i4", ">i4"):
        size = int(np.frombuffer(start[:4], dtype=order)[0]) if len(start) >= 4 else 0
        if size in (348, 540):
            return size
    return None


def _header(start: bytes) -> Any:
    """nibabel's header, checked and repaired by it. Raises `ValueError` where there is none."""
    from nibabel.analyze import AnalyzeHeader
    from nibabel.nifti1 import Nifti1Header, Nifti1PairHeader
    from nibabel.nifti2 import Nifti2Header, Nifti2PairHeader
    from nibabel.spatialimages import HeaderDataError

    size = _header_size(start)
    if size is None:
        raise ValueError("it does not begin with a header" if start else "it is empty, or its packing is damaged")
    if len(start) < size:
        raise ValueError("it ends within its header")
    magic = start[344:347] if size == 348 else start[4:7]
    formats: dict[bytes, Callable[[bytes], Any]]
    formats = {b"n+1": Nifti1Header, b"ni1": Nifti1PairHeader, b"n+2": Nifti2Header, b"ni2": Nifti2PairHeader}
    header_class = formats.get(magic, AnalyzeHeader if size == 348 else None)
    if header_class is None:
        raise ValueError("its header has the size of a NIfTI-2 header but is not marked as one")
    try:
        return header_class(start[:size])
    except HeaderDataError as error:
        raise ValueError(str(error)) from error


def _scaling(header: Any) -> tuple[float, float]:
    from nibabel.spatialimages import HeaderDataError

    if "scl_slope" not in header:
        return 1.0, 0.0
    try:
        slope, intercept = header.get_slope_inter()
    except HeaderDataError as error:
        raise ValueError(f"scl_slope and scl_inter: {error}") from error
    return (1.0, 0.0) if slope is None else (float(slope), float(intercept or 0.0))


def _volume(
    shape: tuple[int, ...], dtype: np.dtype[Any], where: str, settings: ReadingSettings
) -> tuple[int, int, int]:
    """(i, j, k), or why it is not one grey volume that can be read."""
    hint = "give one CT volume"
    if dtype.kind not in "iuf":
        kind = {"c": "complex numbers", "V": "colours (RGB)"}.get(dtype.kind, f"data of type {dtype}")
        raise InputError(f"holds {kind}, not one volume of grey values", where=where, hint=hint)
    size = " × ".join(map(str, shape))
    if len(shape) < 3 or any(n < 1 for n in shape):
        raise InputError(f"holds {len(shape)}-dimensional data ({size}), not one volume", where=where, hint=hint)
    several = int(np.prod([float(n) for n in shape[3:]])) if len(shape) > 3 else 1
    if several > 1:
        what = f"holds {len(shape)}-dimensional data: {several} volumes ({size}), not one volume"
        raise InputError(what, where=where, hint="save the native one by itself and give that")
    if min(shape[:3]) < settings.min_slices:
        what = f"a volume of {size} voxels is too small"
        raise GeometryError(what, where=where, hint=f"a head needs at least {settings.min_slices:g} slices")
    if np.prod([float(n) for n in shape[:3]]) > settings.max_voxels or max(shape) > settings.max_side_pixels:
        what = f"a volume of {size} voxels is larger than any head CT (at most {settings.max_voxels:.0f} are read)"
        raise GeometryError(what, where=where, hint="crop it to the head, or give the scan as it was reconstructed")
    return (shape[0], shape[1], shape[2])


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes] | gzip.GzipFile]:
    """The unpacked bytes, whatever the name says about packing."""
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
        stream.seek(0)
        if packed:
            with gzip.GzipFile(fileobj=stream) as unpacked:
                yield unpacked
        else:
            yield stream


@contextmanager
def _quiet_nibabel() -> Iterator[None]:
    logger = logging.getLogger("nibabel.global")  # reports on stderr what it repairs
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _exactly(stream: IO[bytes] | gzip.GzipFile, count: int) -> bytes:
    content = stream.read(count)
    if len(content) < count:
        raise EOFError
    return content


def _check_the_end(stream: IO[bytes] | gzip.GzipFile) -> None:
    """Read on past the last voxel, so that gzip compares its checksum; appended data are ignored."""
    try:
        stream.read(_TAIL_BYTES)
    except gzip.BadGzipFile as error:
        if "CRC" in str(error):
            raise
