"""From the fields of a head to Hounsfield units, point by point."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from shapes import Field

# Brain: brightness of the (sharpened) T1 against HU; cerebrospinal fluid, grey and white matter.
BRAIN_T1 = (0, 32, 44, 56, 66, 74, 86, 110)
BRAIN_HU = (6, 7, 16, 31, 38.5, 36.5, 28.5, 27)
# Outside the skull: dark is tendon and fascia, grey is muscle, bright is fat.
SOFT_T1 = (0, 20, 40, 58, 68, 78, 110)
SOFT_HU = (35, 45, 55, 52, 5, -75, -95)

PALLIDUM_HU, STRIATUM_HU, THALAMUS_HU = 37.0, 39.0, 35.5
DURA_HU, BLOOD_HU, PLEXUS_HU = 48.0, 52.0, 38.0
CORTICAL_HU, DIPLOE_HU, PETROUS_HU, OTIC_HU = 1350.0, 480.0, 1150.0, 1750.0
VITREOUS_HU, LENS_HU, SCLERA_HU, ORBIT_FAT_HU = 9.0, 75.0, 48.0, -88.0
SKIN_HU, AIR_HU = 25.0, -1000.0

CORTEX_MM = 1.4
SCALP_MM = 3.2


def hounsfield(f: Mapping[str, Field], texture: Field, fine_texture: Field) -> Field:
    """HU of points with sampled fields `f` (names as in `Anatomy`); textures are smooth unit noise."""
    streaked = f["t1"] + 5 * texture + 2 * fine_texture
    hu = np.interp(streaked, SOFT_T1, SOFT_HU).astype(np.float32)
    hu[f["head"] > -1.6] = SKIN_HU
    _orbit(hu, f)
    _air_and_face(hu, f, fine_texture)
    inside = f["cavity"] < 0
    hu[inside] = _brain(f)[inside]
    _vault(hu, f, texture, fine_texture)
    hu[f["head"] > 0] = AIR_HU
    return hu


def _brain(f: Mapping[str, Field]) -> Field:
    hu = np.interp(f["t1"], BRAIN_T1, BRAIN_HU).astype(np.float32)
    for weight, value in (("thalamus", THALAMUS_HU), ("striatum", STRIATUM_HU), ("pallidum", PALLIDUM_HU)):
        w = np.clip(f[weight], 0, 1) * (f["t1"] > 52)
        hu += w * (value - hu)
    hu[(f["plexus"] < 0)] = PLEXUS_HU
    hu[f["dura"] < 0] = DURA_HU
    hu[f["vessel"] < 0] = BLOOD_HU
    return hu


def _orbit(hu: Field, f: Mapping[str, Field]) -> None:
    hu[f["orbit_fat"] < 0] = ORBIT_FAT_HU
    hu[f["globe"] < 0] = VITREOUS_HU
    hu[np.abs(f["globe"] + 0.5) < 0.8] = SCLERA_HU
    hu[f["lens"] < 0] = LENS_HU


def _air_and_face(hu: Field, f: Mapping[str, Field], fine_texture: Field) -> None:
    bone = f["base"] < 0
    depth = np.clip(-f["base"], 0, 4)
    hu[bone] = (PETROUS_HU - 90 * depth + 130 * fine_texture)[bone]
    hu[bone & (f["otic"] < 0)] = OTIC_HU
    wall = (f["air"] > 0) & (f["air"] < 1.0) & (f["head"] < -5)
    hu[wall] = np.maximum(hu[wall], 520)
    hu[(f["air"] <= 0) & (f["cavity"] > 1.2)] = AIR_HU


def _vault(hu: Field, f: Mapping[str, Field], texture: Field, fine_texture: Field) -> None:
    """The shell of bone around the cavity: two tables and the diploe between them where there is room for it."""
    depth = f["cavity"]
    thickness = np.minimum(f["thickness"] + 0.5 * texture, depth - f["head"] - SCALP_MM)
    shell = (depth >= 0) & (depth < thickness) & ~((f["air"] <= 0) & (depth > 1.2))
    edge = np.minimum(depth, thickness - depth)
    inner = np.clip((edge - CORTEX_MM) / 0.8, 0, 1) * (thickness > 3.6)
    bone = CORTICAL_HU + inner * (DIPLOE_HU + 160 * fine_texture - CORTICAL_HU)
    hu[shell] = bone[shell]
