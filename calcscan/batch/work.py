"""One study, inside the process that does it."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from calcscan.batch.model import ABSTAINED, DONE, FAILED, Outcome, Study, Task
from calcscan.batch.table import check_file
from calcscan.errors import CalcscanError, lacks_memory


def do_study(task: Task) -> Outcome:
    """Analyse a study and write its report. Any failure is an outcome, not an exception."""
    begin = time.perf_counter()
    written = ""
    try:
        with _one_path(task.study) as path:
            state, error, written = _outcome(task, path)
    except OSError as wrong:
        state, error = FAILED, f"its files can't be put together ({wrong.strerror or wrong})"
    seconds = round(time.perf_counter() - begin, 1)
    return Outcome(state=state, error=" ".join(error.split()), seconds=seconds, report_sha256=written)


def _outcome(task: Task, path: Path) -> tuple[str, str, str]:
    """State, error, and the digest of the report.json that was written."""
    try:
        state, written = _analyse(task, path)
        return state, "", written
    except CalcscanError as wrong:
        error = str(wrong)
    except Exception as fault:
        error = f"a fault in calcscan ({type(fault).__name__}: {fault})"
        if lacks_memory(fault):
            error = "there was not enough memory: try it alone, with more memory"
    return FAILED, error.replace(str(path), str(task.study.top or path)), ""


def _analyse(task: Task, path: Path) -> tuple[str, str]:
    from calcscan.guideline import ruleset_of
    from calcscan.pipeline import analyse
    from calcscan.report.atomic_folder import check_output
    from calcscan.report.outputs import REPORT
    from calcscan.report.write import write_report

    check_file(task.out / REPORT)
    settings = task.settings
    check_output(task.out, keeps_review=not settings.discard_review)
    result = analyse(
        path,
        context=task.study.context,
        threshold_hu=settings.threshold_hu,
        kvp_kv=settings.kvp_kv,
        slice_thickness_mm=settings.slice_thickness_mm,
        kernel=settings.kernel,
        atlas=settings.atlas,
        rules=ruleset_of(settings.rules),
        resample=settings.resample,
        mask=task.study.own.get("mask"),
        brain_mask=task.study.own.get("brain_mask"),
        regions=task.study.own.get("regions"),
    )
    if result.provenance is not None:  # not the folder of links that it may have been read from
        place = str(task.study.top or task.study.paths[0])
        result = replace(result, provenance=replace(result.provenance, place=place))
    label = replace(task.study.label, study=task.study.name)
    report = write_report(
        result,
        task.out,
        keep_ids=settings.keep_ids,
        label=label,
        html=settings.html,
        discard_review=settings.discard_review,
    )
    return ABSTAINED if result.quality.state == "abstain" else DONE, sha256(report.encode()).hexdigest()


@contextmanager
def _one_path(study: Study) -> Iterator[Path]:
    """One path for the reader: a study among other files as a folder of links in the same layout, one in an
    archive as a folder of its entries."""
    if study.top is None and not study.members:
        yield study.paths[0]
        return
    with tempfile.TemporaryDirectory(prefix="calcscan-") as folder:
        if study.members:
            _unpack(study, Path(folder))
            yield Path(folder)
            return
        for path in study.paths:
            at = Path(folder) / path.relative_to(study.top or path.parent)
            at.parent.mkdir(parents=True, exist_ok=True)
            _link(Path(os.path.realpath(path)), at)
        yield Path(folder)


def _unpack(study: Study, folder: Path) -> None:
    """An entry that can't be unpacked becomes an empty file, so that the reader reports a missing slice."""
    from calcscan.read.files.inputs import source_files

    with source_files(study.paths[0]) as files:
        for place in study.members:
            file = files[place]
            try:
                content = file.read()
            except CalcscanError:
                content = b""
            name = file.name.rpartition("/")[2][-80:] if content else f"{place}.dcm"
            (folder / f"{place:06d}-{name}").write_bytes(content)


def _link(path: Path, at: Path) -> None:
    try:
        at.symlink_to(path)
    except OSError:  # where a user may not make links
        with suppress(OSError):  # a file that can't be read: its absence is noticed
            shutil.copyfile(path, at)
