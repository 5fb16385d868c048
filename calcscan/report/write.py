"""Result → the files of OUT."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy.typing as npt

from calcscan.begun import Begun
from calcscan.knowledge.mosaic import MosaicSettings
from calcscan.knowledge.settings import load
from calcscan.model import Result, StudyLabel
from calcscan.processors import both
from calcscan.report.atlas_sites import atlas_sites
from calcscan.report.atomic_folder import put_files
from calcscan.report.build import build_report, report_json
from calcscan.report.html import Drawn, page_html
from calcscan.report.labelfiles import label_maps
from calcscan.report.mosaic import Slices, mosaic_png
from calcscan.report.outputs import PAGE, PROGRAM_LESIONS, PROGRAM_REPORT, REPORT
from calcscan.report.quantities import State
from calcscan.report.schema import FileEntry, Report
from calcscan.report.tables import lesions_csv, regions_csv, sites_csv
from calcscan.report.transforms import transform_text

_LESIONS = "lesions.nii.gz"
_USES = {
    "scan_to_atlas.tfm": "how the scan lies in the atlas, as a transform of ITK (points of the scan to points of the "
    "atlas, affine and bend): in 3D Slicer, put the atlas under it, and it lies on the scan",
    PROGRAM_REPORT: "what the program had said, before a person reviewed it: its report.json, byte for byte",
    PROGRAM_LESIONS: "the lesions that the program had found, before a person reviewed them, by their ids",
}


def write_report(
    result: Result,
    out: str | Path,
    *,
    keep_ids: bool = False,
    replaces: str | None = None,
    label: StudyLabel | None = None,
    program: Mapping[str, bytes] | None = None,
    html: bool = True,
    discard_review: bool = False,
    begun: Begun | None = None,
) -> str:
    """Write report.json, report.html, lesions.csv, sites.csv, mosaic.png and the label maps to the folder `out`.

    All of them or none. A report that is there already is replaced; files that are not calcscan's are left alone.
    Where the scan was not analysed there are no label maps: an empty one would say that there is no calcification.
    Identifiers are written only with `keep_ids`.

    Parameters
    ----------
    replaces
        What `calcscan.report.outputs.state_of(out)` said before the work: a report that another run has written since
        is not replaced.
    label
        What the study is called in report.json and in the tables.
    program
        Of a reviewed result, what the program had said, by name, as it was written then: kept beside the report. By
        default it is written as `result.program` has it.
    html
        Also write report.html, the page for people (2 to 6 MB).
    discard_review
        Replace a report that a person has reviewed, too, and drop the review. Without it such a report gives way only
        to one that continues its reviews.
    begun
        Where a part may be made already: what `analyse` was given.

    Returns
    -------
    str
        report.json, as it was written.

    Raises
    ------
    OutputError
        The folder can't be written to, or holds somebody else's files by the same names, or a review.
    """
    files = report_files(result, keep_ids=keep_ids, label=label, program=program, html=html, begun=begun)
    put_files(Path(out), files, replaces=replaces, discard_review=discard_review)
    return files[REPORT].decode()


def report_files(
    result: Result,
    *,
    keep_ids: bool = False,
    label: StudyLabel | None = None,
    program: Mapping[str, bytes] | None = None,
    html: bool = True,
    begun: Begun | None = None,
) -> dict[str, bytes]:
    """Every file of the report, by name. Of a reviewed result also what the program had said; `program` has it as it
    was written then. What is in `begun` is not made anew."""
    begun = begun or Begun()
    said = _of_program(result, program or {}, keep_ids=keep_ids, label=label, html=html)
    slices, (report, about) = both(
        lambda: Slices.of(result, load(MosaicSettings), begun),
        lambda: _report(result, said, begun, keep_ids=keep_ids, label=label, html=html),
    )
    mosaic, drawn = both(
        lambda: mosaic_png(result, study=_called(label), slices=slices),
        lambda: Drawn.of(result, slices, begun=begun) if html else None,
    )
    written = report_json(report).encode()
    page = {PAGE: page_html(result, report, sha256(written).hexdigest(), drawn=drawn).encode()} if html else {}
    return {
        **{name: made(report).encode() for name, made in _tables(result).items()},
        "mosaic.png": mosaic,
        **about,
        **said,
        **page,
        REPORT: written,
    }


def _called(label: StudyLabel | None) -> str:
    """What the study is called, by its names or else its folder; nothing where it was given no name."""
    if label is None:
        return ""
    named = [part for part in (label.participant, label.session, label.run) if part]
    return " ".join(named) or label.study or ""


def _of_program(
    result: Result, given: Mapping[str, bytes], *, keep_ids: bool, label: StudyLabel | None, html: bool
) -> dict[str, bytes]:
    """What the program had said of a reviewed result: its report.json, as it would have been written beside the same
    files, and its map of lesions, each unless it is `given`; no more than that where nobody has reviewed it."""
    if not result.reviews:
        return dict(given)
    if result.program is None:
        raise ValueError("a reviewed result without what the program had said (Result.program) can't be written")
    if PROGRAM_REPORT in given:
        said, (maps, _) = {}, label_maps(result.program.lesions, result.program.scan.stored)
    else:
        report, maps = _report(result.program, {}, Begun(), keep_ids=keep_ids, label=label, html=html)
        said = {PROGRAM_REPORT: report_json(report).encode()}
    lesions = {PROGRAM_LESIONS: maps[_LESIONS]} if _LESIONS in maps else {}
    return {**said, **lesions, **given}


def _report(
    result: Result, said: Mapping[str, bytes], begun: Begun, *, keep_ids: bool, label: StudyLabel | None, html: bool
) -> tuple[Report, dict[str, bytes]]:
    """report.json, and the maps and the transform that it tells of."""
    drawn, fit = _of_atlas(result, begun)
    maps, about_maps = label_maps(result.lesions, result.scan.stored, more=drawn, reviewed=bool(result.reviews))
    pictures = ("mosaic.png", PAGE) if html else ("mosaic.png",)
    beside = {**dict.fromkeys((*_tables(result), *pictures), FileEntry()), **about_maps}
    beside |= {name: FileEntry(use=_USES[name]) for name in (*fit, *said)}
    return build_report(result, keep_ids=keep_ids, files=beside, label=label), {**maps, **fit}


def _tables(result: Result) -> dict[str, Callable[[Report], str]]:
    return {
        "lesions.csv": lesions_csv, "sites.csv": sites_csv,
        **({} if result.regions is None else {"regions.csv": regions_csv}),
    }  # fmt: skip


def _of_atlas(result: Result, begun: Begun) -> tuple[dict[str, npt.NDArray[Any]], dict[str, bytes]]:
    """Where the atlas has each site on the scan, and the transform that says so; nothing where no site can be."""
    fit = result.registration
    if fit is None or not fit.accepted or result.quality.state == State.ABSTAIN:
        return {}, {}
    drawn = begun.answer(atlas_sites, result.scan.geometry, fit, result.atlas)
    return {"atlas_sites": drawn}, {"scan_to_atlas.tfm": transform_text(fit)}
