"""What a report needs and no lesion changes, begun while the lesions are searched for."""

from __future__ import annotations

from calcscan.begun import Begun
from calcscan.knowledge.html_page import HtmlPageSettings
from calcscan.knowledge.settings import load
from calcscan.model import Atlas, Registration, Scan, SearchRegion
from calcscan.report.atlas_sites import atlas_sites


class Early(Begun):
    """Told by the stages what is known."""

    def __init__(self, *, html: bool) -> None:
        super().__init__()
        self._html = html

    def registered(self, scan: Scan, registration: Registration, atlas: Atlas) -> None:
        """How the scan lies in the atlas."""
        if registration.accepted:
            self.begin(atlas_sites, scan.geometry, registration, atlas)

    def bounded(self, scan: Scan, region: SearchRegion) -> None:
        """Where the inside of the skull ends."""
        from calcscan.report.html.volume import packed_inside

        if self._html:
            self.begin(packed_inside, scan, region, load(HtmlPageSettings))
