"""Do the numbers look like Hounsfield units of a head? Judged by the volume, whatever the header says."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from calcscan.knowledge.reading import ReadingSettings
from calcscan.model import AIR_HU, Flag
from calcscan.read.pixels.air import air_flags


def hounsfield_flags(
    hu: npt.NDArray[np.int16], settings: ReadingSettings, *, rescale_type: str = "", top_hu: float | None = None
) -> tuple[Flag, ...]:
    """`not_hounsfield` and `saturated`, from `hu` (k, j, i); `top_hu` is the largest value that could be stored.

    >>> import numpy as np
    >>> from calcscan.knowledge.settings import load
    >>> [flag.code for flag in hounsfield_flags(np.full((8, 16, 16), 1000, np.int16), load(ReadingSettings))]
    ['not_hounsfield']
    """
    return (*_scale(hu, rescale_type, settings), *_ceiling(hu, top_hu, settings))


def _scale(hu: npt.NDArray[np.int16], rescale_type: str, settings: ReadingSettings) -> tuple[Flag, ...]:
    if rescale_type not in settings.words.hounsfield_types:
        message = f"The file says that its values are {rescale_type}, not Hounsfield units."
        return (Flag(code="not_hounsfield", message=message, value=rescale_type, limit="HU"),)
    sample = hu[:: max(1, len(hu) // 32), ::4, ::4]
    air = float(np.percentile(sample, 1))
    if air > settings.air_below_hu:
        message = f"No part has the value of air: the lowest 1 % of voxels reach {air:.0f} HU."
        return (Flag(code="not_hounsfield", message=message, value=air, limit=settings.air_below_hu),)
    tissue = sample[(sample > settings.tissue_from_hu) & (sample < settings.tissue_to_hu)]
    low, high = settings.tissue_median_low_hu, settings.tissue_median_high_hu
    tissue_hu = float(np.median(tissue)) if tissue.size else float("nan")
    if low <= tissue_hu <= high:
        return _padded_over(sample, settings) or air_flags(sample, settings)
    found = f"the median of soft tissue is {tissue_hu:.0f} HU" if tissue.size else "there is no soft tissue"
    value = tissue_hu if tissue.size else None
    message = f"The values are not those of soft tissue on the Hounsfield scale: {found}."
    return (Flag(code="not_hounsfield", message=message, value=value, limit=f"{low:g} to {high:g}"),)


def _padded_over(sample: npt.NDArray[np.int16], settings: ReadingSettings) -> tuple[Flag, ...]:
    """`not_hounsfield` where only filling is as low as air, and most of the rest is as dense as bone: numbers that were
    never shifted down to Hounsfield units (air near 0, brain near 1000), with the corners filled."""
    outside = sample[sample < settings.air_below_hu]
    dense = int(np.count_nonzero(sample >= settings.tissue_to_hu))
    tissue = int(np.count_nonzero((sample > settings.tissue_from_hu) & (sample < settings.tissue_to_hu)))
    share = dense / (dense + tissue)
    if int(outside.min()) != int(outside.max()) or share <= settings.dense_share:
        return ()
    message = f"{100 * share:.0f} % of what is not air is as dense as bone: the values are not Hounsfield units."
    return (Flag(code="not_hounsfield", message=message, value=round(share, 3), limit=settings.dense_share),)


def _ceiling(hu: npt.NDArray[np.int16], top_hu: float | None, settings: ReadingSettings) -> tuple[Flag, ...]:
    """`saturated` where many voxels share the highest value: it is the end of a scale, or of a window to which somebody
    cut the values. Where that leaves no room for bone and calcium, they are no Hounsfield units any more."""
    top = int(hu.max())
    count = int(np.count_nonzero(hu == top))
    if top <= AIR_HU or count < settings.saturated_voxels:
        return ()
    ends = {*settings.ceiling_hu, float(np.iinfo(np.int16).max)} | ({top_hu} if top_hu is not None else set())
    if top not in ends and not _cut_at(hu, top, count, settings):
        return ()
    if top < settings.cut_top_hu:
        message = f"The values were cut off at {top} HU, which {count} voxels have: bone and calcium are denser."
        return (Flag(code="not_hounsfield", message=message, value=float(top), limit=settings.cut_top_hu),)
    message = f"{count} voxels are at the top of the scale, {top} HU; their true density may be higher."
    return (Flag(code="saturated", message=message, value=float(count), limit=settings.saturated_voxels),)


def _cut_at(hu: npt.NDArray[np.int16], top: int, count: int, settings: ReadingSettings) -> bool:
    """Does the highest value stand for all that was higher? Then far more voxels have it than any value just below. A
    drawn head without noise has such values, too."""
    below = hu[(hu < top) & (hu >= top - settings.cut_beside_hu)].astype(np.int64)
    most = int(np.bincount(below - below.min()).max()) if below.size else 0
    if count <= settings.cut_excess * most:
        return False
    middle = hu[:: max(1, len(hu) // 16)].astype(np.int32)
    soft = np.abs(middle) < settings.soft_cell_hu / 2
    steps = np.diff(middle, axis=2)[soft[:, :, 1:] & soft[:, :, :-1]]
    return bool(np.count_nonzero(steps) > len(steps) / 2)


def off_scale(hu: npt.NDArray[np.int16], settings: ReadingSettings, scales: Sequence[Hashable] = ()) -> list[int]:
    """The slices of `hu` (k, j, i) that are not on the scale of the others: a wrong slope or intercept.

    Their air lies elsewhere; or, where headers give several `scales` (one for each slice), slices of one scale do not
    agree with their neighbours of another. Of several scales that do not agree, the one of most slices that look like
    Hounsfield units is kept.

    >>> import numpy as np
    >>> from calcscan.knowledge.settings import load
    >>> hu = np.full((8, 16, 16), -1000, np.int16)
    >>> hu[3] += 1024
    >>> off_scale(hu, load(ReadingSettings))
    [3]
    """
    sample = hu[:, ::4, ::4].reshape(len(hu), -1)
    odd = _unlike_neighbours(sample, scales, settings) if len(set(scales)) > 1 else set()
    air = np.percentile(hu[:, ::8, ::8].reshape(len(hu), -1), 1, axis=1)
    usual = float(np.median(np.delete(air, sorted(odd))))
    if usual <= settings.air_below_hu:
        odd |= set(np.flatnonzero(air - usual > settings.air_apart_hu).tolist())
    return sorted(odd)


def _unlike_neighbours(
    sample: npt.NDArray[np.int16], scales: Sequence[Hashable], settings: ReadingSettings
) -> set[int]:
    """Slices of a scale that gives other values than the kept one, from neighbour to neighbour of another scale."""
    apart: dict[frozenset[Hashable], list[float]] = defaultdict(list)
    for k, (one, other) in enumerate(pairwise(scales)):
        if one != other:
            apart[frozenset((one, other))].append(_apart_hu(sample[k], sample[k + 1], settings))
    agree = {pair for pair, found in apart.items() if float(np.median(found)) <= settings.scales_apart_hu}
    if len(agree) == len(apart):
        return set()
    counts = Counter(scales)
    best = max(
        counts, key=lambda scale: (_looks_right(sample[[one == scale for one in scales]], settings), counts[scale])
    )
    kept = {best}
    while more := {scale for scale in counts if scale not in kept and any({scale, one} in agree for one in kept)}:
        kept |= more
    return {k for k, scale in enumerate(scales) if scale not in kept}


def _apart_hu(one: npt.NDArray[np.int16], other: npt.NDArray[np.int16], settings: ReadingSettings) -> float:
    """The largest difference of two neighbouring slices, in what is air in both and in what is not."""
    difference = one.astype(np.float64) - other
    edge = settings.air_edge_hu
    parts = [difference[(one < edge) & (other < edge)], difference[(one >= edge) & (other >= edge)]]
    heads = (int(np.count_nonzero(one >= edge)), int(np.count_nonzero(other >= edge)))
    found = [abs(float(np.median(part))) for part in parts if part.size >= settings.neighbour_pixels]
    if max(heads) >= settings.neighbour_pixels and min(heads) < settings.same_head_share * max(heads):
        found.append(float("inf"))  # the head is gone in one of them
    return max(found, default=0.0)


def _looks_right(sample: npt.NDArray[np.int16], settings: ReadingSettings) -> bool:
    """Is there air, and is most of the rest soft tissue, where Hounsfield units have them?"""
    tissue = sample[(sample > settings.tissue_from_hu) & (sample < settings.tissue_to_hu)]
    head = int(np.count_nonzero(sample >= settings.air_edge_hu))
    if float(np.percentile(sample, 1)) > settings.air_below_hu or tissue.size <= settings.tissue_share * head:
        return False
    return settings.tissue_median_low_hu <= float(np.median(tissue)) <= settings.tissue_median_high_hu
