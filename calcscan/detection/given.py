"""A segmentation of the user's own, measured as what is detected is: Scan, Intracranial, OwnLabels → LesionMap.

It is taken at its word: nothing is added to it, nothing taken away. What lies beyond an outline counts towards its
volume only as far as the blur of the scan carries a deposit's signal; what is as dense as calcium farther out belongs
to something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from calcscan.components import ROW, lesion_table
from calcscan.detection.detect import metal_threshold_hu
from calcscan.detection.measured import lesion_of, level_settings, measure_volume
from calcscan.detection.threshold import Thresholds, choose_thresholds
from calcscan.grid.masks import corner_of, places
from calcscan.knowledge.settings import load
from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.knowledge.volume import VolumeSettings
from calcscan.measurement.blur import blur_of
from calcscan.measurement.volume import Volume
from calcscan.model import Flag, Intracranial, Lesion, LesionMap, OwnLabels, Scan

_REACHED = 1.0 + 1e-6


def measure_labels(
    scan: Scan,
    intracranial: Intracranial,
    labels: OwnLabels,
    *,
    threshold_hu: float | None = None,
    each_label: bool = False,
    thresholds: ThresholdSettings | None = None,
    volume: VolumeSettings | None = None,
) -> LesionMap:
    """Every lesion of a segmentation, measured, not yet located.

    A map of one label is a mask: each of its connected pieces (26 neighbours) is a lesion. In a map of several labels
    each label is one, in the order of `settings["label_values"]`.

    Parameters
    ----------
    scan, intracranial
        The scan and its intracranial space; what the labels hold counts as within it.
    labels
        On the scan's grid.
    threshold_hu
        Instead of the threshold that suits tube voltage and noise: the faintest that calcification can be.
    each_label
        Each label is a lesion even where there is only one.
    thresholds, volume
        Instead of the settings in `calcscan/knowledge`.

    Returns
    -------
    LesionMap
        A lesion none of whose voxels is as dense as calcification has a volume of 0, and is flagged `outline_faint`.
    """
    thresholds, volume = thresholds or load(ThresholdSettings), volume or load(VolumeSettings)
    levels = choose_thresholds(scan, intracranial, threshold_hu, thresholds)
    numbered, count = _numbered(labels, each_label=each_label)
    within = replace(intracranial, mask=intracranial.mask | (numbered > 0))
    components = _components(scan, within.mask, numbered, count, levels)
    outlined, dense_in = (ndimage.find_objects(part, max_label=count) for part in (numbered, components))
    table = np.zeros(count, ROW)
    lesions = []
    for number in range(1, count + 1):
        own, box = outlined[number - 1], dense_in[number - 1]
        kji = np.argwhere(numbered[own] == number) + corner_of(own)
        dense = kji[scan.hu[tuple(kji.T)] >= levels.rim_hu]
        measured = Volume(best_mm3=0.0, low_mm3=0.0, high_mm3=0.0, counted=True)
        if len(dense):
            table["bbox"][number - 1] = [(part.start, part.stop) for part in box]
            measured = measure_volume(scan, within, components, table, number, dense, levels=levels, settings=volume)
        lesions.append(lesion_of(scan, kji, measured, number, thresholds))
    numbered.flags.writeable = False
    return LesionMap(
        labels=numbered,
        geometry=scan.geometry,
        lesions=tuple(lesions),
        threshold_hu=levels.highest_found_hu,
        settings={
            **level_settings(levels, metal_threshold_hu(scan, thresholds), thresholds),
            "detection_floor_mm3": None,
            "brain_hu": intracranial.brain_hu,
            "lesions_given": "connected pieces of a mask"
            if len(labels.numbers) < 2 and not each_label
            else "one for each label",
            "label_values": list(labels.numbers),
        },
        flags=(*levels.flags, *_faint(lesions, levels.rim_hu)),
    )


def _faint(lesions: Sequence[Lesion], rim_hu: float) -> tuple[Flag, ...]:
    """`outline_faint`, with the share of the lesions in which nothing is as dense as calcification: such a segmentation
    may be of another scan, or mirrored."""
    faint = [lesion for lesion in lesions if lesion.volume_mm3 <= 0]
    if not faint:
        return ()
    mean_hu = float(np.average([one.mean_hu for one in faint], weights=[one.voxels for one in faint]))
    which = (
        "The outlined lesion holds" if len(lesions) == 1 else f"{len(faint)} of {len(lesions)} outlined lesions hold"
    )
    message = (
        f"{which} no voxel of {rim_hu:g} HU (mean {mean_hu:.0f} HU): check that the segmentation was drawn on this "
        "scan, and is not mirrored or moved."
    )
    return (Flag(code="outline_faint", message=message, value=round(len(faint) / len(lesions), 3)),)


def _numbered(labels: OwnLabels, *, each_label: bool) -> tuple[npt.NDArray[np.int32], int]:
    """The lesions from 1 on without a gap, (k, j, i), and how many there are."""
    numbers = labels.numbers
    if len(numbers) == 1 and not each_label:
        pieces, table = lesion_table((labels.values > 0).astype(np.int16), 1)
        return pieces, len(table)
    order = np.searchsorted(numbers, labels.values) + 1
    return np.where(labels.values > 0, order, 0).astype(np.int32), len(numbers)


def _components(
    scan: Scan, within: npt.NDArray[np.bool_], numbered: npt.NDArray[np.int32], count: int, levels: Thresholds
) -> npt.NDArray[np.int32]:
    """All that is as dense as a lesion's rim: by the number of the lesion whose it is; all else by one number more.

    A lesion's own is what is outlined; what is counted no farther from it than the blur reaches, for an outline may
    follow a higher level; and the faint rim that hangs together with it, as far as it is the nearest.
    """
    pieces, table = lesion_table(scan.hu, levels.rim_hu, mask=within)
    other = count + 1
    out = np.where(pieces > 0, np.where(numbered > 0, numbered, other), 0).astype(np.int32)
    touched = np.zeros(len(table) + 1, dtype=np.bool_)
    touched[pieces[numbered > 0]] = True
    touched[0] = False
    beside = places(touched[pieces] & (numbered == 0))
    labelled = places((numbered > 0) & (pieces > 0))
    if not len(beside) or not len(labelled):
        return out
    spacing_mm = scan.geometry.spacing_mm
    reach_mm = max(blur_of(scan).in_plane_mm, *spacing_mm[1:])
    size = np.array([1.0, *(np.array(spacing_mm[1:]) / reach_mm)])  # one slice, or the blur within it
    dense = scan.hu[tuple(beside.T)] >= levels.counted_hu
    away, nearest = cKDTree(labelled * size).query(beside[dense] * size, distance_upper_bound=_REACHED)
    rim = beside[dense][np.isfinite(away)]
    out[tuple(rim.T)] = numbered[tuple(labelled[nearest[np.isfinite(away)]].T)]
    seeds = np.concatenate([labelled, beside[dense]])
    _, nearest = cKDTree(seeds * spacing_mm).query(beside[~dense] * spacing_mm)
    out[tuple(beside[~dense].T)] = out[tuple(seeds[nearest].T)]
    return out
