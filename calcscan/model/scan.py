"""A head CT on its own grid, its blur, and label maps on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from calcscan.grid.geometry import Array, Geometry, ras_to_lps
from calcscan.grid.slice_thickness import slice_reach_mm, slice_thickness_mm
from calcscan.model.flag import Flag
from calcscan.model.study import Acquisition, SeriesChoice, Study
from calcscan.values import Value

AIR_HU = -1024
"""What padding and everything outside the reconstruction circle is set to."""


NIFTI_UNIT_MM = {1: 1000.0, 3: 0.001}
"""Millimetres in a unit of NIfTI, by its code: metres and microns; anything else is taken for millimetres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredGrid:
    """How the array of a NIfTI file lies to that of the scan read from it, so that label maps can lie on the file's.

    The file's array, turned to (k, j, i), became the scan's by `transpose(axes)` and, where `flipped`, by reversing its
    first axis. `header` is a NIfTI header with the file's shape, voxel sizes, qform, sform and unit; `frame` names what
    the scan's positions rest on: `sform`, `qform` or `pixdim`; for an image in memory, `image`.
    """

    axes: tuple[int, int, int]
    flipped: bool
    frame: str
    header: bytes

    def in_order(self, labels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Labels (k, j, i) of the scan as the array (k, j, i) of the file."""
        return (labels[::-1] if self.flipped else labels).transpose(np.argsort(self.axes))

    def affine(self, geometry: Geometry) -> Array:
        """The matrix from (k, j, i, 1) of the file's array to LPS mm of the scan, whose grid is `geometry`."""
        matrix = geometry.affine()
        if self.flipped:
            matrix[:3, 3] += matrix[:3, 0] * (geometry.shape[0] - 1)
            matrix[:3, 0] *= -1
        return np.concatenate([matrix[:, :3][:, np.argsort(self.axes)], matrix[:, 3:]], axis=1)

    def upright_affine(self) -> Array:
        """The matrix from (k, j, i, 1) of the file's array to LPS mm by which ITK shows a sheared file: its qform's."""
        from nibabel.nifti1 import Nifti1Header

        header: Any = Nifti1Header(self.header[:348])
        matrix = ras_to_lps(header.get_qform())[:, [2, 1, 0, 3]]
        matrix[:3] *= NIFTI_UNIT_MM.get(int(header["xyzt_units"]) & 7, 1.0)
        return matrix


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Blur(Value):
    """How a scan blurs what it shows, within its slices and across them, as standard deviations.

    Across the slices everything counts that makes a slice show its neighbourhood: its thickness, the shape of its
    profile, and what resampling added. A box of thickness t has a standard deviation of t / √12.
    """

    in_plane_mm: float
    in_plane_error: float
    """Standard error of its logarithm."""
    in_plane_measured: bool
    across_mm: Array
    """Of each slice, shape (slices,)."""
    across_error: float
    """Standard error of its logarithm."""
    across_measured: bool
    why: str = ""
    """What was measured where, or why it was not."""

    @property
    def thickness_mm(self) -> Array:
        """The thickness of a box-shaped slice with the same blur across, shape (slices,)."""
        return np.asarray(np.sqrt(12.0) * self.across_mm)

    def as_settings(self) -> dict[str, object]:
        """In plain words, for `settings` of a report: errors are relative, and what is not alike in all slices is
        given as their median, least and most."""
        thickness_mm = [round(float(part), 2) for part in np.percentile(self.thickness_mm, [50, 0, 100])]
        return {
            "in_plane_mm": round(self.in_plane_mm, 3),
            "across_mm": round(float(np.median(self.across_mm)), 3),
            "measured": self.in_plane_measured and self.across_measured,
            "in_plane_measured": self.in_plane_measured,
            "across_measured": self.across_measured,
            "in_plane_error": round(self.in_plane_error, 3),
            "across_error": round(self.across_error, 3),
            "effective_thickness_mm": thickness_mm[0],
            "effective_thickness_least_mm": thickness_mm[1],
            "effective_thickness_most_mm": thickness_mm[2],
            "why": self.why,
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Scan(Value):
    """A head CT on its own grid.

    `hu` is int16, shape (k, j, i), read-only, padding set to `AIR_HU`. `sources` names the file or SOP instance
    behind each slice. `stored` is set for a scan read from a NIfTI. `blur` is None until it has been measured.

    Tube voltage and slice thickness that are not the same in all slices are given a slice, None where a slice's is not
    known; empty where those of `acquisition` hold for all.
    """

    hu: npt.NDArray[np.int16]
    geometry: Geometry
    acquisition: Acquisition = field(default_factory=Acquisition)
    study: Study = field(default_factory=Study)
    series: tuple[SeriesChoice, ...] = ()
    flags: tuple[Flag, ...] = ()
    sources: tuple[str, ...] = field(default=(), repr=False)
    stored: StoredGrid | None = None
    blur: Blur | None = None
    slice_kvp_kv: tuple[float | None, ...] = ()
    stated_thickness_mm: tuple[float | None, ...] = ()
    """What the header says of each slice; `slice_thickness_mm` is what is believed of it."""
    slice_thickness_mm: Array = field(init=False)
    """What each slice averages over, shape (slices,): as its blur shows, else the header's, where that can be true."""
    slice_reach_mm: Array = field(init=False)
    """How far each slice speaks for, shape (slices,): its thickness, or its share of the gaps beside it if wider."""

    def __post_init__(self) -> None:
        if self.hu.dtype != np.int16 or self.hu.shape != self.geometry.shape:
            raise ValueError(f"hu must be int16 of shape {self.geometry.shape}, not {self.hu.dtype} {self.hu.shape}")
        for name in ("slice_kvp_kv", "stated_thickness_mm"):
            if len(getattr(self, name)) not in (0, len(self.hu)):
                raise ValueError(f"{name} must be empty or hold one value for each of the {len(self.hu)} slices")
        object.__setattr__(self, "hu", np.ascontiguousarray(self.hu))
        thickness_mm = self.expected_thickness_mm if self.blur is None else self.blur.thickness_mm
        object.__setattr__(self, "slice_thickness_mm", thickness_mm)
        object.__setattr__(self, "slice_reach_mm", slice_reach_mm(self.geometry.slab_mm, thickness_mm))
        self.freeze_arrays()

    @property
    def expected_thickness_mm(self) -> Array:
        """What the header lets expect that each slice averages over, shape (slices,), whatever its blur shows."""
        stated_mm = self.stated_thickness_mm or self.acquisition.slice_thickness_mm
        return slice_thickness_mm(self.geometry.slab_mm, stated_mm)

    @classmethod
    def from_array(cls, hu: npt.ArrayLike, affine: npt.ArrayLike, **acquisition: Any) -> Scan:
        """A scan of an array of one's own. Nothing is resampled or reordered: `scan.hu` is `hu`, voxel for voxel.

        Parameters
        ----------
        hu
            Hounsfield units, shape (k, j, i): slice, row, column. Integers, or floats, which are rounded to whole HU;
            what is below `AIR_HU` is padding and set to it.
        affine
            Shape (4, 4), from (k, j, i, 1) to LPS mm; it may be sheared (gantry tilt), but not mirrored: slices must
            advance along step_i × step_j.
        acquisition
            What is known of how it was made, and of the person: `kvp_kv`, `slice_thickness_mm`, `kernel`, `contrast`
            (bool), `manufacturer`, `model`, `age_years`, `sex`. Flagged `stated`; what is left out is unknown, and
            flagged as for any other input. So is what the values themselves give reason to doubt.

        Raises
        ------
        ValueError, TypeError
            The array or the matrix can't be those of a head CT (type, shape, NaN, singular or mirrored matrix, …), or a
            value of `acquisition` is none that a CT can have. The message names the argument and says what to do.
        GeometryError
            No CT has such a grid.

        Examples
        --------
        >>> hu = np.full((10, 16, 16), -1000, np.int16)
        >>> hu[:, 4:12, 4:12] = 35
        >>> affine = [[0, 0, 1.0, 0], [0, 1.0, 0, 0], [3.0, 0, 0, 0], [0, 0, 0, 1]]
        >>> scan = Scan.from_array(hu, affine, kvp_kv=120)
        >>> scan.geometry.spacing_mm, scan.acquisition.kvp_kv
        ((3.0, 1.0, 1.0), 120.0)
        """
        from calcscan.read.arrays import scan_from_array

        return scan_from_array(hu, affine, **acquisition)

    @classmethod
    def from_image(cls, image: Any, **acquisition: Any) -> Scan:
        """A scan of a SimpleITK or nibabel image in memory, as `read_scan` would read it from a NIfTI.

        The axes may come in any order and direction: `scan.hu` has slices, rows and columns, and label maps that are
        written lie on the image's own grid. `acquisition` and errors as for `from_array`; `TypeError` for an image of
        another kind.

        Examples
        --------
        >>> import nibabel
        >>> volume = np.full((16, 16, 10), -1000, np.int16)
        >>> volume[4:12, 4:12] = 35
        >>> scan = Scan.from_image(nibabel.Nifti1Image(volume, np.diag([1.0, 1.0, -3.0, 1.0])))
        >>> scan.hu.shape, scan.stored.flipped
        ((10, 16, 16), True)
        """
        from calcscan.read.arrays import scan_from_image

        return scan_from_image(image, **acquisition)

    @property
    def counted_from_last(self) -> bool:
        """Whether the input counts its slices from the other end: a NIfTI whose own axis runs the other way."""
        return self.stored is not None and self.stored.flipped

    def slice_number(self, k: int) -> int:
        """The number of slice `k`, from 1 on, as the input counts its slices."""
        return len(self.hu) - k if self.counted_from_last else k + 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class OwnLabels(Value):
    """A label map of the user's own, on the grid of a scan: `values` int32 (k, j, i), 0 none."""

    values: npt.NDArray[np.int32]
    names: Mapping[int, str] = field(default_factory=dict)
    """Of labels, where a file beside it or in it tells them."""
    sha256: str = ""
    """Of the file; empty for what was given in memory."""
    resampled: str = ""
    """From which grid it was taken, by nearest neighbour, and what became of it; empty where it was on the scan's."""
    without_shear: bool = False
    """Its matrix lacks the shear of the scan, as those do that ITK writes: it was taken voxel for voxel."""

    @property
    def numbers(self) -> tuple[int, ...]:
        """Every label but 0, ascending."""
        return tuple(int(n) for n in np.unique(self.values) if n)

    def told(self, what: str) -> str:
        """In a sentence, that `what` was given."""
        how = f", resampled {self.resampled}" if self.resampled else ""
        if self.without_shear:
            how = "; its matrix lacks the shear of the scan, so it was taken voxel for voxel"
        return f"{what} was given by the user{how}"
