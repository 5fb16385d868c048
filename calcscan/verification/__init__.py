"""A site's own acceptance test: calcifications of known size, density and place put into the user's own scan, and how
well they are found, measured and located."""

from calcscan.verification.verify import verify_scan

__all__ = ["verify_scan"]
