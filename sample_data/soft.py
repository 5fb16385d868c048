"""Soft parts that the T1 does not show sharply: dura, vessels, the contents of the orbit, the ear."""

from __future__ import annotations

import numpy as np
from shapes import Field, tube
from skull import orbit_cone


def dura(p: Field, cavity: Field) -> Field:
    """Falx and tentorium, about 1 mm thin."""
    y, z, side = p[..., 1], p[..., 2], np.abs(p[..., 0])
    ridge = 12 + (np.minimum(y, -42) + 45) * 0.65
    callosum = (1.0 - np.hypot((y + 10) / 47, (z - 4) / 34)) * 35
    behind = np.where(y < -42, ridge - z, np.float32(-50))
    frontal = np.where(y > 30, -(z + 22), np.float32(-50))
    middle = np.where((y >= -42) & (y <= 30), 5 - z, np.float32(-50))
    falx = np.maximum.reduce([side - 0.45, callosum, behind, middle, frontal, cavity])
    height = -15 - 0.13 * side + (ridge + 15) * np.exp(-((side / 9) ** 1.2))
    leaf = np.maximum.reduce([np.abs(z - height) - 0.6, y + 45 - side * 0.9, cavity])
    return np.minimum(falx, leaf).astype(np.float32)


def vessels(p: Field, q: Field, cavity: Field) -> Field:
    """Dural sinuses and the larger arteries."""
    y, z = p[..., 1], p[..., 2]
    sagittal = np.maximum.reduce([q[..., 0] + 0.55 * (-cavity) - 4.2, np.where((z > 5) | (y < -70), -(z + 22), 50.0)])
    tubes = [
        tube(p, ((0, -44, 11), (0, -93, -19)), 1.9),
        tube(q, ((0, -94, -20), (22, -91, -24), (45, -72, -27), (57, -50, -29), (52, -42, -40)), 3.0),
        tube(q, ((9, 4, -30), (9, 5, -23), (14, 2, -19), (28, 4, -17)), 1.4),
        tube(p, ((0, -24, -56), (0, -12, -40), (0, -12, -24)), 1.7),
        tube(q, ((5, 38, -18), (3, 38, 10)), 1.0),
    ]
    return np.maximum(np.minimum.reduce([sagittal, *tubes]), cavity + 0.3).astype(np.float32)


def orbit_fat(q: Field) -> Field:
    """The orbit without optic nerve and straight muscles."""
    along, across, wide = orbit_cone(q)
    muscles = [
        tube(q, ((16, 18, -32), (26, 36, -37), (32, 48, -40)), 2.0),
        tube(q, ((15, 18, -32), (18, 40, -38), (21, 56, -40)), 1.7),
        tube(q, ((19, 18, -33), (38, 38, -39), (43, 54, -41)), 1.7),
        tube(q, ((17, 18, -30), (27, 38, -27), (32, 56, -28)), 1.7),
        tube(q, ((17, 18, -35), (27, 38, -48), (32, 54, -52)), 1.7),
    ]
    inside = np.maximum.reduce([across - wide + 1.5, 2 - along, q[..., 1] - 62])
    return np.maximum(inside, -np.minimum.reduce(muscles)).astype(np.float32)


def ear(q: Field) -> Field:
    """The auricle: a thin plate standing off the head, with a rim."""
    x, y, z = q[..., 0] - 79, q[..., 1] + 28, q[..., 2] + 34
    plate = np.abs(y + 0.8 * x - 0.03 * z) * 0.78 - 1.2
    outline = (np.hypot((x - 2) / 12, z / 25) - 1) * 12
    rim = np.hypot(np.clip(plate, 0, None), np.abs(outline + 1)) - 1.6
    return np.maximum(np.minimum(np.maximum(plate, outline), rim), -x - 8).astype(np.float32)
