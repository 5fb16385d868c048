"""What else a lesion may be than an even deposit: denser in the middle, then larger, or hollow, then smaller."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from calcscan.knowledge.volume import VolumeSettings
from calcscan.measurement.density_gradient import GradientExtent
from calcscan.measurement.even_deposit import EvenDeposit, Tolerance
from calcscan.measurement.hollow import HollowExtent
from calcscan.measurement.patch import Patch


@dataclass(frozen=True, slots=True, kw_only=True)
class DenserCore:
    """How much larger (logarithm) a deposit denser in the middle would be, at most `most`, and how certain it is to be
    one, 0 to 1."""

    certain: float = 0.0
    larger: float = 0.0
    most: float = 0.0
    spread: float = 0.0

    @classmethod
    def of(
        cls,
        gradient: GradientExtent | None,
        even: EvenDeposit,
        lesion: Patch,
        tolerance: Tolerance,
        settings: VolumeSettings,
        *,
        peaked: float | None,
    ) -> DenserCore:
        """In thick slices, where `peaked` says how much likelier the profile within them makes a dense middle, columns
        fit whatever the density is: there a dense middle shows where that profile has one, and where extents bounded by
        levels, or round, are far better filled so than evenly."""
        if gradient is None:
            return cls()
        larger, lumpy = gradient.log_mm3 - even.log_mm3, gradient.lumpy_log_mm3 - even.log_mm3
        is_larger = np.interp(larger, [0.0, settings.uneven_larger], [0.0, 1.0])
        if peaked is None:
            better = (gradient.likelihood - even.likelihood - settings.uneven_better) / settings.uneven_step
            certain = _resolved(even, lesion, settings) * is_larger * special.expit(better)
        else:
            better = (gradient.likelihood - gradient.even_likelihood - settings.thick_better) / settings.thick_step
            certain = special.expit(better) * special.expit((peaked - settings.peaked) / settings.peaked_step)
        if lesion.psf_error > settings.blur_unsure:  # an even one blurred more than is thought looks so, too
            better = (gradient.likelihood - even.likelihood) / tolerance.independent - settings.uneven_unsure
            certain *= special.expit(better / settings.uneven_unsure_step)
        enough = max(settings.lumpy_better, settings.lumpy_better_share * tolerance.independent)
        is_lumpy = special.expit((gradient.lumpy_likelihood - even.likelihood - enough) / settings.uneven_step)
        seen = special.expit((gradient.likelihood - even.likelihood - settings.uneven_seen) / settings.uneven_step)
        spread = max(gradient.spread, float(is_larger * seen) * settings.extent_floor)
        lumpier = (gradient.lumpy_likelihood - max(gradient.likelihood, even.likelihood)) / tolerance.independent
        lumps = 0.5 * special.expit((lumpier - settings.lumpier) / settings.lumpier_step)
        layers = certain * special.expit((lumpier - settings.lumpier_certain) / settings.lumpier_step)
        towards = float(max(lumps, layers)) * max(0.0, lumpy - larger)
        extent, counted = larger + towards, np.log(max(lesion.sum_mm3(lesion.counted), 1.0)) - even.log_mm3
        weight = 0.0 if peaked is None else settings.thick_counted
        return cls(
            certain=float(certain),
            larger=float((1.0 - weight) * max(0.0, extent) + weight * max(0.0, counted)),
            most=max(0.0, larger + settings.uneven_most * spread, float(is_lumpy) * lumpy),
            spread=float(np.hypot(gradient.spread, 0.5 * towards)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """How much smaller (logarithm) a hollow deposit would be, and how certain and how possible it is to be one, each 0
    to 1."""

    certain: float = 0.0
    possible: float = 0.0
    smaller: float = 0.0

    @classmethod
    def of(cls, hollow: HollowExtent | None, even: EvenDeposit, settings: VolumeSettings) -> Shell:
        if hollow is None:
            return cls()
        better = hollow.likelihood - even.likelihood
        return cls(
            certain=float(special.expit((better - settings.hollow_better) / settings.hollow_step)),
            possible=float(special.expit((better - settings.hollow_possible) / settings.hollow_step)),
            smaller=max(0.0, even.log_mm3 - hollow.log_mm3),
        )


def _resolved(even: EvenDeposit, lesion: Patch, settings: VolumeSettings) -> float:
    """How far a deposit is large enough beside its blur to show its middle, 0 to 1."""
    widths = [settings.uneven_radius, settings.uneven_radius_sure]
    return float(np.interp(_blurs(float(np.exp(even.log_mm3)), lesion), widths, [0.0, 1.0]))


def hidden_hollow(volume_mm3: float, lesion: Patch, settings: VolumeSettings) -> float:
    """How much smaller (logarithm) a deposit of this solid volume may be, hollow or in dots that nothing shows."""
    ends = [settings.hollow_hidden_radius.low, settings.hollow_hidden_radius.high]
    return settings.hollow_hidden * float(np.interp(_blurs(volume_mm3, lesion), ends, [1.0, 0.0]))


def _blurs(volume_mm3: float, lesion: Patch) -> float:
    """The radius of a ball of this volume, in standard deviations of the blur, their geometric mean."""
    return radius_mm(volume_mm3) / float((lesion.psf_mm**2 * np.median(lesion.across_mm)) ** (1.0 / 3.0))


def radius_mm(volume_mm3: float) -> float:
    """Of a ball."""
    return float((3.0 * volume_mm3 / (4.0 * np.pi)) ** (1.0 / 3.0))
