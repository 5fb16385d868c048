"""Images → groups whose slices may share a volume, however untidy their headers.

What is compared decides what is split. A header detail that does not affect the image (a word of the image type,
a frame of reference, a UID that changes with each file) never splits a series: half of its slices would be measured as
if they were all. What does affect it (size, pixel spacing, direction, kernel, thickness) always splits it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from calcscan.knowledge.reading import ReadingSettings
from calcscan.read.headers.image import Image
from calcscan.read.series.complete import complete_headers
from calcscan.read.series.interleaved import by_offset
from calcscan.read.series.split import by_direction, by_kernel, by_kind, by_spacing, by_thickness


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """Images that belong together. `notes` says what was repaired or overlooked to put them together, and `fault` why
    nothing could be made of them."""

    images: tuple[Image, ...]
    notes: tuple[str, ...] = ()
    fault: str = ""


def split_series(series: Group, settings: ReadingSettings) -> list[Group]:
    """A series in groups of one size, spacing, direction, kernel and thickness, each on one grid."""
    images, notes = complete_headers(series.images, settings)
    parts = [list(images)]
    for split in (by_kind, by_spacing, by_direction, by_kernel, by_thickness, by_offset):
        parts = [piece for part in parts for piece in split(part, settings)]
    return [Group(images=tuple(part), notes=(*series.notes, *notes), fault=series.fault) for part in parts]


COUNTS_SHOWN = 3
"""Up to so many counts are listed one by one."""
_COMPARED_FIELDS: tuple[tuple[str, Callable[[Image], Hashable]], ...] = (
    ("ConvolutionKernel", lambda image: image.kernel),
    ("FrameOfReferenceUID", lambda image: image.frame_of_reference_uid),
    ("SliceThickness", lambda image: image.thickness_mm),
    ("SeriesDescription", lambda image: image.description),
)


def differences(images: Sequence[Image], settings: ReadingSettings) -> tuple[str, ...]:
    """The header fields in which the slices of one stack differ though it does not affect the image, with counts."""
    skipped = settings.words.skipped_image_types.values

    def image_type(image: Image) -> Hashable:
        return tuple(word for word in image.image_type if word not in skipped)

    found = []
    for name, key in (("ImageType", image_type), *_COMPARED_FIELDS):
        counts = Counter(key(image) for image in images)
        if len(counts) > COUNTS_SHOWN:
            found.append(f"{name} differs between slices ({len(counts)} values)")
        elif len(counts) > 1:
            found.append(f"{name} differs between slices ({' and '.join(map(str, sorted(counts.values())))})")
    return tuple(found)
