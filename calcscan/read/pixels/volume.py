"""Slices → one array of Hounsfield units."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from calcscan.errors import UnreadableError
from calcscan.knowledge.reading import ReadingSettings
from calcscan.read.files.source import SourceFile
from calcscan.read.headers.collect import UnreadableFile
from calcscan.read.headers.image import Image
from calcscan.read.pixels.decode import stored_pixels
from calcscan.read.pixels.hounsfield import to_hounsfield
from calcscan.read.pixels.hounsfield_check import off_scale


def decode_volume(
    images: Sequence[Image], settings: ReadingSettings
) -> tuple[npt.NDArray[np.int16], list[Image], list[UnreadableFile]]:
    """HU of every slice that can be decoded, (k, j, i); those slices; and the files of the others."""
    hu = np.empty((len(images), images[0].rows, images[0].columns), dtype=np.int16)
    by_file: dict[SourceFile, list[int]] = defaultdict(list)
    for index, image in enumerate(images):
        by_file[image.file].append(index)

    def fill(indices: list[int]) -> str:
        indices = sorted(indices, key=lambda index: images[index].frame or 0)  # as stored: what is cut off is the end
        members = [images[index] for index in indices]
        done: list[int] = []
        try:
            for index, stored in zip(indices, stored_pixels(members[0].file, members, settings), strict=True):
                to_hounsfield(stored, images[index], hu[index], settings)
                done.append(index)
        except UnreadableError as error:
            bad.extend(index for index in indices if index not in done)
            return error.what
        return ""

    bad: list[int] = []
    with ThreadPoolExecutor(max_workers=2) as pool:
        whats = list(pool.map(fill, by_file.values()))
    broken = [UnreadableFile(name=file.name, what=what) for file, what in zip(by_file, whats, strict=True) if what]
    for index in off_scale(hu, settings, [_scale(image) for image in images]) if not bad else ():
        what = "is not on the scale of the other slices (RescaleSlope or RescaleIntercept is wrong or absent)"
        broken.append(UnreadableFile(name=images[index].file.name, what=what))
        bad.append(index)
    if not bad:
        return hu, list(images), broken
    good = sorted(set(range(len(images))) - set(bad))
    return hu[good], [images[index] for index in good], broken


def _scale(image: Image) -> tuple[float | None, float | None, bool, int]:
    """What rescales a slice's stored values to Hounsfield units: slices that share it can only be wrong together."""
    pixels = image.pixels
    return (pixels.slope, pixels.intercept, pixels.signed, pixels.bits_stored)
