"""`assess_agreement`: two readings of the same studies → `Agreement`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from calcscan.agree.figures import at_place, by_size, confusions, over_all
from calcscan.agree.label_maps import PlacedMap, compared_lesions, overlaps
from calcscan.agree.left_out import not_read, notes_on
from calcscan.agree.model import REFERENCE, RESULTS, Agreement, Reader, Reading, SizeFigures, StudyPair
from calcscan.agree.places import ANY, Place, combined, in_order, parts_of, value_at
from calcscan.agree.read_maps import Meaning, load_maps, meaning_of, on_one_grid, with_places
from calcscan.agree.sources import VOLUMES, Reads, read_side
from calcscan.agree.study_names import match
from calcscan.errors import InputError
from calcscan.knowledge.agreement import AgreementSettings
from calcscan.knowledge.settings import load
from calcscan.progress import Progress
from calcscan.read.label_map import LabelMap


def assess_agreement(
    results: str | Path,
    reference: str | Path,
    *,
    labels: str | Path | None = None,
    results_labels: str | Path | None = None,
    as_mask: bool = False,
    resample: bool = False,
    volume: str = "volume_mm3",
    missing_is_zero: bool | None = None,
    progress: Progress | None = None,
) -> Agreement:
    """How well the results of calcscan, or of a person, agree with a reference; or two readers with each other.

    Parameters
    ----------
    results, reference
        Each the folder of `calcscan run` or `batch`, a label map (NIfTI, NRRD) or a folder of them, or a table
        (CSV, TSV) with the columns study, site, side and volume_mm3, where an empty volume is unknown. Studies are
        matched by their names, and by participant and session.
    labels, results_labels
        A table of what the numbers in the label maps of the reference, or of the results, mean: columns index and
        name, or index, site and side. Only sites that it names count as read. Without it they are calcscan's own.
    as_mask
        The labels of the reference say that something is there, not where: sites are not compared.
    resample
        Take a reference on another grid by nearest neighbour; else it is refused.
    volume
        Which of calcscan's volumes is compared: `volume_mm3`, the best estimate, or `volume_130_mm3`, the plain count.
    missing_is_zero
        Whether a site that a table has no row for in one study, but has for another, is empty there (True) or unknown
        (False). By default unknown where the table has rows with 0, else empty.
    progress
        Called with what is being done.

    Returns
    -------
    Agreement
        Figures for each site and side, for sites and groups taken together, and overall; every study and lesion that
        was compared; and what was not, with the reason. What either side doesn't know is left out and counted.

    Raises
    ------
    InputError, UnreadableError
        One side is nothing that can be compared, or no study is on both.
    GeometryError
        Two label maps lie on different grids, and `resample` is false.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> rows = "study,site,side,volume_mm3\\na,pallidum,left,{}\\nb,pallidum,left,{}\\nc,pallidum,left,{}\\n"
    >>> for name, volumes in (("ours", (100, 0, 60)), ("theirs", (90, 10, 60))):
    ...     _ = (folder / f"{name}.csv").write_text(rows.format(*volumes))
    >>> found = assess_agreement(folder / "ours.csv", folder / "theirs.csv").overall
    >>> found.studies, found.sensitivity.value, found.bias_mm3.value
    (3, 0.6666666666666666, 0.0)
    """
    if volume not in VOLUMES:
        raise ValueError(f"volume must be one of {', '.join(VOLUMES)}, not {volume!r}")
    settings = load(AgreementSettings)
    sides = (
        read_side(
            Path(results), RESULTS, Reads(labels=_path(results_labels), volume=volume, missing_is_zero=missing_is_zero)
        ),
        read_side(
            Path(reference),
            REFERENCE,
            Reads(labels=_path(labels), as_mask=as_mask, volume=volume, missing_is_zero=missing_is_zero),
        ),
    )
    matched, unmatched = match(*sides)
    for one, other in matched:
        _refuse_other_scan(one, other)
    chosen = tuple([pair[n] for pair in matched] for n in (0, 1))
    wanted = [_needed(side, other) for side, other in (sides, sides[::-1])]
    maps = [
        load_maps(read, progress) if need else (None,) * len(read) for read, need in zip(chosen, wanted, strict=True)
    ]
    meanings = [meaning_of(side, own, read) for side, own, read in zip(sides, maps, chosen, strict=True)]
    pairs = tuple(
        _paired(one, other, (mine, theirs), meanings, resample=resample, overlap_voxels=settings.overlap_voxels)
        for (one, other), mine, theirs in zip(matched, *maps, strict=True)
    )
    places, seen = _places(pairs)
    together = combined([place for place in places if place != ANY])
    all_places = in_order(places)
    return Agreement(
        results=sides[0],
        reference=sides[1],
        pairs=pairs,
        unmatched=tuple(unmatched),
        overall=over_all(pairs, all_places),
        by_site=tuple(at_place(pairs, place) for place in all_places),
        combined=tuple(at_place(pairs, place) for place in together),
        by_size=_sizes(pairs, all_places, together, settings),
        confusions=confusions(pairs, all_places),
        not_read=not_read(pairs, seen),
        notes=notes_on(sides, meanings, matched, pairs),
    )


def _path(given: str | Path | None) -> Path | None:
    return None if given is None else Path(given)


def _refuse_other_scan(one: Reading, other: Reading) -> None:
    both = one.series_sha256, other.series_sha256
    if all(both) and both[0] != both[1]:
        raise InputError(
            "the two results are of different series",
            where=f"{one.where} and {other.where}",
            hint="compare results of the same scan",
        )


def _needed(side: Reader, other: Reader) -> bool:
    """Whether a side's label maps are read: its own volumes are in them, or they are compared with others."""
    return side.kind == "label_maps" or other.kind != "table"


def _paired(
    one: Reading,
    other: Reading,
    maps: tuple[LabelMap | None, LabelMap | None],
    meanings: Sequence[Meaning],
    *,
    resample: bool,
    overlap_voxels: int,
) -> StudyPair:
    mine, theirs = maps
    where = f"{one.where} and {other.where}"
    mapped = None if theirs is None else with_places(theirs, meanings[1], other.where)
    own = None if mine is None else with_places(mine, meanings[0], one.where)
    told = (_volumes(one, own, meanings[0]), _volumes(other, mapped, meanings[1]))
    shared, lesions, resampled = None, None, ""
    if mine is not None and theirs is not None and own is not None:
        there = on_one_grid(mine, theirs, resample=resample, where=where)
        resampled = there.resampled
        moved = with_places(there, meanings[1], other.where)
        known = [place for place in _read_by_both(told) if all(value_at(place, each) is not None for each in told)]
        finer = [place for place in known if place != ANY]
        within = frozenset(cell for place in known for cell in parts_of(place))
        shared = overlaps(own, moved, dict.fromkeys((*finer, *combined(finer), ANY)), within)
        lesions = compared_lesions(
            own,
            moved,
            results_know=lambda place: value_at(place, told[0]) is not None or ANY in told[0],
            reference_knows=lambda place: value_at(place, told[1]) is not None or ANY in told[1],
            overlap_voxels=overlap_voxels,
        )
    return StudyPair(
        name=one.name,
        reference_name=other.name,
        results=told[0],
        reference=told[1],
        results_grades=one.grades,
        reference_grades=other.grades,
        overlaps=shared,
        lesions=lesions,
        resampled=resampled,
    )


def _volumes(reading: Reading, own: PlacedMap | None, meaning: Meaning) -> Mapping[Place, float | None]:
    if reading.volumes_mm3 is not None:
        return reading.volumes_mm3
    found = own.mm3_by_place() if own is not None else {}
    return {place: found.get(place, 0.0) for place in meaning.reads}


def _read_by_both(told: Sequence[Mapping[Place, float | None]]) -> tuple[Place, ...]:
    return (ANY,) if any(ANY in one for one in told) else tuple(told[1])


def _places(pairs: Sequence[StudyPair]) -> tuple[tuple[Place, ...], frozenset[Place]]:
    """The places that are compared: those that the reference has read, in any study; and their cells."""
    read = tuple(dict.fromkeys(place for one in pairs for place in one.reference))
    if ANY in read or any(ANY in one.results for one in pairs):
        return (ANY,), parts_of(ANY)
    return read, frozenset().union(*(parts_of(place) for place in read))


def _sizes(
    pairs: Sequence[StudyPair], places: Sequence[Place], together: Sequence[Place], settings: AgreementSettings
) -> tuple[SizeFigures, ...]:
    if all(one.lesions is None for one in pairs):
        return ()
    of = [None, *(place for place in (*places, *together) if place != ANY)]
    rows = [by_size(pairs, settings.size_classes, place) for place in of]
    return tuple(row for some in rows if any(r.reference_lesions or r.results_lesions for r in some) for row in some)
