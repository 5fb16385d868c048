"""agreement.html: one page that holds all it shows, works offline and asks for nothing. All text from outside is
escaped, and what is not printable in it, such as what turns the order of letters round, is a question mark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from calcscan.agree.beside import beside_rows
from calcscan.agree.html_parts import DASH, bullets, figure, percent, row, section, table
from calcscan.agree.model import Agreement, Confusion, Figures
from calcscan.agree.places import ANY, Place, disjoint, value_at, words
from calcscan.agree.plots import against, by_size, differences, size_words
from calcscan.agree.study_names import how_many
from calcscan.agree.text import few_studies, left_out, not_empty, told
from calcscan.agree.yardstick_table import yardstick_rows
from calcscan.knowledge.agreement import AgreementSettings
from calcscan.knowledge.settings import load

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(found: Agreement, document: Mapping[str, Any]) -> str:
    """The page of an agreement; `document` is agreement.json."""
    style = files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    parts = [
        _head(found, document),
        _answer(found),
        section("All figures", _all_figures(found)),
        section("Volumes", _volumes(found)),
        section("Lesions by size", _sizes(found)),
        section("Which is taken for which", _confusions(found.confusions)),
        section("Beside published figures", _yardsticks(found)),
        section("Beside two readers", _beside(document)),
        section("Largest differences", _largest(found)),
        section("What is not in these figures", bullets(left_out(found))),
        section("What the words mean", _definitions(document)),
    ]
    written = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Agreement: calcscan</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in parts if part)
        + "\n</main>\n</body>\n</html>\n"
    )
    return "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in written)


def _head(found: Agreement, document: Mapping[str, Any]) -> str:
    sides = [
        f"{letter}: {_name(side)} ({side.kind.replace('_', ' ')}, {how_many(len(side.readings), 'study', 'studies')})"
        for letter, side in (("A, results", found.results), ("B, reference", found.reference))
    ]
    version = escape(str(document["software"]["version"]))
    return (
        f"<h1>Agreement of results with a reference</h1>\n<p>{'<br>'.join(map(escape, sides))}</p>\n"
        f'<p class="research"><strong>{escape(str(document["disclaimer"]))}</strong></p>\n'
        f'<p class="faint">calcscan {version}</p>'
    )


def _name(side: Any) -> str:
    return str(side.path.resolve().name)


def _answer(found: Agreement) -> str:
    one = found.overall
    count = len(found.pairs)
    said = [f"{how_many(count, 'study was', 'studies were')} compared."]
    if one.sensitivity is not None:
        whole = one.detected_both + one.only_reference
        share = percent(one.sensitivity, ", 95 % interval ", "")
        said.append(
            f"Of {whole} places in which the reference has calcification, the results have some in {one.detected_both} "
            f"({share}); they have some in {one.only_results} places in which the reference has none."
        )
    if one.bias_mm3 is not None:
        limits = ""
        if one.loa_low_mm3 is not None and one.loa_high_mm3 is not None:
            limits = (
                f"; 95 % of the differences lie from {one.loa_low_mm3.value:+.0f} to {one.loa_high_mm3.value:+.0f} mm³"
            )
        said.append(f"Volume of a study, A − B: {one.bias_mm3.value:+.1f} mm³ on average{limits}.")
    said.append(f"ICC(A,1) of the volumes: {told(one.icc)}. {_dice_words(one)}")
    warned = "".join(f"<p><strong>{escape(line)}</strong></p>" for line in few_studies(found))
    return f'<p class="lead">{escape(" ".join(said))}</p>{warned}'


def _dice_words(one: Figures) -> str:
    if one.dice is not None:
        return f"Dice: {one.dice:.2f}, mean of {one.dice_studies} studies."
    if one.dice_studies is not None:
        return "Dice is not defined: neither marks anything in any study."
    return "Without label maps on both sides there is no Dice, and no lesions."


_DETECTION = (
    "place", "studies", "unknown to A / B", "none by A / B / both", "both", "only A", "only B", "sensitivity", "PPV",
    "false a study", "Dice (studies)",
)  # fmt: skip
_VOLUME = (
    "place", "mean A, mm³", "mean B, mm³", "bias, mm³", "limits, mm³", "ICC(A,1)", "ICC(C,1)", "Spearman",
    "kappa, linear", "kappa, quadratic",
)  # fmt: skip


def _all_figures(found: Agreement) -> str:
    shown = [one for one in (*found.combined, *found.by_site) if not_empty(one) and one.place not in (None, ANY)]
    empty = [one for one in found.by_site if not not_empty(one) and one.studies and one.place]
    named = [("all places", found.overall), *((words(one.place), one) for one in shown if one.place)]
    kinds = ["all", *([""] * len(shown))]
    mapped, graded = found.overall.dice_studies is not None, found.overall.graded > 0
    last = {True: None, False: -1}[mapped], {True: None, False: -2}[graded]
    rows = list(zip(named, kinds, strict=True))
    detection = [row(name, _detection(one)[: last[0]], kind) for (name, one), kind in rows]
    volume = [row(name, _volume(one)[: last[1]], kind) for (name, one), kind in rows]
    nowhere = escape(", ".join(words(one.place) for one in empty if one.place))
    return (
        table(
            _DETECTION[: last[0]],
            detection,
            "Found or not, a study at a time; 95 % intervals in brackets",
        )
        + table(_VOLUME[: last[1]], volume, "Volumes and grades; agreement.csv has more intervals")
        + (f"<p class='faint'>Both found nothing at: {nowhere}.</p>" if empty else "")
    )


def _detection(one: Figures) -> list[str]:
    return [
        str(one.studies),
        f"{one.results_unknown} / {one.reference_unknown}",
        f"{one.results_zeros} / {one.reference_zeros} / {one.both_zero}",
        *(str(n) for n in (one.detected_both, one.only_results, one.only_reference)),
        percent(one.sensitivity),
        percent(one.ppv),
        told(one.false_per_study, missing=DASH),
        DASH if one.dice is None else f"{one.dice:.2f} ({one.dice_studies})",
    ]


def _volume(one: Figures) -> list[str]:
    limits = DASH
    if one.loa_low_mm3 is not None and one.loa_high_mm3 is not None:
        limits = f"{one.loa_low_mm3.value:+.1f} to {one.loa_high_mm3.value:+.1f}"
    return [
        *(DASH if mean is None else f"{mean:.1f}" for mean in (one.results_mean_mm3, one.reference_mean_mm3)),
        told(one.bias_mm3, "+.1f", missing=DASH),
        limits,
        *(told(each, missing=DASH) for each in (one.icc, one.icc_consistency, one.spearman)),
        *(told(each, missing=DASH) for each in (one.kappa_linear, one.kappa_quadratic)),
    ]


def _volumes(found: Agreement) -> str:
    places = [one.place for one in found.by_site if one.place]
    plots = [_plots("all places", _points(found, disjoint(places)), found.overall)]
    told = [one for one in (*found.combined, *found.by_site) if one.place and not_empty(one) and one.studies >= 3]
    rest = "".join(_plots(words(one.place), _points(found, (one.place,)), one) for one in told if one.place)
    return "".join(plots) + (f"<details><summary>By site and group</summary>{rest}</details>" if rest else "")


def _points(found: Agreement, places: Sequence[Place]) -> list[tuple[float, float, str]]:
    points = []
    for pair in found.pairs:
        told = [(value_at(place, pair.results), value_at(place, pair.reference)) for place in places]
        known = [(a, b) for a, b in told if a is not None and b is not None]
        if known:
            points.append((sum(a for a, _ in known), sum(b for _, b in known), pair.name))
    return points


def _plots(name: str, points: list[tuple[float, float, str]], one: Figures) -> str:
    if not points:
        return ""
    pictures = (
        (
            differences(points, one, f"Differences against means, {name}"),
            "Line: bias; dashed: limits; grey: their intervals.",
        ),
        (against(points, f"Results against reference, {name}"), "Dotted: both the same."),
    )
    return f"<h3>{escape(name)}</h3><div class='plots'>{''.join(figure(*each) for each in pictures)}</div>"


def _sizes(found: Agreement) -> str:
    if not found.by_size:
        return ""
    overall = [one for one in found.by_size if one.place is None]
    columns = (
        "size, mm³",
        "in the reference",
        "found",
        "sensitivity",
        "in the results",
        "false",
        "false a head",
        "PPV",
    )
    rows = [
        row(
            size_words(one.from_mm3, one.to_mm3),
            [
                str(one.reference_lesions), str(one.found), percent(one.sensitivity), str(one.results_lesions),
                str(one.false), told(one.false_per_study, missing=DASH), percent(one.ppv),
            ],
            "all" if one is overall[-1] else "",
        )
        for one in overall
    ]  # fmt: skip
    plot = figure(by_size(overall[:-1], "Sensitivity by size"), "Bars: found; whiskers: 95 % interval.")
    return f"<div class='plots'>{plot}</div>" + table(columns, rows, "By site: agreement_sizes.csv")


def _confusions(tables: Sequence[Confusion]) -> str:
    return f"<div class='tables'>{''.join(_confusion(one) for one in tables)}</div>" if tables else ""


def _confusion(one: Confusion) -> str:
    rows = []
    for name, counts in zip(one.rows, one.counts, strict=True):
        cells = [
            f'<td class="{"same" if column == name else "other" if n else ""}">{n or ""}</td>'
            for column, n in zip(one.columns, counts, strict=True)
        ]
        rows.append(f'<tr><th scope="row">{escape(name)}</th>{"".join(cells)}</tr>')
    return table(("reference", *one.columns), rows, f"{one.what}: rows the reference, columns the results")


def _yardsticks(found: Agreement) -> str:
    columns = ("figure", "here", "published", "of", "source")
    rows = [
        row(one.figure, [escape(one.here), f"{one.published:g}"], texts=(f"{one.between}: {one.of}", one.source))
        for one in yardstick_rows(found)
    ]
    note = "<p class='faint'>Other people, scanners and definitions: yardsticks, not limits to pass.</p>"
    return table(columns, rows, "") + note


def _beside(document: Mapping[str, Any]) -> str:
    other = document["beside"]
    if other is None:
        return ""
    rows = []
    for one in beside_rows(document, other):
        place = "all places" if one.site is None else words((one.site, one.side or ""))
        rows.append(row(place, [escape(one.figure), escape(one.here), escape(one.beside)]))
    told = f"95 % intervals in brackets; beside: {other['name']}"
    return table(("place", "figure", "here", "two readers"), rows, told)


def _largest(found: Agreement) -> str:
    most = load(AgreementSettings).most_listed
    rows = []
    for pair in found.pairs:
        for one in found.by_site:
            place = one.place or ANY
            a, b = value_at(place, pair.results), value_at(place, pair.reference)
            if a is not None and b is not None and a != b:
                rows.append((abs(a - b), pair.name, words(place), a, b))
    rows.sort(key=lambda row: (-row[0], row[1], row[2]))
    shown = [
        row(name, [escape(place), f"{a:.1f}", f"{b:.1f}", f"{a - b:+.1f}"]) for _, name, place, a, b in rows[:most]
    ]
    columns = ("study", "place", "A, mm³", "B, mm³", "A − B, mm³")
    return table(columns, shown, "To be looked at first; all in agreement_studies.csv") if shown else ""


def _definitions(document: Mapping[str, Any]) -> str:
    return bullets(f"{name.replace('_', ' ')}: {text}" for name, text in document["definitions"].items())
