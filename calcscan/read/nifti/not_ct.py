"""Whether a NIfTI is no head CT, told before it is analysed: by its name, the JSON beside it, its header and values."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np

from calcscan.errors import CalcscanError, GeometryError, InputError, UnreadableError
from calcscan.knowledge.bids import BidsNames
from calcscan.knowledge.reading import ReadingSettings
from calcscan.knowledge.settings import load
from calcscan.read.files.bids_name import bids_name, stem_of
from calcscan.read.nifti.file import NiftiFile, open_nifti
from calcscan.read.nifti.grid import grid_of_file
from calcscan.read.nifti.sidecar import read_sidecar
from calcscan.read.stated import Stated

_COMPUTED = ("rec", "acq", "desc", "proc")
_LAST_WORD = re.compile(r"(?:^|[._\s-])([A-Za-z0-9]+)$")


def why_not_ct(path: Path, *, names: BidsNames | None = None, settings: ReadingSettings | None = None) -> str:
    """Why a NIfTI needs no analysis, worded to follow its name; empty where it may be a head CT, or can't be read (the
    reader then says why).

    >>> why_not_ct(Path("sub-01_T1w.nii.gz"))
    'is no CT: its name ends in T1w, which stands for an MR image'
    >>> why_not_ct(Path("sub-01_ct.nii.gz"))
    ''
    """
    names, settings = names or load(BidsNames), settings or load(ReadingSettings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom quotes the values it warns about
        return _by_name(path.name, names) or _by_content(path, names, settings)


def _by_name(name: str, names: BidsNames) -> str:
    """By suffix and entities of a name that is made as BIDS asks for."""
    parts = bids_name(name)
    if parts is None:
        return ""
    for kind in names.suffix.values():
        if kind.has(parts.suffix):
            return kind.what.format(suffix=parts.suffix)
    if "label" in parts.entities and parts.suffix != "ct":
        return names.suffix["labels"].what.format(suffix=parts.suffix)
    for key, label in parts.entities.items():
        kind = names.entity["computed" if key in _COMPUTED else "template"]
        if key in (*_COMPUTED, "space") and kind.has(label):
            return kind.what.format(entity=f"{key}-{label}")
    return ""


def _by_content(path: Path, names: BidsNames, settings: ReadingSettings) -> str:
    """By the header, the JSON, and as many of the values as it takes."""
    try:
        file = open_nifti(path, settings)
    except UnreadableError:
        return ""
    except (InputError, GeometryError) as error:
        return error.what
    try:
        steps_mm = np.linalg.norm(grid_of_file(file, settings).affine[:3, :3], axis=0).tolist()
        read_sidecar(path, file.shape, steps_mm, settings, Stated())
    except InputError as error:
        return error.what if not isinstance(error, UnreadableError) else ""
    return _by_header(file, names) or _by_values(file, path, names, settings)


def _by_header(file: NiftiFile, names: BidsNames) -> str:
    """Eight bits without a scale can hold no Hounsfield units."""
    dtype = file.header.get_data_dtype()
    if dtype.kind not in "iu" or dtype.itemsize > 1:
        return ""
    limits = np.iinfo(dtype)
    ends = sorted(value * file.slope + file.intercept for value in (limits.min, limits.max))
    if ends[0] > names.air_hu or ends[1] < names.bone_hu:
        return f"holds no Hounsfield units: its values can only lie between {ends[0]:g} and {ends[1]:g}"
    return ""


def _by_values(file: NiftiFile, path: Path, names: BidsNames, settings: ReadingSettings) -> str:
    """Few whole numbers from 0 on, or shares between 0 and 1; read no further than where that is excluded."""
    seen: set[float] = set()
    most = 0.0
    try:
        for stored in file.slices():
            values = np.unique(np.nan_to_num(stored * np.float64(file.slope) + file.intercept))
            most = max(most, float(values[-1]))
            if values[0] < 0 or (len(seen) > settings.label_values and most > 1.0):
                return ""
            if len(seen) <= settings.label_values:
                seen.update(values.tolist())
    except CalcscanError:
        return ""
    few = len(seen) <= settings.label_values and all(value == round(value) for value in seen)
    if not few and most > 1.0:
        return ""
    word = _LAST_WORD.search(stem_of(path.name))
    for kind in names.words.values():
        if word and kind.has(word[1]):
            return kind.what.format(word=word[1])
    if few:
        return f"is a mask or label map: it holds {len(seen)} different values, {min(seen):g} to {max(seen):g}"
    return "holds values from 0 to 1 only: shares or probabilities, not Hounsfield units"
