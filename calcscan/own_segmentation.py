"""Measuring what one has outlined: `measure` for a segmentation of the lesions, `regions` for regions of the brain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calcscan.atlas import load_atlas
from calcscan.detection import measure_labels
from calcscan.errors import RefusedError
from calcscan.examination import examine
from calcscan.grid.isotropic import IsotropicVolume
from calcscan.knowledge.stage_settings import StageSettings
from calcscan.measurement.blur import as_ordinary
from calcscan.model import Flag, Intracranial, LesionMap, LocatedLesion, LocatedLesionMap, RegionBurden, Scan
from calcscan.own_data import OwnData
from calcscan.progress import Progress, Stages
from calcscan.read.labels import named, read_labels
from calcscan.read.named_sides import refuse_swapped
from calcscan.summary import divide_by_regions

Labels = npt.NDArray[Any] | str | Path | Any
"""An array like `scan.hu`, a SimpleITK or nibabel image, or the file of one."""


def measure(
    scan: Scan, labels: Labels, *, resample: bool = False, progress: Progress | None = None
) -> LocatedLesionMap:
    """A segmentation of one's own, measured as calcscan measures what it finds itself, with sites where it can.

    Parameters
    ----------
    scan
        Read, or made of an array or image.
    labels
        Whole numbers, shape (k, j, i) like `scan.hu`, 0 for none; or a SimpleITK or nibabel image, or the file of one.
        Where there are several labels, each is a lesion, in their order; where there is one, or they are truth values,
        each piece whose voxels touch (26 neighbours) is a lesion.
    resample
        Take an image on another grid by nearest neighbour; else it is refused.
    progress
        Called with the name of each stage as it begins.

    Returns
    -------
    LocatedLesionMap
        A lesion for each of those, none left out, divided or joined, with volume and 95 % interval; where each label is
        one, `settings["label_values"]` has their labels. `unassigned` where the scan is no head that can be laid onto
        the atlas: `flags` say why. A lesion without a voxel as dense as calcification has a volume of 0.

    Raises
    ------
    ValueError, TypeError, GeometryError, InputError
        `labels` can't be taken; the message says why. As of `calcscan.read.labels.read_labels`.

    Examples
    --------
    >>> hu = np.full((12, 40, 40), 30, np.int16)
    >>> hu[5:8, 18:22, 18:22] = 400
    >>> affine = [[0, 0, 1.0, 0], [0, 1.0, 0, 0], [1.0, 0, 0, 0], [0, 0, 0, 1]]
    >>> lesions = measure(Scan.from_array(hu, affine), hu > 130).lesions
    >>> len(lesions), lesions[0].site, lesions[0].volume_130_mm3
    (1, 'unassigned', 48.0)
    """
    settings, stage = StageSettings.load(), Stages(progress)
    outlined = read_labels(labels, scan, resample=resample, settings=settings.reading)
    own = OwnData(lesions=outlined, keep_whole=True)
    try:
        found = examine(scan, load_atlas(), own=own, settings=settings, stage=stage)
    except RefusedError as refused:
        ordinary = as_ordinary(scan, settings.volume)
        lesions = measure_labels(
            ordinary,
            _without_head(ordinary, outlined.values > 0, float(settings.thresholds.rim_hu)),
            outlined,
            thresholds=settings.thresholds,
            volume=settings.volume,
        )
        return _unassigned(lesions, scan, Flag(code=refused.code, message=str(refused)))
    return replace(found.lesions, flags=(*own.flags, *found.flags))


def regions(
    scan: Scan,
    labels: Labels,
    names: Mapping[int, str] | None = None,
    *,
    lesions: LesionMap | None = None,
    resample: bool = False,
    progress: Progress | None = None,
) -> tuple[RegionBurden, ...]:
    """Calcification in regions of one's own, such as nuclei from another tool, corrected for partial volume.

    Parameters
    ----------
    scan
        Read, or made of an array or image.
    labels
        The regions, as for `measure`; each label is one.
    names
        By label; else those that a file tells (the table of a BIDS segmentation, the segments of 3D Slicer).
    lesions
        What `analyse` or `measure` found in this scan, where that was done already; else the scan is searched.
    resample
        Take an image on another grid by nearest neighbour; else it is refused.
    progress
        Called with the name of each stage as it begins.

    Returns
    -------
    tuple of RegionBurden
        One a label, ascending: `label, name, volume_mm3, volume_low_mm3, volume_high_mm3, volume_130_mm3`; and, last,
        label 0, `elsewhere`, for all that lies in none. The sum over all rows is what the whole scan holds.

    Raises
    ------
    ValueError, TypeError, GeometryError, InputError
        `labels` can't be taken, what they name as left lies to the right, or `lesions` are of another scan.
    RefusedError
        The scan is no head that calcscan can search, and `lesions` are not given.

    Examples
    --------
    >>> hu = np.full((12, 40, 40), 30, np.int16)
    >>> hu[5:8, 18:22, 18:22] = 400
    >>> affine = [[0, 0, 1.0, 0], [0, 1.0, 0, 0], [1.0, 0, 0, 0], [0, 0, 0, 1]]
    >>> scan, halves = Scan.from_array(hu, affine), np.ones((12, 40, 40), np.int32)
    >>> halves[:, :, 20:] = 2
    >>> rows = regions(scan, halves, {1: "one", 2: "other"}, lesions=measure(scan, hu > 130))
    >>> [(row.label, row.name, row.volume_130_mm3) for row in rows]
    [(1, 'one', 24.0), (2, 'other', 24.0), (0, 'elsewhere', 0.0)]
    """
    settings, stage = StageSettings.load(), Stages(progress)
    own = named(read_labels(labels, scan, resample=resample, settings=settings.reading), names)
    refuse_swapped(own, scan, name="labels")
    if lesions is None:
        lesions = examine(scan, load_atlas(), settings=settings, stage=stage).lesions
    elif lesions.labels.shape != scan.hu.shape:
        raise ValueError(f"lesions are of another scan: {lesions.labels.shape} voxels, not {scan.hu.shape}")
    return divide_by_regions(lesions, scan, own)


def _without_head(scan: Scan, labelled: npt.NDArray[np.bool_], rim_hu: float) -> Intracranial:
    """What stands for the intracranial space where there is none: all that is not dense, and what is labelled."""
    none = np.zeros((1, 1, 1))
    return Intracranial(
        mask=labelled | (scan.hu < rim_hu),
        isotropic_hu=IsotropicVolume(
            values=none.astype(np.float32), covered=none.astype(np.bool_), affine=np.eye(4), spacing_mm=1.0
        ),
        isotropic_mask=none.astype(np.bool_),
        depth_mm=none.astype(np.float32),
        intracranial_ml=0.0,
        noise_hu=None,
        brain_hu=None,
    )


def _unassigned(lesions: LesionMap, scan: Scan, *flags: Flag) -> LocatedLesionMap:
    """The lesions without a site."""
    return LocatedLesionMap(
        labels=lesions.labels,
        geometry=lesions.geometry,
        lesions=tuple(LocatedLesion.of(lesion) for lesion in lesions.lesions),
        threshold_hu=lesions.threshold_hu,
        settings=lesions.settings,
        flags=(*lesions.flags, *flags),
        counted_from_last=scan.counted_from_last,
    )
