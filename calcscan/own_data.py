"""What the user gives of a scan beside the scan: a segmentation of the lesions, a mask of the brain, regions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from calcscan.knowledge.quality import FlagCode
from calcscan.knowledge.reading import ReadingSettings
from calcscan.model import Flag, OwnLabels, Scan
from calcscan.read.labels import named, read_labels
from calcscan.read.named_sides import refuse_swapped


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OwnData:
    """What the user gives of the scan, on its grid: lesions, the inside of the skull, regions. None where it is left
    to the stages."""

    lesions: OwnLabels | None = None
    brain: OwnLabels | None = None
    regions: OwnLabels | None = None
    keep_whole: bool = False
    """Lesions are neither divided between sites nor joined."""

    @property
    def brain_mask(self) -> npt.NDArray[np.bool_] | None:
        return None if self.brain is None else self.brain.values > 0

    @property
    def flags(self) -> tuple[Flag, ...]:
        """That it was given."""
        given = (
            (FlagCode.OWN_LESIONS, "The segmentation of the lesions", self.lesions),
            (FlagCode.OWN_BRAIN_MASK, "The mask of the inside of the skull", self.brain),
            (FlagCode.OWN_REGIONS, "A map of regions", self.regions),
        )
        return tuple(
            Flag(code=code, message=f"{labels.told(name)}.", value=float(len(labels.numbers)))
            for code, name, labels in given
            if labels is not None
        )

    @property
    def settings(self) -> dict[str, object]:
        """Of each what was given: its file's checksum, its labels, and how it was resampled."""
        given = {"own_lesions": self.lesions, "own_brain_mask": self.brain, "own_regions": self.regions}
        return {
            name: {
                "sha256": labels.sha256 or None,
                "labels": len(labels.numbers),
                "voxels": int(np.count_nonzero(labels.values)),
                "resampled": labels.resampled or None,
                "without_shear": labels.without_shear,
            }
            for name, labels in given.items()
            if labels is not None
        }

    @property
    def options(self) -> dict[str, Any]:
        """The options that gave it, with the checksum of each file; "in memory" for what was no file."""
        given = {"mask": self.lesions, "brain_mask": self.brain, "regions": self.regions}
        used = {f"{name}_sha256": labels.sha256 or "in memory" for name, labels in given.items() if labels is not None}
        resampled = any(labels is not None and labels.resampled for labels in given.values())
        return used | ({"resample": True} if resampled else {})


def read_own(
    scan: Scan,
    mask: Any,
    brain_mask: Any,
    regions: Any,
    region_names: Mapping[int, str] | None,
    *,
    resample: bool,
    settings: ReadingSettings,
) -> OwnData:
    """What the user gives, as arguments of `analyse`; errors as of `calcscan.read.labels.read_labels`."""

    def read(source: Any, name: str) -> OwnLabels | None:
        if source is None:
            return None
        return read_labels(source, scan, name=name, resample=resample, settings=settings)

    of_regions = read(regions, "regions")
    if of_regions is not None:
        of_regions = named(of_regions, region_names)
        refuse_swapped(of_regions, scan)
    return OwnData(lesions=read(mask, "mask"), brain=read(brain_mask, "brain_mask"), regions=of_regions)
