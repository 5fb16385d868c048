"""The page: what a person reads, the answer first, one line for each topic, at most ten lines."""

from calcscan.guideline.page.arrange import arrange_page

__all__ = ["arrange_page"]
