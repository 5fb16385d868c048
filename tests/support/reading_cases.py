"""Head CTs as they come, each with what a good reader makes of it, for tests and benchmarks.

Every input holds the head of `ball_phantom`. A case writes files into an empty folder and returns what is to be read.
"""

from support import (
    reading_cases_files,
    reading_cases_headers,
    reading_cases_series,
    reading_cases_slices,
    reading_cases_values,
)
from support.reading_case import CASES

PARTS = (reading_cases_files, reading_cases_headers, reading_cases_slices, reading_cases_values, reading_cases_series)
"""Each adds its cases as it is imported."""

__all__ = ["CASES", "PARTS"]
