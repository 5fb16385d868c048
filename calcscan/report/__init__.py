"""Result → files: report.json, tables, label maps and a mosaic.

schema         what report.json holds (quantities: what its values mean; json_schema: its JSON Schema)
build          Result → Report, and its JSON
sitelabels     the numbers that sites.nii.gz uses
tables         Report → lesions.csv and sites.csv
text           Report → one screen of text
labelmaps      LesionMap → NIfTI label maps
mosaic         Result → a picture (slices: what it shows; legend: the table beside it; numbering: where numbers go;
               drawing: how it is drawn)
html           Result → report.html, the page for people
write          all of them into a folder
outputs        which files each command writes
atomic_folder  files into a folder, together or not at all (ownership, staging, earlier, exchange, folder_lock)

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
