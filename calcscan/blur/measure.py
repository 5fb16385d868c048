"""The blur of a scan, in the plane and across the slices: measured at the edges of skin and air, else assumed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from calcscan.blur.edges import find_edges
from calcscan.blur.fit import Fit, fit_blur
from calcscan.blur.interpolated import Interpolation, find_interpolation
from calcscan.knowledge.blur import BlurSettings
from calcscan.knowledge.quality import FlagCode
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
    overshoot = float(settings.overshoot_sharp) if scan.acquisition.sharp_kernel else 0.0
    blur, edges = _at_the_skin(scan, overshoot, settings)
    interpolated = find_interpolation(scan, settings)
    if interpolated is not None:
        blur = _from_period(scan, blur, interpolated, settings)
    elif blur.across_measured and scan.acquisition.slice_thickness_mm is not None:
        blur = _doubted(blur, assumed_blur(scan, settings), settings)
    flags = _resampled(scan, blur, interpolated, settings)
    return MeasuredBlur(blur=blur, overshoot=overshoot, edges=edges, flags=flags)


def _at_the_skin(scan: Scan, overshoot: float, settings: BlurSettings) -> tuple[Blur, int]:
    """The blur that edges of skin and air show, and how many there were; assumed, and none, where they don't tell."""
    assumed = assumed_blur(scan, settings)
    edges = find_edges(scan, settings, overshoot=overshoot)
    stated_mm = assumed.thickness_mm
    lean_mm = np.abs(edges.slant) * stated_mm[edges.k]
    fit = fit_blur(edges.width_mm, lean_mm, settings)
    problem = _problem(fit, len(lean_mm), scan, settings)
    if fit is None or problem:
        why = f"assumed for a {'sharp' if scan.acquisition.sharp_kernel else 'soft'} kernel: {problem}"
        return replace(assumed, why=why), 0
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
    return blur, fit.edges


def _from_period(scan: Scan, blur: Blur, interpolated: Interpolation, settings: BlurSettings) -> Blur:
    """The blur of a copy of slices as thick as they lay apart, by the period in which they return: where nothing was
    measured surely, or where three slices in a row lie between two of the original and the skin shows plainly less."""
    thick_mm = settings.copied_wider * interpolated.period * scan.geometry.spacing_mm[0]
    measured = blur.across_measured and blur.across_error <= settings.copied_error
    sure = 0.0
    if measured:
        sure = 2.0 * blur.across_error if interpolated.straight >= settings.straight_sure else np.inf
    if np.log(thick_mm / float(np.median(blur.thickness_mm))) <= sure:
        return blur
    return replace(
        blur,
        across_mm=np.full(len(scan.hu), thick_mm / np.sqrt(12.0)),
        across_error=settings.across_error_unknown,
        across_measured=False,
        why=f"{blur.why}; across the slices by the period of interpolated ones",
    )


def _doubted(blur: Blur, stated: Blur, settings: BlurSettings) -> Blur:
    """What no profile of slices as thick as stated explains, and is too little for a copy: a mask or a cushion on the
    skin may have been measured. It stands, with an error that reaches to what is plausible."""
    wider = float(np.median(blur.across_mm / stated.across_mm))
    if not settings.profile_wider < wider <= settings.copied_above:
        return blur
    doubt = float(np.log(wider / settings.profile_wider))
    return replace(
        blur,
        across_error=float(np.hypot(blur.across_error, doubt)),
        why=f"{blur.why}; across the slices {wider:.1f} times what their thickness explains, and not surely",
    )


def _resampled(scan: Scan, blur: Blur, interpolated: Interpolation | None, settings: BlurSettings) -> tuple[Flag, ...]:
    """`resampled`, where slices are blurred across more than they can be, or interpolated; its value is the thickness
    that each shows."""
    between_mm, stated_mm = scan.geometry.spacing_mm[0], scan.acquisition.slice_thickness_mm
    shown_mm = float(np.median(blur.thickness_mm))
    limit_mm = settings.copied_above * max(between_mm, float(np.median(assumed_blur(scan, settings).thickness_mm)))
    thicker = blur.across_measured and shown_mm > max(limit_mm, settings.copied_least_mm)
    if not thicker and (interpolated is None or shown_mm < settings.copied_least_mm):
        return ()
    apart = f"slices lie {between_mm:.2g} mm apart"
    if stated_mm is not None:
        apart += f" and are said to be {stated_mm:.2g} mm thick"
    message = f"The scan was resampled: {apart}, but each shows what one of about {shown_mm:.2g} mm would. "
    if interpolated is not None:
        message += "Values between thicker slices were interpolated. "
    message += f"Limits, intervals and what counts as a plaque follow {shown_mm:.2g} mm; use the original slices."
    flag = Flag(code=FlagCode.RESAMPLED, message=message, value=round(shown_mm, 1), limit=round(limit_mm, 1))
    return (flag,)


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
