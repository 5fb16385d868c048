"""The blur with which deposits are put into a scan: the one that the analysis measures too."""

from __future__ import annotations

from dataclasses import dataclass

from calcscan.blur import MeasuredBlur, measure_blur
from calcscan.knowledge.blur import BlurSettings
from calcscan.model import Scan


@dataclass(frozen=True, slots=True, kw_only=True)
class Blur:
    """In-plane blur: a Gaussian with a standard deviation of `psf_mm`, less `overshoot` times one twice as wide."""

    psf_mm: float
    overshoot: float = 0.0
    measured: bool = False
    profiles: int = 0
    """Number of edges measured; 0 where the blur is assumed."""
    why: str = ""

    @classmethod
    def of(cls, measured: MeasuredBlur) -> Blur:
        """What was measured, or assumed, of a scan."""
        return cls(
            psf_mm=measured.blur.in_plane_mm,
            overshoot=measured.overshoot,
            measured=measured.blur.in_plane_measured,
            profiles=measured.edges,
            why=measured.blur.why,
        )


def find_blur(scan: Scan, *, settings: BlurSettings | None = None) -> Blur:
    """The scan's in-plane blur, measured if possible, else assumed from its kernel; `why` says which, and why.

    Overshoot can't be measured at an edge with air, where it falls below the least HU that many scanners store: it is
    assumed for a sharp kernel.
    """
    return Blur.of(measure_blur(scan, settings=settings))
