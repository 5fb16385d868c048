"""How well scan and template agree under a transform: overlap of the brain, correlation of its interior."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from calcscan.grid.geometry import Array, apply
from calcscan.grid.isotropic import sample_at
from calcscan.grid.masks import distance_mm
from calcscan.grid.smooth import gaussian
from calcscan.knowledge.registration import RegistrationSettings
from calcscan.registration.preprocess import Field, Mask, RegistrationImage

_STEP = 2
"""The template is smoothed at every second voxel, and compared at every second of these."""
_TRIMMING_ITERATIONS = 4
"""A line through most of the points is found by fitting and leaving out the worst this often."""
_CONSTANT = 1e-6
"""With a smaller standard deviation a correlation is undefined."""

ToScan = Callable[[Array], Array]
"""Takes points (n, 3) of the atlas to the scan, LPS mm."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ComparedPoints:
    """Where the template is compared; as of `Agreement`."""

    points: Array
    template_hu: Field
    brain: Mask
    interior: Mask


def compared_points(template: RegistrationImage, settings: RegistrationSettings) -> ComparedPoints:
    """Every second voxel of the template at every second voxel."""
    half, part = template.thinned(_STEP), (slice(None, None, _STEP),) * 3
    depth_mm = distance_mm(~half.mask, half.spacing_mm)
    template_hu = gaussian(half.brain_hu, settings.correlation_smoothing_mm / half.spacing_mm)[part]
    return ComparedPoints(
        points=apply(half.affine, np.moveaxis(np.indices(template_hu.shape), 0, -1).reshape(-1, 3) * _STEP),
        template_hu=template_hu.ravel(),
        brain=half.mask[part].ravel(),
        interior=(depth_mm > settings.correlation_depth_mm)[part].ravel(),
    )


def _smoothed(image: RegistrationImage, smoothing_mm: float) -> Field:
    return gaussian(image.brain_hu, smoothing_mm / image.spacing_mm)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Agreement:
    """Scan and template, and the points at which they are compared."""

    head: RegistrationImage
    head_hu: Field
    """The head's brain HU, smoothed (k, j, i)."""
    points: Array
    """LPS mm of the atlas (n, 3)."""
    template_hu: Field
    """The template's brain HU, smoothed, at the points (n,)."""
    brain: Mask
    """Which points lie in the template's brain (n,)."""
    interior: Mask
    """Which lie deep in it: ventricles and nuclei, not the outline (n,)."""
    trimmed: float

    @classmethod
    def between(cls, head: RegistrationImage, template: RegistrationImage, settings: RegistrationSettings) -> Agreement:
        compared = template.once(compared_points, settings)
        return cls(
            head=head,
            head_hu=head.once(_smoothed, settings.correlation_smoothing_mm),
            points=compared.points,
            template_hu=compared.template_hu,
            brain=compared.brain,
            interior=compared.interior,
            trimmed=settings.correlation_trimmed,
        )

    def thinned(self, step: int) -> Agreement:
        """The same at every `step`-th point: quicker, and rougher."""
        return replace(
            self,
            points=self.points[::step],
            template_hu=self.template_hu[::step],
            brain=self.brain[::step],
            interior=self.interior[::step],
        )

    @property
    def centre(self) -> Array:
        """The centre of the brain's interior, LPS mm of the atlas (3,)."""
        return np.asarray(self.points[self.interior].mean(axis=0))

    def both(self, to_scan: ToScan) -> float:
        """Correlation and overlap together, by which whole poses of a head are ranked."""
        return self.correlation(to_scan) + self.overlap(to_scan)

    def overlap(self, to_scan: ToScan) -> float:
        """Dice of the template's brain with the intracranial space where the scan covers it; 0 where it doesn't."""
        in_scan = to_scan(self.points)
        covered = self._lies_in(self.head.covered, in_scan)
        intracranial = self._lies_in(self.head.mask, in_scan) & covered
        brain = self.brain & covered
        return 2.0 * float((brain & intracranial).sum()) / max(1.0, float(brain.sum() + intracranial.sum()))

    def covered(self, to_scan: ToScan) -> float:
        """The share of the template's brain that the scan covers."""
        return float(self._lies_in(self.head.covered, to_scan(self.points[self.brain])).mean())

    def correlation(self, to_scan: ToScan) -> float:
        """Within the brain, without the points that agree worst, where the scan covers it; 0 where it is undefined."""
        in_scan = to_scan(self.points[self.interior])
        covered = self._lies_in(self.head.covered, in_scan)
        if not covered.any():
            return 0.0
        scan_hu = sample_at(self.head_hu, self.head.affine, in_scan[covered])
        return _trimmed_correlation(self.template_hu[self.interior][covered].astype(np.float64), scan_hu, self.trimmed)

    def _lies_in(self, mask: Mask, in_scan: Array) -> Mask:
        return sample_at(mask, self.head.affine, in_scan, nearest=True) > 0


def _trimmed_correlation(template_hu: Array, scan_hu: Array, trimmed: float) -> float:
    """Correlation without the fraction `trimmed` of points farthest from the line of the others: an infarct or a
    haemorrhage is no reason to refuse the rest. 0 where either is constant.

    >>> hu = np.arange(10.0)
    >>> round(_trimmed_correlation(hu, np.where(hu == 4, 99.0, hu), 0.1), 6)
    1.0
    """
    keep = np.ones(len(scan_hu), dtype=np.bool_)
    for _ in range(_TRIMMING_ITERATIONS):
        if min(scan_hu[keep].std(), template_hu[keep].std()) < _CONSTANT:
            return 0.0
        one, other = template_hu[keep], scan_hu[keep]
        deviation = one - one.mean()
        slope = float(deviation @ other) / float(deviation @ deviation)
        intercept = float(other.mean()) - slope * float(one.mean())
        residual = np.abs(scan_hu - slope * template_hu - intercept)
        keep = residual <= np.quantile(residual, 1.0 - trimmed)
    return float(np.corrcoef(template_hu[keep], scan_hu[keep])[0, 1])
