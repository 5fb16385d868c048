"""The connected components that may be calcification, where the threshold rises with what surrounds them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calcscan.components import Table, lesion_table
from calcscan.detection.surround import Surround
from calcscan.detection.threshold import Thresholds
from calcscan.grid.masks import places
from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.model import Intracranial, Scan

Voxels = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidates:
    """Components of what reaches the rim threshold, with their table; see `lesion_table`."""

    components: npt.NDArray[np.int32]
    table: Table
    levels: Thresholds
    surround: Surround | None
    """None where the threshold is the same everywhere."""
    faint_kji: Voxels
    """Voxels (n, 3) that reach their slice's threshold, but not the higher one of what surrounds them."""

    def voxels_kji(self, number: int) -> Voxels:
        """The voxels (n, 3) of a component."""
        box = tuple(slice(int(first), int(last)) for first, last in self.table["bbox"][number - 1])
        corner = np.array([edge.start for edge in box])
        return np.asarray(np.argwhere(self.components[box] == number) + corner)

    def counted_kji(self, scan: Scan, number: int, smallest_mm3: float, settings: ThresholdSettings) -> Voxels | None:
        """The counted voxels (n, 3) of a component; None if what of it reaches the threshold is too small."""
        kji = self.voxels_kji(number)
        hu = scan.hu[tuple(kji.T)]
        found_hu: npt.ArrayLike = self.levels.found_in(kji[:, 0])
        if self.surround is not None:
            found_hu = self.surround.limits_hu(scan, kji, self.levels, settings)[1]
        reaching = kji[hu >= found_hu]
        reaching_mm3 = float(scan.geometry.voxel_mm3[reaching[:, 0]].sum())
        if reaching_mm3 < smallest_mm3 or len(reaching) < settings.smallest_voxels:
            return None
        return np.asarray(kji[hu >= self.levels.counted_hu])


def find_candidates(
    scan: Scan,
    intracranial: Intracranial,
    levels: Thresholds,
    surround: Surround | None,
    settings: ThresholdSettings,
) -> Candidates:
    """The components within the intracranial mask. What lies below the rim threshold of its surround joins nothing."""
    mask = intracranial.mask
    faint_kji: Voxels = np.empty((0, 3), dtype=np.int64)
    if surround is not None and surround.raises(levels, settings):
        kji = places(mask & (scan.hu >= levels.rim_hu))
        hu = scan.hu[tuple(kji.T)]
        rim_hu, found_hu = surround.limits_hu(scan, kji, levels, settings)
        mask = mask.copy()
        mask[tuple(kji[hu < rim_hu].T)] = False
        faint_kji = kji[(hu >= levels.found_in(kji[:, 0])) & (hu < found_hu)]
    else:
        surround = None
    components, table = lesion_table(scan.hu, levels.rim_hu, mask=mask)
    return Candidates(components=components, table=table, levels=levels, surround=surround, faint_kji=faint_kji)
