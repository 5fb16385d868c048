"""`Agreement` → agreement.json, its tables and its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from calcscan import __version__
from calcscan.agree.beside import read_agreement
from calcscan.agree.file import AgreementFile, ConfusionEntry, MadeBy, NotReadEntry, SideEntry, UnmatchedEntry
from calcscan.agree.model import Agreement, Confusion, Reader
from calcscan.agree.page import page
from calcscan.agree.places import Place
from calcscan.agree.rows import figure_row, figure_rows, lesion_rows, site_and_side, size_rows, study_rows
from calcscan.agree.schema import FigureRow, LesionRow, SizeRow, StudyRow
from calcscan.knowledge.agreement import AgreementSettings
from calcscan.knowledge.settings import load
from calcscan.knowledge.yardsticks import yardsticks
from calcscan.report.atomic_folder import put_files
from calcscan.report.json_text import json_text
from calcscan.report.outputs import AGREEMENT
from calcscan.report.tables import csv_text

SCHEMA: Literal["calcscan-agreement/1"] = "calcscan-agreement/1"
DISCLAIMER = (
    "Research use only: not a medical device, not for diagnosis or treatment. Agreement with a reference is not the "
    "truth: a reference has errors of its own, and holds for the people, scanners and readers that it is made of."
)
DEFINITIONS = {
    "a": "the results",
    "b": "the reference",
    "unknown": "what either side does not know (a site it could not judge or did not read) is left out and counted, "
    "never taken for 0",
    "overall": "volumes: sums of a study over all places that both know; detection: each place of each study counts",
    "detected": "a volume above 0",
    "sensitivity": "detected_both / (detected_both + only_b), Wilson's interval; by_size: lesions of the reference "
    "that share at least overlap_voxels voxels with the results",
    "false_per_study": "only_a / studies, exact Poisson interval; by_size: lesions of the results that share none with "
    "the reference, a head",
    "lesion": "voxels of one site and side that touch (26 neighbours); its size is the volume of its voxels",
    "bias": "mean of A - B; limits of agreement are ±1.96 SD; intervals of Bland and Altman 1986",
    "icc": "ICC(A,1) = ICC(2,1): two-way random, absolute agreement, single; McGraw and Wong 1996, Shrout and Fleiss "
    "1979",
    "icc_consistency": "ICC(C,1) = ICC(3,1): two-way mixed, consistency, single",
    "spearman": "interval by Fisher's z, variance of Bonett and Wright 2000",
    "dice": "mean over studies in which either marks anything; of nothing with nothing it is not defined (null)",
    "kappa": "Cohen's weighted kappa of the four grades, interval of Fleiss, Cohen and Everitt 1969; overall over all "
    "sites and sides of all studies",
    "null": "not defined for these data, or not known",
    "intervals": "of 95 %; studies and lesions are taken as independent, which several lesions of one head are not",
}


def document(found: Agreement, beside: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The whole of agreement.json; `beside` is another one, of `read_agreement`."""
    file = AgreementFile(
        schema=SCHEMA,
        software=MadeBy(name="calcscan", version=__version__),
        disclaimer=DISCLAIMER,
        results=_side(found.results, len(found.pairs)),
        reference=_side(found.reference, len(found.pairs)),
        overall=figure_row(found.overall, "overall"),
        by_site=tuple(figure_row(one, "site") for one in found.by_site),
        combined=tuple(figure_row(one, "combined") for one in found.combined),
        by_size=tuple(size_rows(found)) if found.by_size else None,
        confusion=tuple(_confusion(one) for one in found.confusions),
        unmatched=tuple(UnmatchedEntry(side=one.side, study=one.study, why=one.why) for one in found.unmatched),
        not_read_by_reference=tuple(_not_read(place, volume) for place, volume in found.not_read.items()),
        notes=found.notes,
        yardsticks=tuple(yardsticks().values()),
        beside=None if beside is None else dict(beside),
        settings=load(AgreementSettings),
        definitions=DEFINITIONS,
    )
    content: dict[str, Any] = msgspec.to_builtins(file)
    return content


def _side(reader: Reader, compared: int) -> SideEntry:
    return SideEntry(
        kind=reader.kind,
        name=reader.path.resolve().name,
        studies=len(reader.readings),
        compared=compared,
        failed=tuple(reader.failed),
    )


def _confusion(one: Confusion) -> ConfusionEntry:
    return ConfusionEntry(what=one.what, reference=one.rows, results=one.columns, counts=one.counts)


def _not_read(place: Place, volume_mm3: float) -> NotReadEntry:
    site, side = site_and_side(place)
    return NotReadEntry(site=site, side=side, volume_a_mm3=round(volume_mm3, 3))


def write_agreement(
    found: Agreement, out: str | Path, *, beside: str | Path | None = None, replaces: str | None = None
) -> str:
    """Write agreement.json, agreement.html, agreement.csv (all figures), agreement_studies.csv, agreement_lesions.csv
    and agreement_sizes.csv to the folder `out`: all or none. Returns agreement.json; `replaces` as for `write_report`.

    Parameters
    ----------
    found
        From `assess_agreement`.
    out
        A folder; what `calcscan agree` wrote there before is replaced.
    beside
        The agreement.json of two readers, or its folder: their figures stand beside these.

    Raises
    ------
    OutputError
        The folder can't be written to, or holds files of the same names that are not calcscan's.
    InputError, UnreadableError
        `beside` is no agreement.json.

    Examples
    --------
    >>> import json, tempfile
    >>> from calcscan.agree.assess import assess_agreement
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("one", "other"):
    ...     _ = (folder / f"{name}.csv").write_text("study,site,side,volume_mm3\\na,pineal,,10\\nb,pineal,,0\\n")
    >>> text = write_agreement(assess_agreement(folder / "one.csv", folder / "other.csv"), folder / "out")
    >>> json.loads(text)["overall"]["icc"]
    1.0
    """
    content = document(found, None if beside is None else read_agreement(Path(beside)))
    text = json_text(content)
    tables: Mapping[str, tuple[type, Sequence[Any]]] = {
        "agreement.csv": (FigureRow, list(figure_rows(found))),
        "agreement_studies.csv": (StudyRow, list(study_rows(found))),
        "agreement_lesions.csv": (LesionRow, list(lesion_rows(found))),
        "agreement_sizes.csv": (SizeRow, list(size_rows(found))),
    }
    files = {name: csv_text(kind, rows).encode() for name, (kind, rows) in tables.items()}
    files |= {"agreement.json": text.encode(), "agreement.html": page(found, content).encode()}
    put_files(Path(out), files, AGREEMENT, replaces=replaces)
    return text
