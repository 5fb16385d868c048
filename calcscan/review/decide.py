"""The decisions of a review, one after the other, on a draft of the lesions."""

from __future__ import annotations

from dataclasses import replace

from calcscan.model import ReviewDecision
from calcscan.review.draft import Draft
from calcscan.review.split import split_at_seeds


def decide(draft: Draft, one: ReviewDecision, *, where: str = "") -> None:
    """Do what was decided on one lesion; it has been checked (`check`).

    Accepting changes no number. A lesion that is moved keeps what was measured; one that is rejected is in no sum any
    more, but stands in `left_out`; the parts of one that is split share its volume, and each is located anew.
    """
    draft.decisions.append(one)
    lesion = draft.lesions[one.lesion]
    if one.decision == "accept":
        draft.lesions[one.lesion] = replace(lesion, review="accepted", by_reader=lesion.site != "unassigned")
    elif one.decision == "reject":
        kji = draft.before.voxels_kji(one.lesion)
        draft.labels[tuple(kji.T)] = 0
        draft.reject(one.lesion)
    elif one.decision == "move":
        draft.touched.add(lesion.deposit)
        draft.lesions[one.lesion] = replace(
            lesion,
            site=one.site or "unassigned",
            side=one.side or "",
            site_share=None,
            also=(),
            review="moved",
            by_reader=one.site != "unassigned",
            program_site=lesion.program_site or lesion.site,
            program_side=lesion.side if lesion.program_side is None else lesion.program_side,
        )
    elif one.decision == "split":
        split_at_seeds(draft, one, where=where)
    else:
        raise ValueError(f"unknown decision {one.decision!r}")
