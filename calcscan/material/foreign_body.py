"""Recognise what was put into the head: tubes, wires, leads, contacts, coils, casts, fragments.

Four kinds of evidence, each sufficient:

- a course: thin, smooth, as wide and as dense all along, longer than anything calcified runs so, or denser than
  calcium, however it winds (`course`);
- a row: dots alike, evenly spaced on a straight line, as contacts are, or a wire in slices that are far apart (`rows`);
- a density beyond that of calcification, or the substance of a cast;
- metal beside it: its halo and rays (`metal`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from calcscan.knowledge.foreign_body import ForeignBodySettings
from calcscan.knowledge.left_out import LeftOutReason
from calcscan.knowledge.quality import FlagCode
from calcscan.material.belonging import on_points
from calcscan.material.beyond_calcium import beyond_calcium
from calcscan.material.calcified_courses import share_at_sites
from calcscan.material.course import Follower
from calcscan.material.metal import near_metal
from calcscan.material.recognised import Material, Recognised
from calcscan.material.rows import on_its_line, rows_of_dots
from calcscan.material.tubes import find_tubes
from calcscan.model import Atlas, Flag, LesionMap, Registration, Scan, SearchRegion


def foreign_bodies(
    lesions: LesionMap,
    scan: Scan,
    region: SearchRegion,
    registration: Registration | None = None,
    atlas: Atlas | None = None,
    *,
    settings: ForeignBodySettings,
) -> Recognised:
    """The lesions that are foreign bodies or belong to one, with the figures that say so, and the flag `foreign_body`.

    Parameters
    ----------
    lesions
        As detected; metal stands in `left_out` already.
    scan, region
        What they were detected in.
    registration, atlas
        Where falx, tentorium, arteries and plexus lie, which calcify along smooth courses: there, more is asked for.
    """
    if not lesions.lesions:
        return Recognised(lesions={})
    places = {lesion.id: scan.geometry.to_world(lesions.voxels_kji(lesion.id)) for lesion in lesions.lesions}
    follower = Follower(scan, region, settings)
    found: dict[int, Mapping[str, float]] = {}
    where_it_calcifies = share_at_sites(registration, atlas, settings)
    for tube in find_tubes(lesions, scan, places, follower, region, where_it_calcifies, settings):
        for number in tube.lesions:
            found.setdefault(number, tube.evidence)
    for row in rows_of_dots(lesions, scan, settings):
        protected = where_it_calcifies(row.places) >= settings.protected_share
        if protected and len(row.places) < settings.row_many:
            continue
        for number in {*row.lesions, *on_points(row.line, scan, places, settings.row_bead_mm / 2, settings)}:
            found.setdefault(number, row.evidence)
    for lesion in lesions.lesions:
        evidence = beyond_calcium(lesion, lesions, scan, follower, where_it_calcifies, settings)
        if evidence:
            found.setdefault(lesion.id, evidence)
    for number, figures in tuple(found.items()):
        for dot in on_its_line(number, lesions, scan, settings):
            found.setdefault(dot, figures)
    materials = {
        number: Material(reason=LeftOutReason.FOREIGN_BODY, evidence=evidence) for number, evidence in found.items()
    }
    for number, evidence in near_metal(lesions, scan, region, settings).items():
        materials.setdefault(number, Material(reason=LeftOutReason.METAL, evidence=evidence))
    return Recognised(lesions=materials, flags=_flags(lesions, found))


def _flags(lesions: LesionMap, found: Mapping[int, Mapping[str, float]]) -> tuple[Flag, ...]:
    if not found:
        return ()
    of = {lesion.id: lesion for lesion in lesions.lesions}
    mm3 = sum(of[number].volume_130_mm3 for number in found)
    bodies = {id(evidence): evidence for evidence in found.values()}.values()
    put_in = [_words(evidence) for evidence in bodies if not _is_dense_alone(evidence)]
    dense = [_words(evidence) for evidence in bodies if _is_dense_alone(evidence)]
    said = []
    if put_in:
        said.append(f"what was put into the head is not calcification: {_named(put_in)}")
    if dense:
        said.append(
            f"what is denser than calcification is known to be is taken for something put into the head:"
            f" {_named(dense)} (if nothing was, it is calcification that is missing here)"
        )
    message = f"{'; '.join(said)}; {mm3:.0f} mm3 were not counted"
    return (Flag(code=FlagCode.FOREIGN_BODY, message=message, value=round(mm3, 1)),)


def _is_dense_alone(evidence: Mapping[str, float]) -> bool:
    """Whether nothing but its density says that it was put in."""
    return "length_mm" not in evidence and "dots" not in evidence


def _named(words: Sequence[str]) -> str:
    return ", ".join(
        f"{words.count(word)} × {word}" if words.count(word) > 1 else word for word in dict.fromkeys(words)
    )


def _words(evidence: Mapping[str, float]) -> str:
    if "length_mm" in evidence:
        through = ", through the skull" if evidence["enters_at_cosine"] >= 0.5 else ""
        return (
            f"a tube, wire or lead {evidence['length_mm']:.0f} mm long and {evidence['width_mm']:.1f} mm wide{through}"
        )
    if "dots" in evidence:
        return f"a row of {evidence['dots']:.0f} dots every {evidence['pitch_mm']:.1f} mm"
    return f"something of {evidence['max_hu']:.0f} HU"
