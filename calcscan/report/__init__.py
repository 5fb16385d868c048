"""Result → files: report.json, tables, label maps and a mosaic.

document   Result → what report.json holds
sitelabels the numbers that sites.nii.gz uses
tables     Result → lesions.csv and sites.csv
labelmaps  Result → NIfTI label maps
mosaic     Result → a picture (panes: where to look; draw: how it looks)
text       report.json → one screen of text
write      all of them into a folder, together or not at all

Loads nothing heavy until `write_report` is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from calcscan.report.folder import check_output

if TYPE_CHECKING:
    from calcscan.report.write import write_report

__all__ = ["check_output", "write_report"]


def __getattr__(name: str) -> object:
    if name == "write_report":
        from calcscan.report.write import write_report

        return write_report
    raise AttributeError(f"module 'calcscan.report' has no attribute {name!r}")
