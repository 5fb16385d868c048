"""Keep what is calcium: LesionMap, Scan, SearchRegion, Registration, Atlas → LesionMap, with all else in `left_out`.

Each kind of thing that is as dense as calcium has a module of its own, which says of the lesions that it recognises
what they are and by which figures. Blood and stained brain, which hardly reach the threshold, are judged where lesions
are detected.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from calcscan.knowledge.foreign_body import ForeignBodySettings
from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.knowledge.settings import load
from calcscan.material.beside_body import plaques_beside_bodies
from calcscan.material.beside_hole import dots_beside_holes
from calcscan.material.enhanced import enhanced
from calcscan.material.foreign_body import foreign_bodies
from calcscan.material.image_edge import at_image_edge
from calcscan.material.recognised import Recognised
from calcscan.material.soft_bodies import long_soft_pieces, with_soft_pieces
from calcscan.model import Atlas, LeftOut, LesionMap, Registration, Scan, SearchRegion


def judge_material(
    lesions: LesionMap,
    scan: Scan,
    region: SearchRegion,
    registration: Registration | None = None,
    atlas: Atlas | None = None,
    *,
    foreign_body: ForeignBodySettings | None = None,
    intracranial: IntracranialSettings | None = None,
    enhanced_high_hu: float | None = None,
) -> LesionMap:
    """The lesions that are calcium, numbered from 1 again; the others stand in `left_out`, with their figures.

    Parameters
    ----------
    lesions, scan, region
        As the stages before left them.
    registration, atlas
        Where falx, tentorium, arteries and plexus lie, which calcify along courses like those of foreign bodies.
    foreign_body, intracranial
        Instead of the settings in `calcscan/knowledge`.
    enhanced_high_hu
        Given where contrast medium is seen in the picture: what nowhere exceeds this may be enhanced.
    """
    settings = foreign_body or load(ForeignBodySettings)
    space = intracranial or load(IntracranialSettings)
    rest = without_bodies(lesions, scan, region, registration, atlas, settings)
    rest = without(rest, scan, plaques_beside_bodies(rest, scan, region, settings))
    rest = without(rest, scan, dots_beside_holes(rest, scan, region, settings))
    rest = without(rest, scan, at_image_edge(rest, scan, region, reach_mm=space.edge_reach_mm))
    if enhanced_high_hu is None:
        return rest
    return without(rest, scan, enhanced(rest, enhanced_high_hu=enhanced_high_hu))


def without_bodies(
    lesions: LesionMap,
    scan: Scan,
    region: SearchRegion,
    registration: Registration | None,
    atlas: Atlas | None,
    settings: ForeignBodySettings,
) -> LesionMap:
    """The lesions but for foreign bodies, which are also sought among what was left out as soft."""
    soft = long_soft_pieces(lesions, settings)
    all_of_them = with_soft_pieces(lesions, scan, soft) if soft else lesions
    found = foreign_bodies(all_of_them, scan, region, registration, atlas, settings=settings)
    count = len(lesions.lesions)
    told = {id(item): found.lesions[n] for n, item in enumerate(soft, start=count + 1) if n in found.lesions}
    left_out = tuple(
        replace(item, reason=told[id(item)].reason, evidence=told[id(item)].evidence) if id(item) in told else item
        for item in lesions.left_out
    )
    among = {number: material for number, material in found.lesions.items() if number <= count}
    return without(replace(lesions, left_out=left_out), scan, replace(found, lesions=among))


def without(lesions: LesionMap, scan: Scan, recognised: Recognised) -> LesionMap:
    """The lesions but for those recognised as something else, which go to `left_out`."""
    if not recognised.lesions:
        return replace(lesions, flags=(*lesions.flags, *recognised.flags))
    kept = [lesion for lesion in lesions.lesions if lesion.id not in recognised.lesions]
    numbers = np.zeros(len(lesions.lesions) + 1, dtype=np.int32)
    numbers[[lesion.id for lesion in kept]] = np.arange(1, len(kept) + 1)
    labels = numbers[lesions.labels]
    labels.flags.writeable = False
    left_out = tuple(
        LeftOut.of(scan, lesions.voxels_kji(number), material.reason, material.evidence)
        for number, material in sorted(recognised.lesions.items())
    )
    return replace(
        lesions,
        labels=labels,
        lesions=tuple(replace(lesion, id=number) for number, lesion in enumerate(kept, start=1)),
        flags=(*lesions.flags, *recognised.flags),
        left_out=(*lesions.left_out, *left_out),
    )
