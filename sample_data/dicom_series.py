"""Writes a scan as a DICOM series: CT Image Storage, JPEG 2000 lossless, one file a slice, UIDs from the name."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, CTImageStorage, JPEG2000Lossless, generate_uid
from scanner import INTERCEPT_HU, PADDING_STORED, Protocol, Scan

ROOT = "1.2.826.0.1.3680043.8.498."


def uid(*names: str) -> UID:
    """The same UID for the same names, on every machine."""
    return generate_uid(prefix=ROOT, entropy_srcs=["calcscan synthetic sample", *names])


def write_series(scan: Scan, protocol: Protocol, folder: Path, *, name: str, number: int, age: int, sex: str) -> None:
    """Write `0001.dcm` … into `folder`, replacing what was there."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.dcm"):
        old.unlink()
    for k in range(scan.stored.shape[0]):
        ds = _slice(scan, protocol, k, name)
        ds.PatientID, ds.PatientName = f"SYNTHETIC-{number}", f"SYNTHETIC^{number}"
        ds.PatientAge, ds.PatientSex = f"{age:03d}Y", sex
        ds.save_as(folder / f"{k + 1:04d}.dcm", enforce_file_format=True)


def _slice(scan: Scan, protocol: Protocol, k: int, name: str) -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = CTImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = uid(name, "instance", str(k))
    ds.file_meta.TransferSyntaxUID = JPEG2000Lossless
    ds.file_meta.ImplementationClassUID = uid("implementation")
    ds.file_meta.ImplementationVersionName = "CALCSCAN_SAMPLE"
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, ds.file_meta.MediaStorageSOPInstanceUID
    ds.StudyInstanceUID, ds.SeriesInstanceUID = uid(name, "study"), uid(name, "series")
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = uid(name, "frame"), "OM"
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = "20260105"
    ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = "120000"
    ds.AccessionNumber, ds.ReferringPhysicianName, ds.PatientBirthDate = "", "", ""
    ds.StudyID, ds.SeriesNumber, ds.InstanceNumber, ds.AcquisitionNumber = "1", 2, k + 1, 1
    ds.Modality, ds.Manufacturer, ds.ManufacturerModelName = "CT", "calcscan", "synthetic head"
    ds.StudyDescription, ds.SeriesDescription, ds.ImageComments = "HEAD CT", f"synthetic {name}", "synthetic"
    ds.BodyPartExamined, ds.PatientPosition, ds.KVP = "HEAD", "HFS", "120"
    ds.XRayTubeCurrent, ds.ExposureTime, ds.ConvolutionKernel = 300, 1000, "SOFT"
    ds.PatientIdentityRemoved, ds.DeidentificationMethod = "YES", "synthetic, never a person"
    _geometry(ds, protocol, k)
    _pixels(ds, scan.stored[k])
    return ds


def _geometry(ds: Dataset, protocol: Protocol, k: int) -> None:
    affine = protocol.affine()
    row, column = affine[:3, 2] / protocol.pixel_mm, affine[:3, 1] / protocol.pixel_mm
    position = affine[:3, 3] + k * affine[:3, 0]
    ds.ImageOrientationPatient = [f"{c:.9g}" for c in (*row, *column)]
    ds.ImagePositionPatient = [f"{c:.9g}" for c in position]
    ds.SliceLocation = f"{position[2]:.6g}"
    ds.PixelSpacing = [f"{protocol.pixel_mm:.9g}"] * 2
    ds.SliceThickness = f"{protocol.slice_thickness_mm:.6g}"
    ds.GantryDetectorTilt = f"{protocol.tilt_deg:.6g}"
    ds.ReconstructionDiameter = ds.DataCollectionDiameter = f"{protocol.pixel_mm * protocol.matrix:.6g}"


def _pixels(ds: Dataset, stored: np.ndarray) -> None:
    """Values need twelve bits; Pillow writes sixteen-bit code streams, so sixteen are declared."""
    stream = io.BytesIO()
    Image.fromarray(stored).save(stream, "JPEG2000", irreversible=False, no_jp2=True)
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = stored.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
    ds.PixelPaddingValue = PADDING_STORED
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = str(INTERCEPT_HU), "1", "HU"
    ds.WindowCenter, ds.WindowWidth = "40", "100"
    ds.LossyImageCompression = "00"
    ds.PixelData = encapsulate([stream.getvalue()])
    ds["PixelData"].is_undefined_length = True
