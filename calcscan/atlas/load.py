"""A folder → `Atlas`, of which every file has been checked."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from calcscan.atlas.manifest import NAME, VOLUMES, AtlasManifest, read_manifest
from calcscan.atlas.volumes import read_volumes
from calcscan.errors import AtlasError
from calcscan.knowledge.sites import all_sites
from calcscan.model import Atlas, Site

DEFAULT = "mni_ct"
_INSTALL_AGAIN = "install calcscan again; its wheel carries the atlas"


def atlas_folder(name: str = DEFAULT) -> Path:
    """The folder of a shipped atlas: inside the installed package, or beside it in a checkout.

    Raises
    ------
    AtlasError
        None has this name.
    """
    package = Path(__file__).parent.parent
    for folder in (package / "_atlases" / name, package.parent / "atlases" / name):
        if (folder / NAME).is_file():
            return folder
    raise AtlasError(f"no atlas named {name}", where=str(package), hint=_INSTALL_AGAIN)


def load_atlas(source: str | Path = DEFAULT) -> Atlas:
    """Load an atlas: the shipped one by its name, or one of your own from its folder.

    Every file is checked against the manifest, and a folder of your own for all that `calcscan atlas --check` looks at.

    Raises
    ------
    AtlasError
        There is no such atlas, a file of it is missing or differs from its checksum, or the labels name a site that
        calcscan doesn't know; for a folder of your own, the first fault.

    Examples
    --------
    >>> atlas = load_atlas()
    >>> atlas.name, atlas.labels.shape
    ('mni_ct', (193, 233, 193))
    """
    if source == DEFAULT:
        return read_atlas(atlas_folder())
    from calcscan.atlas.check import check_atlas

    folder = Path(source)
    faults = check_atlas(folder)
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        hint = f"calcscan atlas --check {folder} lists every fault"
        raise AtlasError(f"the atlas can't be used: {faults[0]}{more}", where=str(folder), hint=hint)
    shipped = read_manifest(atlas_folder()).digest_with_sites
    return read_atlas(folder, own=read_manifest(folder).digest_with_sites != shipped)


def read_atlas(folder: Path, *, own: bool = False) -> Atlas:
    """The atlas of a folder; of one's `own`, the checksum counts what its numbers stand for too.

    Raises
    ------
    AtlasError
        A file is missing or damaged, or the manifest names an unknown site.
    """
    manifest = read_manifest(folder)
    volumes, faults = read_volumes(folder, manifest.sha256)
    if faults:
        raise AtlasError(faults[0], where=str(folder), hint="" if own else _INSTALL_AGAIN)
    template, labels, zones = (volumes[name] for name in VOLUMES)
    return Atlas(
        name=manifest.name,
        version=manifest.version,
        sha256=manifest.digest_with_sites if own else manifest.digest,
        licence=manifest.licence,
        template_hu=_as_stored(template.array, np.float32),
        labels=_as_stored(labels.array, np.uint8),
        zones=_as_stored(zones.array, np.uint8),
        affine=template.affine,
        sites=_sites(manifest, folder),
    )


def _as_stored(volume: npt.NDArray[Any], dtype: type) -> npt.NDArray[Any]:
    return np.ascontiguousarray(volume, dtype=dtype)


def _sites(manifest: AtlasManifest, folder: Path) -> MappingProxyType[int, Site]:
    """Label → site, with the site's group."""
    known = all_sites()
    for entry in manifest.labels:
        if entry.site not in known:
            raise AtlasError(f"unknown site {entry.site!r} in the manifest", where=str(folder), hint=_INSTALL_AGAIN)
    return MappingProxyType(
        {
            entry.label: Site(label=entry.label, site=entry.site, side=entry.side, group=known[entry.site].group)
            for entry in manifest.labels
        }
    )
