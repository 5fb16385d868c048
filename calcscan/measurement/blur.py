"""The in-plane blur that a scan is assumed to have: of its kernel, for it is not measured."""

from __future__ import annotations

from calcscan.knowledge.volume import VolumeSettings
from calcscan.model import Scan


def assumed_psf_mm(scan: Scan, settings: VolumeSettings) -> float:
    """Standard deviation of the in-plane blur, mm: less for a sharp kernel."""
    sharp = scan.acquisition.sharp_kernel
    return settings.psf_sharp_mm if sharp else settings.psf_soft_mm
