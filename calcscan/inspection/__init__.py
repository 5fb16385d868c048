"""What the picture as a whole shows: contrast medium, a large hole, what the headers do not tell."""

from calcscan.inspection.inspect import inspect_scan
from calcscan.inspection.motion import moved_slices

__all__ = ["inspect_scan", "moved_slices"]
