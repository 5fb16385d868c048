"""A DICOM folder, a ZIP of one, or a NIfTI file → `Scan`. The only stage that reads images."""

from __future__ import annotations

import warnings
from pathlib import Path

from calcscan.forks import LOADING
from calcscan.knowledge.reading import ReadingSettings
from calcscan.knowledge.settings import load
from calcscan.model import Scan
from calcscan.read.checksum import input_files, picture_sha256
from calcscan.read.stated import Stated, checked
from calcscan.read.stated_age import with_stated_age

__all__ = ["Stated", "input_files", "picture_sha256", "read_scan", "with_stated_age"]

_NOTHING = Stated()


def read_scan(
    path: str | Path,
    *,
    series_uid: str | None = None,
    stated: Stated = _NOTHING,
    settings: ReadingSettings | None = None,
) -> Scan:
    """The head CT in `path`: the series best suited to finding calcification, in Hounsfield units, on its own grid.

    `path` is a folder (nested, mixed, several studies), a ZIP of one, one DICOM file (its series is read from its
    folder), or a NIfTI file. Of several series, native ones without contrast come first (computed images, such as
    projections and dual-energy maps, are never chosen), and of these thin axial ones with a soft kernel;
    `Scan.series` says of each why it was chosen or not. `series_uid` overrides the choice. What had to be repaired, or
    is doubtful, is in `Scan.flags`. Beside a NIfTI the JSON of the same name (dcm2niix, BIDS) is read as a DICOM header
    is; its grid is the scan's own, not an affine onto a template.

    Slices are ordered by position along their normal, never by number or name; tilt and uneven spacing are kept as they
    are. Nothing is resampled.

    `stated` is what the user knows of tube voltage, slice thickness and kernel: used where the header tells nothing of
    them, and then said in a flag `stated`.

    `settings` are the reader's limits and words, by default those of `calcscan/knowledge/reading.toml`,
    `series_words.toml` and `file_kinds.toml`.

    Raises
    ------
    InputError
        There is nothing at `path`, or no series of that uid; or the header contradicts what is stated.
    NoCTError
        There are images, but no CT to read.
    UnreadableError
        Files can't be opened or decoded.
    GeometryError
        The slices do not form a volume; there are fewer than eight, for example.
    ValueError
        What is stated is no value that a CT can have.

    Examples
    --------
    >>> import nibabel, numpy, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     volume = numpy.full((16, 16, 10), -1000, dtype=numpy.int16)
    ...     volume[4:12, 4:12] = 35
    ...     nibabel.Nifti1Image(volume, numpy.diag([1.0, 1.0, 3.0, 1.0])).to_filename(f"{folder}/head.nii")
    ...     scan = read_scan(f"{folder}/head.nii")
    >>> scan.hu.shape, scan.geometry.spacing_mm
    ((10, 16, 16), (3.0, 1.0, 1.0))
    """
    with LOADING:
        from calcscan.read.dicom import read_dicom
        from calcscan.read.files.archives import is_zip
        from calcscan.read.files.inputs import must_exist, source_files
        from calcscan.read.nifti.file import is_nifti
        from calcscan.read.nifti.scan import read_nifti
        from calcscan.read.size_limits import refuse_impossible_grid

    settings = settings or load(ReadingSettings)
    path, stated = Path(path), checked(stated, settings)
    must_exist(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom and nibabel warn of what is repaired or flagged here
        if path.is_file() and is_nifti(path, settings):
            scan = read_nifti(path, settings, stated)
        elif path.is_file() and not is_zip(path):
            scan = _scan_around(path, series_uid, stated, settings)
        else:
            with source_files(path, settings=settings) as files:
                scan = read_dicom(files, settings, series_uid=series_uid, stated=stated, where=str(path))
    refuse_impossible_grid(scan.geometry, str(path), settings)
    return scan


def _scan_around(path: Path, series_uid: str | None, stated: Stated, settings: ReadingSettings) -> Scan:
    """For one DICOM file its series is read from its folder, for a DICOMDIR the whole folder."""
    from calcscan.read.dicom import read_dicom
    from calcscan.read.files.inputs import source_files
    from calcscan.read.files.source import SourceFile, printable
    from calcscan.read.headers.collect import is_dicom, series_of_file

    file = SourceFile(printable(path.name), path=path)
    series_of_its_own = series_of_file(file, settings)
    if series_of_its_own is None and not is_dicom(file):
        return read_dicom([file], settings, series_uid=series_uid, stated=stated, where=str(path))
    with source_files(path.parent, nested=series_of_its_own is None, settings=settings) as files:
        uid = series_uid or series_of_its_own or None
        return read_dicom(files, settings, series_uid=uid, stated=stated, where=str(path))
