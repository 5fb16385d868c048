"""A person's corrections of a result: Result, Review → Result.

read          review.json → Review
edited_map    a label map edited in 3D Slicer or ITK-SNAP → Review
check         whether decisions fit what they are of
draft         the lesions while they are being changed
decide        one decision after the other
redraw        from an edited label map: what was changed, measured anew
split         a lesion divided between points
apply         all of it, and what follows from it
"""

from calcscan.review.apply import apply_review
from calcscan.review.read import read_review

__all__ = ["apply_review", "read_review"]
