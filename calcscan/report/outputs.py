"""What each command writes into its output folder, and which report lies there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

REPORT, PAGE = "report.json", "report.html"
PROGRAM_REPORT = "report.program.json"
"""What the program had said, beside a report that a person has reviewed."""
PROGRAM_LESIONS = "lesions.program.nii.gz"
OURS = frozenset(
    {
        REPORT, PROGRAM_REPORT, PROGRAM_LESIONS, PAGE, "lesions.csv", "sites.csv", "regions.csv", "mosaic.png",
        "lesions.nii.gz", "sites.nii.gz",
        "atlas_sites.nii.gz", "atlas_sites.nrrd", "scan_to_atlas.tfm",
        "lesions.nrrd", "sites.nrrd", "sites.seg.nrrd", "sites_dseg.tsv", "sites_itksnap.txt",
        "segmentation.dcm", "measurements.dcm",
    }
)  # fmt: skip
"""Every name that `calcscan run` writes into OUT, of this version and of others."""
EARLIER = "earlier"
"""The folder within OUT of a report whose study was analysed again and failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a command writes: the file that is moved in last, every name it uses, and how that file's schema begins."""

    main: str
    names: frozenset[str]
    schema: str


RUN = Kind(main=REPORT, names=OURS, schema="calcscan-report/")
PROGRAM = Kind(main=PROGRAM_REPORT, names=frozenset({PROGRAM_REPORT}), schema="calcscan-report/")
"""For its state alone: it is written together with the rest of a run."""
VERIFY = Kind(
    main="verify.json", names=frozenset({"verify.json", "verify.csv", "verify.png"}), schema="calcscan-verify/"
)
BATCH = Kind(main="batch.csv", names=frozenset(), schema="")
"""A batch writes its tables one by one, and looks after them itself."""
AGREEMENT = Kind(
    main="agreement.json",
    names=frozenset(
        {
            "agreement.json", "agreement.html", "agreement.csv", "agreement_studies.csv", "agreement_lesions.csv",
            "agreement_sizes.csv",
        }
    ),
    schema="calcscan-agreement/",
)  # fmt: skip
STATUS = Kind(main="status.json", names=frozenset({"status.json"}), schema="calcscan-status/")


def is_report(path: Path, kind: Kind = RUN) -> bool:
    """Whether a file is a report.json of calcscan's, or the main file of another kind; a pipe is not opened."""
    try:
        if not path.is_file():
            return False
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and str(content.get("schema", "")).startswith(kind.schema)


def state_of(out: Path, kind: Kind = RUN) -> str:
    """The digest of the report that lies in `out` now; empty if there is none. For `put_files`, as `replaces`."""
    try:
        return sha256((out / kind.main).read_bytes()).hexdigest() if (out / kind.main).is_file() else ""
    except OSError:
        return ""
