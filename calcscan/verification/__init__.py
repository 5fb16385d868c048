"""An acceptance test on the user's own scan: calcifications of known size, density and site are inserted, and scored by
how well they are found, measured and located."""

from calcscan.verification.verify import verify_scan

__all__ = ["verify_scan"]
