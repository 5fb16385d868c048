"""Small synthetic CT series with named faults. A series is a list of datasets; a fault changes it; `write` makes files.

The phantom is the head with a ball of `ball_phantom`.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable
from collections.abc import Sequence as Many
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
    XRayRadiationDoseSRStorage,
    generate_uid,
)

from support.ball_phantom import BALL_HU, Vectors, voxels_hu

INTERCEPT = -1024

Series = list[Dataset]


def orientation(plane: str = "axial", tilt_deg: float = 0.0) -> tuple[Vectors, Vectors]:
    """Row and column cosines; the tilt is about the row axis."""
    rows = {"axial": ([1, 0, 0], [0, 1, 0]), "coronal": ([1, 0, 0], [0, 0, -1]), "sagittal": ([0, 1, 0], [0, 0, -1])}
    row, column = (np.array(axis, dtype=float) for axis in rows[plane])
    angle = np.radians(tilt_deg)
    return row, np.cos(angle) * column - np.sin(angle) * np.array([0.0, 0.0, 1.0])


def series(
    *,
    slices: int = 28,
    spacing_mm: float = 5.0,
    positions_mm: Many[float] | None = None,
    plane: str = "axial",
    tilt_deg: float = 0.0,
    rows: int = 48,
    columns: int = 44,
    pixel_mm: tuple[float, float] = (4.5, 4.2),
    cosines: tuple[Many[float], Many[float]] | None = None,
    thickness_mm: float | Many[float] | None = None,
    shift_mm: Many[float] = (0.0, 0.0, 0.0),
    ball_hu: float = BALL_HU,
    **tags: object,
) -> Series:
    """A clean series. `positions_mm` are table positions (along the plane's own axis before tilt); `tags` overwrite.

    `cosines` are row and column directions instead of `plane`; `shift_mm` moves the field of view. A slice shows
    the average over its thickness, which is the spacing unless `thickness_mm` says otherwise (for all, or for each).
    """
    row, column = orientation(plane, tilt_deg) if cosines is None else (np.asarray(one, float) for one in cosines)
    table = np.cross(*orientation(plane)) if cosines is None else np.cross(row, column)
    at = (np.arange(slices) - (slices - 1) / 2) * spacing_mm if positions_mm is None else np.asarray(positions_mm)
    corner = -row * pixel_mm[1] * (columns - 1) / 2 - column * pixel_mm[0] * (rows - 1) / 2
    uids = {name: generate_uid() for name in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")}
    thick = np.broadcast_to(spacing_mm if thickness_mm is None else np.asarray(thickness_mm, float), len(at))
    made = []
    for number, (height, thickness) in enumerate(zip(at, thick, strict=True)):
        origin = corner + table * height + np.asarray(shift_mm)
        grid = (
            origin
            + np.arange(rows)[:, None, None] * pixel_mm[0] * column
            + np.arange(columns)[None, :, None] * pixel_mm[1] * row
        )
        sides = np.stack([thickness * np.cross(row, column), pixel_mm[0] * column, pixel_mm[1] * row])
        image = _image(voxels_hu(grid, sides, ball_hu))
        image.update(uids)
        image.InstanceNumber = number + 1
        image.ImagePositionPatient = [f"{value:.6f}" for value in origin]
        image.ImageOrientationPatient = [f"{value:.8f}" for value in (*row, *column)]
        image.PixelSpacing = list(pixel_mm)
        image.SliceThickness = f"{thickness:g}"
        image.SliceLocation = f"{height:.4f}"
        made.append(image)
    return with_tags(made, **tags)


def _image(hu: npt.NDArray[np.float64]) -> Dataset:
    image = Dataset()
    image.SOPClassUID = CTImageStorage
    image.SOPInstanceUID = generate_uid()
    image.Modality = "CT"
    image.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    image.Manufacturer, image.ManufacturerModelName = "SIEMENS", "Phantom"
    image.SeriesDescription, image.StudyDescription = "Head 5.0", "CT head"
    image.ConvolutionKernel, image.KVP = "H31s", 120
    image.PatientPosition = "HFS"
    image.PatientID, image.PatientName = "P1", "Test^Person"
    image.PatientAge, image.PatientSex, image.StudyDate = "052Y", "F", "20240229"
    image.SeriesNumber, image.AcquisitionNumber = 2, 1
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 1
    image.RescaleSlope, image.RescaleIntercept, image.RescaleType = 1, INTERCEPT, "HU"
    return set_stored(image, np.rint(hu - INTERCEPT))


def set_stored(image: Dataset, stored: npt.NDArray[np.generic]) -> Dataset:
    """Put stored values in, in the image's own coding."""
    kind = "<i2" if image.PixelRepresentation else "<u2"
    image.Rows, image.Columns = stored.shape
    image.PixelData = np.ascontiguousarray(stored.astype(kind)).tobytes()
    return image


def stored_of(image: Dataset) -> npt.NDArray[np.int64]:
    """The stored values, (rows, columns)."""
    kind = "<i2" if image.PixelRepresentation else "<u2"
    return np.frombuffer(image.PixelData, dtype=kind).reshape(image.Rows, image.Columns).astype(np.int64)


def recode(images: Series, change: Callable[[npt.NDArray[np.int64]], npt.NDArray[Any]], **tags: object) -> Series:
    """New stored values from the old ones, then new tags (which may change the coding)."""
    changed = []
    for image in images:
        values = change(stored_of(image))
        with_tags([image], **tags)
        changed.append(set_stored(image, values))
    return changed


def with_tags(images: Series, **tags: object) -> Series:
    """Overwrite attributes of every image; None deletes."""
    for image in images:
        for keyword, value in tags.items():
            if value is None:
                if keyword in image:
                    delattr(image, keyword)
            else:
                setattr(image, keyword, value)
    return images


# --- faults: each takes a series and returns one ---


def shuffled(images: Series) -> Series:
    """Instance numbers and file order say nothing about where a slice lies."""
    order = np.random.default_rng(0).permutation(len(images))
    for number, image in zip(order, images, strict=True):
        image.InstanceNumber = int(number) + 1
    return [images[index] for index in np.random.default_rng(1).permutation(len(images))]


def equal_numbers(images: Series) -> Series:
    return with_tags(images, InstanceNumber=1)


def missing(images: Series, *numbers: int) -> Series:
    return [image for number, image in enumerate(images) if number not in numbers]


def copied(images: Series, *numbers: int) -> Series:
    """The same instances once more (the same file under another name)."""
    return [*images, *(deepcopy(images[number]) for number in numbers)]


def resent(images: Series, *numbers: int) -> Series:
    """The same pixels at the same place under a new SOP instance uid."""
    again = [deepcopy(images[number]) for number in numbers]
    return [*images, *(with_tags([image], SOPInstanceUID=generate_uid())[0] for image in again)]


def retaken(images: Series, *numbers: int) -> Series:
    """Other pixels (20 HU more) at the same place, in a later acquisition."""
    again = resent(images, *numbers)[len(images) :]
    return [*images, *recode(again, lambda stored: stored + 20, AcquisitionNumber=2)]


def jittered(images: Series, by_mm: float = 0.05) -> Series:
    chance = np.random.default_rng(2)
    for image in images:
        moved = np.array(image.ImagePositionPatient, float) + chance.uniform(-by_mm, by_mm, 3)
        image.ImagePositionPatient = [f"{value:.4f}" for value in moved]
    return images


def in_series_of(images: Series, others: Iterable[Dataset]) -> Series:
    """The others, under the first series' and study's uids; their numbers go on where the first ones end."""
    others = list(others)
    for image in others:
        if "InstanceNumber" in image:
            image.InstanceNumber = int(image.InstanceNumber) + len(images)
    keep = ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
    return [*images, *with_tags(others, **{keyword: images[0][keyword].value for keyword in keep})]


def in_study_of(images: Series, others: Iterable[Dataset]) -> Series:
    """The others as another series of the same study."""
    return [*images, *with_tags(list(others), StudyInstanceUID=images[0].StudyInstanceUID)]


def localizer(*, plane: str = "coronal") -> Series:
    return series(slices=1, plane=plane, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], SeriesDescription="Topogram",
                  ConvolutionKernel="T20s", SeriesNumber=1)  # fmt: skip


def dose_report() -> Dataset:
    """A structured report of the dose: no image."""
    report = Dataset()
    report.SOPClassUID, report.SOPInstanceUID = XRayRadiationDoseSRStorage, generate_uid()
    report.Modality, report.SeriesDescription, report.SeriesNumber = "SR", "Dose Report", 999
    report.StudyInstanceUID, report.SeriesInstanceUID = generate_uid(), generate_uid()
    return report


def directory_record(images: Iterable[Dataset] = ()) -> Dataset:
    """What a DICOMDIR holds, as far as a reader of images cares: the tree of these images, of one series."""
    record = Dataset()
    record.SOPClassUID = record.SOPInstanceUID = MediaStorageDirectoryStorage
    record.FileSetID = "X"
    records = []
    for image in images:
        if not records:
            records = [_record(kind) for kind in ("PATIENT", "STUDY", "SERIES")]
            records[1].StudyInstanceUID, records[2].SeriesInstanceUID = image.StudyInstanceUID, image.SeriesInstanceUID
        item = _record("IMAGE")
        item.ReferencedSOPInstanceUIDInFile, item.ReferencedFileID = (
            image.SOPInstanceUID,
            ["IMAGES", f"I{len(records)}"],
        )
        records.append(item)
    record.DirectoryRecordSequence = Sequence(records)
    return record


def _record(kind: str) -> Dataset:
    item = Dataset()
    item.DirectoryRecordType = kind
    return item


def multi_frame(images: Series) -> Dataset:
    """One Enhanced CT instance of the slices, each attribute where the standard puts it."""
    first = images[0]
    whole = Dataset()
    moved = ("SOPClassUID", "SOPInstanceUID", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing",
             "SliceThickness", "SliceLocation", "RescaleSlope", "RescaleIntercept", "RescaleType", "ConvolutionKernel",
             "KVP", "InstanceNumber", "PixelData", "ImageType")  # fmt: skip
    whole.update({element.tag: element for element in first if element.keyword not in moved})
    whole.SOPClassUID, whole.SOPInstanceUID = EnhancedCTImageStorage, generate_uid()
    whole.ImageType, whole.NumberOfFrames = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"], len(images)
    shared = _groups(
        first,
        PlaneOrientationSequence=["ImageOrientationPatient"],
        PixelMeasuresSequence=["PixelSpacing", "SliceThickness"],
        CTReconstructionSequence=["ConvolutionKernel"],
        CTXRayDetailsSequence=["KVP"],
    )
    whole.SharedFunctionalGroupsSequence = Sequence([shared])
    values = ["RescaleSlope", "RescaleIntercept", "RescaleType"]
    whole.PerFrameFunctionalGroupsSequence = Sequence(
        _groups(image, PlanePositionSequence=["ImagePositionPatient"], PixelValueTransformationSequence=values)
        for image in images
    )
    whole.PixelData = b"".join(image.PixelData for image in images)
    return whole


def _groups(image: Dataset, **groups: list[str]) -> Dataset:
    item = Dataset()
    for name, keywords in groups.items():
        part = Dataset()
        for keyword in keywords:
            setattr(part, keyword, image[keyword].value)
        setattr(item, name, Sequence([part]))
    return item


# --- files ---


def write(
    images: Series, folder: Path, *, suffix: str = ".dcm", preamble: bool = True, syntax: str = ExplicitVRLittleEndian
) -> list[Path]:
    """One file an image, named by its place in the list."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    there = len(list(folder.iterdir()))
    for number, image in enumerate(images):
        path = folder / f"{there + number:03d}{suffix}"
        image.file_meta = FileMetaDataset()
        image.file_meta.TransferSyntaxUID = syntax
        image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        if preamble:
            image.save_as(path, enforce_file_format=True)
        else:
            del image.file_meta
            image.save_as(path, implicit_vr=True, little_endian=True)
        paths.append(path)
    return paths


def write_big_endian(images: Series, folder: Path) -> None:
    """As `write`, every value's bytes the other way round."""
    for path in write(images, folder):
        image = dcmread(path)
        image.PixelData = np.frombuffer(image.PixelData, "<i2").astype(">i2").tobytes()
        big = Dataset()
        big.update({element.tag: element for element in image})
        big.file_meta = image.file_meta
        big.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        big["PixelData"].VR = "OW"
        big.save_as(path, enforce_file_format=True)


def cut_short(path: Path, share: float = 0.6) -> None:
    """Leave the first part of a file."""
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])


def zipped(folder: Path, archive: Path) -> Path:
    """The folder as a ZIP, with what a Mac leaves in one."""
    with zipfile.ZipFile(archive, "w") as target:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                target.write(path, path.relative_to(folder.parent))
                target.writestr(f"__MACOSX/._{path.name}", b"\0\5\26\7resource fork")
    return archive
