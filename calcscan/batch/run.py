"""A folder of studies → a folder of results and two tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from calcscan.batch import bids
from calcscan.batch.contexts import Contexts, with_contexts
from calcscan.batch.derivatives import WORK, write_derivatives
from calcscan.batch.discover import Looking, find_studies
from calcscan.batch.model import FAILED, Found, LeftOut, Outcome, Runner, Settings, Study, Task
from calcscan.batch.own_files import OwnPatterns, as_used, with_own_files
from calcscan.batch.participants import people_of
from calcscan.batch.processes import local_processes
from calcscan.batch.status import clear_remains, fingerprint, finished, has_report, held_by_review, write_status
from calcscan.batch.table import check_tables, is_odd, same_series, write_cohort, write_left_out, write_table
from calcscan.batch.work import do_study
from calcscan.errors import CalcscanError, NoCTError, OutputError, UnreadableError
from calcscan.knowledge.reading import ReadingSettings
from calcscan.knowledge.settings import load
from calcscan.processors import processor_count
from calcscan.read.headers.probe import probe
from calcscan.report.atomic_folder import check_output
from calcscan.report.earlier import put_aside
from calcscan.report.outputs import BATCH, EARLIER, REPORT

MOST_JOBS = 8
"""By default: each needs one or two GB."""

Report = Callable[[int, int, str, str], None]
"""(how many are finished, of how many, name, state)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """How each study ended, by name; which had been finished earlier; and the files that belong to no study."""

    outcomes: Mapping[str, Outcome]
    skipped: tuple[str, ...]
    table: Path | None
    """None, as the other tables, where only a part was done."""
    lesion_table: Path | None = None
    site_table: Path | None = None
    studies: tuple[Study, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    left_out_table: Path | None = None
    same_series: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Study → others in which the same series was measured, such as a ZIP beside the folder it was made from."""

    @property
    def failed(self) -> tuple[str, ...]:
        return tuple(name for name, outcome in self.outcomes.items() if outcome.state == FAILED)


def run_batch(
    root: str | Path,
    out: str | Path,
    *,
    jobs: int | None = None,
    timeout_s: float | None = 1800.0,
    settings: Settings | None = None,
    runner: Runner | None = None,
    progress: Report | None = None,
    looking: Looking | None = None,
    wanted: bids.Wanted | None = None,
    own: OwnPatterns | None = None,
    contexts: Contexts | None = None,
    part: tuple[int, int] | None = None,
    as_bids: bool = False,
) -> BatchResult:
    """Analyse every study under `root`; results go to `out`/<name>/, tables of all to `out`: batch.csv has a row for
    each study, lesions.csv and sites.csv have the rows of every study's own.

    Studies finished earlier, on the same input with the same settings and version, are skipped; failed ones are
    repeated. One that a person has reviewed since stands in the tables as reviewed; where it would have to be analysed
    again it fails instead, and the review stays (unless `Settings.discard_review`). A study that fails, crashes or
    takes longer than `timeout_s` does not affect the others. Every file under `root` is part of one study, or listed
    with a reason in `out`/left_out.csv.

    Parameters
    ----------
    jobs
        Studies at once; by default one per processor, at most eight.
    runner
        Runs the work (`calcscan.batch.model.Runner`); by default in processes on this machine.
    looking
        Called with the number of files examined, during the search for studies.
    wanted
        Participants and sessions to analyse, by their BIDS labels (`calcscan.batch.bids.Wanted`); by default all.
    own
        Where the label maps of each study lie (`calcscan.batch.own_files.OwnPatterns`). A study that lacks one is left
        out, with the reason.
    contexts
        What is known of the people (`calcscan.batch.contexts.read_contexts`). A row that is not used is listed.
    part
        (i, N): do every N-th study only, from the i-th on, as one of N jobs of a cluster that write into the same
        `out`. Tables are left to a last call without it, which finds the studies finished.
    as_bids
        Also lay the results out as a BIDS derivative: `sub-…/ses-…/ct/…_desc-…`, with dataset_description.json and a
        data dictionary for each table. The reports themselves then lie in `out`/.calcscan/<name>/.

    Raises
    ------
    UnreadableError, NoCTError
        `root` is not there, or holds no study, none of a participant or session that is wanted, or none with the label
        maps that were asked for.
    FactsError
        No row of `contexts` fits a study.
    OutputError
        `out` can't be written to, is `root`, or holds it.
    ValueError
        A pattern of `own` holds something else than study, participant, session or run; `part` is none.
    """
    root, out = Path(root), Path(out)
    _refuse_root(root, out)
    check_tables(out)
    check_output(out, BATCH)
    found = find(root, out, looking=looking, wanted=wanted, own=own, contexts=contexts)
    if part is not None:
        found = replace(found, studies=part_of(found.studies, *part))
    options, folder = settings or Settings(), out / WORK if as_bids else out
    tasks = [Task(study=study, out=folder / study.name, settings=options) for study in found.studies]
    outcomes, todo = _sorted_out(tasks)
    skipped = tuple(name for name, outcome in outcomes.items() if outcome.state != FAILED)
    held = frozenset(outcomes) - frozenset(skipped)
    run = runner or local_processes(jobs or min(processor_count(), MOST_JOBS, max(1, len(todo))), timeout_s)
    listed = table = lesions = sites = None
    again: Mapping[str, tuple[str, ...]] = {}
    if part is None:
        listed = write_left_out(out, found.left_out)
    try:
        _do(run, todo, outcomes, len(tasks), progress)
    finally:
        if part is None:
            again = same_series(tasks, outcomes)
            table = write_table(out, tasks, outcomes, again)
            lesions, sites = write_cohort(out, tasks, outcomes)
            if as_bids:
                write_derivatives(out, tasks, outcomes, kept=held)
    return BatchResult(
        outcomes={task.study.name: outcomes[task.study.name] for task in tasks if task.study.name in outcomes},
        skipped=skipped,
        table=table,
        lesion_table=lesions,
        site_table=sites,
        studies=found.studies,
        left_out=found.left_out,
        left_out_table=listed,
        same_series=again,
    )


def part_of(studies: tuple[Study, ...], number: int, parts: int) -> tuple[Study, ...]:
    """Every `parts`-th study by name, from the `number`-th on. Raises `ValueError` where there is no such part."""
    if not 1 <= number <= parts:
        raise ValueError(f"part must be (i, N) with i from 1 to N, not ({number}, {parts})")
    return tuple(sorted(studies, key=lambda study: study.name)[number - 1 :: parts])


def find(
    root: str | Path,
    out: str | Path,
    *,
    looking: Looking | None = None,
    wanted: bids.Wanted | None = None,
    own: OwnPatterns | None = None,
    contexts: Contexts | None = None,
) -> Found:
    """What `run_batch` would analyse: every study under `root` that is wanted, and the other files. Writes nothing.

    Raises
    ------
    UnreadableError, NoCTError
        `root` is not there, or holds no study, or none of a participant or session that is wanted.
    FactsError
        No row of `contexts` fits a study.
    OutputError
        `out` is a folder of the input: it lies below `root` and holds studies.
    """
    root, out = Path(root), Path(out)
    try:
        if not (root.is_dir() or root.is_file()):
            raise UnreadableError("no such folder", where=str(root), hint="give the folder that holds the studies")
        _refuse_study(root, out)
        found = find_studies(root, out, probe, looking)
    except OSError as error:
        what = f"can't be read ({error.strerror or error})"
        raise UnreadableError(what, where=str(root), hint="check its permissions") from error
    if not found.studies:
        seen = "; ".join(f"{row.path} {row.reason}" for row in found.left_out[:3])
        what = "no study found" + (f" (seen: {seen}{'; …' if len(found.left_out) > 3 else ''})" if seen else "")
        raise NoCTError(what, where=str(root), hint="give a folder with DICOM, ZIP or NIfTI files below it")
    people = people_of(root, load(ReadingSettings))
    studies, others = bids.chosen(found.studies, wanted or bids.Wanted(), people, root)
    studies, lacking = with_own_files(studies, own or OwnPatterns(), root)
    studies, unused = with_contexts(studies, contexts or Contexts())
    rows = bids.with_notes((*as_used(found.left_out, studies, root), *others, *lacking, *unused), people, root)
    return Found(studies=studies, left_out=tuple(sorted(rows, key=lambda row: row.path)))


def _refuse_root(root: Path, out: Path) -> None:
    """Refuse an output in which the input would be written to."""
    try:
        at, place = root.resolve(), out.resolve()
    except (OSError, RuntimeError):  # a link to itself is reported elsewhere
        return
    if at == place or place in at.parents:
        what = "the output is the input" if at == place else "the output holds the input"
        raise OutputError(f"{what}, which is only ever read", where=str(out), hint="give another folder")


def _refuse_study(root: Path, out: Path) -> None:
    """Refuse an output below `root` that holds studies, which would be missed; any other folder below it is allowed."""
    if not out.is_dir() or out.resolve() == root.resolve() or not out.resolve().is_relative_to(root.resolve()):
        return
    held = [study for study in find_studies(out, out / EARLIER, probe).studies if study.files]
    if held:
        inside = "" if held[0].place == "." else f" ({held[0].place})"
        what = f"the output holds studies of the input{inside}, which is only ever read"
        raise OutputError(what, where=str(out), hint="give another folder")


def _sorted_out(tasks: Iterable[Task]) -> tuple[dict[str, Outcome], list[Task]]:
    """Outcomes of finished studies, and of those whose review stands against another run; and the tasks to run."""
    outcomes: dict[str, Outcome] = {}
    todo: list[Task] = []
    for task in tasks:
        known = finished(task) or held_by_review(task)
        if known is None:
            todo.append(task)
        else:
            outcomes[task.study.name] = known
    return outcomes, todo


def _do(run: Runner, todo: list[Task], outcomes: dict[str, Outcome], total: int, progress: Report | None) -> None:
    marks = {task.study.name: fingerprint(task) for task in todo}
    for task in todo:
        if not is_odd(task.out / REPORT):  # else the study fails, and says so
            clear_remains(task)
    if progress is not None:
        progress(len(outcomes), total, "", "")
    for task, outcome in run(todo, do_study):
        name = task.study.name
        outcomes[name] = _noted(task, outcome, marks[name])
        if progress is not None:
            progress(len(outcomes), total, name, outcome.state)


def _noted(task: Task, outcome: Outcome, marks: dict[str, str]) -> Outcome:
    """Writes the status; if that fails, the other studies still run."""
    try:
        if outcome.state == FAILED and has_report(task.out):
            put_aside(task.out)
        write_status(task, outcome, marks)
    except (OSError, RecursionError, MemoryError, CalcscanError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        note = f"how it ended can't be written down ({why}), so it will be done again"
        return replace(outcome, error="; ".join(part for part in (outcome.error, note) if part))
    return outcome
