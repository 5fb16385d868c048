"""Small synthetic Results: a head drawn in world coordinates, so that it can be sampled on any grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from calcscan.grid.geometry import Geometry
from calcscan.grid.isotropic import IsotropicVolume
from calcscan.model import (
    Acquisition,
    Atlas,
    Flag,
    InputFiles,
    Intracranial,
    LocatedLesion,
    LocatedLesionMap,
    Provenance,
    Quality,
    Registration,
    Result,
    Scan,
    SearchRegion,
    SeriesChoice,
    Site,
    SiteBurden,
    Study,
    Summary,
    Symmetry,
)
from calcscan.quality import judge_quality
from calcscan.report.sitelabels import site_labels

FILES = frozenset(
    {
        "report.json", "report.html", "lesions.csv", "sites.csv", "mosaic.png", "lesions.nii.gz", "sites.nii.gz",
        "sites.seg.nrrd", "sites_dseg.tsv", "sites_itksnap.txt", "atlas_sites.nii.gz", "scan_to_atlas.tfm",
    }
)  # fmt: skip
"""What `calcscan run` writes of a scan whose sites it can state."""
SKULL_MM = np.array([72.0, 90.0, 68.0])
BRAIN_MM = SKULL_MM - 7.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ball:
    """A calcification to draw: `centre_mm` in LPS, so a positive x is the person's left."""

    site: str
    side: str
    centre_mm: tuple[float, float, float]
    radius_mm: float = 5.0
    hu: int = 400


BALLS = (
    Ball(site="pallidum", side="left", centre_mm=(22.0, -5.0, 2.0), radius_mm=6.0),
    Ball(site="pallidum", side="right", centre_mm=(-20.0, -5.0, 2.0), radius_mm=4.5),
    Ball(site="pineal", side="midline", centre_mm=(0.0, 22.0, 2.0), radius_mm=4.0),
    Ball(site="choroid_plexus", side="left", centre_mm=(26.0, 36.0, 8.0), radius_mm=4.5),
    Ball(site="falx", side="midline", centre_mm=(0.0, -50.0, 32.0), radius_mm=4.5, hu=700),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What report.json needs of a Guidance."""

    recommendations: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    page: tuple[()] = ()
    ruleset: str = "test"
    version: str = "0"
    sha256: str = "0" * 64
    rules_added: tuple[()] = ()
    rules_left_out: tuple[()] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "ruleset": "test",
            "version": "0",
            "sha256": "0" * 64,
            "rules_added": [],
            "rules_left_out": [],
            "page": [],
            "recommendations": [dict(item) for item in self.recommendations],
            "needs_input": [{"fact": "labs.calcium", "would_decide": ["R-1"]}],
            "conflicts": [],
            "not_applicable": [],
        }


def grid(
    i: Sequence[float] = (1, 0, 0),
    j: Sequence[float] = (0, 1, 0),
    *,
    spacing_mm: tuple[float, float, float] = (5.0, 1.6, 1.6),
    tilt_deg: float = 0.0,
    positions_mm: Sequence[float] | None = None,
    half_mm: float = 100.0,
) -> Geometry:
    """A stack about the origin: columns along `i`, rows along `j` (unit vectors), slices pushed by a tilt."""
    along_i, along_j = np.asarray(i, dtype=float), np.asarray(j, dtype=float)
    normal = np.cross(along_i, along_j)
    dk, dj, di = spacing_mm
    at = np.arange(-80.0, 80.1, dk) if positions_mm is None else np.asarray(positions_mm, dtype=float)
    rows, columns = int(2 * half_mm / dj), int(2 * half_mm / di)
    corner = -along_i * di * (columns - 1) / 2 - along_j * dj * (rows - 1) / 2
    shear = np.tan(np.radians(tilt_deg))
    origins = corner + np.outer(at, normal) + np.outer(at * shear, along_j)
    return Geometry(
        origins_mm=origins,
        step_i_mm=along_i * di,
        step_j_mm=along_j * dj,
        slab_mm=np.gradient(at) if len(at) > 1 else np.array([dk]),
        rows=rows,
        columns=columns,
    )


SMALL = grid(spacing_mm=(10.0, 6.0, 6.0))
"""A grid for tests that need any Result at all."""


def world(geometry: Geometry) -> npt.NDArray[np.float64]:
    """LPS mm of each voxel, shape (k, j, i, 3)."""
    return geometry.to_world(np.moveaxis(np.indices(geometry.shape), 0, -1))


def draw(
    geometry: Geometry, balls: Sequence[Ball]
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.bool_], npt.NDArray[np.int32]]:
    """HU, the inside of the skull and the labels (ball n has label n + 1)."""
    at = world(geometry)
    outer, inner = (((at / size) ** 2).sum(-1) for size in (SKULL_MM, BRAIN_MM))
    hu = np.full(geometry.shape, -1000, dtype=np.int16)
    hu[outer < 1.15] = 40
    hu[outer < 1.0] = 900
    hu[inner < 1.0] = 34
    hu[(((at - [0, 0, 8]) / [14.0, 34.0, 14.0]) ** 2).sum(-1) < 1.0] = 6
    labels = np.zeros(geometry.shape, dtype=np.int32)
    for number, ball in enumerate(balls, start=1):
        inside = ((at - ball.centre_mm) ** 2).sum(-1) < ball.radius_mm**2
        hu[inside], labels[inside] = ball.hu, number
    return hu, inner < 1.0, labels


def make_lesion(number: int, ball: Ball, labels: npt.NDArray[np.int32], geometry: Geometry) -> LocatedLesion:
    where = np.argwhere(labels == number)
    volume = float(geometry.voxel_mm3[where[:, 0]].sum())
    centre = where.mean(axis=0)
    low, high = where.min(axis=0), where.max(axis=0) + 1
    return LocatedLesion(
        id=number,
        deposit=number,
        voxels=len(where),
        volume_mm3=volume,
        volume_low_mm3=0.8 * volume,
        volume_high_mm3=1.2 * volume,
        volume_130_mm3=1.1 * volume,
        mean_hu=float(ball.hu),
        max_hu=ball.hu,
        mass_hu_mm3=ball.hu * volume,
        agatston=volume / 3,
        diameter_mm=2 * ball.radius_mm,
        centroid_lps_mm=tuple(float(x) for x in geometry.to_world(centre)),
        centroid_kji=tuple(float(x) for x in centre),
        bbox_kji=tuple((int(a), int(b)) for a, b in zip(low, high, strict=True)),
        site=ball.site,
        side=ball.side,
        site_share=0.9,
        also=(("white_matter", ball.side, 0.1),) if ball.side != "midline" else (),
    )


def make_summary(lesions: Sequence[LocatedLesion]) -> Summary:
    rows = []
    for (site, side), label in site_labels().items():
        here = [lesion for lesion in lesions if (lesion.site or "unassigned", lesion.side or "") == (site, side)]
        volume = sum(lesion.volume_mm3 for lesion in here)
        rows.append(
            SiteBurden(
                site=site,
                side=side,
                group=label.group,
                volume_mm3=volume,
                volume_low_mm3=0.8 * volume,
                volume_high_mm3=1.2 * volume,
                volume_130_mm3=1.1 * volume,
                count=len(here),
                max_hu=max((lesion.max_hu for lesion in here), default=None),
                mean_hu=float(np.mean([lesion.mean_hu for lesion in here])) if here else None,
                grade=("mild" if volume < 300 else "moderate") if here else "none_detected",
            )
        )
    pair = Symmetry(
        pair="basal_ganglia",
        left_mm3=1.0,
        right_mm3=2.0,
        index=-1 / 3,
        mirror_overlap=0.4,
        bilateral=True,
        symmetric=None,
    )
    scores = {
        "agatston": sum(lesion.agatston for lesion in lesions),
        "tcs_estimate": {"total": None, "cells": {}, "note": "automated approximation"},
    }
    return Summary(sites=tuple(rows), symmetry=(pair,), scores=scores, multiple=None, detection_floor_mm3=12.0)


def make_atlas() -> Atlas:
    return Atlas(
        name="test-atlas",
        version="1.0",
        sha256="ab" * 32,
        licence="CC0-1.0",
        template_hu=np.zeros((2, 2, 2), dtype=np.float32),
        zones=np.zeros((2, 2, 2), dtype=np.uint8),
        labels=np.zeros((2, 2, 2), dtype=np.uint8),
        affine=np.eye(4),
        sites={1: Site(label=1, site="caudate", side="left", group="basal_ganglia")},
    )


def make_head(inside: npt.NDArray[np.bool_]) -> Intracranial:
    nothing = np.zeros((2, 2, 2))
    return Intracranial(
        mask=inside,
        isotropic_hu=IsotropicVolume(
            values=nothing.astype(np.float32), covered=nothing.astype(np.bool_), affine=np.eye(4), spacing_mm=2.0
        ),
        isotropic_mask=nothing.astype(bool),
        depth_mm=nothing.astype(np.float32),
        intracranial_ml=1400.0,
        noise_hu=4.0,
        brain_hu=34.0,
    )


def make_scan(hu: npt.NDArray[np.int16], geometry: Geometry) -> Scan:
    return Scan(
        hu=hu,
        geometry=geometry,
        acquisition=Acquisition(manufacturer="ACME", kernel="H31s", kvp_kv=120.0, slice_thickness_mm=5.0),
        study=Study(
            study_uid="1.2.826.0.1.99.1",
            series_uid="1.2.826.0.1.99.2",
            frame_of_reference_uid="1.2.826.0.1.99.3",
            patient_id="HOSP-778899",
            patient_name="Mustermann^Erika",
            study_date="20240131",
            age_years=52.0,
            sex="F",
        ),
        series=(
            SeriesChoice(
                uid="1.2.826.0.1.99.2", description="HEAD 5mm Mustermann", images=33, chosen=True, reason="axial"
            ),
            SeriesChoice(uid="1.2.826.0.1.99.4", description="SCOUT", images=1, chosen=False, reason="a localizer"),
        ),
    )


def make_result(
    geometry: Geometry | None = None,
    *,
    balls: Sequence[Ball] = BALLS,
    flags: Sequence[Flag] = (),
    refused: bool = False,
    accepted: bool = True,
) -> Result:
    """A Result on any grid. `refused`: no head was found; `accepted=False`: the registration was not accepted."""
    geometry = geometry or grid()
    hu, inside, labels = draw(geometry, balls)
    lesions = [make_lesion(number, ball, labels, geometry) for number, ball in enumerate(balls, start=1)]
    if not accepted:
        flags = (*flags, Flag(code="registration_poor", message="overlap 0.61 is below 0.85", value=0.61, limit=0.85))
        lesions = [replace(lesion, site="unassigned", side="", site_share=None, also=()) for lesion in lesions]
    if refused:
        flags = (*flags, Flag(code="no_brain", message="no brain inside the skull"))
    quality: Quality = judge_quality(flags)
    registration = Registration(
        scan_to_atlas=np.eye(4),
        method="affine",
        metric=-0.4,
        overlap=0.95 if accepted else 0.61,
        accepted=accepted,
        reason="" if accepted else "overlap 0.61 is below 0.85",
    )
    found = LocatedLesionMap(
        labels=labels,
        geometry=geometry,
        lesions=tuple(lesions),
        threshold_hu=130.0,
        settings={"threshold_hu": 130.0, "reference_hu": 300.0},
    )
    return Result(
        scan=make_scan(hu, geometry),
        intracranial=None if refused else SearchRegion.of(make_head(inside)),
        lesions=None if refused else found,
        atlas=make_atlas(),
        registration=None if refused else registration,
        summary=None if refused else make_summary(lesions),
        quality=quality,
        facts={"age_years": 52},
        guidance=Advice(),
        settings={"threshold_hu": 130.0, "reference_hu": 300.0},
        timings_s={"read": 0.5, "find": 0.25},
    )


def make_provenance(**changes: Any) -> Provenance:
    """How a synthetic Result came about."""
    options = {
        "series_uid": None,
        "threshold_hu": None,
        "kvp_kv": None,
        "slice_thickness_mm": None,
        "kernel": None,
        "rules_sha256": [],
        "without": [],
        "literature": False,
    }
    known = {
        "date": "2026-11-29",
        "options": options | changes.pop("options", {}),
        "context": None,
        "input": InputFiles(kind="folder", files=33, bytes=1000, sha256="cd" * 32),
        "place": "/data/Mustermann_Erika/scan",
        "picture_sha256": "ef" * 32,
    }
    return Provenance(**{**known, **changes})


CASES: dict[str, dict[str, Any]] = {
    "found": {},
    "nothing found": {"balls": ()},
    "refused": {"refused": True},
    "not registered": {"accepted": False},
    "contrast": {"flags": [Flag(code="contrast", message="a contrast agent is named", value="IOMERON")]},
}
"""What `make_result` is asked for, by name: every kind of report."""
