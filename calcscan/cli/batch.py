"""`calcscan batch ROOT -o OUT`."""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from calcscan.cli import acquisition, own_data, rules, terminal

if TYPE_CHECKING:
    from calcscan.batch.contexts import Contexts
    from calcscan.batch.model import LeftOut, Study
    from calcscan.guideline import Ruleset

SOME_FAILED = 3
_MOST_REASONS = 6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "root", type=terminal.path, metavar="ROOT", help="folder of studies: DICOM folders, ZIPs or NIfTI files"
    )
    parser.add_argument(
        "-o",
        "--out",
        type=terminal.path,
        required=True,
        metavar="OUT",
        help="folder for the results, with a folder for each study",
    )
    bids = parser.add_argument_group("BIDS (CT is not part of it: names are read and written as if it were)")
    bids.add_argument(
        "--participant-label",
        nargs="+",
        action="extend",
        default=[],
        type=_label,
        metavar="LABEL",
        help="analyse these participants only, with or without sub-",
    )
    bids.add_argument(
        "--session-label",
        nargs="+",
        action="extend",
        default=[],
        type=_label,
        metavar="LABEL",
        help="analyse these sessions only, with or without ses-",
    )
    bids.add_argument(
        "--bids", action="store_true", help="lay the results out as a BIDS derivative, with data dictionaries"
    )
    parser.add_argument(
        "--jobs", type=_count, metavar="N", help="studies at once (default: one per processor, at most 8)"
    )
    parser.add_argument(
        "--timeout", type=_seconds, default=1800.0, metavar="S", help="time limit per study in seconds (default: 1800)"
    )
    parser.add_argument(
        "--threshold",
        type=terminal.hounsfield,
        metavar="HU",
        help="detection threshold (default: chosen for each scan)",
    )
    parser.add_argument(
        "--contexts",
        type=terminal.path,
        metavar="FILE",
        help="what is known of the people: a CSV or TSV with a column study, or participant (and session), and columns "
        "such as age_years, symptoms.headache, labs.calcium [mmol/L]",
    )
    parser.add_argument(
        "--part",
        type=_part,
        metavar="I/N",
        help="do the I-th of N parts only, for the jobs of a cluster; then call once without it, for the tables",
    )
    acquisition.add_arguments(parser)
    own_data.add_patterns(parser)
    terminal.add_atlas(parser)
    rules.add_arguments(parser)
    parser.add_argument(
        "--keep-ids", action="store_true", help="keep names, patient IDs, dates and UIDs in the results"
    )
    parser.add_argument(
        "--no-html", action="store_true", help="write no report.html, 2 to 6 MB and about a second a study"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="list the studies found and the files left out, and stop"
    )
    terminal.add_discard_review(parser)
    parser.add_argument("--quiet", action="store_true", help="print errors only")


def main(args: argparse.Namespace) -> int:
    from calcscan.batch import run_batch
    from calcscan.batch.bids import Wanted
    from calcscan.batch.model import Settings
    from calcscan.guideline import SHIPPED_RULES

    terminal.quieten_libraries()
    ruleset = rules.chosen(args)
    contexts = _contexts(args, ruleset)
    if args.dry_run:
        return _dry_run(args, contexts)
    terminal.load_kernels(quiet=args.quiet)
    settings = Settings(
        threshold_hu=args.threshold,
        keep_ids=args.keep_ids,
        atlas=_checked_atlas(args),
        html=not args.no_html,
        discard_review=args.discard_review,
        rules=ruleset.choice,
        resample=args.resample,
        **acquisition.chosen(args),
    )
    with _Watch(quiet=args.quiet) as watch:
        result = run_batch(
            args.root,
            args.out,
            jobs=args.jobs,
            timeout_s=args.timeout,
            settings=settings,
            progress=watch.finished,
            looking=watch.looking,
            wanted=Wanted.of(args.participant_label, args.session_label),
            own=own_data.patterns(args),
            contexts=contexts,
            part=args.part,
            as_bids=args.bids,
        )
    for name, outcome in result.outcomes.items():
        if outcome.error:
            sys.stderr.write(terminal.shown(f"calcscan: {outcome.error} [{name}]") + "\n")
    if not args.quiet:
        states = [outcome.state for outcome in result.outcomes.values()]
        counts = ", ".join(f"{states.count(state)} {state}" for state in ("done", "abstained", "failed"))
        reviewed = sum(outcome.reviewed for outcome in result.outcomes.values())
        lines = [f"{_many(len(states), 'study', 'studies')}: {counts}; {len(result.skipped)} finished earlier"]
        lines += [f"{reviewed} of them reviewed by a person: see reviewed_by in batch.csv"] * bool(reviewed)
        abstained = [name for name, outcome in result.outcomes.items() if outcome.state == "abstained"]
        lines += [f"abstained, for the flags in batch.csv: {_some(abstained)}"] * bool(abstained)
        lines += _accounts(result.studies, result.left_out)
        lines += _stated(contexts, result.studies, result.left_out)
        lines += _doubles(result.same_series)
        lines += [f"rules: {ruleset}"] * (ruleset.choice != SHIPPED_RULES)
        tables = (result.table, result.lesion_table, result.site_table)
        lines += [str(result.left_out_table)] * bool(result.left_out and result.left_out_table)
        lines += [str(table) for table in tables if table]
        if args.part is not None:
            lines.append("part {} of {}: the tables are written by a call without --part".format(*args.part))
        terminal.write_text("\n".join(lines) + "\n")
    return SOME_FAILED if result.failed else 0


def _checked_atlas(args: argparse.Namespace) -> str | None:
    """The folder of an atlas, which is looked at once before the work: else every study would fail for it."""
    if args.atlas is None:
        return None
    from calcscan.atlas import load_atlas

    load_atlas(args.atlas)
    return str(args.atlas.resolve())


def _doubles(same: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Series that were measured more than once, as in a folder and a ZIP of it."""
    if not same:
        return []
    first = next(iter(same))
    example = ", ".join((first, *same[first]))
    return [f"{len(same)} of them measure the same series as another: see same_series_as in batch.csv ({example})"]


def _contexts(args: argparse.Namespace, ruleset: Ruleset) -> Contexts | None:
    """The table of facts, every cell checked in the words of the rules before the work."""
    if args.contexts is None:
        return None
    from calcscan.batch.contexts import read_contexts

    return read_contexts(args.contexts, ruleset.vocabulary)


def _stated(contexts: Contexts | None, studies: Sequence[Study], left_out: Sequence[LeftOut]) -> list[str]:
    """How far the table of facts and the studies fit each other."""
    if contexts is None:
        return []
    unused = [row for row in left_out if row.path.startswith(f"{contexts.name}, row ")]
    without = [study.name for study in studies if not any(row.fits(study) for row in contexts.rows)]
    lines = [f"{contexts.name}: {_many(len(unused), 'note', 'notes')} on what was not used in left_out.csv"]
    return lines * bool(unused) + [f"{contexts.name} has no row for {_some(without)}"] * bool(without)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST_REASONS]) + f" and {len(names) - _MOST_REASONS} more" * (len(names) > _MOST_REASONS)


def _dry_run(args: argparse.Namespace, contexts: Contexts | None) -> int:
    from calcscan.batch.bids import Wanted
    from calcscan.batch.run import find, part_of

    wanted = Wanted.of(args.participant_label, args.session_label)
    with _Watch(quiet=args.quiet) as watch:
        own = own_data.patterns(args)
        found = find(args.root, args.out, looking=watch.looking, wanted=wanted, own=own, contexts=contexts)
    studies = part_of(found.studies, *(args.part or (1, 1)))
    lines = [f"{study.name}: {_size(study)} in {study.place}{_with_own(study)}" for study in studies]
    lines += [f"left out: {row.path} {row.reason}" for row in found.left_out]
    lines += [_many(len(studies), "study", "studies"), *_accounts(studies, found.left_out)]
    lines += _stated(contexts, studies, found.left_out)
    terminal.write_text("\n".join(lines) + "\n")
    return 0


def _accounts(studies: Sequence[Study], left_out: Sequence[LeftOut]) -> list[str]:
    """How many files are in studies, and how many are left out for which reason."""
    used = sum(study.files for study in studies)
    reasons: Counter[str] = Counter()
    for row in left_out:
        reasons[row.reason] += 1 if row.files is None else row.files
    lines = [f"{_many(used, 'file', 'files')} in studies, {sum(row.files or 0 for row in left_out)} left out"]
    shown = [(reason, count) for reason, count in reasons.most_common() if count]
    lines += [f"  {count}: {reason}" for reason, count in shown[:_MOST_REASONS]]
    return lines + [f"  and {len(shown) - _MOST_REASONS} more reasons"] * (len(shown) > _MOST_REASONS)


def _size(study: Study) -> str:
    if study.members:
        return _many(len(study.members), "entry", "entries")
    return _many(study.files, "file", "files")


def _with_own(study: Study) -> str:
    names = [f"{name.replace('_', ' ')} {path.name}" for name, path in study.own.items()]
    names += [f"facts ({', '.join(study.context)})"] if study.context else []
    return f", with {', '.join(names)}" if names else ""


def _many(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"


class _Watch:
    """What a batch does, on stderr where that is a terminal: files looked at, then studies finished."""

    def __init__(self, *, quiet: bool) -> None:
        self._search = terminal.Progress(quiet=quiet)
        self._bar = terminal.Bar(quiet=quiet)

    def __enter__(self) -> _Watch:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._search.close()
        self._bar.close()

    def looking(self, files: int) -> None:
        self._search.update(f"looking for studies, {files:,} files")

    def finished(self, finished: int, total: int, name: str, state: str) -> None:
        self._search.close()
        self._bar(finished, total, name, state)


def _label(text: str) -> str:
    if not re.fullmatch(r"(?:(?:sub|ses)-)?[0-9A-Za-z+]+", text):
        raise argparse.ArgumentTypeError("a label of letters and digits, such as 01 or sub-01")
    return text


def _part(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise argparse.ArgumentTypeError("I/N with I from 1 to N, such as 2/5")
    return int(match[1]), int(match[2])


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError("a number of seconds above 0")
    return value
