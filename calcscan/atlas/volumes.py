"""The volumes of an atlas, as they are stored."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import nibabel
import numpy as np
import numpy.typing as npt
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

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
        except (OSError, EOFError, zlib.error, ValueError, ImageFileError, HeaderDataError) as error:
            faults.append(f"{name} is no compressed NIfTI volume ({error})")
    return volumes, faults


def _volume(content: bytes) -> Volume:
    image = nibabel.Nifti1Image.from_bytes(gzip.decompress(content))
    if len(image.shape) != 3:
        raise ValueError(f"it has {len(image.shape)} dimensions, not 3")
    affine = ras_to_lps(image.affine)[:, [2, 1, 0, 3]]
    return Volume(np.asarray(image.dataobj).transpose(2, 1, 0), affine)
