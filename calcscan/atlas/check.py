"""Everything that is wrong with an atlas folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from calcscan.atlas.load import atlas_folder, read_atlas
from calcscan.atlas.manifest import VOLUMES, AtlasManifest, read_manifest
from calcscan.atlas.volumes import Volume, read_volumes
from calcscan.errors import AtlasError
from calcscan.grid.geometry import apply
from calcscan.grid.isotropic import sample_at
from calcscan.grid.masks import places
from calcscan.knowledge.atlas import AtlasSettings
from calcscan.knowledge.settings import load
from calcscan.knowledge.sites import all_sites
from calcscan.model import BRAIN_ZONE

_TEMPLATE, _LABELS, _ZONES = VOLUMES
_ALL_ZONES = 7
_STEP = 3
"""Every so many voxels along each axis are compared with the shipped atlas."""


def check_atlas(folder: str | Path) -> tuple[str, ...]:
    """What is wrong with the atlas in a folder, one line each; nothing if it can be used.

    The manifest and its checksums, the sites it names, the grid of the volumes, left and right, the template, and
    whether it lies in the space of the shipped atlas.

    Examples
    --------
    >>> from calcscan.atlas import atlas_folder
    >>> check_atlas(atlas_folder())
    ()
    """
    folder = Path(folder)
    if not folder.is_dir():
        return (f"{folder}: there is no such folder",)
    try:
        manifest = read_manifest(folder)
    except AtlasError as error:
        return (f"{error.where}: {error.what}",)
    settings = load(AtlasSettings)
    volumes, faults = read_volumes(folder, manifest.sha256)
    faults += _manifest(manifest)
    if len(volumes) == len(VOLUMES):
        grid = list(_grid(volumes, manifest))
        faults += grid
        faults += _values(volumes, settings)
        if not grid:
            faults += _labels(volumes[_LABELS], manifest, settings)
            faults += _space(volumes[_ZONES], settings)
    return tuple(faults)


def _manifest(manifest: AtlasManifest) -> Iterator[str]:
    known = all_sites()
    for entry in manifest.labels:
        if entry.site not in known:
            yield f"unknown site {entry.site!r} in the manifest (label {entry.label}): `calcscan atlas` lists all"
        elif entry.side not in known[entry.site].sides:
            sides = ", ".join(side or "none" for side in known[entry.site].sides)
            yield f"{entry.site} has no side {entry.side!r} (label {entry.label}); it has {sides}"
        if not 1 <= entry.label <= 255:
            yield f"label {entry.label} of {entry.site} is not within 1 to 255"
    for what, counts in (
        ("label", Counter(str(entry.label) for entry in manifest.labels)),
        ("site", Counter(f"{entry.site} {entry.side}" for entry in manifest.labels)),
    ):
        yield from (
            f"{what} {name} stands {count} times in the manifest" for name, count in counts.items() if count > 1
        )
    shipped = read_manifest(atlas_folder())
    same_name = (manifest.name, manifest.version) == (shipped.name, shipped.version)
    if same_name and manifest.digest_with_sites != shipped.digest_with_sites:
        yield f"it has the name of the shipped atlas, {manifest.name} {manifest.version}, and is another: rename it"


def _grid(volumes: Mapping[str, Volume], manifest: AtlasManifest) -> Iterator[str]:
    first = volumes[_TEMPLATE]
    for name in (_LABELS, _ZONES):
        if volumes[name].array.shape != first.array.shape:
            yield f"{name} has {_size(volumes[name])} voxels, {_TEMPLATE} {_size(first)}"
        elif not np.allclose(volumes[name].affine, first.affine, atol=1e-3):
            yield f"{name} lies elsewhere in space than {_TEMPLATE}: their matrices differ"
    expected = np.zeros((3, 3))
    expected[0, 2] = expected[1, 1] = -manifest.spacing_mm
    expected[2, 0] = manifest.spacing_mm
    for name, volume in volumes.items():
        if not np.allclose(volume.affine[:3, :3], expected, atol=1e-3):
            steps = ", ".join(f"{step:.3g}" for step in np.linalg.norm(volume.affine[:3, :3], axis=0)[::-1])
            yield (
                f"{name} is not stored as RAS in cubic voxels of {manifest.spacing_mm:g} mm (its steps: {steps} mm): "
                "turn it with nibabel.as_closest_canonical, and resample it if they differ"
            )


def _size(volume: Volume) -> str:
    return " × ".join(str(length) for length in volume.array.shape[::-1])


def _values(volumes: Mapping[str, Volume], settings: AtlasSettings) -> Iterator[str]:
    for name, most in ((_LABELS, 255), (_ZONES, _ALL_ZONES)):
        array = volumes[name].array
        if not np.isfinite(array).all() or (array != np.rint(array)).any() or array.min() < 0 or array.max() > most:
            yield f"{name} holds something else than whole numbers from 0 to {most}"
    template, zones = volumes[_TEMPLATE].array, volumes[_ZONES].array
    if not np.isfinite(template).all():
        yield f"{_TEMPLATE} holds values that are no number"
    brain = _brain(volumes[_ZONES])
    if not brain.any():
        yield f"{_ZONES} marks no brain (bit {BRAIN_ZONE})"
    elif template.shape == zones.shape:
        low, high = settings.brain_median_hu
        median = float(np.median(template[brain]))
        if not low <= median <= high:
            yield f"{_TEMPLATE} is no CT in HU: the median within the brain is {median:.4g}, not {low:g} to {high:g}"


def _labels(labels: Volume, manifest: AtlasManifest, settings: AtlasSettings) -> Iterator[str]:
    known, named = all_sites(), {entry.label: entry for entry in manifest.labels}
    numbers = {int(number) for number in np.unique(labels.array) if number}
    for number in sorted(numbers - set(named)):
        yield f"{_LABELS} holds the number {number}, for which the manifest names no site"
    drawn = {(named[number].site, named[number].side) for number in numbers & set(named)}
    wanted = {(site.site, side) for site in known.values() if site.drawn for side in site.sides if side}
    for site, side in sorted(wanted - drawn):
        yield f"{site} {side} is not drawn: what lies there would be given to its neighbour"
    centres = {
        (named[number].site, named[number].side): float(
            apply(labels.affine, places(labels.array == number)).mean(axis=0)[0]
        )
        for number in sorted(numbers & set(named))
    }
    for (name, where), x_mm in centres.items():
        if {"left": x_mm < 0, "right": x_mm > 0, "midline": abs(x_mm) > settings.midline_mm}.get(where, False):
            beside = f"{abs(x_mm):.0f} mm to the {'left' if x_mm > 0 else 'right'} of the midline"
            yield f"{name} {where} has its centre {beside}: are the sides swapped?"


def _space(zones: Volume, settings: AtlasSettings) -> Iterator[str]:
    """Whether the brain lies where the shipped atlas has it."""
    shipped = read_atlas(atlas_folder())
    ours = (shipped.zones & BRAIN_ZONE) > 0
    own = _brain(zones)[::_STEP, ::_STEP, ::_STEP]
    there = apply(zones.affine, _STEP * places(np.ones_like(own)))
    same = sample_at(ours, shipped.affine, there, nearest=True) > 0
    own_mm3, shipped_mm3 = (abs(np.linalg.det(affine[:3, :3])) for affine in (zones.affine, shipped.affine))
    own_mm3 *= _STEP**3
    overlap = 2 * own_mm3 * (same & own.ravel()).sum() / (own_mm3 * own.sum() + shipped_mm3 * ours.sum())
    if overlap < settings.overlap_least:
        yield (
            f"its brain does not lie where the shipped atlas has it (overlap {overlap:.2f}, at least "
            f"{settings.overlap_least:g}): an atlas must be in MNI152 space"
        )


def _brain(zones: Volume) -> npt.NDArray[np.bool_]:
    return np.asarray((np.nan_to_num(zones.array).astype(np.int64) & BRAIN_ZONE) > 0)
