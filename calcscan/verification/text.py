"""What verify.json says, on one screen of text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from textwrap import wrap
from typing import Any

from calcscan.knowledge.sites import all_sites

_WIDTH = 96


def summary_text(document: Mapping[str, Any]) -> str:
    """The outcome in at most about 25 lines."""
    blur = document["blur"]
    lines = [
        f"calcscan {document['software']['version']} verify: research use only, not for diagnosis",
        *_wrapped(f"quality: {document['quality']['state']}; blur {blur['psf_mm']:.2f} mm, {blur['why']}"),
    ]
    if document["why_not"]:
        return (
            "\n".join([*lines, *_wrapped(f"calcscan ABSTAINS on this scan, nothing was tested: {document['why_not']}")])
            + "\n"
        )
    lines += ["", *_detection(document), "", *_volume(document), "", *_sites(document)]
    false_positives = document["strays"]
    worst = f", the largest {max(s['volume_mm3'] for s in false_positives):.0f} mm3" if false_positives else ""
    where = "new lesions away from any deposit"
    lines.append(f"False positives ({where}): {len(false_positives)} in {document['passes']} passes{worst}.")
    return "\n".join(lines) + "\n"


def _detection(document: Mapping[str, Any]) -> list[str]:
    cells = {(cell["diameter_mm"], cell["hu"]): cell for cell in document["detection"] or ()}
    densities = sorted({hu for _, hu in cells})
    lines = [_row("found / inserted", [f"{hu:.0f} HU" for hu in densities])]
    for mm in sorted({mm for mm, _ in cells}):
        row = [cells[mm, hu] for hu in densities]
        lines.append(_row(f"  {mm:g} mm in diameter", [f"{cell['found']}/{cell['put_in']}" for cell in row]))
    reliable = [entry["diameter_mm"] for entry in document["reliable_from"]]
    return [*lines, _row("reliable from, mm", ["none" if mm is None else f"{mm:g}" for mm in reliable])]


def _row(name: str, entries: list[str]) -> str:
    return f"{name:<24}" + "".join(f"{entry:>9}" for entry in entries)


def _volume(document: Mapping[str, Any]) -> list[str]:
    out = []
    for name, words in (("all", "volume"), ("large", f"of those >= {document['large_from_mm3']:.0f} mm3")):
        score = document["volume"][name]
        if score is None:
            continue
        within = " / ".join(f"{100 * share:.0f}" for share in score["within"].values())
        out.append(
            f"{words}: {score['found']} of {score['put_in']} found; bias {_percent(score['mean_bias'])} (median "
            f"{_percent(score['median_bias'])}; count at 130 HU {_percent(score['plain_mean_bias'])})"
        )
        out.append(
            f"  within 15 / 20 / 30 %: {within} %; "
            f"interval contains the true volume in {100 * score['interval_holds']:.0f} %"
        )
    return out


def _sites(document: Mapping[str, Any]) -> list[str]:
    sites = document["sites"]
    if not sites:
        return ["Sites were not tested: calcscan attributes nothing to a site on this scan."]
    found = [site for site in sites if site["found"]]
    right = sum(site["site_right"] and site["side_right"] for site in sites)
    lines = [
        f"sites: {len(found)} of {len(sites)} found, {right} attributed to the right site and side "
        f"(to the right side: {sum(site['side_right'] for site in found)} of {len(found)})"
    ]
    missed = [f"{s['site']} {s['side']}" for s in sites if not s["found"]]
    attributed: dict[tuple[str, str], list[str]] = {}
    for s in found:
        if not (s["site_right"] and s["side_right"]):
            said = s["said_site"] if s["said_side"] in ("", s["side"]) else f"{s['said_site']} {s['said_side']}"
            attributed.setdefault((s["site"], said), []).append(s["side"])
    wrong = [f"{site} {' and '.join(sides)} (attributed to {said})" for (site, said), sides in attributed.items()]
    for words, names in (("missed", missed), ("wrong", wrong), ("not tested", _by_site(document["sites_untried"]))):
        if names:
            lines += _wrapped(f"  {words}: {', '.join(names)}")
    stability = document["steadiness"]
    lines += _wrapped(
        f"  original lesions: {stability['kept']} of {stability['before']} found again, {stability['moved']} of them "
        f"attributed elsewhere; the registration shifted by up to {stability['shift_mm']:.1f} mm"
    )
    return lines


def _by_site(places: Iterable[str]) -> list[str]:
    """Sites with their sides; a site alone where all its sides are among them.

    >>> _by_site(["pallidum right", "scalp left", "scalp right", "scalp midline"])
    ['pallidum right', 'scalp']
    """
    sides: dict[str, list[str]] = {}
    for place in places:
        site, _, side = place.partition(" ")
        sides.setdefault(site, []).append(side)
    return [
        name
        for site, some in sides.items()
        for name in ([site] if set(some) == set(all_sites()[site].sides) else [f"{site} {side}" for side in some])
    ]


def _percent(share: float) -> str:
    return f"{100 * share:+.1f} %"


def _wrapped(text: str) -> list[str]:
    return wrap(text, _WIDTH, subsequent_indent="    ", break_on_hyphens=False)
