"""The skull: its cavity, the shell of bone around that, the base and the face, and the air in them.

Points are MNI millimetres on the 1 mm grid of the template; `q` are points with |x|: drawn once, there on both sides.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi
from shapes import Field, Mask, box, cells, closed, ellipsoid, from_mask, mirrored, tube

# Thickness of the shell in mm at points (|x|, y, z) of the inner table; inverse-distance interpolated between them.
THICKNESS_MM = (
    (0, -20, 85, 6.5), (0, 75, 20, 7.5), (40, 60, 20, 6.5), (55, -30, 55, 6.0), (70, -10, -5, 3.8), (68, -25, 20, 5.0),
    (60, -60, 10, 6.0), (0, -105, 0, 8.0), (0, -98, -30, 10.0), (40, -85, -20, 6.0), (30, -75, -58, 4.0),
    (18, -45, -64, 4.0), (30, 45, -20, 1.8), (0, 45, -30, 1.6), (12, 62, -22, 3.0), (0, 20, -26, 1.8), (0, 4, -38, 1.6),
    (0, -10, -45, 6.0), (40, 0, -50, 2.4), (38, 26, -35, 2.4), (58, 15, -15, 3.2), (0, 72, -10, 9.0), (22, 72, -5, 7.5),
    (50, 50, -12, 5.0), (14, 4, -38, 2.0),
)  # fmt: skip


def cavity_mask(brain: Mask, t1: Field, p: Field) -> Mask:
    """The inside of the skull: brain, cisterns, sella and spinal canal, without the petrous bones."""
    q = mirrored(p)
    petrous = (ndi.gaussian_filter(t1, 0.7) < 32) & (box(q, (45, -25, -40), (33, 25, 20)) < 0)
    canal = tube(p, ((0, -40, -60), (0, -46, -80)), 13.0) < 0
    sella = (ellipsoid(p, (0, 2, -31), (6.5, 5.5, 5)) < 0) | (box(p, (0, 2.5, -24), (6, 5, 7)) < 0)
    cavernous = box(q, (8, 1, -28), (13, 10, 8)) < 0
    filled = np.where(p[..., 2] > -8, closed(brain, 20), closed(brain, 9)) & (brain | ~petrous)
    dorsum = (box(p, (0, -6, -36), (8, 1.6, 8)) < 0) & ~brain
    grown = ndi.distance_transform_edt(~filled) <= 1.3
    return (grown | canal | sella | cavernous) & ~dorsum


def petrous_mask(t1: Field, q: Field, head: Field, cavity: Field) -> Mask:
    """Temporal bone: what is dark in T1 between the middle and the posterior fossa, and behind the ear."""
    dark = ndi.gaussian_filter(t1, 0.7) < 34
    region = box(q, (45, -33, -44), (35, 31, 22)) < 0
    return closed(dark & region & (head < -6) & (cavity > 0), 3)


def shell_thickness(q: Field) -> Field:
    """The thickness of the skull everywhere, worked out on a 4 mm grid."""
    coarse = q[::4, ::4, ::4].astype(np.float64)
    total, weight = np.zeros(coarse.shape[:3]), np.zeros(coarse.shape[:3])
    for x, y, z, thickness in THICKNESS_MM:
        w = 1 / (np.sum((coarse - (x, y, z)) ** 2, axis=-1) + 25.0) ** 2
        total += w * thickness
        weight += w
    index = np.meshgrid(*(np.arange(n) / 4 for n in q.shape[:3]), indexing="ij")
    return ndi.map_coordinates(total / weight, index, order=1, mode="nearest").astype(np.float32)


def bones(petrous: Mask, q: Field, head: Field, cavity: Field) -> Field:
    """Bone that is not the shell around the cavity: petrous, sphenoid, face, jaw."""
    drawn = [
        from_mask(petrous, 0.6),
        box(q, (0, -6, -36), (7.5, 1.3, 8)),
        tube(q, ((0, -6, -29), (8, -6, -28.5)), 1.5),
        tube(q, ((11, 9, -21), (13, 14, -22), (30, 22, -19), (46, 26, -14), (56, 22, -10)), 1.8),
        box(q, (0, 56, -25), (0.9, 8, 7)),
        tube(q, ((0, -8, -40), (0, -24, -64)), 5.0),
        tube(q, ((20, 74, -22), (34, 74, -20), (46, 62, -20)), 3.2),
        tube(q, ((18, 70, -54), (32, 70, -57), (44, 58, -56)), 2.4),
        tube(q, ((50, 46, -53), (62, 26, -52), (69, 8, -51), (69, -4, -50)), 2.2),
        tube(q, ((48, 10, -58), (49, 12, -80)), 2.0),
        ellipsoid(q, (51, -8, -58), (9, 4.0, 5)),
        box(q, (50, -2, -74), (1.4, 10, 12)),
        ellipsoid(q, (18, -40, -66), (5, 10, 5)),
        tube(q, ((24, 14, -50), (20, 10, -66), (20, 10, -80)), 1.5),
        _zygoma(q),
        _orbit_wall(q),
    ]
    return np.maximum(np.minimum.reduce(drawn), np.maximum(head + 3.0, 0.6 - cavity))


def _zygoma(q: Field) -> Field:
    """The lateral rim of the orbit and the cheekbone: a plate, made of rods side by side."""
    rods = [
        tube(q, ((46 + 2 * s, 55 - 5 * s, -22), (48 + 2 * s, 54 - 5 * s, -38), (47 + 3 * s, 56 - 6 * s, -56)), 1.9)
        for s in (-0.6, 0.0, 0.6, 1.2)
    ]
    return np.minimum.reduce(rods)


def _orbit_wall(q: Field) -> Field:
    """A cone of thin bone from the optic canal to the rim, open in front."""
    along, radius, wide = orbit_cone(q)
    wall = np.abs(radius - wide) - 0.9
    return np.maximum(wall, np.maximum(-along, q[..., 1] - 58 + 0.35 * (q[..., 0] - 16))).astype(np.float32)


def orbit_cone(q: Field) -> tuple[Field, Field, Field]:
    """Along the axis of the orbit from its apex, across it, and how wide the orbit is there; all mm."""
    axis = np.array([17.0, 48.0, -8.0], dtype=np.float32)
    length = np.float32(np.linalg.norm(axis))
    from_apex = q - np.array([16.0, 16.0, -32.0], dtype=np.float32)
    along = from_apex @ (axis / length)
    across = np.linalg.norm(from_apex - along[..., None] * (axis / length), axis=-1)
    return along, across, 4 + np.float32(15.5) * np.sqrt(np.clip(along / length, 0, 1))


def air_spaces(t1: Field, petrous: Mask, p: Field, head: Field, cavity: Field) -> Field:
    """Nose, paranasal sinuses, ear canals and the cells of ethmoid and mastoid."""
    q = mirrored(p)
    dark = ndi.gaussian_filter(t1, 0.8) < 27
    front = (box(q, (0, 38, -58), (46, 32, 33)) < 0) & ((q[..., 1] < 60) | (q[..., 2] < -40))
    spaces = from_mask(dark & front & (head < -4) & (cavity > 2.2), 0.6)
    septum = 0.6 - np.abs(p[..., 0] + 0.8 * np.sin(p[..., 1] / 6))
    ethmoid = np.maximum(box(q, (0, 41, -39), (14, 22, 11)), 0.5 - cells(p, (0, 41, -39), (14, 22, 11), 6.5, seed=7))
    spaces = np.where(box(q, (0, 41, -39), (14, 22, 11)) < 0, np.maximum(spaces, ethmoid), np.maximum(spaces, septum))
    mastoid = from_mask(
        ndi.binary_erosion(petrous & (ellipsoid(q, (54, -38, -46), (13, 17, 16)) < 0), iterations=2), 0.6
    )
    drawn = [
        ellipsoid(p, (7, 76, -14), (6, 3.2, 9)),
        ellipsoid(p, (17, 75, -11), (6, 2.6, 6)),
        ellipsoid(p, (-9, 76, -12), (8, 3.4, 12)),
        ellipsoid(p, (7.5, 15, -43), (6.5, 11, 6)),
        ellipsoid(p, (-8.5, 14, -43), (7.5, 10, 6.5)),
        tube(q, ((82, -25, -46), (42, -22, -43)), 2.3),
        ellipsoid(q, (40, -22, -42), (3, 4, 4)),
        np.maximum(mastoid, 0.5 - cells(p, (0, -36, -46), (72, 20, 18), 4.5, seed=8)),
    ]
    return np.minimum.reduce([spaces, *drawn]).astype(np.float32)
