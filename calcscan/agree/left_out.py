"""What of an agreement was not compared, or was assumed, and what is doubtful about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from calcscan.agree.model import REFERENCE, RESULTS, Reader, Reading, StudyPair
from calcscan.agree.places import ANY, Place, in_order, parts_of
from calcscan.agree.read_maps import Meaning
from calcscan.agree.study_names import how_many
from calcscan.knowledge.agreement import AgreementSettings
from calcscan.knowledge.settings import load


def not_read(pairs: Sequence[StudyPair], seen: frozenset[Place]) -> Mapping[Place, float]:
    """What the results hold, mm³ over all studies, where the reference says nothing."""
    found: dict[Place, float] = defaultdict(float)
    for one in pairs:
        for place, volume in one.results.items():
            if volume and place != ANY and not parts_of(place) & seen:
                found[place] += volume
    return {place: found[place] for place in in_order(found)}


def notes_on(
    sides: Sequence[Reader],
    meanings: Sequence[Meaning],
    matched: Sequence[tuple[Reading, Reading]],
    pairs: Sequence[StudyPair],
) -> tuple[str, ...]:
    """What was assumed, resampled, matched under other names or corrected by a person; a sentence each."""
    notes = [note for side in sides for note in side.notes] + [one.note for one in meanings if one.note]
    for side, n in ((RESULTS, 0), (REFERENCE, 1)):
        reviewed = sum(pair[n].reviewed_by is not None for pair in matched)
        if reviewed:
            notes.append(
                f"{side}: corrected by a person in {reviewed} of {how_many(len(matched), 'study', 'studies')}."
            )
    without = [pair for pair in pairs if pair.overlaps is None]
    if without and all(side.kind != "table" for side in sides):
        notes.append(f"{len(without)} of {len(pairs)} studies have no label map on both sides: no Dice, no lesions.")
    resampled = [pair for pair in pairs if pair.resampled]
    if resampled:
        what = how_many(len(resampled), "reference was", "references were")
        notes.append(f"{what} resampled, the first {resampled[0].resampled}.")
    renamed = [pair for pair in pairs if pair.name.casefold() != pair.reference_name.casefold()]
    if renamed:
        few = ", ".join(f"{pair.name} with {pair.reference_name}" for pair in renamed[:3])
        what = f"{how_many(len(renamed), 'study', 'studies')} matched under another name"
        notes.append(f"{what}: {few}{', …' if renamed[3:] else ''}.")
    told = {side.kind for side in sides}
    if "label_maps" in told and told & {"run", "batch"}:
        notes.append(
            "Volumes: a label map's are those of whole voxels; calcscan's are its best estimate, corrected for partial "
            "volume, unless the plain count was asked for (--volume 130)."
        )
    return (*notes, *_doubts(pairs, share=load(AgreementSettings).doubtful_share))


def _doubts(pairs: Sequence[StudyPair], *, share: float) -> list[str]:
    """That labels seem to mean something else, or sides to be swapped, by the lesions that both have."""
    both = [(one.place, one.other_place) for pair in pairs for one in pair.lesions or () if one.side == REFERENCE]
    matched = [(place, other) for place, other in both if other is not None and ANY not in (place, other)]
    sided = [(place, other) for place, other in matched if {place[1], other[1]} <= {"left", "right"}]
    doubts = []
    if len(matched) > 1 and sum(place[0] == other[0] for place, other in matched) < share * len(matched):
        doubts.append(
            "Most lesions that both have are given other sites: do the labels of both sides mean what is assumed here "
            "(--labels, --as-mask)?"
        )
    if len(sided) > 1 and sum(place[1] == other[1] for place, other in sided) < share * len(sided):
        doubts.append(
            "Most lesions that both have are given the other side: are left and right swapped in one of them?"
        )
    return doubts
