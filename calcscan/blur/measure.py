"""The blur of a scan, in the plane and across the slices: measured at the edges of skin and air, else assumed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from calcscan.blur.edges import find_edges
from calcscan.blur.fit import Fit, fit_blur
from calcscan.knowledge.blur import BlurSettings
from calcscan.knowledge.settings import load
from calcscan.measurement.blur import assumed_blur
from calcscan.model import Blur, Flag, Intracranial, Scan


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeasuredBlur:
    """What was found."""

    blur: Blur
    overshoot: float = 0.0
    """The share of a blur twice as wide that a sharp kernel takes off; assumed."""
    edges: int = 0
    """Number of edges that the in-plane blur rests on; 0 where it is assumed."""
    spread: float = 0.0
    flags: tuple[Flag, ...] = ()


def measure_blur(
    scan: Scan, intracranial: Intracranial | None = None, *, settings: BlurSettings | None = None
) -> MeasuredBlur:
    """How a scan blurs what it shows.

    In the plane: how steeply skin gives way to air, where the surface is upright. Across: how much wider that edge
    becomes the more the surface slants from slice to slice. The width grows with each alike, whatever the shape of the
    slice profile, so no header is needed; what is not measured is assumed, with a wider error, and `why` says why.

    Raises
    ------
    KnowledgeError
        The settings can't be read.
    """
    settings = settings or load(BlurSettings)
    assumed = assumed_blur(scan, settings)
    overshoot = float(settings.overshoot_sharp) if scan.acquisition.sharp_kernel else 0.0
    edges = find_edges(scan, settings, overshoot=overshoot)
    stated_mm = assumed.thickness_mm
    lean_mm = np.abs(edges.slant) * stated_mm[edges.k]
    fit = fit_blur(edges.width_mm, lean_mm, settings)
    problem = _problem(fit, len(lean_mm), scan, settings)
    if fit is None or problem:
        why = f"assumed for a {'sharp' if scan.acquisition.sharp_kernel else 'soft'} kernel: {problem}"
        return MeasuredBlur(blur=replace(assumed, why=why), overshoot=overshoot)
    across = fit.across_error <= settings.most_across_error
    why = f"measured on {fit.edges} edges of skin and air"
    if not across:
        why += "; across the slices assumed, for too few of them slant"
    blur = Blur(
        in_plane_mm=fit.in_plane_mm,
        in_plane_error=fit.in_plane_error,
        in_plane_measured=True,
        across_mm=fit.across * stated_mm if across else assumed.across_mm,
        across_error=fit.across_error if across else assumed.across_error,
        across_measured=across,
        why=why,
    )
    return MeasuredBlur(blur=blur, overshoot=overshoot, edges=fit.edges, spread=fit.spread)


def _problem(fit: Fit | None, found: int, scan: Scan, settings: BlurSettings) -> str:
    """Why the in-plane blur is not believed; empty where it is."""
    if fit is None:
        return f"only {found} edges of skin and air could be measured"
    least_mm = max(settings.least_psf_mm, settings.least_psf_pixels * max(scan.geometry.spacing_mm[1:]))
    if not least_mm <= fit.in_plane_mm <= settings.most_psf_mm:
        limits = f"{least_mm:.2f} to {settings.most_psf_mm:.2f} mm"
        return f"edges of skin and air gave {fit.in_plane_mm:.2f} mm, outside the {limits} accepted for this scan"
    if fit.spread > settings.most_spread:
        return f"edges of skin and air gave {fit.in_plane_mm:.2f} mm, but varied by {fit.spread:.0%}"
    return ""
