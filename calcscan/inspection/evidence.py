"""What speaks for contrast medium: one part of the head that is as bright as it never is without."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A part of the head that contrast medium has reached."""

    where: str
    """For people, such as `the superior sagittal sinus`."""
    hu: float
    """How bright it is."""
    extent: str
    """How far it reaches, with its unit."""
