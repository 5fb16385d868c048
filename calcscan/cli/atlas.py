"""`calcscan atlas`: the atlas, its sites, its sources and its checksums; what is wrong with one of one's own."""

from __future__ import annotations

import argparse
import json
from typing import Any

from calcscan.cli import terminal

_HOW_TO = """\
an atlas of your own: a folder with four files, used by 'calcscan run INPUT -o OUT --atlas FOLDER'
  template.nii.gz  average CT of the brain in HU, without skull (-1024), in MNI152 space
  labels.nii.gz    uint8: the number of the site and side at each voxel, 0 for none
  zones.nii.gz     uint8, a sum of bits: 1 the brain, 2 where skull base may stand up into the head, 4 the sella
  manifest.toml    name, version, space, spacing_mm, licence; [sha256] of the three volumes; a [[source]] for each
                   published file it is made from (or source = []); a [[site]] with label, site and side for each
                   number in the label map
The volumes share one grid of cubic voxels, stored as RAS. Every site that the shipped atlas draws must be drawn, left
being the person's. The quickest way begins with a copy of the shipped atlas, in which you redraw labels.nii.gz.

Research use only: not a medical device, not for diagnosis."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `calcscan atlas`."""
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--check", type=terminal.path, metavar="FOLDER", help="say what is wrong with an atlas of your own"
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _HOW_TO


def main(args: argparse.Namespace) -> int:
    """Print the atlas, which is loaded first, so that every checksum shown has been verified."""
    from msgspec.structs import asdict

    from calcscan.atlas import atlas_folder, load_atlas, read_manifest

    if args.check is not None:
        return _check(args)
    atlas = load_atlas()
    manifest = read_manifest(atlas_folder(atlas.name))
    about = {
        "name": atlas.name,
        "version": atlas.version,
        "licence": atlas.licence,
        "sha256": atlas.sha256,
        "files": manifest.sha256,
        "sources": [asdict(source) for source in manifest.sources],
        "sites": [
            {"label": number, "site": site.site, "side": site.side, "group": site.group}
            for number, site in sorted(atlas.sites.items())
        ],
    }
    terminal.write_text(json.dumps(about, indent=2) + "\n" if args.json else _table(about))
    return 0


def _check(args: argparse.Namespace) -> int:
    from calcscan.atlas import check_atlas, load_atlas

    faults = check_atlas(args.check)
    atlas = None if faults else load_atlas(args.check)
    if args.json:
        known = {} if atlas is None else {"name": atlas.name, "version": atlas.version, "sha256": atlas.sha256}
        terminal.write_text(terminal.as_json({**known, "faults": list(faults)}))
    elif atlas is None:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        terminal.write_text("\n".join([f"{args.check}: {count}", *(f"  {fault}" for fault in faults)]) + "\n")
    else:
        terminal.write_text(f"{args.check}: no fault ({atlas.name} {atlas.version}, sha256 {atlas.sha256})\n")
    return 1 if faults else 0


def _table(about: dict[str, Any]) -> str:
    lines = [f"{name:<10}{about[name]}" for name in ("name", "version", "licence", "sha256")]
    lines += ["", "files, verified against their sha256"]
    lines += [f"  {name:<20}{digest}" for name, digest in about["files"].items()]
    lines += ["", "made from"]
    for source in about["sources"]:
        lines += [f"  {source['package']} {source['version']}: {source['what']}", f"    {source['licence']}"]
    lines += ["", f"{'label':<8}{'group':<16}{'site':<18}side"]
    lines += [f"{row['label']:<8}{row['group']:<16}{row['site']:<18}{row['side']}" for row in about["sites"]]
    return "\n".join(lines) + "\n"
