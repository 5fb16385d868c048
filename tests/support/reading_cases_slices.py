"""Order, number, positions and directions of slices: cases of `reading_cases`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from support import dicom_faults as faults
from support.dicom_faults import Series, in_series_of, series, with_tags
from support.reading_case import case

# --- order and number of slices ---
case("names in reverse order")(lambda _: series()[::-1])
case("instance numbers shuffled")(lambda _: faults.shuffled(series()))
case("instance numbers all equal")(lambda _: faults.equal_numbers(series()))
case("instance numbers absent")(lambda _: series(InstanceNumber=None))


@case("slice locations contradict positions")
def _(_: Path) -> Series:
    images = series()
    for number, image in enumerate(images):
        image.SliceLocation = f"{(number * 7) % 28 * 5.0:.1f}"
    return images


case("the same file twice", "duplicate_slices")(lambda _: faults.copied(series(), 12, 13, 20))
case("slices sent again under new uids", "duplicate_slices")(lambda _: faults.resent(series(), 12, 13, 20))
case("1 slice missing, in the ball", "missing_slices", verdict="flagged")(lambda _: faults.missing(series(), 14))
case("2 slices missing, in the ball", "missing_slices", verdict="flagged")(lambda _: faults.missing(series(), 14, 15))

# --- positions and directions ---
case("gantry tilt +18°", "gantry_tilt")(lambda _: series(tilt_deg=18.0, GantryDetectorTilt="18.0"))
case("gantry tilt −18°", "gantry_tilt")(lambda _: series(tilt_deg=-18.0, GantryDetectorTilt="-18.0"))
case("gantry tilt, no tag", "gantry_tilt")(lambda _: series(tilt_deg=18.0))


def _fossa_and_vertex(change_mm: float, tilt_deg: float = 0.0, overlap_mm: float = 0.0) -> Series:
    """3 mm slices up to a height, 8 mm ones from there on."""
    low = np.arange(-70.0, change_mm, 3.0)
    high = np.arange(low[-1] + 5.5 - overlap_mm, 74.0, 8.0)
    thick = [3.0] * len(low) + [8.0] * len(high)
    images = series(positions_mm=[*low, *high], thickness_mm=thick, tilt_deg=tilt_deg)
    with_tags(images[len(low) :], AcquisitionNumber=2)
    return images


case("spacing 3 then 8 mm", "irregular_spacing", "thick_slices")(lambda _: _fossa_and_vertex(-25.0))
case("spacing 3 then 8 mm, within the ball", "irregular_spacing", "thick_slices")(lambda _: _fossa_and_vertex(4.0))
case("spacing 3 then 8 mm, overlapping", "irregular_spacing", "thick_slices")(
    lambda _: _fossa_and_vertex(-25.0, overlap_mm=4.0)
)
case("tilt and spacing 3 then 8 mm", "gantry_tilt", "irregular_spacing", "thick_slices")(
    lambda _: _fossa_and_vertex(-25.0, tilt_deg=18.0)
)
case("overlapping slices (1.25 mm every 1 mm)")(lambda _: series(slices=140, spacing_mm=1.0, thickness_mm=1.25))
case("gaps between slices (3 mm every 5 mm)", "missing_slices")(lambda _: series(thickness_mm=3.0))
case("positions jitter by 0.05 mm")(lambda _: faults.jittered(series(slices=112, spacing_mm=1.25)))


@case("positions rounded to 0.1 mm")
def _(_: Path) -> Series:
    images = series(slices=224, spacing_mm=0.625)
    for image in images:
        image.ImagePositionPatient = [f"{value:.1f}" for value in image.ImagePositionPatient]
    return images


@case("field of view moved within the series")
def _(_: Path) -> Series:
    low, high = ((np.arange(28) - 13.5) * 5.0)[:15], ((np.arange(28) - 13.5) * 5.0)[15:]
    moved = series(positions_mm=high, shift_mm=(-9.0, 7.0, 0.0))
    return in_series_of(series(positions_mm=low), moved)


@case("tilt set anew within the series", "gantry_tilt", "missing_slices", verdict="flagged")
def _(_: Path) -> Series:
    fossa = series(positions_mm=np.arange(-70.0, 8.0, 5.0), tilt_deg=18.0)
    return in_series_of(fossa, series(positions_mm=np.arange(8.0, 74.0, 5.0)))


case("feet first")(lambda _: series(cosines=((-1, 0, 0), (0, 1, 0)), PatientPosition="FFS"))
case("prone")(lambda _: series(cosines=((-1, 0, 0), (0, -1, 0)), PatientPosition="HFP"))
case("decubitus, left")(lambda _: series(cosines=((0, 1, 0), (-1, 0, 0)), PatientPosition="HFDL"))
case("decubitus, right")(lambda _: series(cosines=((0, -1, 0), (1, 0, 0)), PatientPosition="HFDR"))
case("coronal slices")(lambda _: series(plane="coronal", slices=36))
case("sagittal slices")(lambda _: series(plane="sagittal", slices=30))
case("rows stored right to left")(lambda _: series(cosines=((-1, 0, 0), (0, 1, 0))))
case("columns stored bottom to top")(lambda _: series(cosines=((1, 0, 0), (0, -1, 0))))


@case("oblique, cosines of three decimals")
def _(_: Path) -> Series:
    a, b = np.radians(17.0), np.radians(-23.0)
    row = np.array([np.cos(a), np.sin(a), 0.0])
    column = np.cos(b) * np.array([-np.sin(a), np.cos(a), 0.0]) + np.sin(b) * np.array([0.0, 0.0, 1.0])
    images = series(slices=34, rows=52, cosines=(row, column))
    return with_tags(images, ImageOrientationPatient=[f"{value:.3f}" for value in (*row, *column)])


case("pixels not square")(lambda _: series(pixel_mm=(4.5, 2.5), columns=74))
case("no orientation", "laterality_unknown")(lambda _: series(ImageOrientationPatient=None))
