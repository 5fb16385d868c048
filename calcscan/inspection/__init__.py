"""What the picture as a whole shows: contrast medium, a large hole, motion, sharpness, streaks,
what the headers do not tell."""

from calcscan.inspection.but_for_bodies import contrast_but_for_bodies
from calcscan.inspection.inspect import inspect_scan
from calcscan.inspection.motion import moved_slices
from calcscan.inspection.sharpness import sharpness_flags
from calcscan.inspection.streaks import streaked_slices

__all__ = ["contrast_but_for_bodies", "inspect_scan", "moved_slices", "sharpness_flags", "streaked_slices"]
