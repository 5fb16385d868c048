"""Which threshold suits a scan: tube voltage and noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.model import Flag, Intracranial, Scan


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """A lesion must reach `found_hu`; it is counted from `counted_hu`; its faint rim begins at `rim_hu`."""

    nominal_hu: float
    found_hu: float
    counted_hu: float
    rim_hu: float
    flags: tuple[Flag, ...] = ()


def choose_thresholds(
    scan: Scan, intracranial: Intracranial, asked_hu: float | None, settings: ThresholdSettings
) -> Thresholds:
    """The thresholds for a scan; `asked_hu` overrules what suits it, and then nothing is raised for noise.

    Flags `noisy` where noise, not the tube voltage, sets the threshold, and `uncertain_material` where the threshold
    asked for also counts what may be blood.
    """
    nominal = nominal_hu(scan.acquisition.kvp_kv, settings)
    sigma, brain = intracranial.noise_hu, intracranial.brain_hu
    above_noise = -np.inf if sigma is None or brain is None else brain + settings.noise_factor * sigma
    rim_noise = -np.inf if sigma is None or brain is None else brain + settings.rim_noise_factor * sigma
    flags: tuple[Flag, ...] = ()
    if sigma is not None and above_noise > nominal:
        flags = (
            Flag(
                code="noisy",
                message=f"noise of {sigma:.0f} HU raises the threshold from {nominal:.0f} to {above_noise:.0f} HU",
                value=round(sigma, 1),
                limit=round((nominal - (brain or 0.0)) / settings.noise_factor, 1),
            ),
        )
    flags += _blood_flag(asked_hu, settings)
    found = max(nominal, above_noise) if asked_hu is None else float(asked_hu)
    counted = float(settings.counted_hu) if asked_hu is None else found
    return Thresholds(
        nominal_hu=nominal,
        found_hu=float(found),
        counted_hu=min(counted, float(found)),
        rim_hu=float(min(max(settings.rim_hu, rim_noise), counted, found)),
        flags=flags,
    )


def _blood_flag(asked_hu: float | None, settings: ThresholdSettings) -> tuple[Flag, ...]:
    limit = float(settings.asked_blood_hu)
    if asked_hu is None or asked_hu >= limit:
        return ()
    message = (
        f"the threshold of {asked_hu:g} HU that was asked for also counts what may be blood, or brain itself: "
        f"clotted blood reaches about {limit:g} HU"
    )
    return (Flag(code="uncertain_material", message=message, value=float(asked_hu), limit=limit),)


def nominal_hu(kvp_kv: float | None, settings: ThresholdSettings) -> float:
    """The calcium threshold at a tube voltage.

    >>> from calcscan.knowledge.settings import load
    >>> [nominal_hu(kvp_kv, load(ThresholdSettings)) for kvp_kv in (120.0, 80.0, 140.0, None)]
    [130.0, 167.0, 130.0, 130.0]
    """
    kvp = settings.usual_kvp if kvp_kv is None else kvp_kv
    at = [settings.low_kvp, settings.usual_kvp]
    return float(np.interp(kvp, at, [settings.nominal_80_kvp_hu, settings.nominal_hu]))
