"""The atlas: a CT template with sites drawn on it, checked by its manifest. Only this module knows where it lies."""

from __future__ import annotations

import gzip
import hashlib
import tomllib
from pathlib import Path
from types import MappingProxyType
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt

from calcscan.errors import AtlasError
from calcscan.knowledge.sites import all_sites
from calcscan.model import Atlas, Site, freeze

DEFAULT = "mni_ct"
FILES = ("template.nii.gz", "labels.nii.gz", "zones.nii.gz")


def atlas_folder(name: str = DEFAULT) -> Path:
    """Where an atlas lies: inside the installed package, or beside it in a checkout."""
    here = Path(__file__).parent
    for folder in (here / "_atlases" / name, here.parent / "atlases" / name):
        if (folder / "manifest.toml").is_file():
            return folder
    raise AtlasError(
        f"no atlas named {name}", where=str(here), hint="install calcscan again; its wheel carries the atlas"
    )


def read_manifest(folder: Path) -> dict[str, Any]:
    """The atlas's own description: name, version, sources with licences, checksums, label numbers."""
    path = folder / "manifest.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise AtlasError(
            f"the manifest can't be read ({error})", where=str(path), hint="install calcscan again"
        ) from error


def load_atlas(name: str = DEFAULT) -> Atlas:
    """Load an atlas and check every file of it against its manifest.

    Raises
    ------
    AtlasError
        A file is missing or differs from its checksum, or the labels name a site that calcscan doesn't know.

    Examples
    --------
    >>> atlas = load_atlas()
    >>> atlas.name, atlas.labels.shape
    ('mni_ct', (193, 233, 193))
    """
    folder = atlas_folder(name)
    manifest = read_manifest(folder)
    contents = {file: _checked(folder / file, manifest["sha256"].get(file)) for file in FILES}
    volumes = {file: _volume(raw) for file, raw in contents.items()}
    template, affine = volumes["template.nii.gz"]
    known = all_sites()
    sites = {}
    for entry in manifest["site"]:
        if entry["site"] not in known:
            raise AtlasError(
                f"unknown site {entry['site']!r} in the manifest", where=str(folder), hint="install calcscan again"
            )
        sites[entry["label"]] = Site(group=known[entry["site"]].group, **entry)
    together = hashlib.sha256("".join(manifest["sha256"][file] for file in FILES).encode()).hexdigest()
    return Atlas(
        name=manifest["name"],
        version=manifest["version"],
        sha256=together,
        licence=manifest["licence"],
        template_hu=_frozen(template, np.float32),
        labels=_frozen(volumes["labels.nii.gz"][0], np.uint8),
        zones=_frozen(volumes["zones.nii.gz"][0], np.uint8),
        affine=affine,
        sites=MappingProxyType(sites),
    )


def _checked(path: Path, expected: str | None) -> bytes:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise AtlasError("an atlas file can't be read", where=str(path), hint="install calcscan again") from error
    if hashlib.sha256(raw).hexdigest() != expected:
        raise AtlasError("an atlas file differs from its checksum", where=str(path), hint="install calcscan again")
    return raw


def _volume(raw: bytes) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
    """A NIfTI's bytes as (k, j, i) and the matrix from there to LPS mm."""
    image = nibabel.Nifti1Image.from_bytes(gzip.decompress(raw))
    to_lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.asarray(image.affine, dtype=np.float64)
    affine = to_lps[:, [2, 1, 0, 3]]
    return np.asarray(image.dataobj).transpose(2, 1, 0), affine


def _frozen(volume: npt.NDArray[Any], dtype: type) -> npt.NDArray[Any]:
    return freeze(np.ascontiguousarray(volume, dtype=dtype))
