"""Where anatomy calcifies along smooth courses: there more is asked of a foreign body."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from calcscan.grid.geometry import Array
from calcscan.grid.isotropic import sample_at
from calcscan.knowledge.foreign_body import ForeignBodySettings
from calcscan.model import Atlas, Registration

ShareOf = Callable[[Array], float]
"""Tells which share of points (n, 3) lies there."""


def share_at_sites(registration: Registration | None, atlas: Atlas | None, settings: ForeignBodySettings) -> ShareOf:
    """Tells which share of points (n, 3) lies at sites that calcify along smooth courses: none without a registration
    to look it up by, all where one was tried and does not fit, for then any of them may."""
    if registration is None or atlas is None:
        return lambda points: 0.0
    if not registration.accepted:
        return lambda points: 1.0
    numbers = [n for n, site in atlas.sites.items() if site.site in settings.protected_sites]
    around = settings.protected_mm * np.vstack([np.zeros(3), np.eye(3), -np.eye(3)])

    def share(points: Array) -> float:
        there = (registration.to_atlas(points)[:, None] + around).reshape(-1, 3)
        label = sample_at(atlas.labels, atlas.affine, there, nearest=True).astype(int)
        return float(np.isin(label, numbers).reshape(-1, len(around)).any(axis=1).mean())

    return share
