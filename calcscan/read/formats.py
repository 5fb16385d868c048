"""Files that are neither DICOM nor NIfTI nor a ZIP: what each is, by its content, and what to do with it."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from calcscan.errors import UnreadableError
from calcscan.read.files import Blob

_SITK = "python -c \"import SimpleITK as s; s.WriteImage(s.ReadImage('{name}'), 'head.nii.gz')\" and give head.nii.gz"
_NIBABEL = (
    "python -c \"import nibabel as n; n.save(n.Nifti1Image.from_image(n.load('{name}')), 'head.nii.gz')\" "
    "and give head.nii.gz"
)
_UNPACK = "unpack it and give the folder"
_PICTURE = "its pixels are no Hounsfield units; export the series from the archive as DICOM"
_ITSELF = "give the file itself"
_HEAD_BYTES = 1024
_PACKED_BYTES = 8192
_PLAIN = re.compile(r"[\w./ -]+")
_ISO_AT, _ISO = 32769, b"CD001"
_MOST_ASKED = 256
"""So many files are looked into where nothing is DICOM; it makes a message, no more."""


@dataclass(frozen=True, slots=True)
class Format:
    """What a file is, in words, and what to do; `{name}` in the hint stands for the file's name."""

    name: str
    hint: str

    def advice(self, blob: Blob) -> str:
        """The hint, for a file of that name; what lies in an archive can't be given itself."""
        if "{name}" in self.hint:  # part of a command that people paste: a name may hold quotes, and worse
            return self.hint.replace("{name}", blob.name if _PLAIN.fullmatch(blob.name) else "FILE")
        if self.hint == _ITSELF:
            return f"unpack it and give {blob.name}" if blob.archive else f"give the file itself, here {blob.name}"
        return f"{self.hint} (here {blob.name})"


_NRRD = Format("an NRRD volume", "convert it: " + _SITK)
_META = Format("a MetaImage volume (MHA, MHD)", "convert it: " + _SITK)
_MGH = Format("a FreeSurfer volume (MGH, MGZ)", "convert it: " + _NIBABEL)
_MINC = Format("an HDF5 or MINC volume", "convert it with its own tools to NIfTI, or give the DICOM folder")
_TAR = Format("a tar archive", _UNPACK)
_GZIP = Format("a file packed with gzip", "unpack it with gunzip and give what is inside")
_DICOM_GZ = Format("a compressed DICOM file", "unpack all files of the series with gunzip and give the folder")
_NIFTI = Format("a NIfTI file", _ITSELF)
_ZIP = Format("a ZIP archive", _ITSELF)
_POINTER = Format("a pointer of a large-file store, not the file itself", "fetch the files (git lfs pull)")

_STARTS: tuple[tuple[bytes, Format], ...] = (
    (b"NRRD000", _NRRD),
    (b"7z\xbc\xaf\x27\x1c", Format("a 7z archive", _UNPACK)),
    (b"Rar!\x1a\x07", Format("a RAR archive", _UNPACK)),
    (b"BZh", Format("a file packed with bzip2", _UNPACK)),
    (b"\xfd7zXZ\0", Format("a file packed with xz", _UNPACK)),
    (b"\x28\xb5\x2f\xfd", Format("a file packed with zstd", _UNPACK)),
    (b"\x89HDF\r\n\x1a\n", _MINC),
    (b"CDF\1", _MINC),
    (b"CDF\2", _MINC),
    (b"version https://git-lfs", _POINTER),
    (b"\xff\xd8\xff", Format("a JPEG picture", _PICTURE)),
    (b"\x89PNG\r\n\x1a\n", Format("a PNG picture", _PICTURE)),
    (b"\0\0\0\x0cjP  ", Format("a JPEG 2000 picture", _PICTURE)),
    (b"GIF8", Format("a GIF picture", _PICTURE)),
    (b"BM", Format("a BMP picture", _PICTURE)),
    (b"II*\0", Format("a TIFF picture", _PICTURE)),
    (b"MM\0*", Format("a TIFF picture", _PICTURE)),
    (b"%PDF", Format("a PDF document", "give the images, as DICOM or NIfTI")),
)
_NAMES: tuple[tuple[tuple[str, ...], Format], ...] = (
    ((".nrrd", ".nhdr", ".seq.nrrd"), _NRRD),
    ((".mha", ".mhd"), _META),
    ((".mgz", ".mgh"), _MGH),
    ((".mnc",), _MINC),
    ((".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz"), _TAR),
    ((".nii", ".nii.gz"), _NIFTI),
    ((".dcm.gz",), _DICOM_GZ),
    ((".zip",), _ZIP),
)


def format_of(blob: Blob) -> Format | None:
    """What a file is, if it is of a kind known here; by its content first, then by its name.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "head.dat")
    ...     _ = path.write_bytes(b"NRRD0004 and so on")
    ...     format_of(Blob("head.dat", path=path)).name
    'an NRRD volume'
    """
    try:
        start = blob.start(_ISO_AT + len(_ISO))
    except UnreadableError:
        return None
    if start[_ISO_AT:] == _ISO:
        return Format("a disc image (ISO)", "open it and give the folder inside")
    name = blob.name.lower()
    return _by_content(start[:_PACKED_BYTES], name) or _by_name(name)


def _by_content(start: bytes, name: str) -> Format | None:
    if start[:2] == b"\x1f\x8b":
        return _inside_gzip(start, name)
    if start.startswith(b"PK\3\4"):
        return _ZIP
    for magic, found in _STARTS:
        if start.startswith(magic):
            return found
    if start[257:262] == b"ustar":
        return _TAR
    if start[:10].replace(b" ", b"") in (b"ObjectType", b"NDims=3") or start.startswith(b"NDims"):
        return _META
    return _NIFTI if is_nifti_header(start) else None


def _inside_gzip(start: bytes, name: str) -> Format:
    """What was packed, told from as much of it as the first bytes give."""
    try:
        inside = _unpacked(start)
    except zlib.error:
        return _by_name(name) or _GZIP
    if inside[128:132] == b"DICM":
        return _DICOM_GZ
    if inside[:4] == b"\0\0\0\1" and name.endswith((".mgz", ".mgh.gz")):
        return _MGH
    return _by_content(inside, "") or _by_name(name) or _GZIP


def _by_name(name: str) -> Format | None:
    return next((found for ends, found in _NAMES if name.endswith(ends)), None)


def is_nifti_header(start: bytes) -> bool:
    """Do the first bytes (unpacked) begin a NIfTI file, of either version, alone or one of a pair?"""
    return start[344:348] in (b"n+1\0", b"ni1\0") or start[4:8] in (b"n+2\0", b"ni2\0")


def start_of(blob: Blob) -> bytes:
    """The first bytes, unpacked where the file is packed with gzip; nothing where they can't be read."""
    try:
        start = blob.start(_PACKED_BYTES)
        return _unpacked(start) if start[:2] == b"\x1f\x8b" else start[:_HEAD_BYTES]
    except (UnreadableError, zlib.error):
        return b""


def _unpacked(start: bytes) -> bytes:
    return zlib.decompressobj(wbits=31).decompress(start, _HEAD_BYTES)


def what_instead(blobs: Sequence[Blob]) -> tuple[str, str]:
    """What the files are where none is DICOM (empty if of no known kind), and what to do.

    >>> what_instead([])
    ('', '')
    """
    found = [(blob, known) for blob in blobs[:_MOST_ASKED] if (known := format_of(blob))]
    if not found:
        return "", ""
    counts = Counter(known.name for _, known in found).most_common()
    # A volume or an archive says more of what was meant than the pictures that lie about in every folder.
    blob, best = min(found, key=lambda one: (one[1].hint == _PICTURE, one[1] not in (_NIFTI, _ZIP, _TAR)))
    if len(blobs) == 1:
        return f"it is {best.name}", best.advice(blob)
    parts = [name if count == 1 else f"{count} × {name}" for name, count in counts[:4]]
    return f"found: {', '.join(parts)}", best.advice(blob)
