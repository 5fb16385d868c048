"""What a reader changed in a label map: the lesions whose outline is another are measured anew, all others stay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcscan.components import lesion_table
from calcscan.detection import measure_labels
from calcscan.errors import InputError
from calcscan.grid.masks import box_around, corner_of
from calcscan.model import EditedMap, Intracranial, Lesion, LocatedLesion, OwnLabels, ReviewDecision
from calcscan.report.labelmaps import site_map
from calcscan.report.sitelabels import site_labels
from calcscan.review.decide import decide
from calcscan.review.draft import Draft

Labels = npt.NDArray[np.int32]
Place = tuple[str, str]
_MOSTLY = 0.5
_TOUCHING = np.ones((3, 3, 3), dtype=np.bool_)


def redraw(draft: Draft, edited: EditedMap, intracranial: Intracranial, threshold_hu: float | None) -> None:
    """Do what was drawn. A lesion that is gone was rejected, or merged into the one that has its voxels; a new number
    is a new lesion; one with other voxels is measured anew, and keeps its site while most of them are its own; in a map
    of sites one with another number was moved.

    Raises
    ------
    InputError
        Nothing was changed.
    """
    before = draft.before.labels
    values = edited.values
    places: dict[int, Place] = {}
    if edited.kind == "sites":
        values, places = _lesions_of_sites(draft, edited.values)
    changed = before != values
    for number, (site, side) in places.items():
        if number in draft.lesions:
            decide(draft, ReviewDecision(lesion=number, decision="move", site=site, side=side))
    if not changed.any() and not places:
        what = "the edited label map is the report's own: nothing was changed in it"
        raise InputError(what, hint="save the edited map in the other program first")
    left = set(np.unique(values).tolist())
    touched = set(np.unique(before[changed]).tolist()) | set(np.unique(values[changed]).tolist())
    for number in sorted(touched - left - {0}):
        _gone(draft, number, values)
    draft.labels[:] = values
    drawn = sorted((touched & left) - {0})
    if drawn:
        measured = _measured(draft, values, intracranial, threshold_hu)
        for number in drawn:
            _drawn(draft, measured[number], values, places.get(number))
        wanted = np.isin(values, drawn)
        draft.left_out = [item for item in draft.left_out if wanted[tuple(item.kji.T)].mean() < _MOSTLY]


def _gone(draft: Draft, number: int, values: Labels) -> None:
    """A lesion of which the edited map has no voxel."""
    taken = values[tuple(draft.before.voxels_kji(number).T)]
    if not taken.any():
        draft.decisions.append(ReviewDecision(lesion=number, decision="reject"))
        draft.reject(number)
        return
    into = int(np.bincount(taken[taken > 0]).argmax())
    draft.decisions.append(ReviewDecision(lesion=number, decision="merge", into=into))
    draft.touched.add(draft.lesions.pop(number).deposit)


def _measured(
    draft: Draft, values: Labels, intracranial: Intracranial, threshold_hu: float | None
) -> dict[int, Lesion]:
    """Every lesion of the map, by its number, measured among the others."""
    found = measure_labels(
        draft.scan,
        intracranial,
        OwnLabels(values=values),
        threshold_hu=threshold_hu,
        each_label=True,
        thresholds=draft.settings.thresholds,
        volume=draft.settings.volume,
    )
    numbers = found.settings["label_values"]
    return {number: replace(lesion, id=number) for number, lesion in zip(numbers, found.lesions, strict=True)}


def _drawn(draft: Draft, now: Lesion, values: Labels, place: Place | None) -> None:
    """A lesion that is new, or has other voxels than before."""
    number = now.id
    kji = np.argwhere(values[_box(now)] == number) + corner_of(_box(now))
    were = draft.before.labels[tuple(kji.T)]
    own = int((were == number).sum())
    known = draft.lesions.get(number)
    if known is None:
        site, side = place or ("unassigned", "")
        origin = int(np.bincount(were).argmax())
        parted = origin if origin and (were == origin).mean() >= _MOSTLY else None
        draft.lesions[number] = replace(
            LocatedLesion.of(now, site=site, side=side),
            deposit=draft.deposit(),
            review="added" if parted is None else "split",
            from_lesion=parted,
            by_reader=place is not None and site != "unassigned",
        )
        draft.decisions.append(
            ReviewDecision(
                lesion=number,
                decision="add",
                site=None if place is None else site,
                side=None if place is None else side,
                voxels_added=len(kji),
            )
        )
        if place is None:
            draft.unplaced.add(number)
        return
    draft.touched.add(known.deposit)
    measured = {name: getattr(now, name) for name in Lesion.__dataclass_fields__}
    draft.lesions[number] = replace(known, **measured, division=None, review=known.review or "redrawn")
    draft.decisions.append(
        ReviewDecision(
            lesion=number,
            decision="redraw",
            voxels_added=len(kji) - own,
            voxels_removed=known.voxels - own,
        )
    )
    if own < _MOSTLY * len(kji) and not known.by_reader:
        draft.unplaced.add(number)


def _box(lesion: Lesion) -> tuple[slice, ...]:
    return tuple(slice(first, last) for first, last in lesion.bbox_kji)


def _lesions_of_sites(draft: Draft, sites: Labels) -> tuple[Labels, dict[int, Place]]:
    """An edited map of sites as one of lesions, and the place of each that is new or was moved.

    A lesion all of whose voxels have another site was moved. What else was changed belongs to the lesion of that site
    that it touches, or is a lesion of its own.
    """
    place_of = {site.label: key for key, site in site_labels().items()}
    shown = site_map(draft.before).astype(np.int32)
    changed = sites != shown
    values = np.where(changed, 0, draft.before.labels).astype(np.int32)
    places: dict[int, Place] = {}
    for number in [n for n in np.unique(draft.before.labels[changed]).tolist() if n]:
        at = tuple(draft.before.voxels_kji(number).T)
        now = np.unique(sites[at])
        if len(now) == 1 and now[0] and changed[at].all():
            values[at], changed[at] = number, False
            places[number] = place_of[int(now[0])]
    for site in [n for n in np.unique(sites[changed]).tolist() if n]:
        pieces, table = lesion_table(((sites == site) & changed).astype(np.int16), 1)
        for piece in range(1, len(table) + 1):
            box = tuple(slice(first, last) for first, last in table["bbox"][piece - 1])
            kji = np.argwhere(pieces[box] == piece) + corner_of(box)
            number = _touching(kji, values, sites, site) or draft.number()
            if number not in draft.lesions:
                places[number] = place_of[site]
            values[tuple(kji.T)] = number
    return values, places


def _touching(kji: npt.NDArray[np.int64], values: Labels, sites: Labels, site: int) -> int:
    """The lesion of this site that these voxels touch most; 0 where there is none."""
    box = box_around(kji, 1, values.shape)
    own = np.zeros(values[box].shape, dtype=np.bool_)
    own[tuple((kji - corner_of(box)).T)] = True
    beside = ndimage.binary_dilation(own, _TOUCHING) & ~own & (sites[box] == site)
    near = values[box][beside]
    return int(np.bincount(near[near > 0]).argmax()) if near.any() else 0
