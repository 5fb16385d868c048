"""What the registration compares: brain within fluid, so that neither bone nor calcium nor blood steers it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import numpy as np
import numpy.typing as npt

from calcscan.grid.geometry import Array
from calcscan.grid.masks import grown
from calcscan.grid.smooth import gaussian
from calcscan.knowledge.registration import RegistrationSettings
from calcscan.model import BRAIN_ZONE, Atlas, Intracranial

Field = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RegistrationImage:
    """A head or the template on an isotropic grid (k, j, i), preprocessed alike."""

    brain_hu: Field
    """HU of the brain, with grey matter instead of calcium and blood, and fluid around it."""
    mask: Mask
    """The intracranial space of a head, the brain of the template."""
    covered: Mask
    """Where there is a scan."""
    usable: Mask
    """The same without the neighbourhood of calcium and blood."""
    affine: Array
    """(4, 4), from (k, j, i, 1) to LPS mm."""
    spacing_mm: float
    _made: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def once(self, make: Callable[Concatenate[RegistrationImage, P], T], *arguments: P.args, **none: P.kwargs) -> T:
        """`make(self, …)`, made once: an image is compared many times, and the template with every head."""
        if (make, arguments) not in self._made:
            self._made[make, arguments] = make(self, *arguments, **none)
        return cast(T, self._made[make, arguments])

    def thinned(self, step: int) -> RegistrationImage:
        """The image at every `step`-th voxel along each axis."""
        part = (slice(None, None, step),) * 3
        return RegistrationImage(
            brain_hu=self.brain_hu[part],
            mask=self.mask[part],
            covered=self.covered[part],
            usable=self.usable[part],
            affine=self.affine @ np.diag([step, step, step, 1.0]),
            spacing_mm=self.spacing_mm * step,
        )


def preprocess_head(intracranial: Intracranial, settings: RegistrationSettings) -> RegistrationImage:
    """The head as the registration compares it."""
    volume, mask = intracranial.isotropic_hu, intracranial.isotropic_mask
    return RegistrationImage(
        brain_hu=_within_fluid(volume.values, mask, settings),
        mask=mask,
        covered=volume.covered,
        usable=volume.covered & ~_near_dense(intracranial, settings),
        affine=volume.affine,
        spacing_mm=volume.spacing_mm,
    )


def preprocess_template(atlas: Atlas, settings: RegistrationSettings) -> RegistrationImage:
    """The atlas's template as the registration compares it."""
    brain = np.asarray((atlas.zones & BRAIN_ZONE) > 0)
    everywhere = np.ones_like(brain)
    return RegistrationImage(
        brain_hu=_within_fluid(atlas.template_hu, brain, settings),
        mask=brain,
        covered=everywhere,
        usable=everywhere,
        affine=atlas.affine,
        spacing_mm=float(np.linalg.norm(atlas.affine[:3, 0])),
    )


def _within_fluid(hu: Field, mask: Mask, settings: RegistrationSettings) -> Field:
    brain_hu = np.where(hu > settings.dense_above_hu, settings.grey_matter_hu, np.maximum(hu, settings.fluid_hu))
    return np.asarray(np.where(mask, brain_hu, settings.fluid_hu), dtype=np.float32)


def _near_dense(intracranial: Intracranial, settings: RegistrationSettings) -> Mask:
    """Where calcium or blood is near. In a noisy scan every second point lies near one that is dense by chance, so the
    scan is smoothed first."""
    volume, mask = intracranial.isotropic_hu, intracranial.isotropic_mask
    head_hu = np.where(mask, volume.values, np.float32(settings.tissue_hu))
    smooth_hu = gaussian(head_hu, settings.dense_smoothing_mm / volume.spacing_mm)
    dense = mask & (smooth_hu > settings.dense_above_hu)
    for _ in range(round(settings.dense_margin_mm / volume.spacing_mm)):
        dense = grown(dense)
    return dense
