"""`calcscan review OUT --edits FILE`: a person's corrections of a report, measured and reasoned anew."""

from __future__ import annotations

import argparse
import sys
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from calcscan.cli import own_data, repeat, terminal
from calcscan.errors import InputError

if TYPE_CHECKING:
    from calcscan.model import Result, Review
    from calcscan.report.schema import Report

ABSTAINED = 4
_MOST_DIFFERENCES = 3
_RUN_AGAIN = "analyse the input with calcscan run, and review that report"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `calcscan review`."""
    repeat.add_what(parser)
    parser.add_argument(
        "--edits",
        type=terminal.path,
        required=True,
        metavar="FILE",
        help="review.json, or lesions.nii.gz, sites.nii.gz or sites.seg.nrrd as edited in another program",
    )
    parser.add_argument("-o", "--out", type=terminal.path, metavar="NEW", help="where to write to (default: OUT)")
    parser.add_argument("--reader", metavar="NAME", help="who reviewed it, where FILE does not say so")
    parser.add_argument(
        "--labels", choices=("lesions", "sites"), help="which label map was edited, where that can't be told"
    )
    parser.add_argument(
        "--start-over",
        action="store_true",
        help="review what the program said, in place of an earlier review of this report",
    )
    terminal.add_discard_review(parser)
    repeat.add_own_files(parser)
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    parser.add_argument("--json", action="store_true", help="print the new report.json instead of a summary")


def main(args: argparse.Namespace) -> int:
    """0 where a report was written, 4 where calcscan abstains in it."""
    from calcscan.report.atomic_folder import check_output
    from calcscan.report.outputs import state_of

    args.results = _study(args)
    before = _Before.of(args.results, start_over=args.start_over)
    made = repeat.made_from(before.report, args.results)
    repeat.refuse_other_options(made)
    repeat.refuse_other_files(repeat.own_files(args), made)
    review = _checked_review(args, before)
    ruleset = repeat.ruleset_of(args.rules, made)
    source = repeat.source_of(args.input, args.results, made, command="review OUT INPUT --edits FILE")
    target = args.results if args.out is None else args.out
    elsewhere = args.out is not None
    check_output(
        target,
        inputs=[source, *([args.results] if elsewhere else []), *own_data.files(args)],
        keeps_review=elsewhere and not args.discard_review,
    )
    state = state_of(target)
    terminal.load_kernels(quiet=args.quiet)
    with terminal.Progress(quiet=args.quiet) as progress:
        progress("load")
        from calcscan.report.write import write_report
        from calcscan.review import apply_review

        terminal.quieten_libraries()
        progress.tell_compiling()
        _refuse_other_picture(source, before.report)
        program = repeat.analysed_again(source, made, ruleset, progress, own=repeat.own_files(args))
        _refuse_other_results(before.program, program, made.options)
        result = program
        if not args.start_over:
            result = repeat.reviewed_again(program, before.report.reviewed, ruleset)
        progress("review")
        if review is None:
            review = _edited(args, result)
        result = apply_review(result, review, reader=args.reader, rules=ruleset)
        progress("write")
        written = write_report(
            result,
            target,
            keep_ids=bool(made.options.get("keep_ids")),
            replaces=state,
            label=repeat.label_of(before.report),
            program=before.files,
            discard_review=args.discard_review or (args.start_over and not elsewhere),
        )
        tables = _renewed(target, replaced_sha256=state)
    _print(written, result, args, target)
    if tables is not None and not (args.quiet or args.json):
        terminal.write_text(f"renewed in {tables}: batch.csv, lesions.csv, sites.csv\n")
    return ABSTAINED if result.quality.state == "abstain" else 0


def _study(args: argparse.Namespace) -> Path:
    """The folder of the report that is meant: of a batch, by what review.json says."""
    from calcscan.batch.place import is_batch, study_folder
    from calcscan.review.read import is_json, read_review

    meant = read_review(args.edits).report_sha256 if is_batch(args.results) and is_json(args.edits) else None
    return study_folder(args.results, meant)


def _renewed(target: Path, *, replaced_sha256: str) -> Path | None:
    """The folder of the batch whose tables now say what the review says; None where the study is of none."""
    from calcscan.batch.place import batch_of
    from calcscan.batch.renew import renew_batch

    batch = batch_of(target)
    if batch is not None:
        renew_batch(batch, target, replaced_sha256=replaced_sha256)
    return batch


class _Before:
    """The report that is reviewed, and what the program had said in the first place."""

    def __init__(self, report: Report, digest: str, program: Report, program_json: bytes) -> None:
        from calcscan.report.outputs import PROGRAM_REPORT

        self.report, self.digest, self.program = report, digest, program
        self.program_digest = sha256(program_json).hexdigest()
        self.files = {PROGRAM_REPORT: program_json}

    @classmethod
    def of(cls, results: Path, *, start_over: bool) -> _Before:
        """From OUT. Raises `InputError` where it holds no report, or not what the program had said."""
        from calcscan.report.outputs import PROGRAM_REPORT, REPORT
        from calcscan.report.read_back import read_report

        folder = results.parent if results.is_file() else results
        report = read_report(results)
        content = (results if results.is_file() else folder / REPORT).read_bytes()
        if report.reviewed is UNSET:
            return cls(report, sha256(content).hexdigest(), report, content)
        path = folder / PROGRAM_REPORT
        if not path.is_file():
            what = f"the report was reviewed before, and {PROGRAM_REPORT} is not beside it"
            raise InputError(what, where=str(folder), hint=_RUN_AGAIN)
        program = read_report(path)
        if program.reviewed is not UNSET:
            raise InputError("is itself a reviewed report", where=str(path), hint=_RUN_AGAIN)
        digest = sha256(path.read_bytes() if start_over else content).hexdigest()
        return cls(report, digest, program, path.read_bytes())


def _checked_review(args: argparse.Namespace, before: _Before) -> Review | None:
    """The review of a review.json, checked as far as that is possible before the work; None for a label map."""
    from calcscan.review.check import check_decisions
    from calcscan.review.read import is_json, read_review

    if not is_json(args.edits):
        if not args.edits.exists():
            raise InputError("there is no such file", where=str(args.edits), hint="give review.json or a label map")
        return None
    if args.labels is not None:
        raise InputError("--labels is for an edited label map", where=str(args.edits), hint="leave it out")
    review = read_review(args.edits)
    _refuse_other_report(review, before, args.edits)
    base = before.program if args.start_over else before.report
    if base.lesions is None:
        what = "the scan was not analysed, so there is nothing to review"
        raise InputError(what, where=str(args.results), hint="for a segmentation of your own: calcscan run --mask FILE")
    check_decisions(review, {lesion.id for lesion in base.lesions}, where=str(args.edits))
    return review


def _refuse_other_report(review: Review, before: _Before, edits: Path) -> None:
    if review.report_sha256 == before.digest:
        return
    earlier = before.report.reviewed
    if earlier is not UNSET and review.report_sha256 == before.program_digest:
        who = earlier.reader or "a reader who gave no name"
        what = f"the report was reviewed since then, by {who} on {earlier.at[:10]}, and this review does not know of it"
        hint = "review the report as it is now, or put this review in that one's place with --start-over"
        raise InputError(what, where=str(edits), hint=hint)
    what = (
        "the review is of another report, or of this one before it was written anew "
        f"(report_sha256 {review.report_sha256!s:.12}…, this report.json has {before.digest:.12}…)"
    )
    raise InputError(what, where=str(edits), hint="open the report.html that lies in OUT now, and review that")


def _refuse_other_picture(source: Path, report: Report) -> None:
    """Raises `InputError` where another picture is read from the input; files that are the same need not be read."""
    from calcscan.read import Stated, input_files, picture_sha256, read_scan

    made = report.provenance
    files = made.input if made is not None else None
    assert made is not None
    assert files is not None
    seen = input_files(source) if source.exists() else None
    if seen is not None and files.sha256 is not None and seen.sha256 == files.sha256:
        return
    options = made.options
    stated = Stated(
        kvp_kv=options.get("kvp_kv"),
        slice_thickness_mm=options.get("slice_thickness_mm"),
        kernel=options.get("kernel"),
    )
    scan = read_scan(source, series_uid=repeat.series_of(source, options), stated=stated)
    if picture_sha256(scan) != made.picture_sha256:
        what = "the picture read from the input is another than the one that was reviewed"
        raise InputError(what, where=str(source), hint="give what was analysed then, or review a report of this one")


def _refuse_other_results(before: Report, program: Result, options: dict[str, Any]) -> None:
    """Raises `InputError` where the program, done again, does not say what was reviewed: another version of it would,
    and then what nobody touched would not stay the same."""
    from calcscan.report.build import build_report
    from calcscan.report.differences import compare_reports

    now = build_report(program, keep_ids=bool(options.get("keep_ids")), label=repeat.label_of(before))
    differ = compare_reports(before, now).results
    if differ:
        shown = "; ".join(str(one) for one in differ[:_MOST_DIFFERENCES])
        more = f"; and {len(differ) - _MOST_DIFFERENCES} more" if len(differ) > _MOST_DIFFERENCES else ""
        what = f"done again, the analysis does not give what was reviewed ({shown}{more})"
        raise InputError(what, hint=f"calcscan rerun OUT says what differs; {_RUN_AGAIN}")


def _edited(args: argparse.Namespace, result: Result) -> Review:
    from calcscan.model import Review
    from calcscan.review.edited_map import read_edited_map
    from calcscan.review.read import now

    return Review(reader=None, at=now(), edited=read_edited_map(args.edits, result, kind=args.labels))


def _print(report: str, result: Result, args: argparse.Namespace, target: Path) -> None:
    if args.json:
        sys.stdout.write(report)
    elif not args.quiet:
        from calcscan.cli.run import summary_of

        terminal.write_text(summary_of(result, keep_ids=False))
        terminal.write_text(f"\nwritten to {target}; what the program said stays in report.program.json\n")
