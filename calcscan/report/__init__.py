"""Result → files: report.json, tables, label maps and a mosaic.

schema         what report.json holds (quantities: what its values mean; json_schema: its JSON Schema)
build          Result → Report, and its JSON (sections: each of its parts; json_text: any JSON, safe to print)
sitelabels     the numbers that sites.nii.gz uses
tables         Report → lesions.csv and sites.csv
text           Report → one screen of text
read_back      report.json → Report
methods        Reports → the methods paragraph of a paper
differences    two Reports → what differs
command        options → the command line that does it again
labelfiles     LesionMap → label maps and what each is good for (labelmaps: NIfTI; nrrd: NRRD, for 3D Slicer too;
               labeltables: what their numbers mean, for BIDS and ITK-SNAP)
reviews        what a person said of the report, and back (label_runs: an edited label map as text)
atlas_sites    the atlas on the scan, as a label map (transforms: how it got there)
mosaic         Result → a picture (slices: what it shows; legend: the table beside it; numbering: where numbers go;
               drawing: how it is drawn)
html           Result → report.html, the page for people
write          all of them into a folder
outputs        which files each command writes
atomic_folder  files into a folder, together or not at all (ownership, kept_review, staging, earlier, exchange,
               folder_lock)

Loads nothing heavy until `write_report` is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from calcscan.report.atomic_folder import check_output

if TYPE_CHECKING:
    from calcscan.report.write import write_report

__all__ = ["check_output", "write_report"]


def __getattr__(name: str) -> object:
    if name == "write_report":
        from calcscan.report.write import write_report

        return write_report
    raise AttributeError(f"module 'calcscan.report' has no attribute {name!r}")
