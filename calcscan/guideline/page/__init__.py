"""The page: what a person reads, the answer first, one line for each topic, at most ten lines."""

from calcscan.guideline.page.page import page

__all__ = ["page"]
