"""`calcscan atlas`: the atlas, its sites, its sources and its checksums."""

from __future__ import annotations

import argparse
import json
from typing import Any

from calcscan.cli import terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `calcscan atlas`."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(args: argparse.Namespace) -> int:
    """Print the atlas, which is loaded first, so that every checksum shown has been verified."""
    from msgspec.structs import asdict

    from calcscan.atlas import atlas_folder, load_atlas, read_manifest

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
