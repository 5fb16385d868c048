"""How files lie and pixels are coded: cases of `reading_cases`."""

from __future__ import annotations

import shutil
import warnings
import zipfile
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
    SecondaryCaptureImageStorage,
)

from calcscan.grid.geometry import ras_to_lps
from support import dicom_faults as faults
from support.ball_phantom import BRAIN_HU, grid_of, voxels_hu
from support.dicom_codings import CODINGS, compressed
from support.dicom_faults import Series, in_study_of, multi_frame, series, with_tags, write
from support.reading_case import case

# --- how files lie ---
case("plain")(lambda _: series())


@case("no preamble")
def _(folder: Path) -> Path:
    write(series(), folder, preamble=False)
    return folder


@case("names without extension")
def _(folder: Path) -> Path:
    write(series(), folder, suffix="")
    return folder


@case("nested folders")
def _(folder: Path) -> Path:
    images = series()
    for number in range(4):
        write(images[number::4], folder / f"a {number}" / "b")
    return folder


@case("several studies in one flat folder", "left_out")
def _(_: Path) -> Series:
    older = series(StudyDate="20200101", PatientID="P2", ball_hu=BRAIN_HU)
    return [*older, *series(StudyDate="20230101")]


@case("DICOMDIR beside the files")
def _(folder: Path) -> Path:
    write(series(), folder)
    (record,) = write([faults.directory_record()], folder, suffix="")
    record.rename(folder / "DICOMDIR")
    return folder


@case("ZIP")
def _(folder: Path) -> Path:
    write(series(), folder / "series")
    archive = faults.zipped(folder / "series", folder / "series.zip")
    shutil.rmtree(folder / "series")  # some readers look around
    return archive


@case("ZIP, entries of one name")
def _(folder: Path) -> Path:
    paths = write(series(), folder / "series")
    with warnings.catch_warnings(), zipfile.ZipFile(folder / "series.zip", "w") as target:
        warnings.simplefilter("ignore")
        for number, path in enumerate(paths):
            target.writestr(f"DICOM/{number // 2:03d}.dcm", path.read_bytes())
    shutil.rmtree(folder / "series")
    return folder / "series.zip"


@case("names that begin with a dot")
def _(folder: Path) -> Path:
    for path in write(series(), folder / ".scan"):
        path.rename(path.with_name(f".{path.name}"))
    return folder


@case("a link for each file, as version control of data has it")
def _(folder: Path) -> Path:
    for path in write(series(), folder / ".git" / "annex"):
        (folder / path.name).symlink_to(path)
    return folder


@case("a linked folder, and a loop")
def _(folder: Path) -> Path:
    write(series(), folder / "elsewhere")
    (folder / "in").mkdir()
    (folder / "in" / "series").symlink_to(folder / "elsewhere")
    (folder / "elsewhere" / "again").symlink_to(folder / "in")
    return folder / "in"


@case("archives and other formats beside", "left_out")
def _(folder: Path) -> Path:
    write(series(), folder)
    for name, content in {"more.zip": b"PK\3\4", "more.tar": b"tar", "mask.nrrd": b"NRRD0004", "a.exe": b"MZ"}.items():
        (folder / name).write_bytes(content)
    return folder


@case("a link to nothing beside", "missing_slices")
def _(folder: Path) -> Path:
    write(series(), folder)
    (folder / "more.dcm").symlink_to("gone")
    return folder


@case("dose report and screen capture beside")
def _(folder: Path) -> Path:
    images = series()
    capture = series(slices=1, SOPClassUID=SecondaryCaptureImageStorage, ImagePositionPatient=None, SeriesNumber=99,
                     ImageOrientationPatient=None, SliceLocation=None, ImageType=["DERIVED", "SECONDARY"])  # fmt: skip
    write([*in_study_of(images, capture), *in_study_of([images[0]], [faults.dose_report()])[1:]], folder)
    return folder


# --- how pixels are coded ---


@case("implicit VR")
def _(folder: Path) -> Path:
    write(series(), folder, syntax=ImplicitVRLittleEndian)
    return folder


@case("big endian")
def _(folder: Path) -> Path:
    faults.write_big_endian(series(), folder)
    return folder


@case("deflated")
def _(folder: Path) -> Path:
    write(series(), folder, syntax=DeflatedExplicitVRLittleEndian)
    return folder


@case("RLE")
def _(folder: Path) -> Path:
    images = series()
    write(images, folder)
    for image in images:
        image.compress(RLELossless, generate_instance_uid=False)
    return _rewritten(images, folder, RLELossless)


def _rewritten(images: Series, folder: Path, syntax: str) -> Path:
    for path in folder.iterdir():
        path.unlink()
    write(images, folder, syntax=syntax)
    return folder


_NAMES = {
    "jpeg_baseline": "JPEG baseline, 8 bit",
    "jpeg_extended_12": "JPEG extended, 12 bit",
    "jpeg_lossless_p14": "JPEG lossless (process 14)",
    "jpeg_lossless_sv1": "JPEG lossless (SV1), signed",
    "jpeg_ls": "JPEG-LS",
    "jpeg_ls_near": "JPEG-LS near-lossless",
    "jpeg_2000": "JPEG 2000, signed",
    "jpeg_2000_lossy": "JPEG 2000 lossy",
    "htj2k": "HTJ2K",
}


def _add_coding(name: str) -> None:
    @case(_NAMES[name])
    def _(folder: Path) -> Path:
        write(compressed(series(), name), folder, syntax=CODINGS[name].syntax)
        return folder


for _name in CODINGS:
    _add_coding(_name)


@case("MONOCHROME1, JPEG extended")
def _(folder: Path) -> Path:
    images = with_tags(compressed(series(), "jpeg_extended_12"), PhotometricInterpretation="MONOCHROME1")
    write(images, folder, syntax=CODINGS["jpeg_extended_12"].syntax)
    return folder


# --- several frames in a file ---
case("Enhanced CT, many frames")(lambda _: [multi_frame(series())])
case("Enhanced CT, frames shuffled")(lambda _: [multi_frame(faults.shuffled(series()))])
case("Enhanced CT, tilted", "gantry_tilt")(lambda _: [multi_frame(series(tilt_deg=18.0))])

# --- NIfTI ---


def _nifti(path: Path, steps: npt.NDArray[np.float64], shape: tuple[int, int, int] = (44, 48, 28)) -> Path:
    """Voxel steps (columns of a 3×3, RAS mm) about the middle of the head."""
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = steps, -steps @ ((np.array(shape) - 1) / 2)
    lps = ras_to_lps(affine)
    hu = voxels_hu(grid_of(shape, lps), lps[:3, :3].T[::-1])
    nibabel.Nifti1Image(hu.astype(np.int16), affine).to_filename(path)
    return path


_STEPS = np.diag([-4.2, -4.5, 5.0])


@case("NIfTI")
def _(folder: Path) -> Path:
    return _nifti(folder / "head.nii", _STEPS)


@case("NIfTI, axes flipped and swapped, .nii.gz")
def _(folder: Path) -> Path:
    return _nifti(folder / "head.nii.gz", (_STEPS @ np.diag([-1.0, 1.0, -1.0]))[:, [2, 0, 1]], (28, 44, 48))


@case("NIfTI, oblique")
def _(folder: Path) -> Path:
    angle = np.radians(25)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1.0]])
    return _nifti(folder / "head.nii", turn @ turn[[2, 0, 1]][:, [2, 0, 1]] @ _STEPS, (48, 48, 34))


@case("NIfTI, sheared", "gantry_tilt")
def _(folder: Path) -> Path:
    steps = _STEPS.copy()
    steps[1, 2] = 5.0 * np.tan(np.radians(18))
    return _nifti(folder / "head.nii", steps, (44, 52, 28))


def _again(path: Path, **change: Any) -> Path:
    """The same voxels with another header: `sform`, `qform`, each (matrix, code), and `unit`."""
    given = nibabel.load(path, mmap=False)
    header = given.header.copy()
    for name in ("sform", "qform"):
        if name in change:
            getattr(header, f"set_{name}")(*change[name])
    header.set_xyzt_units(change.get("unit", "mm"))
    nibabel.Nifti1Image(np.asarray(given.dataobj), None, header).to_filename(path)
    return path


@case("NIfTI, sform onto a template", "left_out")
def _(folder: Path) -> Path:
    path = _nifti(folder / "head.nii", _STEPS)
    own = nibabel.load(path, mmap=False).affine
    return _again(path, qform=(own, 1), sform=(np.diag([1.10, 1.08, 1.14, 1.0]) @ own, 4))


@case("NIfTI, metres said, millimetres meant", "left_out")
def _(folder: Path) -> Path:
    return _again(_nifti(folder / "head.nii", _STEPS), unit="meter")


@case("NIfTI-2, packed, without .gz in its name")
def _(folder: Path) -> Path:
    path = _nifti(folder / "own.nii", _STEPS)
    given = nibabel.load(path, mmap=False)
    nibabel.Nifti2Image(np.asarray(given.dataobj), given.affine).to_filename(folder / "two.nii.gz")
    return (folder / "two.nii.gz").rename(folder / "head.nii")


@case("NIfTI, header and image apart")
def _(folder: Path) -> Path:
    given = nibabel.load(_nifti(folder / "own.nii", _STEPS))
    nibabel.Nifti1Pair(np.asarray(given.dataobj), given.affine).to_filename(folder / "head.img")
    return folder / "head.img"


@case("NIfTI, contrast medium in the JSON beside it", "contrast")
def _(folder: Path) -> Path:
    (folder / "head.json").write_text('{"Modality": "CT", "ContrastBolusAgent": "Iohexol"}')
    return _nifti(folder / "head.nii.gz", _STEPS)


@case("NIfTI, contrast medium in its BIDS name", "contrast")
def _(folder: Path) -> Path:
    return _nifti(folder / "sub-01_ce-iohexol_ct.nii.gz", _STEPS)


@case("NIfTI, 1024 added to every value", "not_hounsfield", verdict="flagged", peers=False)
def _(folder: Path) -> Path:
    path = _nifti(folder / "own.nii", _STEPS)
    given = nibabel.load(path, mmap=False)
    raised = (np.asarray(given.dataobj) + 1024).astype(np.int16)
    nibabel.Nifti1Image(raised, given.affine).to_filename(folder / "head.nii.gz")
    return folder / "head.nii.gz"
