"""Makes frames.zip: the slices of `dicom_series()` in the compressions that no dependency of calcscan can write.

    pip install imagecodecs pydicom scipy && python tests/support/encoded/make_encoded.py

Each member `NAME/NNN` is the code stream of one slice; `dicom_codings.CODINGS` says how its values are stored.
To be run again whenever that series changes: the cases with these slices would no longer be right.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import numpy.typing as npt

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from support.dicom_codings import coded  # noqa: E402
from support.dicom_faults import series  # noqa: E402

Coder = Callable[[npt.NDArray[np.generic]], bytes]
CODERS: dict[str, Coder] = {
    "jpeg_baseline": lambda a: imagecodecs.jpeg8_encode(a, level=97),
    "jpeg_extended_12": lambda a: imagecodecs.jpeg8_encode(a, level=97, bitspersample=12),
    "jpeg_lossless_p14": lambda a: imagecodecs.jpeg8_encode(a, lossless=True, predictor=4, bitspersample=16),
    "jpeg_lossless_sv1": lambda a: imagecodecs.jpeg8_encode(a, lossless=True, predictor=1, bitspersample=16),
    "jpeg_ls": lambda a: imagecodecs.jpegls_encode(a),
    "jpeg_ls_near": lambda a: imagecodecs.jpegls_encode(a, level=3),
    "jpeg_2000": lambda a: imagecodecs.jpeg2k_encode(a, codecformat="J2K", reversible=True),
    "jpeg_2000_lossy": lambda a: imagecodecs.jpeg2k_encode(a, level=75, codecformat="J2K"),
    "htj2k": lambda a: imagecodecs.htj2k_encode(a, reversible=True),
}


def main() -> None:
    images = series()
    with zipfile.ZipFile(HERE / "frames.zip", "w", zipfile.ZIP_DEFLATED) as target:
        for name, coder in CODERS.items():
            for number, stored in enumerate(coded(images, name)):
                member = zipfile.ZipInfo(f"{name}/{number:03d}")  # without a date: the same bytes each time
                target.writestr(member, coder(stored), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    main()
