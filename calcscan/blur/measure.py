"""The blur of a scan, in the plane and across the slices: measured at the edges of skin and air, else by noise and what
the header lets expect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np

from calcscan.blur.edges import Edges, find_edges
from calcscan.blur.fit import Fit, fit_blur
from calcscan.blur.interpolated import Interpolation, find_interpolation
from calcscan.blur.noise import NoiseBlur, find_noise_blur
from calcscan.blur.reformatted import Unequal, find_unequal
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
    slice profile, so no header is needed. Where the edges don't tell, because air was cut away, the scan cropped or
    the head wrapped up, the noise is asked; it is less sure, and the errors say so. What neither tells is assumed, and
    `why` says why. The flag `blur_unmeasured` tells of all that was not measured at the skin.

    Raises
    ------
    KnowledgeError
        The settings can't be read.
    """
    settings = settings or load(BlurSettings)
    overshoot = float(settings.overshoot_sharp) if scan.acquisition.sharp_kernel else 0.0
    stated = assumed_blur(scan, settings)
    noise = cache(partial(find_noise_blur, scan, stated.thickness_mm, settings))
    edges = find_edges(scan, settings, overshoot=overshoot)
    lean_mm = np.abs(edges.slant) * stated.thickness_mm[edges.k]
    fit = fit_blur(edges.width_mm, lean_mm, settings)
    problem = _problem(fit, edges, scan, settings)
    blur = _at_the_skin(scan, fit, problem, stated, settings)
    if not blur.in_plane_measured:
        blur = _in_plane_by_noise(blur, noise(), settings)
    if not blur.across_measured:
        blur = _across_by_noise(blur, stated, noise(), settings)
    interpolated = find_interpolation(scan, settings)
    if interpolated is not None:
        blur = _from_period(scan, blur, interpolated, settings)
    elif blur.across_measured and scan.acquisition.slice_thickness_mm is not None:
        blur = _doubted(blur, stated, noise, settings)
    flags = _resampled(scan, blur, interpolated, settings)
    masked = fit is not None and bool(problem)
    unequal = None if masked else find_unequal(edges, lean_mm, settings)
    if unequal is not None and not (flags and unequal.thickness_mm <= float(np.median(blur.thickness_mm))):
        blur = _from_other_slices(blur, unequal, settings)
        flags = _reformatted(unequal)
    blur = _undersampled(scan, blur, settings)
    if not (blur.in_plane_measured and (blur.across_measured or flags)):
        flags += _unmeasured(blur)
    used = fit.edges if fit is not None and not problem else 0
    return MeasuredBlur(blur=blur, overshoot=overshoot, edges=used, flags=flags)


def _at_the_skin(scan: Scan, fit: Fit | None, problem: str, assumed: Blur, settings: BlurSettings) -> Blur:
    """The blur that edges of skin and air show; assumed where they don't tell."""
    if fit is None or problem:
        why = f"assumed for a {'sharp' if scan.acquisition.sharp_kernel else 'soft'} kernel: {problem}"
        return replace(assumed, why=why)
    across = fit.across_error <= settings.most_across_error
    why = f"measured on {fit.edges} edges of skin and air"
    if not across:
        why += "; across the slices assumed, for too few of them slant"
    return Blur(
        in_plane_mm=fit.in_plane_mm,
        in_plane_error=fit.in_plane_error,
        in_plane_measured=True,
        across_mm=fit.across * assumed.thickness_mm if across else assumed.across_mm,
        across_error=fit.across_error if across else assumed.across_error,
        across_measured=across,
        why=why,
    )


def _in_plane_by_noise(blur: Blur, noise: NoiseBlur, settings: BlurSettings) -> Blur:
    """What is assumed within the slices, weighed with what noise shows."""
    if noise.in_plane_mm is None:
        return blur
    own, shown = blur.in_plane_error**-2, settings.noise_in_plane_error**-2
    logarithm = (own * np.log(blur.in_plane_mm) + shown * np.log(noise.in_plane_mm)) / (own + shown)
    why = f"{blur.why}; weighed with noise, which shows {noise.in_plane_mm:.2f} mm"
    return replace(blur, in_plane_mm=float(np.exp(logarithm)), in_plane_error=float((own + shown) ** -0.5), why=why)


def _across_by_noise(blur: Blur, stated: Blur, noise: NoiseBlur, settings: BlurSettings) -> Blur:
    """Slices whose noise is alike are as thick as that takes, if that is more than what is assumed. Where it is not
    alike, they share nothing, and the header is more likely to be right."""
    if noise.across is None:
        alone = noise.correlation is not None and noise.correlation <= settings.noise_least_alike
        if not alone or stated.across_error == settings.across_error_unknown:
            return blur
        return replace(blur, across_error=settings.across_error_alone)
    if noise.across <= 1.0:
        return blur
    shown_mm = noise.across * float(np.median(stated.thickness_mm))
    return replace(
        blur,
        across_mm=noise.across * stated.across_mm,
        across_error=settings.noise_across_error,
        why=f"{blur.why}; slices about {shown_mm:.2g} mm thick, since the noise of neighbouring slices is alike",
    )


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


def _from_other_slices(blur: Blur, unequal: Unequal, settings: BlurSettings) -> Blur:
    """The blur of a copy whose slices lie across the original's: as much in all, as if its own slices were the thick
    ones."""
    across_mm = np.maximum(blur.across_mm, unequal.thickness_mm / np.sqrt(12.0))
    return replace(
        blur,
        in_plane_mm=unequal.narrow_mm,
        in_plane_error=max(blur.in_plane_error, settings.noise_in_plane_error),
        across_mm=across_mm,
        across_error=settings.across_error,
        across_measured=False,
        why=f"{blur.why}; unequally within the slices, {unequal.narrow_mm:.2f} and {unequal.wide_mm:.2f} mm",
    )


def _undersampled(scan: Scan, blur: Blur, settings: BlurSettings) -> Blur:
    """Pixels much wider than the blur tell less of it, and of what lies between them."""
    wider = max(scan.geometry.spacing_mm[1:]) / blur.in_plane_mm - settings.undersampled_above
    if wider <= 0.0:
        return blur
    return replace(blur, in_plane_error=float(np.hypot(blur.in_plane_error, settings.undersampled_error * wider)))


def _doubted(blur: Blur, stated: Blur, noise: Callable[[], NoiseBlur], settings: BlurSettings) -> Blur:
    """What no profile of slices as thick as stated explains, and is too little for a copy: a mask or a cushion on the
    skin may have been measured, unless noise shows that slices share as much. It stands, with an error that reaches to
    what is plausible."""
    wider = float(np.median(blur.across_mm / stated.across_mm))
    if not settings.profile_wider < wider <= settings.copied_above:
        return blur
    explained = max(settings.profile_wider, noise().across or 0.0)
    if wider <= explained:
        return blur
    why = f"{blur.why}; across the slices {wider:.1f} times what their thickness explains"
    if explained > settings.profile_wider:
        why = f"{why}, their noise {explained:.1f} times"
    error = float(np.hypot(blur.across_error, np.log(wider / explained)))
    return replace(blur, across_error=error, why=f"{why}, and not surely")


def _reformatted(unequal: Unequal) -> tuple[Flag, ...]:
    """`reformatted`: slices blurred unequally within; its value is the thickness of those that they lie across."""
    message = (
        f"The scan was made from slices of about {unequal.thickness_mm:.2g} mm across which its own lie: the pictures "
        f"are blurred by {unequal.wide_mm:.2g} mm one way and {unequal.narrow_mm:.2g} mm the other. Bone and what is "
        "small smear along them; use the original slices."
    )
    return (Flag(code=FlagCode.REFORMATTED, message=message, value=round(unequal.thickness_mm, 1)),)


def _resampled(scan: Scan, blur: Blur, interpolated: Interpolation | None, settings: BlurSettings) -> tuple[Flag, ...]:
    """`resampled`, where slices are blurred across more than they can be, or interpolated; its value is the thickness
    that each shows; where pixels are too coarse for a scanner's, their width."""
    between_mm, stated_mm = scan.geometry.spacing_mm[0], scan.acquisition.slice_thickness_mm
    shown_mm = float(np.median(blur.thickness_mm))
    limit_mm = settings.copied_above * max(between_mm, float(np.median(assumed_blur(scan, settings).thickness_mm)))
    thicker = blur.across_measured and shown_mm > max(limit_mm, settings.copied_least_mm)
    pixel_mm = max(scan.geometry.spacing_mm[1:])
    if not thicker and not (interpolated is not None and shown_mm >= settings.copied_least_mm):
        if pixel_mm <= settings.coarsest_pixel_mm:
            return ()
        message = (
            f"The scan was resampled: its pixels are {pixel_mm:.2g} mm wide, coarser than those of scanners. What is "
            "small is diluted, and volumes are less certain; use the original slices."
        )
        limit = settings.coarsest_pixel_mm
        return (Flag(code=FlagCode.RESAMPLED, message=message, value=round(pixel_mm, 1), limit=limit),)
    apart = f"slices lie {between_mm:.2g} mm apart"
    if stated_mm is not None:
        apart += f" and are said to be {stated_mm:.2g} mm thick"
    message = f"The scan was resampled: {apart}, but each shows what one of about {shown_mm:.2g} mm would. "
    if interpolated is not None:
        message += "Values between thicker slices were interpolated. "
    message += f"Limits, intervals and what counts as a plaque follow {shown_mm:.2g} mm; use the original slices."
    flag = Flag(code=FlagCode.RESAMPLED, message=message, value=round(shown_mm, 1), limit=round(limit_mm, 1))
    return (flag,)


def _problem(fit: Fit | None, edges: Edges, scan: Scan, settings: BlurSettings) -> str:
    """Why the in-plane blur is not believed; empty where it is."""
    if fit is None:
        return f"only {len(edges.k)} edges of skin and air could be measured"
    air_hu, alike = float(np.median(edges.air_hu)), float((edges.air_hu == np.median(edges.air_hu)).mean())
    if air_hu > settings.most_air_hu and alike > settings.air_alike:
        return f"air is {air_hu:.0f} HU at edges of skin, as where values are cut off"
    least_mm = max(settings.least_psf_mm, settings.least_psf_pixels * max(scan.geometry.spacing_mm[1:]))
    if not least_mm <= fit.in_plane_mm <= settings.most_psf_mm:
        limits = f"{least_mm:.2f} to {settings.most_psf_mm:.2f} mm"
        return f"edges of skin and air gave {fit.in_plane_mm:.2f} mm, outside the {limits} accepted for this scan"
    if fit.spread > settings.most_spread:
        return f"edges of skin and air gave {fit.in_plane_mm:.2f} mm, but varied by {fit.spread:.0%}"
    return ""


def _unmeasured(blur: Blur) -> tuple[Flag, ...]:
    """`blur_unmeasured`: the edges of skin and air don't tell what they mostly do."""
    what = "how thick its slices are" if blur.in_plane_measured else "how blurred the picture is"
    message = f"At its skin the scan does not show {what} ({blur.why}): volumes are less certain, and intervals wider."
    return (Flag(code=FlagCode.BLUR_UNMEASURED, message=message),)
