"""The results of a batch as a BIDS derivative: names and folders as BIDS asks for, a description of the dataset, and a
data dictionary beside each table. CT is not part of BIDS, so a validator will not know these files."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from calcscan import __version__
from calcscan.batch.model import FAILED, Outcome, Task
from calcscan.batch.names import digest
from calcscan.batch.table import LEFT_OUT, LESIONS, SITES, TABLE
from calcscan.errors import OutputError
from calcscan.knowledge.bids import BidsNames
from calcscan.knowledge.settings import load
from calcscan.knowledge.tables import tables
from calcscan.read.files.bids_name import bids_name
from calcscan.report.json_text import json_text
from calcscan.report.labelfiles import LABEL_FILES, LABEL_TABLE
from calcscan.report.outputs import PROGRAM_REPORT, REPORT

REPORT_ENDS = "_desc-calcscan_report.json"
WORK = ".calcscan"
"""The folder in OUT that holds the reports as `calcscan run` writes them, which a batch is resumed from."""
_ABOUT = (
    "Results of calcscan, for research use only. CT is not part of BIDS: the names follow its rules, and a validator "
    "does not know them (.bidsignore). `calcscan schema` and `calcscan schema --tables` say what the files hold; the "
    "JSON beside each table does, too. The reports as calcscan wrote them lie in .calcscan/.\n"
)
_IGNORED = "".join(f"{name}.{end}\n" for name in ("batch", "lesions", "sites", "left_out") for end in ("csv", "json"))
_NO_BIDS_FOLDER = "**/ct\n"
"""No slash at its end: the validator compares it with the path of the folder, which has none."""
_MISSING = "n/a"


def write_derivatives(
    out: Path, tasks: Iterable[Task], outcomes: Mapping[str, Outcome], *, kept: Collection[str] = ()
) -> None:
    """Lay out the report of each study below `out`, in place of what a batch wrote there before. A study that failed
    has none; those that are `kept`, by name, stay as they were.

    Raises
    ------
    OutputError
        It can't be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        _put(out / "dataset_description.json", _json(_description()))
        _put(out / "README", _ABOUT.encode())
        _put(out / ".bidsignore", (_IGNORED + _NO_BIDS_FOLDER).encode())
        for name in (TABLE, LESIONS, SITES, LEFT_OUT):
            if (out / name).is_file():
                _put((out / name).with_suffix(".json"), _json(_dictionary(name)))
        for task, prefix in _prefixes(tasks):
            if task.study.name in kept:
                continue
            parts = prefix.split("_")
            folder = out.joinpath(*[part for part in parts if part.startswith(("sub-", "ses-"))], "ct")
            is_there = task.study.name in outcomes and outcomes[task.study.name].state != FAILED
            _lay_out_anew(task.out if is_there else None, folder, prefix)
    except OSError as error:
        what = f"the BIDS derivative can't be written ({error.strerror or error})"
        raise OutputError(what, where=str(out), hint="make room or choose another folder, and run again") from error


def renew_derivative(out: Path, study: Path, replaced_sha256: str) -> bool:
    """Lay out the report in the folder `study` anew, in place of its copy whose report.json had that digest; False
    where there is no such copy below `out`."""
    for report in sorted(out.glob(f"sub-*/**/*{REPORT_ENDS}")):
        if sha256(report.read_bytes()).hexdigest() == replaced_sha256:
            _lay_out_anew(study, report.parent, report.name.removesuffix(REPORT_ENDS))
            return True
    return False


def _lay_out_anew(source: Path | None, folder: Path, prefix: str) -> None:
    for old in folder.glob(f"{prefix}_desc-*"):
        old.unlink()
    if source is not None:
        folder.mkdir(parents=True, exist_ok=True)
        _lay_out(source, folder, prefix)


def _prefixes(tasks: Iterable[Task]) -> Iterator[tuple[Task, str]]:
    """What each study's files begin with: its own entities, or where its input has no BIDS name, one made of its name.
    Studies that would share one are told apart by a digest of their names."""
    named: dict[str, list[Task]] = defaultdict(list)
    for task in tasks:
        named[_prefix(task)].append(task)
    for prefix, group in named.items():
        for task in group:
            yield task, prefix if len(group) == 1 else f"{prefix}_acq-{digest(task.study.name)}"


def _prefix(task: Task) -> str:
    label = task.study.label
    participant = label.participant or f"sub-{re.sub('[^0-9A-Za-z]', '', task.study.name) or digest(task.study.name)}"
    parts = [part for part in (participant, label.session) if part]
    source = bids_name(Path(task.study.place).name)
    others = source.entities if source is not None else {}
    parts += [f"{key}-{value}" for key, value in others.items() if key not in ("sub", "ses", "run", "desc")]
    return "_".join([*parts, *([label.run] if label.run else [])])


def _lay_out(source: Path, folder: Path, prefix: str) -> None:
    """Each file of a report under its BIDS name."""
    report = json.loads((source / REPORT).read_bytes())
    shutil.copyfile(source / REPORT, folder / f"{prefix}{REPORT_ENDS}")
    for name in report["files"]:
        if name == PROGRAM_REPORT:
            shutil.copyfile(source / name, folder / f"{prefix}_desc-program_report.json")
            continue
        stem, _, ending = name.replace(".program.", "program.").partition(".")
        plain = re.sub("[^0-9A-Za-z]", "", stem)
        if name in tables():
            begin = folder / f"{prefix}_desc-{plain}_stats"
            _put(begin.with_name(f"{begin.name}.tsv"), _tsv((source / name).read_text(encoding="utf-8")))
            _put(begin.with_name(f"{begin.name}.json"), _json(_dictionary(name)))
        elif ending == "nii.gz":
            begin = folder / f"{prefix}_desc-{plain}_dseg"
            shutil.copyfile(source / name, begin.with_name(f"{begin.name}.nii.gz"))
            about = {"Type": "ROI", "Resolution": "that of the scan"}
            about |= _about_labels(plain)
            _put(begin.with_name(f"{begin.name}.json"), _json(about))
        elif name == LABEL_TABLE:
            shutil.copyfile(source / name, folder / f"{prefix}_desc-sites_dseg.tsv")
        else:
            suffix = "xfm" if ending == "tfm" else "dseg" if name in LABEL_FILES else "ct"
            shutil.copyfile(source / name, folder / f"{prefix}_desc-{plain}_{suffix}.{ending}")


def _about_labels(plain: str) -> dict[str, Any]:
    """What the numbers of a label map are, and the columns of the TSV that lists them."""
    if plain == "lesions":
        return {"Description": "0 is nothing, else the id of the lesion."}
    if plain == "lesionsprogram":
        return {"Description": "What the program had found, before a person reviewed it: the id of the lesion, or 0."}
    if plain == "atlassites":
        return {
            "Description": "0 is nothing, else the site that the atlas has there, by the index in desc-sites_dseg.tsv."
        }
    if plain != "sites":
        return {}
    columns = {
        "index": "Number in the label map.",
        "name": "Site and side.",
        "abbreviation": "The same, short.",
        "color": "Colour in the pictures.",
        "site": "Site.",
        "side": "The person's own left, right or midline.",
        "group": "What it belongs to.",
        "snomed_ct": "SNOMED CT code of the structure, whichever its side; n/a where none is sure.",
    }
    return {
        "Description": "0 is nothing, else the site and side, by the index in the TSV.",
        **{name: {"Description": about} for name, about in columns.items()},
    }


def _tsv(text: str) -> bytes:
    """A CSV as BIDS writes tables: tabs, and `n/a` for what is unknown."""
    rows = csv.reader(io.StringIO(text))
    return "".join("\t".join(cell or _MISSING for cell in row) + "\n" for row in rows).encode()


def _dictionary(name: str) -> dict[str, Any]:
    """The data dictionary of a table, in the words of BIDS."""
    found: dict[str, Any] = {}
    for column, about in tables()[name].columns.items():
        entry: dict[str, Any] = {"Description": about.description}
        if about.unit is not None:
            entry["Units"] = about.unit
        if about.values is not None:
            entry["Levels"] = {value or _MISSING: (value or "none").replace("_", " ") for value in about.values}
        if about.minimum is not None:
            entry["Minimum"] = about.minimum
        if about.maximum is not None:
            entry["Maximum"] = about.maximum
        found[column] = entry
    return found


def _description() -> dict[str, Any]:
    return {
        "Name": "calcscan: calcification in non-contrast head CT",
        "BIDSVersion": load(BidsNames).version,
        "DatasetType": "derivative",
        "GeneratedBy": [
            {
                "Name": "calcscan",
                "Version": __version__,
                "Description": "Calcification found, measured and located; research use only. CT is not part of BIDS.",
            }
        ],
    }


def _json(content: Mapping[str, Any]) -> bytes:
    return json_text(content).encode()


def _put(path: Path, content: bytes) -> None:
    """Written atomically."""
    part = path.with_name(f".{path.name}-part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
