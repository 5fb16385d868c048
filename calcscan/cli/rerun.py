"""`calcscan rerun OUT [INPUT]`: the same analysis again, from what its report holds, and what differs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from calcscan.cli import repeat, terminal

if TYPE_CHECKING:
    from calcscan.guideline import Ruleset
    from calcscan.report.differences import Comparison, Difference
    from calcscan.report.schema import Report

DIFFERS = 1
_MOST_LINES = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `calcscan rerun`."""
    repeat.add_what(parser)
    parser.add_argument("-o", "--out", type=terminal.path, metavar="NEW", help="also write the new results")
    terminal.add_discard_review(parser)
    repeat.add_own_files(parser)
    parser.add_argument("--json", action="store_true", help="print what differs as JSON")
    parser.add_argument("--quiet", action="store_true", help="print errors only")


def main(args: argparse.Namespace) -> int:
    """0 where every number is the same, 1 where not."""
    from calcscan.batch.place import study_folder
    from calcscan.report.atomic_folder import check_output
    from calcscan.report.read_back import read_report

    args.results = study_folder(args.results)
    before = read_report(args.results)
    made = repeat.made_from(before, args.results)
    repeat.refuse_other_options(made)
    repeat.refuse_other_files(repeat.own_files(args), made)
    source = repeat.source_of(args.input, args.results, made, command="rerun OUT INPUT")
    if args.out is not None:
        check_output(args.out, inputs=[source, args.results], keeps_review=not args.discard_review)
    now = _again(args, source, before, repeat.ruleset_of(args.rules, made))
    compared = _compared(before, now)
    if args.json:
        terminal.write_text(_json(compared))
    elif not args.quiet:
        terminal.write_text(_text(compared, before))
    return DIFFERS if compared.results else 0


def _again(args: argparse.Namespace, source: Path, before: Report, ruleset: Ruleset) -> Report:
    from calcscan.report.outputs import state_of

    quiet = args.quiet or args.json
    terminal.load_kernels(quiet=quiet)
    made, label = repeat.made_from(before, args.results), repeat.label_of(before)
    with terminal.Progress(quiet=quiet) as progress:
        progress("load")
        from calcscan.report.build import build_report
        from calcscan.report.write import write_report

        terminal.quieten_libraries()
        progress.tell_compiling()
        result = repeat.analysed_again(source, made, ruleset, progress, own=repeat.own_files(args))
        result = repeat.reviewed_again(result, before.reviewed, ruleset)
        keep_ids = bool(made.options.get("keep_ids"))
        if args.out is not None:
            progress("write")
            write_report(
                result,
                args.out,
                keep_ids=keep_ids,
                replaces=state_of(args.out),
                label=label,
                discard_review=args.discard_review,
            )
        return build_report(result, keep_ids=keep_ids, label=label)


def _compared(before: Report, now: Report) -> Comparison:
    from calcscan.report.differences import compare_reports

    return compare_reports(before, now)


def _text(compared: Comparison, before: Report) -> str:
    lines = [f"done again what calcscan {before.software.version} did"]
    if before.provenance is not None:
        lines[0] += f" on {before.provenance.date}: {before.provenance.command}"
    changed = _by_part(compared.made_by)
    same_picture = not any("picture_sha256" in one.where for one in compared.made_by)
    if "provenance.input" in changed:
        lines.append(
            "the files of the input differ, but the same picture was read from them"
            if same_picture
            else "the input is another: its files and the picture read from them differ"
        )
    others = [one for one in compared.made_by if not one.where.startswith("provenance.input")]
    lines += [f"changed: {one}" for one in others[:_MOST_LINES]]
    count = len(compared.results)
    lines.append("nothing differs" if not count else f"{count} {'value differs' if count == 1 else 'values differ'}:")
    lines += [f"  {one}" for one in compared.results[:_MOST_LINES]]
    lines += [f"  and {count - _MOST_LINES} more (--json lists all)"] * (count > _MOST_LINES)
    return "\n".join(lines) + "\n"


def _by_part(differences: Sequence[Difference]) -> set[str]:
    return {".".join(one.where.split(".")[:2]) for one in differences}


def _json(compared: Comparison) -> str:
    content = {
        "same": not compared.results,
        "results": [asdict(one) for one in compared.results],
        "made_by": [asdict(one) for one in compared.made_by],
    }
    return terminal.as_json(content)
