"""The atlas: a CT template with sites drawn on it. Only this package reads one.

manifest   what an atlas says of itself
load       a folder → `Atlas`, of which every file has been checked
check      everything that is wrong with a folder

How to make one of your own
---------------------------
Four files in a folder; `calcscan atlas --check FOLDER` says what is wrong with them, and `calcscan run INPUT -o OUT
--atlas FOLDER` uses them. The quickest way begins with a copy of the shipped atlas (`calcscan.atlas.atlas_folder()` is
its folder), whose labels you change.

`template.nii.gz`
    An average CT of the brain in HU, without skull, -1024 outside it, in MNI152 space.
`labels.nii.gz`
    uint8: at each voxel the number of the site and side that lies there, 0 for none.
`zones.nii.gz`
    uint8, a sum of bits: 1 the template's brain, 2 where skull base may stand up into the head, 4 the sella and its
    clinoids.
`manifest.toml`
    `name`, `version`, `space`, `spacing_mm`, `licence`; a table `[sha256]` with the checksum of each of the files above
    (`sha256sum *.nii.gz`); a `[[source]]` for each published file that it is made from (`package`, `version`, `path`,
    `what`, `licence`, `sha256`), or `source = []` before the first table; and for each number in the label map a
    `[[site]]` with `label`, `site` and `side`.

The three volumes share one grid: cubic voxels of `spacing_mm`, stored from right to left, back to front and bottom to
top (RAS, as `nibabel.as_closest_canonical` gives it). Sites are those of `calcscan atlas`, and all that the shipped
atlas draws must be drawn: where one was missing, what lies there would be given to its neighbour. Left is the person's.
"""

from __future__ import annotations

from calcscan.atlas.check import check_atlas
from calcscan.atlas.load import atlas_folder, load_atlas
from calcscan.atlas.manifest import AtlasManifest, read_manifest

__all__ = ["AtlasManifest", "atlas_folder", "check_atlas", "load_atlas", "read_manifest"]
