"""Result, Report → report.html: one self-contained file for people.

page      puts the page together from `page.html`, `page.css`, `page.js` and the viewer NiiVue (`niivue.LICENCES.txt`)
content   Report → the words and rows that the page shows
charts    Report → the geometry of the bars and of the histogram
inside    what of the scan may be shown: the inside of the skull, never the face
volume    the viewer's copy of the scan, and its label map
pictures  PNG pictures of each lesion, and of the slices
"""

from __future__ import annotations

from calcscan.report.html.page import Drawn, page_html

__all__ = ["Drawn", "page_html"]
