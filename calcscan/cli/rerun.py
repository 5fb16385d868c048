"""`calcscan rerun OUT [INPUT]`: the same analysis again, from what its report holds, and what differs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calcscan.cli import own_data, terminal
from calcscan.errors import InputError

if TYPE_CHECKING:
    from calcscan.guideline import Ruleset
    from calcscan.report.differences import Comparison, Difference
    from calcscan.report.schema import ProvenanceSection, Report

DIFFERS = 1
_MOST_LINES = 30
_REPEATED = frozenset(
    {
        "series_uid", "series_uid_sha256", "threshold_hu", "kvp_kv", "slice_thickness_mm", "kernel", "rules_sha256",
        "without", "literature", "keep_ids", "mask_sha256", "brain_mask_sha256", "regions_sha256", "resample",
        "atlas_sha256",
    }
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `calcscan rerun`."""
    parser.add_argument("results", type=terminal.path, metavar="OUT", help="the results of run, or of a batch's study")
    parser.add_argument(
        "input",
        type=terminal.path,
        nargs="?",
        metavar="INPUT",
        help="what was analysed (default: by --keep-ids' path, else sought by its contents beside OUT and here)",
    )
    parser.add_argument("-o", "--out", type=terminal.path, metavar="NEW", help="also write the new results")
    parser.add_argument(
        "--rules", action="append", default=[], type=terminal.path, metavar="FILE", help="the rules files used then"
    )
    own_data.add_arguments(parser)
    terminal.add_atlas(parser)
    parser.add_argument("--json", action="store_true", help="print what differs as JSON")
    parser.add_argument("--quiet", action="store_true", help="print errors only")


def main(args: argparse.Namespace) -> int:
    """0 where every number is the same, 1 where not."""
    from calcscan.report.atomic_folder import check_output
    from calcscan.report.read_back import read_report

    before = read_report(args.results)
    made = before.provenance
    if made is None or made.input is None:
        what = "the report does not say what it was made from"
        raise InputError(what, where=str(args.results), hint="analyse the input with calcscan run")
    _refuse_other_options(made)
    _refuse_other_files(args, made)
    source = _source(args, made)
    if args.out is not None:
        check_output(args.out, inputs=[source, args.results])
    now = _again(args, source, before, made, _ruleset(args.rules, made))
    compared = _compared(before, now)
    if args.json:
        terminal.write_text(_json(compared))
    elif not args.quiet:
        terminal.write_text(_text(compared, before))
    return DIFFERS if compared.results else 0


def _refuse_other_options(made: ProvenanceSection) -> None:
    """Raises `InputError` for an option that is not repeated here: dropped in silence, it would seem to be."""
    others = [name for name, value in made.options.items() if name not in _REPEATED and value not in (None, [], False)]
    if others:
        what = f"the report was made with {', '.join(others)}, which rerun does not repeat"
        raise InputError(what, hint="run it again with calcscan run and the same options")


def _refuse_other_files(args: argparse.Namespace, made: ProvenanceSection) -> None:
    """Raises `InputError` where a label map or an atlas was used then and is not given now, or the other way round.
    That it is another one is among what differs."""
    given = own_data.chosen(args) | ({"atlas": args.atlas} if args.atlas is not None else {})
    for name in ("mask", "brain_mask", "regions", "atlas"):
        option = "--" + name.replace("_", "-")
        if made.options.get(f"{name}_sha256") and name not in given:
            raise InputError(f"the report was made with {option}", hint=f"give the same again with {option}")
        if name in given and not made.options.get(f"{name}_sha256"):
            raise InputError(f"the report was made without {option}", hint="leave it out")


def _source(args: argparse.Namespace, made: ProvenanceSection) -> Path:
    """Where the input lies."""
    from calcscan.model import InputFiles
    from calcscan.read.find_input import find_input

    given: Path | None = args.input
    if given is not None:
        return given
    assert made.input is not None
    if made.input.place is not None and Path(made.input.place).exists():
        return Path(made.input.place)
    known = made.input
    files = InputFiles(kind=known.kind, files=known.files, bytes=known.bytes, sha256=known.sha256)
    folder = args.results.resolve()
    places = dict.fromkeys([folder.parent, Path.cwd(), folder.parent.parent])
    found = find_input(files, [place for place in places if place != Path(place.anchor)])
    if found is None:
        what = "the report does not say where its input lies, and nothing with these contents lies near it or here"
        raise InputError(what, where=str(args.results), hint="give it: calcscan rerun OUT INPUT")
    return found


def _ruleset(paths: Sequence[Path], made: ProvenanceSection) -> Ruleset:
    """The rules that were used; raises `InputError` where files of rules are missing or others."""
    from calcscan.guideline import load_ruleset

    ruleset = load_ruleset(
        paths, without=made.options.get("without") or (), literature=bool(made.options.get("literature"))
    )
    given = sorted(sha256(file.text.encode()).hexdigest() for file in ruleset.choice.files)
    known = sorted(made.options.get("rules_sha256") or ())
    if given != known:
        what = f"{len(known)} rules files were used, and those given are others" if given else "rules files were used"
        raise InputError(what, hint="give the same ones with --rules FILE" if known else "leave --rules out")
    return ruleset


def _again(args: argparse.Namespace, source: Path, before: Report, made: ProvenanceSection, ruleset: Ruleset) -> Report:
    from calcscan.model import StudyLabel
    from calcscan.report.outputs import state_of

    quiet = args.quiet or args.json
    terminal.load_kernels(quiet=quiet)
    options = made.options
    study = before.study
    label = StudyLabel(study=study.study, participant=study.participant, session=study.session, run=study.run)
    with terminal.Progress(quiet=quiet) as progress:
        progress("load")
        from calcscan.pipeline import analyse
        from calcscan.report.build import build_report
        from calcscan.report.write import write_report

        terminal.quieten_libraries()
        progress.tell_compiling()
        result = analyse(
            source,
            context=made.context,
            rules=ruleset,
            series_uid=_series(source, options),
            threshold_hu=options.get("threshold_hu"),
            kvp_kv=options.get("kvp_kv"),
            slice_thickness_mm=options.get("slice_thickness_mm"),
            kernel=options.get("kernel"),
            atlas=args.atlas,
            **(own_data.chosen(args) | {"resample": bool(options.get("resample"))}),
            progress=progress,
        )
        keep_ids = bool(options.get("keep_ids"))
        if args.out is not None:
            progress("write")
            write_report(result, args.out, keep_ids=keep_ids, replaces=state_of(args.out), label=label)
        return build_report(result, keep_ids=keep_ids, label=label)


def _series(source: Path, options: dict[str, Any]) -> str | None:
    """The UID of the series that was asked for, which a report holds as a hash."""
    wanted = options.get("series_uid_sha256")
    if options.get("series_uid") or not wanted:
        uid = options.get("series_uid")
        return None if uid is None else str(uid)
    from calcscan.read import read_scan
    from calcscan.report.build import hashed

    found = next((choice.uid for choice in read_scan(source).series if hashed(choice.uid) == wanted), None)
    if found is None:
        raise InputError("the series that was asked for is not in the input", where=str(source), hint="check the input")
    return found


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
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
