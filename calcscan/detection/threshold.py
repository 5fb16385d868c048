"""Which threshold suits a scan: tube voltage and noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from calcscan.grid.geometry import Array
from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.model import Flag, Intracranial, Scan


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Thresholds:
    """A lesion must reach `found_hu`; it is counted from `counted_hu`; its faint rim begins at `rim_hu`.

    Where the tube voltage differs between slices, so does what a lesion must reach: then `nominal_hu` and `found_hu`
    are the lowest of all slices, and those of each slice stand beside them, shape (slices,).
    """

    nominal_hu: float
    found_hu: float
    counted_hu: float
    rim_hu: float
    slice_nominal_hu: Array | None = None
    slice_found_hu: Array | None = None
    flags: tuple[Flag, ...] = ()

    @property
    def highest_nominal_hu(self) -> float:
        """The threshold at the tube voltage at which calcium reads densest."""
        return self.nominal_hu if self.slice_nominal_hu is None else float(self.slice_nominal_hu.max())

    @property
    def highest_found_hu(self) -> float:
        """What is found in any slice of the scan."""
        return self.found_hu if self.slice_found_hu is None else float(self.slice_found_hu.max())

    def found_in(self, k: npt.NDArray[np.int64]) -> float | Array:
        """What a lesion must reach in these slices (n,)."""
        return self.found_hu if self.slice_found_hu is None else np.asarray(self.slice_found_hu[k])

    def least_in(self, k: npt.NDArray[np.int64]) -> float:
        """The faintest that calcification of these slices (n,) can be."""
        if self.slice_found_hu is None or self.slice_nominal_hu is None:
            return min(self.nominal_hu, self.found_hu)
        return float(np.minimum(self.slice_nominal_hu, self.slice_found_hu)[k].min())


def choose_thresholds(
    scan: Scan, intracranial: Intracranial, asked_hu: float | None, settings: ThresholdSettings
) -> Thresholds:
    """The thresholds for a scan; `asked_hu` overrules what suits it, and then nothing is raised for noise.

    Each slice has that of its own tube voltage; one whose voltage is not known that of the usual one.

    Flags `noisy` where noise, not the tube voltage, sets the threshold, and `uncertain_material` where the threshold
    asked for also counts what may be blood.
    """
    each = np.array([nominal_hu(kvp_kv, settings) for kvp_kv in scan.slice_kvp_kv])
    differ = bool(np.ptp(each)) if len(each) else False
    nominal = float(each.min()) if len(each) else nominal_hu(scan.acquisition.kvp_kv, settings)
    sigma, brain = intracranial.noise_hu, intracranial.brain_hu
    above_noise = -np.inf if sigma is None or brain is None else brain + settings.noise_factor * sigma
    rim_noise = -np.inf if sigma is None or brain is None else brain + settings.rim_noise_factor * sigma
    flags: tuple[Flag, ...] = ()
    if sigma is not None and above_noise > nominal:
        where = f" in {int((each < above_noise).sum())} of {len(each)} slices" if differ else ""
        flags = (
            Flag(
                code="noisy",
                message=f"noise of {sigma:.0f} HU raises the threshold from {nominal:.0f} to {above_noise:.0f} HU"
                + where,
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
        slice_nominal_hu=each if differ else None,
        slice_found_hu=np.maximum(each, above_noise) if differ and asked_hu is None else None,
        flags=flags,
    )


def threshold_by_kvp(scan: Scan, levels: Thresholds) -> list[dict[str, Any]]:
    """What a lesion must reach at each tube voltage, and how many slices were taken at it; empty where all have the
    same threshold."""
    if levels.slice_found_hu is None:
        return []
    kvps = sorted(set(scan.slice_kvp_kv), key=lambda kvp_kv: kvp_kv or 0.0)
    of = {kvp_kv: [k for k, one in enumerate(scan.slice_kvp_kv) if one == kvp_kv] for kvp_kv in kvps}
    return [
        {"kvp_kv": kvp_kv, "slices": len(k), "threshold_hu": float(levels.slice_found_hu[k[0]])}
        for kvp_kv, k in of.items()
    ]


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
