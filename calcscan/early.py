"""What registration and report need, begun as soon as it can be, beside what the stages do."""

from __future__ import annotations

from calcscan.begun import Begun
from calcscan.knowledge.html_page import HtmlPageSettings
from calcscan.knowledge.registration import RegistrationSettings
from calcscan.knowledge.settings import load
from calcscan.model import Atlas, LocatedLesionMap, Registration, Scan, SearchRegion
from calcscan.registration.template import prepared_template
from calcscan.report.atlas_sites import atlas_sites
from calcscan.report.slices import numbered_voxels


class Early(Begun):
    """Told what is known as soon as it is, and begins what follows from it: `register_atlas` and `write_report` ask."""

    def __init__(self, *, html: bool) -> None:
        super().__init__()
        self._html = html

    def loaded(self, atlas: Atlas) -> None:
        """The atlas."""
        self.begin(prepared_template, atlas, load(RegistrationSettings))

    def registered(self, scan: Scan, registration: Registration, atlas: Atlas) -> None:
        """How the scan lies in the atlas."""
        if registration.accepted:
            self.begin(atlas_sites, scan.geometry, registration, atlas)

    def bounded(self, scan: Scan, region: SearchRegion) -> None:
        """Where the inside of the skull ends."""
        from calcscan.report.html.volume import packed_inside

        if self._html:
            self.begin(packed_inside, scan, region, load(HtmlPageSettings))

    def found(self, lesions: LocatedLesionMap) -> None:
        """The lesions and their sites."""
        self.begin(numbered_voxels, lesions)
