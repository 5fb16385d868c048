"""A DICOM segmentation written by hand, as the standard describes it (PS3.3 A.51): frames of one segment each, packed
in bits, and none where nothing is marked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import pack_bits
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

BINARY_STORAGE = "1.2.840.10008.5.1.4.1.1.66.4"


def item(**elements: Any) -> Dataset:
    """A dataset with these elements."""
    out = Dataset()
    for name, value in elements.items():
        setattr(out, name, value)
    return out


def write_segmentation(
    path: Path,
    segments: Mapping[int, tuple[str, npt.NDArray[np.bool_]]],
    affine_lps: npt.NDArray[Any],
    *,
    kind: str = "BINARY",
) -> Path:
    """Segments by number: name and mask (k, j, i); `affine_lps` takes (i, j, k, 1) to LPS mm."""
    steps = np.linalg.norm(affine_lps[:3, :3], axis=0)
    right, down, up = (affine_lps[:3, :3] / steps).T
    frames, groups = [], []
    for number, (_, mask) in segments.items():
        for k in np.flatnonzero(mask.any(axis=(1, 2))):
            frames.append(mask[k].astype(np.uint8))
            at = affine_lps[:3, 3] + up * steps[2] * k
            groups.append(
                item(
                    SegmentIdentificationSequence=Sequence([item(ReferencedSegmentNumber=number)]),
                    PlanePositionSequence=Sequence([item(ImagePositionPatient=[f"{mm:.6f}" for mm in at])]),
                )
            )
    measures = item(
        PixelSpacing=[float(steps[1]), float(steps[0])], SpacingBetweenSlices=float(steps[2]), SliceThickness=1.0
    )
    shared = item(
        PlaneOrientationSequence=Sequence([item(ImageOrientationPatient=[f"{c:.9f}" for c in (*right, *down)])]),
        PixelMeasuresSequence=Sequence([measures]),
    )
    rows, columns = frames[0].shape
    dataset = item(
        SOPClassUID=BINARY_STORAGE, SOPInstanceUID=generate_uid(), Modality="SEG", SegmentationType=kind,
        Rows=rows, Columns=columns, NumberOfFrames=len(frames), SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2", BitsAllocated=1, BitsStored=1, HighBit=0, PixelRepresentation=0,
        SegmentSequence=Sequence([item(SegmentNumber=n, SegmentLabel=name) for n, (name, _) in segments.items()]),
        SharedFunctionalGroupsSequence=Sequence([shared]), PerFrameFunctionalGroupsSequence=Sequence(groups),
        PixelData=pack_bits(np.stack(frames).ravel(), pad=True),
    )  # fmt: skip
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = BINARY_STORAGE
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)
    return path
