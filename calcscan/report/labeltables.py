"""What the numbers in `sites.nii.gz` mean, for other programs: a table as BIDS has beside a segmentation, and the label
descriptions of ITK-SNAP. Every site and side stands in both, whether anything lies there or not."""

from __future__ import annotations

import csv
import io

from calcscan.knowledge.sites import all_sites
from calcscan.report.nrrd import name_of, rgb
from calcscan.report.quantities import Side
from calcscan.report.schema import SiteLabelEntry
from calcscan.report.sitelabels import site_labels

_LETTER = {Side.LEFT: "_L", Side.RIGHT: "_R", Side.MIDLINE: "_M", Side.NONE: ""}
_COLUMNS = ("index", "name", "abbreviation", "color", "site", "side", "group", "snomed_ct")


def dseg_tsv() -> str:
    """The table, with the columns that BIDS names (index, name, abbreviation, color), site, side, group and snomed_ct.

    >>> dseg_tsv().splitlines()[1].split("\\t")
    ['1', 'left caudate', 'CAU_L', '#ff7f0e', 'caudate', 'left', 'basal_ganglia', '11000004']
    """
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(_COLUMNS)
    for site in site_labels().values():
        code = all_sites()[site.site].snomed
        row = (site.label, name_of(site), abbreviation_of(site), site.colour, site.site, site.side, site.group, code)
        writer.writerow([value or "n/a" for value in row])
    return text.getvalue()


def itksnap_labels() -> str:
    """The label descriptions: number, red, green, blue, opacity, visible in slices and as a surface, name."""
    lines = ["# ITK-SnAP Label Description File", "# IDX -R- -G- -B- -A- VIS MSH LABEL", '0 0 0 0 0 0 0 "Clear Label"']
    for site in site_labels().values():
        red, green, blue = rgb(site.colour)
        lines.append(f'{site.label} {red} {green} {blue} 1 1 1 "{name_of(site)}"')
    return "\n".join(lines) + "\n"


def abbreviation_of(site: SiteLabelEntry) -> str:
    """A site's abbreviation with the letter of its side."""
    return all_sites()[site.site].abbreviation + _LETTER[site.side]
