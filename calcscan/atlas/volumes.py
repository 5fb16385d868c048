"""The volumes of an atlas, as they are stored."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from calcscan.atlas.manifest import VOLUMES
from calcscan.grid.geometry import Array, ras_to_lps


class Volume(NamedTuple):
    """An array (k, j, i), and its matrix from (k, j, i, 1) to LPS mm."""

    array: npt.NDArray[Any]
    affine: Array


def read_volumes(folder: Path, sha256: Mapping[str, str]) -> tuple[dict[str, Volume], list[str]]:
    """Those that can be read and are what the checksums say, and what is wrong with the others."""
    volumes, faults = {}, []
    for name in VOLUMES:
        try:
            content = (folder / name).read_bytes()
        except FileNotFoundError:
            faults.append(f"{name} is missing")
            continue
        except OSError as error:
            faults.append(f"{name} can't be read ({error.strerror or error})")
            continue
        found = hashlib.sha256(content).hexdigest()
        if sha256.get(name) != found:
            said = sha256.get(name, "none")
            faults.append(f"{name} differs from its checksum: the manifest says {said}, and it has {found}")
            continue
        try:
            volumes[name] = _volume(content)
        except (OSError, EOFError, zlib.error, ValueError) as error:
            faults.append(f"{name} is no compressed NIfTI volume ({error})")
    return volumes, faults


def _volume(content: bytes) -> Volume:
    stored = gzip.decompress(content)
    return _plain(stored) or _by_nibabel(stored)


_HEADER = np.dtype(
    {
        "names": ["size", "dim", "datatype", "vox_offset", "slope", "inter", "sform_code", "srow", "magic"],
        "formats": ["<i4", ("<i2", 8), "<i2", "<f4", "<f4", "<f4", "<i2", ("<f4", (3, 4)), "S4"],
        "offsets": [0, 40, 70, 108, 112, 116, 254, 280, 344],
        "itemsize": 348,
    }
)
"""What counts of the header of a NIfTI-1 file (nifti.nimh.nih.gov)."""
_TYPES = {2: "<u1", 4: "<i2", 8: "<i4", 16: "<f4", 512: "<u2"}


def _plain(stored: bytes) -> Volume | None:
    """A volume as nearly all are stored: its values as they are, placed by the sform. None of any other, which nibabel
    reads; loading that takes longer than all of the atlas."""
    if len(stored) < _HEADER.itemsize:
        return None
    head = np.frombuffer(stored, _HEADER, 1)[0]
    unscaled = float(head["slope"]) in (0.0, 1.0) or np.isnan(head["slope"])
    unscaled &= float(head["inter"]) == 0.0 or bool(np.isnan(head["inter"]))
    dtype = _TYPES.get(int(head["datatype"]))
    known = head["size"] == 348 and head["magic"] == b"n+1" and head["sform_code"] > 0 and head["dim"][0] == 3
    shape, first = tuple(head["dim"][1:4].tolist()), int(head["vox_offset"])
    if dtype is None or not (known and unscaled) or min(shape) < 1 or first < _HEADER.itemsize:
        return None
    if len(stored) < first + int(np.prod(shape)) * np.dtype(dtype).itemsize:
        return None
    values = np.frombuffer(stored, dtype, int(np.prod(shape)), first).reshape(shape[::-1])
    matrix = np.vstack([head["srow"].astype(np.float64), [0.0, 0.0, 0.0, 1.0]])
    return Volume(values, ras_to_lps(matrix)[:, [2, 1, 0, 3]])


def _by_nibabel(stored: bytes) -> Volume:
    import nibabel
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError

    try:
        image = nibabel.Nifti1Image.from_bytes(stored)
    except (ImageFileError, HeaderDataError) as error:
        raise ValueError(str(error)) from error
    if len(image.shape) != 3:
        raise ValueError(f"it has {len(image.shape)} dimensions, not 3")
    affine = ras_to_lps(image.affine)[:, [2, 1, 0, 3]]
    return Volume(np.asarray(image.dataobj).transpose(2, 1, 0), affine)
