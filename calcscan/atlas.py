"""The atlas: a CT template with sites drawn on it, checked against its manifest. Only this module reads it."""

from __future__ import annotations

import gzip
import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import nibabel
import numpy as np
import numpy.typing as npt

from calcscan.errors import AtlasError
from calcscan.knowledge.sites import all_sites
from calcscan.model import Atlas, Site

DEFAULT = "mni_ct"
FILES = ("template.nii.gz", "labels.nii.gz", "zones.nii.gz")
_HINT = "install calcscan again; its wheel carries the atlas"


class AtlasSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A published file that the atlas is made from."""

    package: str
    version: str
    path: str
    what: str
    licence: str
    sha256: str


class AtlasLabel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The site and side that a number of the label map stands for."""

    label: int
    site: str
    side: str


class AtlasManifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An atlas's description of itself, `manifest.toml`."""

    name: str
    version: str
    space: str
    spacing_mm: float
    licence: str
    sha256: dict[str, str]
    """Checksum of each file."""
    sources: tuple[AtlasSource, ...] = msgspec.field(name="source")
    labels: tuple[AtlasLabel, ...] = msgspec.field(name="site")


def atlas_folder(name: str = DEFAULT) -> Path:
    """The folder of an atlas: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parent
    for folder in (package / "_atlases" / name, package.parent / "atlases" / name):
        if (folder / "manifest.toml").is_file():
            return folder
    raise AtlasError(f"no atlas named {name}", where=str(package), hint=_HINT)


def read_manifest(folder: Path) -> AtlasManifest:
    """The manifest of the atlas in a folder.

    Raises
    ------
    AtlasError
        It is missing, no TOML, or an entry of it is missing, unknown or of the wrong type.

    Examples
    --------
    >>> manifest = read_manifest(atlas_folder())
    >>> manifest.name, manifest.labels[0].site
    ('mni_ct', 'caudate')
    """
    path = folder / "manifest.toml"
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), AtlasManifest)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise AtlasError(f"the manifest can't be read ({error})", where=str(path), hint=_HINT) from error


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
    contents = {file: _checked(folder / file, manifest.sha256.get(file)) for file in FILES}
    volumes = {file: _volume(content) for file, content in contents.items()}
    template_hu, affine = volumes["template.nii.gz"]
    return Atlas(
        name=manifest.name,
        version=manifest.version,
        sha256=hashlib.sha256("".join(manifest.sha256[file] for file in FILES).encode()).hexdigest(),
        licence=manifest.licence,
        template_hu=_as_stored(template_hu, np.float32),
        labels=_as_stored(volumes["labels.nii.gz"][0], np.uint8),
        zones=_as_stored(volumes["zones.nii.gz"][0], np.uint8),
        affine=affine,
        sites=_sites(manifest, folder),
    )


def _checked(path: Path, expected: str | None) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AtlasError("an atlas file can't be read", where=str(path), hint=_HINT) from error
    if hashlib.sha256(content).hexdigest() != expected:
        raise AtlasError("an atlas file differs from its checksum", where=str(path), hint=_HINT)
    return content


def _volume(content: bytes) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
    """A compressed NIfTI as (k, j, i), and its matrix to LPS mm."""
    image = nibabel.Nifti1Image.from_bytes(gzip.decompress(content))
    to_lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.asarray(image.affine, dtype=np.float64)
    affine = to_lps[:, [2, 1, 0, 3]]
    return np.asarray(image.dataobj).transpose(2, 1, 0), affine


def _as_stored(volume: npt.NDArray[Any], dtype: type) -> npt.NDArray[Any]:
    return np.ascontiguousarray(volume, dtype=dtype)


def _sites(manifest: AtlasManifest, folder: Path) -> Mapping[int, Site]:
    """Label → site, with the site's group."""
    known = all_sites()
    for entry in manifest.labels:
        if entry.site not in known:
            raise AtlasError(f"unknown site {entry.site!r} in the manifest", where=str(folder), hint=_HINT)
    return MappingProxyType(
        {
            entry.label: Site(label=entry.label, site=entry.site, side=entry.side, group=known[entry.site].group)
            for entry in manifest.labels
        }
    )
