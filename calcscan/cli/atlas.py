"""`calcscan atlas`."""

from __future__ import annotations

import argparse
import json

from calcscan.cli import terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON")


def main(args: argparse.Namespace) -> int:
    from calcscan.atlas import load_atlas

    atlas = load_atlas()
    rows = [
        {"label": number, "site": site.site, "side": site.side, "group": site.group}
        for number, site in sorted(atlas.sites.items())
    ]
    about = {"name": atlas.name, "version": atlas.version, "licence": atlas.licence, "sha256": atlas.sha256}
    if args.json:
        terminal.write_text(json.dumps({**about, "sites": rows}, indent=2) + "\n")
        return 0
    lines = [f"{name:<9}{value}" for name, value in about.items()]
    lines += ["", f"{'label':<8}{'group':<16}{'site':<18}side"]
    lines += [f"{row['label']:<8}{row['group']:<16}{row['site']:<18}{row['side']}" for row in rows]
    terminal.write_text("\n".join(lines) + "\n")
    return 0
