"""Stored values of slices, and Hounsfield units from them.

Native little-endian pixels are read straight from where the header said they start; everything else goes to pydicom,
and to SimpleITK (GDCM) where pydicom has no decoder for the transfer syntax.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, get_ident
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import generate_frames
from pydicom.pixels.utils import iter_pixels
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from calcscan.errors import UnreadableError
from calcscan.knowledge.reading import ReadingSettings
from calcscan.read.files.source import SourceFile
from calcscan.read.headers.fields import PARSE_ERRORS, one_line, text
from calcscan.read.headers.image import Image, Pixels

_NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian)
_JPEG = "1.2.840.10008.1.2.4."
_UNDEFINED = 0xFFFFFFFF
_EXCESS = re.compile(r"(\d+) vs\. (\d+) bytes expected|contains (\d+) bytes of excess padding")
_QUIET = Lock()
"""stderr belongs to the whole process: one thread at a time."""
Stored = npt.NDArray[np.integer[Any]]


def stored_pixels(file: SourceFile, images: Sequence[Image], settings: ReadingSettings) -> Iterator[Stored]:
    """The stored values, (rows, columns) integers, of some slices of one file, in the order given.

    Raises
    ------
    UnreadableError
        The pixels are absent, cut short, or coded in a way that nothing here decodes.
    """
    pixels = images[0].pixels
    if pixels.offset is None:
        raise UnreadableError("holds no pixel data", where=file.name, hint="export it again")
    simple = pixels.transfer_syntax in _NATIVE and pixels.bits_allocated == 16 and pixels.samples == 1
    return _as_announced(file, images, _native(file, images, settings) if simple else _decoded(file, images, settings))


def _as_announced(file: SourceFile, images: Sequence[Image], decoded: Iterator[Stored]) -> Iterator[Stored]:
    """The slices, each of the size and type that its header states: decoders go by what the compressed data state."""
    heard = _Excess(images[0].columns)
    log = logging.getLogger("pydicom")
    log.addHandler(heard)
    try:
        for image, stored in zip(images, decoded, strict=True):
            if heard.said:
                what = f"holds more pixels than Rows {image.rows} and Columns {image.columns} say ({heard.said})"
                raise UnreadableError(what, where=file.name, hint="export it again")
            if stored.shape != (image.rows, image.columns):
                size = " × ".join(map(str, stored.shape))
                what = f"holds pixels of {size}, where Rows and Columns say {image.rows} × {image.columns}"
                raise UnreadableError(what, where=file.name, hint="export it again")
            if stored.dtype.kind not in "iu":
                what = f"holds pixels of a type that CT does not use ({stored.dtype})"
                raise UnreadableError(what, where=file.name, hint="export it again")
            yield stored
    except (OSError, MemoryError, ValueError) as error:
        what = f"can't be read ({one_line(error)})"
        raise UnreadableError(what, where=file.name, hint="copy it again") from error
    finally:
        log.removeHandler(heard)


class _Excess(logging.Handler):
    """Notices when pydicom leaves out a row or more of this thread's pixels. (pydicom says so in its log only:
    a few bytes are padding, but if Rows is too small, half a head would be read.)"""

    def __init__(self, columns: int) -> None:
        super().__init__(logging.WARNING)
        self._columns = columns
        self._thread = get_ident()
        self.said = ""

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread and (found := _EXCESS.search(record.getMessage())):
            given, expected, excess = (int(number or 0) for number in found.groups())
            if max(given - expected, excess) >= self._columns:
                self.said = one_line(Exception(record.getMessage()))


def _native(file: SourceFile, images: Sequence[Image], settings: ReadingSettings) -> Iterator[Stored]:
    pixels, size = images[0].pixels, images[0].rows * images[0].columns
    kind = np.dtype("<i2" if pixels.signed else "<u2")
    with file.open() as stream:
        stream.seek(pixels.offset or 0)
        element = stream.read(12)
        head = _element_header_bytes(element)
        begin = (pixels.offset or 0) + head
        length = int.from_bytes(element[head - 4 : head], "little")
        excess = length - size * 2 * max(1, pixels.frames)
        if length != _UNDEFINED and excess >= images[0].columns * 2:
            rows, columns = images[0].rows, images[0].columns
            what = f"holds more pixels than Rows {rows} and Columns {columns} say ({excess} bytes too many)"
            raise UnreadableError(what, where=file.name, hint="export it again")
        for image in images:
            stream.seek(begin + (image.frame or 0) * size * 2)
            values = np.frombuffer(stream.read(size * 2), dtype=np.uint8)
            if len(values) < size * 2:
                raise UnreadableError(
                    f"is truncated: {len(values)} of {size * 2} bytes of a slice", where=file.name, hint="copy it again"
                )
            yield _stored_bits(values.view(kind), pixels, settings).reshape(image.rows, image.columns)


def _element_header_bytes(start: bytes) -> int:
    """How long the pixel element's tag, VR and length are: some files are encoded differently than they declare."""
    return 12 if start[4:6] in (b"OW", b"OB", b"UN") and start[6:8] == b"\0\0" else 8


def _stored_bits(values: Stored, pixels: Pixels, settings: ReadingSettings) -> Stored:
    """The bits that hold the value, of 16-bit words; those beside them may hold an overlay.

    Values that only just outgrow `BitsStored` (metal, in 12 bits) are values: the bits just above are used, and the
    topmost, which an overlay takes first, are not.
    """
    above, spare = 15 - pixels.high_bit, 16 - pixels.bits_stored
    if values.dtype.itemsize != 2 or pixels.bits_allocated != 16 or not spare:
        return values
    if pixels.high_bit == pixels.bits_stored - 1 and not pixels.overlay:
        most = 1 << min(15, pixels.bits_stored + settings.outgrown_bits)
        if values.max() < most and (not pixels.signed or values.min() >= -most):
            return values
    return np.right_shift(np.left_shift(values, above), spare)


def _decoded(file: SourceFile, images: Sequence[Image], settings: ReadingSettings) -> Iterator[Stored]:
    pixels = images[0].pixels
    syntax = UID(pixels.transfer_syntax)
    if syntax and not syntax.is_transfer_syntax:
        raise UnreadableError(f"has an unknown transfer syntax ({syntax})", where=file.name, hint="export it again")
    encapsulated = bool(syntax) and syntax.is_compressed
    if encapsulated:
        _whole_frames(file, pixels.transfer_syntax, pixels.frames)
    try:
        decoded = _by_pydicom(file, images, settings)
        first = next(decoded)
    except PARSE_ERRORS as error:
        if not encapsulated:
            what = f"can't be decoded ({one_line(error)})"
            raise UnreadableError(what, where=file.name, hint="export it again") from error
        yield from _by_simpleitk(file, images)
        return
    yield first
    try:
        yield from decoded
    except PARSE_ERRORS as error:
        what = f"can't be decoded ({one_line(error)})"
        raise UnreadableError(what, where=file.name, hint="export it again") from error


def _by_pydicom(file: SourceFile, images: Sequence[Image], settings: ReadingSettings) -> Iterator[Stored]:
    with file.open() as stream:
        if images[0].pixels.transfer_syntax and images[0].frame is not None:
            yield from iter_pixels(stream, indices=[image.frame or 0 for image in images])
            return
        dataset = pydicom.dcmread(stream, force=True)
    if not images[0].pixels.transfer_syntax:
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = _guess(dataset)
    array = dataset.pixel_array
    for image in images:
        stored = array if image.frame is None or array.ndim == 2 else array[image.frame]
        yield (
            stored
            if images[0].pixels.transfer_syntax.startswith(_JPEG)
            else _stored_bits(stored, images[0].pixels, settings)
        )


def _guess(dataset: Dataset) -> UID:
    """The transfer syntax of a file without meta header, from how pydicom could read it."""
    implicit, little = dataset.original_encoding
    if implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if little else ExplicitVRBigEndian


def _whole_frames(file: SourceFile, syntax: str, frames: int) -> None:
    """Refuse compressed pixels that end early: decoders may fill up what is missing, silently."""
    try:
        with file.open() as stream:
            data = pydicom.dcmread(stream, force=True, specific_tags=["PixelData"]).get("PixelData", b"")
        count = 0
        for frame in generate_frames(data, number_of_frames=frames):
            count += 1
            if syntax.startswith(_JPEG) and b"\xff\xd9" not in frame[-16:]:
                raise ValueError("a compressed slice has no end")
        if count < frames:
            raise ValueError(f"{count} of {frames} frames")
    except PARSE_ERRORS as error:
        what = "is truncated: its compressed pixels end early"
        raise UnreadableError(what, where=file.name, hint="copy it again") from error


def _by_simpleitk(file: SourceFile, images: Sequence[Image]) -> Iterator[Stored]:
    """GDCM reads every CT transfer syntax, but rescales: the stored values are recovered by undoing that."""
    try:
        volume = _read_by_simpleitk(file)
    except PARSE_ERRORS as error:
        syntax = UID(images[0].pixels.transfer_syntax).name
        raise UnreadableError(
            f"can't be decoded ({syntax})", where=file.name, hint="export it uncompressed, or install calcscan[codecs]"
        ) from error
    volume = volume.reshape(-1, *volume.shape[-2:])
    for image in images:
        values = volume[image.frame or 0]
        slope, intercept = image.pixels.slope or 1.0, image.pixels.intercept or 0.0
        yield values if (slope, intercept) == (1.0, 0.0) else np.rint((values - intercept) / slope).astype(np.int32)


def _read_by_simpleitk(file: SourceFile) -> npt.NDArray[Any]:
    import SimpleITK as sitk

    with _QUIET, _silent():
        with file.open() as stream:
            dataset = pydicom.dcmread(stream, force=True, specific_tags=["PhotometricInterpretation"])
        inverts = text(dataset, "PhotometricInterpretation") == "MONOCHROME1"  # GDCM would turn the values round
        if file.path is not None and not inverts:
            return np.asarray(sitk.GetArrayFromImage(sitk.ReadImage(str(file.path))))
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "slice.dcm"
            copy.write_bytes(file.read())
            if inverts:
                dataset = pydicom.dcmread(copy, force=True)
                dataset.PhotometricInterpretation = "MONOCHROME2"
                dataset.save_as(copy)
            return np.asarray(sitk.GetArrayFromImage(sitk.ReadImage(str(copy))))


@contextmanager
def _silent() -> Iterator[None]:
    """Nothing on stderr, where ITK and its JPEG library report what they tried, several lines for each slice."""
    sys.stderr.flush()
    stderr = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
