"""The command line that gives a report again, from the options it was made with; paths and UIDs are not in it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

_VALUES = {
    "threshold_hu": "--threshold", "kvp_kv": "--kvp", "slice_thickness_mm": "--thickness-mm", "kernel": "--kernel",
}  # fmt: skip
_FILES = {
    "mask_sha256": "--mask FILE", "brain_mask_sha256": "--brain-mask FILE", "regions_sha256": "--regions FILE",
    "atlas_sha256": "--atlas FOLDER",
}  # fmt: skip
_SWITCHES = {"resample": "--resample", "literature": "--literature", "keep_ids": "--keep-ids"}


def command_line(options: Mapping[str, Any], *, context: bool = False) -> str:
    """`options` by the names that report.json has; those at their default are left out. `context` is whether facts
    about the person were given.

    >>> command_line({"threshold_hu": 100.0, "kernel": "H 31", "without": ["bg-age"], "keep_ids": False})
    "calcscan run INPUT -o OUT --threshold 100 --kernel 'H 31' --without bg-age"
    """
    words = ["calcscan", "run", "INPUT", "-o", "OUT"]
    words += ["--context", "FILE"] * context
    if options.get("series_uid") or options.get("series_uid_sha256"):
        words += ["--series", "UID"]
    for name, option in _VALUES.items():
        value = options.get(name)
        if value is not None:
            words += [option, f"{value:g}" if isinstance(value, float) else str(value)]
    words += [word for name, given in _FILES.items() if options.get(name) for word in given.split()]
    words += ["--rules", "FILE"] * len(options.get("rules_sha256") or ())
    for rule in options.get("without") or ():
        words += ["--without", str(rule)]
    words += [option for name, option in _SWITCHES.items() if options.get(name)]
    return shlex.join(words)
