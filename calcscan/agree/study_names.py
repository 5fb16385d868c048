"""By which names a study of one side is found on the other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from calcscan.agree.model import Reader, Reading, Unmatched
from calcscan.errors import InputError
from calcscan.model import StudyLabel
from calcscan.read.files.bids_name import label_of, stem_of

_ADDED = re.compile(
    r"[_\-. ](?:dseg|seg|segmentation|labels?|mask|sites?|lesions?|manual|reference|ref|ct|report|results?)$",
    re.IGNORECASE,
)
"""What people append to the name of a scan when they name its segmentation."""


def label_in(name: str, participant: str | None, session: str | None, run: str | None) -> StudyLabel:
    """Participant, session and run as they are stated, else as the name tells them."""
    told = label_of(Path(name)) if name else StudyLabel()
    return StudyLabel(participant=participant or told.participant, session=session or told.session, run=run or told.run)


def keys_of(name: str, label: StudyLabel, *others: str) -> tuple[str, ...]:
    """All names of a study, the surest first, without regard to case.

    >>> keys_of("scan7_manual_seg.nii.gz", StudyLabel())
    ('scan7_manual_seg.nii.gz', 'scan7_manual_seg', 'scan7_manual', 'scan7')
    """
    names = [name]
    bids = "_".join(part for part in (label.participant, label.session, label.run) if part)
    for one in (*others, name):
        short = stem_of(one)
        names += [one, short]
        while (shorter := _ADDED.sub("", short)) != short:
            short = shorter
            names.append(short)
    return tuple(dict.fromkeys(one.casefold() for one in (*names, *([bids] if bids else [])) if one))


def match(results: Reader, reference: Reader) -> tuple[list[tuple[Reading, Reading]], list[Unmatched]]:
    """Pairs of the same study, in the order of the results, and what only one side has.

    By the same name; then by any of their names; then by the participant, where both sides have one study of it. One
    result and one reference that were each given by themselves are the same study.

    Raises
    ------
    InputError
        Two studies of one side answer to one name, or no study is on both sides.
    """
    if all(one.kind == "run" or (one.kind == "label_maps" and one.path.is_file()) for one in (results, reference)):
        return [(results.readings[0], reference.readings[0])], []
    left, right = (list(_without_common_end(one.readings)) for one in (results, reference))
    pairs: list[tuple[Reading, Reading]] = []
    for first_only in (True, False):
        _take(left, right, pairs, first_only)
    _take_participants(left, right, pairs)
    if not pairs:
        raise InputError(
            f"no study is on both sides: the results have {_few(results.readings)}, the reference "
            f"{_few(reference.readings)}",
            where=f"{results.path} and {reference.path}",
            hint="name each reference like its study, or give a column study (or participant, session) that does",
        )
    order = {one.name: n for n, one in enumerate(results.readings)}
    pairs.sort(key=lambda pair: order[pair[0].name])
    failed = {key for name in results.failed for key in keys_of(name, label_of(Path(name)))}
    why = {"results": "the reference has no such study", "reference": "there is no result of it"}
    lone = [Unmatched(side="results", study=one.name, why=why["results"]) for one in left]
    lone += [
        Unmatched(
            side="reference",
            study=one.name,
            why="its analysis failed" if set(one.keys) & failed else why["reference"],
        )
        for one in right
    ]
    return pairs, lone


def _without_common_end(readings: Sequence[Reading]) -> tuple[Reading, ...]:
    """The same, also by their names without the words that all of them end in, such as a reader's name. A word with a
    digit in it, which may be a session, stays."""
    parts = [re.split(r"[_\-. ]", one.name) for one in readings]
    common = 0
    while len(parts) > 1 and all(len(part) > common + 1 for part in parts):
        last = {part[-1 - common] for part in parts}
        if len(last) > 1 or re.search(r"\d", next(iter(last))):
            break
        common += 1
    if not common:
        return tuple(readings)
    ends = [sum(len(word) + 1 for word in part[-common:]) for part in parts]
    short = [one.name[:-end].casefold() for one, end in zip(readings, ends, strict=True)]
    return tuple(
        replace(one, keys=tuple(dict.fromkeys((*one.keys, name)))) for one, name in zip(readings, short, strict=True)
    )


def _take(left: list[Reading], right: list[Reading], pairs: list[tuple[Reading, Reading]], first_only: bool) -> None:
    """Move pairs that share a name out of the two lists."""
    by_key = [_by_key(side, first_only) for side in (left, right)]
    shared = [key for key in by_key[0] if key in by_key[1]]
    for key in shared:
        for side, found in zip(("results", "reference"), (by_key[0][key], by_key[1][key]), strict=True):
            if len(found) > 1:
                where = " and ".join(one.where for one in found[:3])
                what = f"{len(found)} studies of the {side} answer to the name {key!r}"
                raise InputError(what, where=where, hint="give each study one name of its own, or one of them only")
    for key in shared:
        one, other = by_key[0][key][0], by_key[1][key][0]
        if any(each is one for each in left) and any(each is other for each in right):
            pairs.append((one, other))
            left[:] = [each for each in left if each is not one]
            right[:] = [each for each in right if each is not other]


def _by_key(side: list[Reading], first_only: bool) -> dict[str, list[Reading]]:
    found: dict[str, list[Reading]] = {}
    for one in side:
        for key in one.keys[:1] if first_only else one.keys:
            found.setdefault(key, []).append(one)
    return found


def _take_participants(left: list[Reading], right: list[Reading], pairs: list[tuple[Reading, Reading]]) -> None:
    for participant in [one.participant for one in left if one.participant]:
        mine = [one for one in left if one.participant == participant]
        theirs = [one for one in right if one.participant == participant]
        if len(mine) == len(theirs) == 1:
            pairs.append((mine[0], theirs[0]))
            left.remove(mine[0])
            right.remove(theirs[0])


def how_many(count: int, one: str, several: str) -> str:
    """A count with its noun.

    >>> how_many(1, "study", "studies"), how_many(2, "study", "studies")
    ('1 study', '2 studies')
    """
    return f"{count} {one if count == 1 else several}"


def _few(readings: tuple[Reading, ...]) -> str:
    names = [one.name for one in readings[:3]]
    return ", ".join(names) + (f" and {len(readings) - 3} more" if len(readings) > 3 else "")
