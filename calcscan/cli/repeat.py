"""What `rerun` and `review` share: an analysis done again from what its report holds."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calcscan.cli import own_data, terminal
from calcscan.errors import InputError

if TYPE_CHECKING:
    from msgspec import UnsetType

    from calcscan.guideline import Ruleset
    from calcscan.model import Result, StudyLabel
    from calcscan.progress import Progress
    from calcscan.report.schema import ProvenanceSection, Report, ReviewedSection

_REPEATED = frozenset(
    {
        "series_uid", "series_uid_sha256", "threshold_hu", "kvp_kv", "slice_thickness_mm", "kernel", "rules_sha256",
        "without", "literature", "keep_ids", "mask_sha256", "brain_mask_sha256", "regions_sha256", "resample",
        "atlas_sha256",
    }
)  # fmt: skip


def add_what(parser: argparse.ArgumentParser) -> None:
    """The results that are looked at again, and what they were made from."""
    parser.add_argument("results", type=terminal.path, metavar="OUT", help="the results of run, or of a batch's study")
    parser.add_argument(
        "input",
        type=terminal.path,
        nargs="?",
        metavar="INPUT",
        help="what was analysed (default: by --keep-ids' path, else sought by its contents beside OUT and here)",
    )


def add_own_files(parser: argparse.ArgumentParser) -> None:
    """The user's own files that were used then: rules, label maps, an atlas."""
    parser.add_argument(
        "--rules", action="append", default=[], type=terminal.path, metavar="FILE", help="the rules files used then"
    )
    own_data.add_arguments(parser)
    terminal.add_atlas(parser)


def made_from(report: Report, where: Path) -> ProvenanceSection:
    """How a report came about; raises `InputError` where it does not say so."""
    if report.provenance is None or report.provenance.input is None:
        what = "the report does not say what it was made from"
        raise InputError(what, where=str(where), hint="analyse the input with calcscan run")
    return report.provenance


def refuse_other_options(made: ProvenanceSection) -> None:
    """Raises `InputError` for an option that is not repeated here: dropped in silence, it would seem to be."""
    others = [name for name, value in made.options.items() if name not in _REPEATED and value not in (None, [], False)]
    if others:
        what = f"the report was made with {', '.join(others)}, which can't be repeated from it"
        raise InputError(what, hint="run it again with calcscan run and the same options")


def own_files(args: argparse.Namespace) -> dict[str, Any]:
    """The label maps and the atlas of the user's own that are given, as arguments of `analyse`."""
    return own_data.chosen(args) | ({"atlas": args.atlas} if args.atlas is not None else {})


def refuse_other_files(given: Mapping[str, Any], made: ProvenanceSection) -> None:
    """Raises `InputError` unless the label maps that are given are those that were used then. So for an atlas, but that
    it is another one is among what differs."""
    for name in ("mask", "brain_mask", "regions", "atlas"):
        option, path = "--" + name.replace("_", "-"), given.get(name)
        known = made.options.get(f"{name}_sha256")
        if known and path is None:
            raise InputError(f"the report was made with {option}", hint=f"give the same again with {option}")
        if path is not None and not known:
            raise InputError(f"the report was made without {option}", hint="leave it out")
        if path is not None and path.is_file() and sha256(path.read_bytes()).hexdigest() != known:
            what = f"{option}: not the file that the report was made with"
            raise InputError(what, where=str(path), hint="give that one")


def source_of(given: Path | None, results: Path, made: ProvenanceSection, *, command: str) -> Path:
    """Where the input lies: as given, else by --keep-ids' path, else by its contents near the results."""
    from calcscan.model import InputFiles
    from calcscan.read.find_input import find_input

    if given is not None:
        return given
    assert made.input is not None
    if made.input.place is not None and Path(made.input.place).exists():
        return Path(made.input.place)
    known = made.input
    files = InputFiles(kind=known.kind, files=known.files, bytes=known.bytes, sha256=known.sha256)
    folder = results.resolve()
    places = dict.fromkeys([folder.parent, Path.cwd(), folder.parent.parent])
    found = find_input(files, [place for place in places if place != Path(place.anchor)])
    if found is None:
        what = "the report does not say where its input lies, and nothing with these contents lies near it or here"
        raise InputError(what, where=str(results), hint=f"give it: calcscan {command}")
    return found


def ruleset_of(paths: Sequence[Path], made: ProvenanceSection) -> Ruleset:
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


def analysed_again(
    source: Path,
    made: ProvenanceSection,
    ruleset: Ruleset,
    progress: Progress,
    *,
    own: Mapping[str, Any] | None = None,
) -> Result:
    """What `calcscan run` makes of the input with the options that the report was made with; `own` are label maps and
    an atlas of the user's own, as arguments of `analyse`."""
    from calcscan.pipeline import analyse

    options = made.options
    return analyse(
        source,
        context=made.context,
        rules=ruleset,
        series_uid=series_of(source, options),
        threshold_hu=options.get("threshold_hu"),
        kvp_kv=options.get("kvp_kv"),
        slice_thickness_mm=options.get("slice_thickness_mm"),
        kernel=options.get("kernel"),
        **{"resample": bool(options.get("resample")), **(own or {})},
        progress=progress,
    )


def reviewed_again(result: Result, reviewed: ReviewedSection | UnsetType, ruleset: Ruleset) -> Result:
    """The result with the reviews that a report holds."""
    from msgspec import UNSET

    if reviewed is UNSET:
        return result
    from calcscan.report.reviews import reviews_of
    from calcscan.review import apply_review

    for review in reviews_of(reviewed, result.scan.hu.shape):
        result = apply_review(result, review, rules=ruleset)
    return result


def label_of(report: Report) -> StudyLabel:
    """What the study of a report is called."""
    from calcscan.model import StudyLabel

    study = report.study
    return StudyLabel(study=study.study, participant=study.participant, session=study.session, run=study.run)


def series_of(source: Path, options: dict[str, Any]) -> str | None:
    """The UID of the series that was asked for, which a report holds as a hash."""
    wanted = options.get("series_uid_sha256")
    if options.get("series_uid") or not wanted:
        uid = options.get("series_uid")
        return None if uid is None else str(uid)
    from calcscan.read import read_scan
    from calcscan.report.sections.identifiers import hashed

    found = next((choice.uid for choice in read_scan(source).series if hashed(choice.uid) == wanted), None)
    if found is None:
        raise InputError("the series that was asked for is not in the input", where=str(source), hint="check the input")
    return found
