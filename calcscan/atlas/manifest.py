"""What an atlas says of itself, `manifest.toml`."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import msgspec

from calcscan.errors import AtlasError
from calcscan.knowledge.settings import converted

NAME = "manifest.toml"
VOLUMES = ("template.nii.gz", "labels.nii.gz", "zones.nii.gz")


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
    """An atlas's description of itself."""

    name: str
    version: str
    space: str
    spacing_mm: float
    licence: str
    sha256: dict[str, str]
    """Checksum of each file."""
    sources: tuple[AtlasSource, ...] = msgspec.field(name="source")
    labels: tuple[AtlasLabel, ...] = msgspec.field(name="site")

    @property
    def digest(self) -> str:
        """Of the volumes, by which a report names the atlas."""
        return hashlib.sha256("".join(self.sha256.get(file, "") for file in VOLUMES).encode()).hexdigest()

    @property
    def digest_with_sites(self) -> str:
        """Of the volumes and of what their numbers stand for."""
        table = sorted((entry.label, entry.site, entry.side) for entry in self.labels)
        return hashlib.sha256(f"{self.digest} {table}".encode()).hexdigest()


def read_manifest(folder: Path) -> AtlasManifest:
    """The manifest of the atlas in a folder.

    Raises
    ------
    AtlasError
        It is missing, no TOML, or an entry of it is missing, unknown or of the wrong type.

    Examples
    --------
    >>> from calcscan.atlas import atlas_folder
    >>> manifest = read_manifest(atlas_folder())
    >>> manifest.name, manifest.labels[0].site
    ('mni_ct', 'caudate')
    """
    path = folder / NAME
    try:
        return converted(tomllib.loads(path.read_text(encoding="utf-8")), AtlasManifest)
    except FileNotFoundError as error:
        hint = "an atlas needs one; the head of calcscan/atlas/__init__.py says what stands in it"
        raise AtlasError("there is no manifest", where=str(path), hint=hint) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        hint = "correct it; the head of calcscan/atlas/__init__.py says what stands in it"
        raise AtlasError(f"the manifest can't be read ({error})", where=str(path), hint=hint) from error
