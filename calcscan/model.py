"""The values that the stages hand on, in the order in which the data meets them. All are frozen.

    read       folder                 → Scan
    segment    Scan                   → Intracranial   (the intracranial space)
    register   Intracranial, Atlas    → Registration
    recover    Scan, Intracranial, …  → SearchRegion   (with calcification in contact with bone)
    inspect    Scan, SearchRegion, …  → flags          (of the picture as a whole)
    detect     Scan, SearchRegion     → LesionMap      (measured)
    locate     LesionMap, …           → LocatedLesionMap
    summarise  LesionMap, …           → Summary
    facts      Scan, Summary          → facts          (a plain mapping, in the words of `knowledge/facts.toml`)
    guideline  facts                  → Guidance       (`calcscan.guideline.model`)

Unknown is `None`, never a default that looks measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from calcscan.grid.displacement import Displacement
from calcscan.grid.geometry import Array, Geometry, apply, ras_to_lps
from calcscan.grid.isotropic import IsotropicVolume
from calcscan.grid.midline import MidlineSurface
from calcscan.grid.slice_thickness import slice_reach_mm, slice_thickness_mm
from calcscan.knowledge.left_out import LeftOutReason
from calcscan.values import Value

if TYPE_CHECKING:
    import pandas

AIR_HU = -1024
"""What padding and everything outside the reconstruction circle is set to."""

BRAIN_ZONE, BASE_ZONE, SELLA_ZONE = 1, 2, 4
"""Bits of `Atlas.zones`."""

NIFTI_UNIT_MM = {1: 1000.0, 3: 0.001}
"""Millimetres in a unit of NIfTI, by its code: metres and microns; anything else is taken for millimetres."""


class Edge(StrEnum):
    """An edge of the picture, in words for people."""

    FIRST_SLICE = "first slice"
    LAST_SLICE = "last slice"
    LEFT_OR_FRONT = "left or front edge of the image"
    RIGHT_OR_BACK = "right or back edge of the image"
    FIELD_OF_VIEW = "edge of the field of view"
    """Within the picture: padding or air stands for the rest of the head."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A doubt or a repair, by a code of `knowledge/quality.toml`, with the value seen and the limit it crossed."""

    code: str
    message: str
    value: float | str | None = None
    limit: float | str | None = None
    local: bool = False
    """It holds for the places that the summary leaves unknown for it, and puts no other in doubt."""
    note: bool = False
    """It only tells, and puts nothing in doubt, whatever its code weighs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesChoice:
    """One series of the input: chosen, or why not."""

    uid: str = field(repr=False)
    description: str = field(repr=False)
    images: int
    chosen: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquisition:
    """What is known of how the chosen series was made."""

    manufacturer: str | None = None
    model: str | None = None
    kernel: str | None = None
    kvp_kv: float | None = None
    """None where it is not known, or differs between slices (`Scan.slice_kvp_kv`)."""
    slice_thickness_mm: float | None = None
    """The largest that is stated, where it differs between slices (`Scan.stated_thickness_mm`)."""
    contrast: bool | None = None
    """True only if the header or the image says so; None where neither tells."""
    sharp_kernel: bool = False
    """By the kernel's name, or the description of the series: edges overshoot, and noise is grainy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """Whose scan, as far as the header says. Identifiers stay in memory unless the user asks for them; no `repr` shows
    them."""

    study_uid: str = field(default="", repr=False)
    series_uid: str = field(default="", repr=False)
    frame_of_reference_uid: str = field(default="", repr=False)
    patient_id: str = field(default="", repr=False)
    patient_name: str = field(default="", repr=False)
    study_date: str = field(default="", repr=False)
    age_years: float | None = None
    sex: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyLabel:
    """How a study is named in tables, none of it from a header: participant, session and run as in BIDS, with their
    keys (`sub-01`)."""

    study: str | None = None
    participant: str | None = None
    session: str | None = None
    run: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFiles:
    """The files of an input, by their contents alone."""

    kind: str
    """`folder`, `zip`, `nifti` (with its JSON) or `dicom_file` (alone, whatever was read beside it)."""
    files: int
    bytes: int
    sha256: str | None
    """Of the sorted SHA-256 of each file; None of what is too much to read twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """How a result came about, so that it can be had again."""

    date: str
    """The day, UTC, ISO 8601; no more, so that what is done twice on a day is the same to the bit."""
    options: Mapping[str, Any]
    """The options by name, those left at their default included; rules by the checksum of their file."""
    context: Mapping[str, Any] | None
    """Facts about the person, as they were stated."""
    input: InputFiles | None
    """None for a scan that was handed over in memory."""
    place: str
    """The path that was given; written only where identifiers may be."""
    picture_sha256: str
    """Of the voxels and where they lie."""


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Intracranial(Value):
    """The inside of the skull, on the scan's grid and on a coarse one.

    `mask` (k, j, i) bool: within the inner table, dura included, bone not. `isotropic_hu` and
    `isotropic_mask` share one grid; `depth_mm` on it is the distance to the inner table, positive inside.
    """

    mask: npt.NDArray[np.bool_]
    isotropic_hu: IsotropicVolume
    isotropic_mask: npt.NDArray[np.bool_]
    depth_mm: npt.NDArray[np.float32]
    intracranial_ml: float
    noise_hu: float | None
    brain_hu: float | None
    flags: tuple[Flag, ...] = ()
    cut_at: tuple[Edge, ...] = ()
    """Where the picture cuts off the inside of the skull."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SearchRegion(Intracranial):
    """The intracranial space in which calcification is sought: `mask` also holds what is in contact with bone.

    Without an accepted registration nothing of that is known: `SearchRegion.of(intracranial)` is the space as it was.
    """

    vault_plaques_kji: npt.NDArray[np.int64]
    """Voxels of plaques on the inner table of the vault, (n, 3): in the mask, though they hang on bone."""
    base_peaks_kji: npt.NDArray[np.int64]
    """Voxels that stand out from the bones of the skull base but lie as shallow as bone, (n, 3): in the mask, and a
    lesion only where one is known between these bones."""
    masses_kji: npt.NDArray[np.int64]
    """Voxels of masses that no bone explains, (n, 3): in the mask, though they may hang on bone, and never bone."""
    unlike_kji: npt.NDArray[np.int64]
    """Dense voxels without bone at their mirror image on the other side of the skull, (n, 3), in the mask or not: what
    holds many of them is never bone beyond doubt."""
    vault_holes_mm: Array
    """Points in the holes of the vault, LPS mm, (n, 3): beside them bone ends in steps and spurs."""
    vault_assessable: Mapping[str, float]
    """The share of the vault, `left` and `right`, in which a plaque would have been detected; empty if unknown."""
    left_out: tuple[LeftOut, ...] = ()
    """What stands out from bone as calcification does and was taken for bone; not in the mask."""
    moved_slices: tuple[int, ...] = ()
    """Slices taken while the head moved, in which bone lies where it is not."""
    streaked_slices: tuple[int, ...] = ()
    """Slices that streaks of metal cross."""

    @classmethod
    def of(
        cls,
        intracranial: Intracranial,
        *,
        mask: npt.NDArray[np.bool_] | None = None,
        vault_plaques_kji: npt.NDArray[np.int64] | None = None,
        base_peaks_kji: npt.NDArray[np.int64] | None = None,
        masses_kji: npt.NDArray[np.int64] | None = None,
        unlike_kji: npt.NDArray[np.int64] | None = None,
        vault_holes_mm: Array | None = None,
        vault_assessable: Mapping[str, float] | None = None,
        left_out: tuple[LeftOut, ...] = (),
    ) -> SearchRegion:
        """An intracranial space with what was recovered in contact with bone; nothing of what is left out."""
        none = np.empty((0, 3), dtype=np.int64)
        inherited = {part.name: getattr(intracranial, part.name) for part in fields(Intracranial)}
        return cls(
            **inherited | ({} if mask is None else {"mask": mask}),
            vault_plaques_kji=none if vault_plaques_kji is None else vault_plaques_kji,
            base_peaks_kji=none if base_peaks_kji is None else base_peaks_kji,
            masses_kji=none if masses_kji is None else masses_kji,
            unlike_kji=none if unlike_kji is None else unlike_kji,
            vault_holes_mm=np.empty((0, 3)) if vault_holes_mm is None else vault_holes_mm,
            vault_assessable=vault_assessable or {},
            left_out=left_out,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesion:
    """One calcification, measured. Positions in LPS mm."""

    id: int
    voxels: int
    volume_mm3: float
    volume_low_mm3: float
    volume_high_mm3: float
    volume_130_mm3: float
    mean_hu: float
    max_hu: int
    mass_hu_mm3: float
    agatston: float
    diameter_mm: float
    centroid_lps_mm: tuple[float, float, float]
    centroid_kji: tuple[float, float, float]
    bbox_kji: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
    """(first, last + 1) along k, j and i."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocatedLesion(Lesion):
    """A calcification, or the part of one that lies at one of the sites it reaches over; `unassigned`, with an empty
    side, where no site can be given."""

    site: str
    side: str
    site_share: float | None = None
    """How likely the site and side given are the right ones, 0 to 1; None where they don't come from the atlas."""
    also: tuple[tuple[str, str, float], ...] = ()
    """The other sites it may lie in: (site, side, share)."""
    deposit: int
    """The number of the connected calcification it belongs to: the parts of one share it."""
    division: str | None = None
    """What a part's borders with the deposit's other parts rest on: `shape` (a waist), `density` (a step), `atlas`, or
    `uncertain` where they may lie so that it is several times as large; None for a deposit that is whole."""
    review: str | None = None
    """What a reader did with it: `accepted`, `moved`, `split`, `redrawn` or `added`; None where nobody touched it."""
    program_site: str | None = None
    program_side: str | None = None
    """Where the program had put what a reader moved, or split; None for anything else."""
    from_lesion: int | None = None
    """The number of the lesion that a reader split it from."""
    by_reader: bool = False
    """A reader said that this is calcification, and lies at this site."""

    @classmethod
    def of(
        cls,
        lesion: Lesion,
        *,
        site: str = "unassigned",
        side: str = "",
        site_share: float | None = None,
        also: tuple[tuple[str, str, float], ...] = (),
    ) -> LocatedLesion:
        """A lesion at a site; without one, unassigned."""
        measured = {part.name: getattr(lesion, part.name) for part in fields(Lesion)}
        return cls(**measured, site=site, side=side, site_share=site_share, also=also, deposit=lesion.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class TouchingPair:
    """Two nuclei of one side over which one deposit reaches: what they hold together is surer than what each does."""

    deposit: int
    sites: tuple[tuple[str, str], tuple[str, str]]
    """(site, side) of both."""
    volume_mm3: float
    volume_low_mm3: float
    volume_high_mm3: float
    division: str
    """What the border between them rests on, as `LocatedLesion.division`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class LeftOut(Value):
    """Something dense that was found and is not reported as calcification, and what it was taken for."""

    reason: LeftOutReason
    kji: npt.NDArray[np.int64]
    """Its voxels, (n, 3)."""
    volume_mm3: float
    """Of its voxels, as they are."""
    mean_hu: float
    max_hu: int
    centroid_lps_mm: tuple[float, float, float]
    evidence: Mapping[str, float]
    """The figures that decided, by name with their unit."""
    sure: bool = False
    """Beyond doubt what it was taken for, such as bone that is one with the skull: it hides no calcification."""
    nearest_site: str = ""
    """The site that it lies in, or nearest to; empty where it is not known."""
    nearest_side: str = ""
    distance_mm: float | None = None
    """How far its voxels stay away from that site: 0 in it; None where it is not known."""
    also: tuple[tuple[str, str], ...] = ()
    """The other sites and sides that a part of it lies in."""
    lesion: int | None = None
    """The number that it had as a lesion, before a reader rejected it."""

    @classmethod
    def of(
        cls,
        scan: Scan,
        kji: npt.NDArray[np.int64],
        reason: LeftOutReason,
        evidence: Mapping[str, float] | None = None,
        *,
        sure: bool = False,
    ) -> LeftOut:
        """The voxels (n, 3) of a scan, measured; where they lie among the sites is not known yet."""
        hu, mm3 = scan.hu[tuple(kji.T)], scan.geometry.voxel_mm3[kji[:, 0]]
        left, back, up = (mm3 @ scan.geometry.to_world(kji) / mm3.sum()).tolist()
        return cls(
            reason=reason,
            kji=kji,
            volume_mm3=float(mm3.sum()),
            mean_hu=float(mm3 @ hu / mm3.sum()),
            max_hu=int(hu.max()),
            centroid_lps_mm=(left, back, up),
            evidence=dict(evidence or {}),
            sure=sure,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class LesionMap(Value):
    """Every calcification found. `labels` int32 (k, j, i): 0 none, else `Lesion.id`, from 1 on; without a gap, unless a
    reader has rejected or split a lesion: the others keep their numbers."""

    labels: npt.NDArray[np.int32]
    geometry: Geometry
    lesions: tuple[Lesion, ...]
    threshold_hu: float
    """What a lesion must reach; the highest where it differs between slices."""
    settings: Mapping[str, Any]
    flags: tuple[Flag, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    """What was found and is not calcification, or not surely: never counted."""

    @property
    def searched(self) -> bool:
        """Whether calcification was searched for; not where the lesions are the user's own, which say nothing of where
        there is none."""
        return "lesions_given" not in self.settings

    def voxels_kji(self, number: int) -> npt.NDArray[np.int64]:
        """The (k, j, i) of the voxels of a lesion, by its `id`: shape (n, 3), in the order of the array."""
        at = number - 1  # where there is no gap
        if not (at < len(self.lesions) and self.lesions[at].id == number):
            at = [lesion.id for lesion in self.lesions].index(number)
        box = tuple(slice(first, last) for first, last in self.lesions[at].bbox_kji)
        corner = np.array([edge.start for edge in box])
        kji: npt.NDArray[np.int64] = np.argwhere(self.labels[box] == number) + corner
        return kji


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class LocatedLesionMap(LesionMap):
    """Every calcification, divided along the borders of the sites it reaches over, with its site."""

    lesions: tuple[LocatedLesion, ...]
    pairs: tuple[TouchingPair, ...] = ()
    """Neighbouring nuclei that share a deposit."""
    counted_from_last: bool = False
    """The input counts its slices from the other end (`Scan.counted_from_last`)."""

    def to_dataframe(self) -> pandas.DataFrame:
        """The lesions as a pandas table: the rows and columns of lesions.csv.

        Raises
        ------
        ImportError
            pandas is not installed.
        """
        from calcscan.report.display import lesions_dataframe

        return lesions_dataframe(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A place that a calcification can be reported at."""

    label: int
    site: str
    side: str
    """left, right or midline: the person's own; empty for `unassigned`."""
    group: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Atlas(Value):
    """A head CT template with sites drawn on it, in one space (LPS mm).

    `affine` takes (k, j, i, 1) to LPS mm for `template_hu`, `labels` and `zones` alike. `zones` holds bits: 1 the
    template's brain, 2 where skull base may stand up into the head, 4 the sella and its clinoids.
    """

    name: str
    version: str
    sha256: str
    licence: str
    template_hu: npt.NDArray[np.float32]
    labels: npt.NDArray[np.uint8]
    zones: npt.NDArray[np.uint8]
    affine: Array
    sites: Mapping[int, Site]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Registration(Value):
    """How the scan lies in the atlas.

    `scan_to_atlas` (4, 4) is an affine from LPS mm of the scan to LPS mm of the atlas; `displacement` then moves points
    within the atlas. `to_atlas` applies both.
    """

    scan_to_atlas: Array
    method: str
    """How the fit was made, and what its metric is."""
    metric: float
    """Correlation of scan and template within the brain."""
    overlap: float
    """Dice of the intracranial space with the template's brain."""
    accepted: bool
    reason: str
    """Why the fit was refused, or that it keeps within all limits."""
    flags: tuple[Flag, ...] = ()
    displacement: Displacement = field(default_factory=Displacement.none)
    midline: MidlineSurface | None = None
    """Where the brain's midline is seen, in the frame that `scan_to_atlas` leads to; None where it was not measured."""
    midline_shift_mm: float | None = None
    """How far it lies from the plane of the skull's symmetry, positive to the left."""
    fluid_in_caudate: Mapping[str, float] = field(default_factory=dict)
    """The share of the atlas's caudate, `left` and `right`, that is fluid in the scan: the fit has not followed wide
    ventricles. Empty where it was not measured."""

    def to_atlas(self, points: npt.ArrayLike) -> Array:
        """Points (…, 3) of the scan in the atlas, LPS mm."""
        aligned = apply(self.scan_to_atlas, points)
        return aligned + self.displacement.at(aligned)

    def beside_midline_mm(self, points: npt.ArrayLike) -> Array | None:
        """How far points (…, 3) of the scan lie to the left of the midline that is seen, about in mm; negative to the
        right. None where it was not measured."""
        return None if self.midline is None else self.midline.beside_mm(apply(self.scan_to_atlas, points))

    def to_scan(self, points: npt.ArrayLike) -> Array:
        """Points (…, 3) of the atlas in the scan, LPS mm; to about a hundredth of a millimetre."""
        return apply(np.linalg.inv(self.scan_to_atlas), self.displacement.inverse(points))


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteBurden:
    """What lies at one site and side; HU None and grade `none_detected` where nothing was found."""

    site: str
    side: str
    group: str
    volume_mm3: float | None
    volume_low_mm3: float | None
    volume_high_mm3: float | None
    volume_130_mm3: float | None
    count: int | None
    max_hu: int | None
    mean_hu: float | None
    grade: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionBurden:
    """What lies in one region of the user's own; label 0, `elsewhere`, is all that lies in none of them."""

    label: int
    name: str | None
    volume_mm3: float
    volume_low_mm3: float
    volume_high_mm3: float
    volume_130_mm3: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PairBurden:
    """What lies at two neighbouring nuclei of one side that share a deposit."""

    sites: tuple[tuple[str, str], tuple[str, str]]
    """(site, side) of both."""
    volume_mm3: float
    volume_low_mm3: float
    volume_high_mm3: float
    division: str
    """What the border between them rests on, as `TouchingPair.division`: the least sure of their shared deposits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Symmetry:
    """Left against right for a paired site; None is unknown, never "no".

    `index` is (left − right) / (left + right); `mirror_overlap` is the Dice of one side with the other's mirror image.
    """

    pair: str
    left_mm3: float | None
    right_mm3: float | None
    index: float | None
    mirror_overlap: float | None
    bilateral: bool | None
    symmetric: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Volume, density, symmetry and scores of the whole head.

    `detection_floor_mm3` is None where calcification of the reference density is not found at any size.
    """

    sites: tuple[SiteBurden, ...]
    symmetry: tuple[Symmetry, ...]
    scores: Mapping[str, object]
    multiple: bool | None
    detection_floor_mm3: float | None
    largest_mm: Mapping[str, float] = field(default_factory=dict)
    """The diameter of the largest lesion at each site as the guideline names it."""
    pairs: tuple[PairBurden, ...] = ()
    """Neighbouring nuclei that share a deposit, and what lies at both."""
    deposits: Mapping[str, int] = field(default_factory=dict)
    """How many lesions lie at each site as the guideline names it (`SiteInfo.fact`): those of the midline, and of the
    side that has more of them; none counted twice."""
    unsure: frozenset[str] = frozenset()
    """Sites as the guideline names them at which deposits are counted, but none surely lies there."""
    possible: frozenset[str] = frozenset()
    """And those at which one may lie that is not surely counted there."""
    shared: frozenset[tuple[str, str]] = frozenset()
    """Sites and sides whose row is unknown only because a deposit may lie there which is counted at a neighbour that
    the guideline gives the same name."""
    by_reader: frozenset[tuple[str, str]] = frozenset()
    """Sites and sides at which a reader said that a deposit lies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How far the report may be trusted: `ok`, `caution` or `abstain`, and every flag that was raised."""

    state: str
    flags: tuple[Flag, ...]


MapKind = Literal["lesions", "sites"]
DecisionKind = Literal["accept", "reject", "move", "split", "redraw", "add", "merge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewDecision:
    """What a reader decided on one lesion; a lesion without a decision stays as it is."""

    lesion: int
    decision: DecisionKind
    """The last three come from an edited label map."""
    reason: str | None = None
    """Of a rejected one, what it is taken for."""
    site: str | None = None
    side: str | None = None
    """Where one is moved to, or lies that was added."""
    seeds_lps_mm: tuple[tuple[float, float, float], ...] = ()
    """Of a split one: each voxel goes to the nearest of these points, LPS mm."""
    comment: str | None = None
    into: int | None = None
    """The lesion that one was merged into."""
    voxels_added: int | None = None
    voxels_removed: int | None = None
    """How the outline of one changed in an edited label map."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class EditedMap(Value):
    """A label map as a reader left it: `values` int32 (k, j, i) on the scan's grid, 0 none."""

    kind: MapKind
    """`lesions`: numbers of lesions, as lesions.nii.gz has them; `sites`: those of sites, as sites.nii.gz."""
    values: npt.NDArray[np.int32]
    sha256: str = ""
    """Of the file; empty for what was given in memory."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Review(Value):
    """What a person said of a result: decisions lesion by lesion, or an edited label map. All text is a person's own
    and may hold anything."""

    reader: str | None
    """Who; None where no name was given."""
    at: str
    """When, ISO 8601."""
    decisions: tuple[ReviewDecision, ...] = ()
    comment: str | None = None
    report_sha256: str | None = None
    """Of the report.json that was reviewed; None for an edited label map, which does not tell."""
    edited: EditedMap | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Result(Value):
    """Everything that a run found. A stage that could not be done is None, and so is all that rests on it: `lesions`
    is None, not empty, where the scan is no head that calcscan can judge.

    `guidance` is a `calcscan.guideline.Guidance`. A notebook shows the mosaic and the tables.
    """

    scan: Scan
    intracranial: SearchRegion | None
    lesions: LocatedLesionMap | None
    atlas: Atlas
    registration: Registration | None
    summary: Summary | None
    quality: Quality
    facts: Mapping[str, object]
    guidance: Any
    settings: Mapping[str, object]
    timings_s: Mapping[str, float]
    provenance: Provenance | None = None
    regions: tuple[RegionBurden, ...] | None = None
    """What lies in regions of the user's own, where there are any."""
    region_labels: OwnLabels | None = None
    """These regions."""
    searched: Scan | None = None
    """The picture that was searched: a sharp scan as an ordinary one would show it, with its blur."""
    reviews: tuple[Review, ...] = ()
    """What persons said of it and is done here, the first one first."""

    def __repr__(self) -> str:
        from calcscan.report.display import result_text

        return result_text(self)

    def _repr_html_(self) -> str:
        from calcscan.report.display import result_html

        return result_html(self)

    def sites_dataframe(self) -> pandas.DataFrame:
        """Every site and side as a pandas table: the rows and columns of sites.csv; unknown is empty (NaN).

        Raises
        ------
        ImportError
            pandas is not installed.
        """
        from calcscan.report.display import sites_dataframe

        return sites_dataframe(self)
