"""Result → files: report.json, tables, label maps and a mosaic.

document   Result → what report.json holds
sitelabels the numbers that sites.nii.gz uses
tables     Result → lesions.csv and sites.csv
labelmaps  Result → NIfTI label maps
mosaic     Result → a picture (panes: where to look; draw: how it looks)
text       report.json → one screen of text
write      all of them into a folder, together or not at all
"""

from __future__ import annotations

from calcscan.report.folder import check_output
from calcscan.report.write import write_report

__all__ = ["check_output", "write_report"]
