"""A real head CT that anybody can fetch: `Cranium.inv3` of Debian's package invesalius-examples (GPL-2).

    python -m benchmarks.heads.debian cranium.nii.gz [--inv3 FILE]

writes it as NIfTI, which `calcscan run` and every benchmark can read; keep the name cranium.nii.gz, under which
`points.toml` and `landmarks.toml` list it. Without --inv3 the package is fetched once with `apt-get download` (on a
Debian with its package lists) into ~/.cache/calcscan. Held out: only the registration was tuned on it.

The file does not say who was scanned or how. Its rows were flipped when InVesalius read the DICOM images, and are
flipped back here; the columns are taken as written, so left and right rest on InVesalius.
"""

from __future__ import annotations

import argparse
import io
import plistlib
import subprocess
import tarfile
from pathlib import Path

import nibabel
import numpy as np

from calcscan.grid.geometry import Geometry
from calcscan.model import Scan

PACKAGE, FILE = "invesalius-examples", "Cranium.inv3"
CACHE = Path("~/.cache/calcscan").expanduser()


def fetched(folder: Path = CACHE) -> Path:
    """The .inv3 file, fetched and unpacked into `folder` unless it is there already."""
    path = folder / FILE
    if path.is_file():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "download", PACKAGE], cwd=folder, check=True)
    package = sorted(folder.glob(f"{PACKAGE}_*.deb"))[-1]
    content = subprocess.run(["dpkg-deb", "--fsys-tarfile", package.name], cwd=folder, check=True, capture_output=True)
    with tarfile.open(fileobj=io.BytesIO(content.stdout)) as files:
        member = next(m for m in files if Path(m.name).name == FILE)
        path.write_bytes(files.extractfile(member).read())
    package.unlink()
    return path


def read_inv3(path: Path) -> Scan:
    """An InVesalius project, or the folder it was unpacked to, as a scan in LPS mm."""
    if path.is_dir():
        parts = {p.name: p.read_bytes() for p in path.iterdir() if p.name in ("main.plist", "matrix.dat")}
    else:
        with tarfile.open(path) as files:
            wanted = [m for m in files if Path(m.name).name in ("main.plist", "matrix.dat")]
            parts = {Path(m.name).name: files.extractfile(m).read() for m in wanted}
    project = plistlib.loads(parts["main.plist"])
    matrix = project["matrix"]
    stored = np.frombuffer(parts["matrix.dat"], np.dtype(matrix["dtype"])).reshape(matrix["shape"])
    hu = np.ascontiguousarray(stored[:, ::-1].astype(np.int16))
    di, dj, dk = project["spacing"]
    affine = np.array([[0, 0, di, 0], [0, dj, 0, 0], [dk, 0, 0, 0], [0, 0, 0, 1.0]])
    return Scan(hu=hu, geometry=Geometry.from_affine(affine, hu.shape))


def debian_head(path: Path | None = None) -> Scan:
    """The head, from a local file or fetched."""
    return read_inv3(path or fetched())


def write_nifti(scan: Scan, path: Path) -> None:
    to_ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ scan.geometry.affine()[:, [2, 1, 0, 3]]
    nibabel.save(nibabel.Nifti1Image(scan.hu.transpose(2, 1, 0), to_ras), path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="such as cranium.nii.gz")
    parser.add_argument("--inv3", type=Path, help="the file, or the folder it was unpacked to, if you have it")
    arguments = parser.parse_args()
    scan = debian_head(arguments.inv3)
    write_nifti(scan, arguments.out)
    print(f"{arguments.out}: {scan.hu.shape}, voxels {scan.geometry.spacing_mm} mm")


if __name__ == "__main__":
    main()
