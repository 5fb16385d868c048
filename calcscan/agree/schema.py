"""The rows of agreement.csv and its companions, which are also the entries of agreement.json. A is the results, B the
reference."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from calcscan.report.quantities import Grade
from calcscan.report.schema import Part

_Name = Annotated[
    str, Meta(description="Site, or group of sites (knowledge/sites.toml); `any` of masks without sites.")
]
_Side = Annotated[str, Meta(description="The person's own side; empty for all sides together.")]
_Low = "Lower end of its 95 % interval."
_High = "Upper end of its 95 % interval."


class FigureRow(Part, frozen=True, kw_only=True):
    """How A agrees with B at one place, over the studies in which both know it; null is not defined."""

    scope: Annotated[
        Literal["overall", "site", "combined"],
        Meta(description="All places, one that the reference tells apart, or several of them taken together."),
    ]
    site: _Name | None
    side: _Side | None
    studies: Annotated[int, Meta(ge=0, description="Studies compared.")]
    detected_both: Annotated[int, Meta(ge=0, description="In how many both have a volume above 0.")]
    only_a: Annotated[int, Meta(ge=0, description="In how many only the results have.")]
    only_b: Annotated[int, Meta(ge=0, description="In how many only the reference has.")]
    sensitivity: Annotated[float | None, Meta(description="detected_both / (detected_both + only_b).")]
    false_per_study: Annotated[float | None, Meta(description="only_a / studies.")]
    bias_mm3: Annotated[float | None, Meta(description="Mean of A - B, mm³.")]
    loa_low_mm3: Annotated[float | None, Meta(description="Lower limit of agreement, bias - 1.96 SD, mm³.")]
    loa_high_mm3: Annotated[float | None, Meta(description="Upper limit of agreement, bias + 1.96 SD, mm³.")]
    icc: Annotated[
        float | None, Meta(description="ICC(A,1), also ICC(2,1): two-way random, absolute agreement, single readings.")
    ]
    icc_low: Annotated[float | None, Meta(description=_Low)]
    icc_high: Annotated[float | None, Meta(description=_High)]
    spearman: Annotated[float | None, Meta(description="Rank correlation of the volumes.")]
    dice: Annotated[
        float | None,
        Meta(description="Mean over studies of Dice's coefficient; null where neither marks anything in any study."),
    ]
    sensitivity_low: Annotated[float | None, Meta(description=_Low)]
    sensitivity_high: Annotated[float | None, Meta(description=_High)]
    ppv: Annotated[float | None, Meta(description="detected_both / (detected_both + only_a).")]
    ppv_low: Annotated[float | None, Meta(description=_Low)]
    ppv_high: Annotated[float | None, Meta(description=_High)]
    false_per_study_low: Annotated[float | None, Meta(description=_Low)]
    false_per_study_high: Annotated[float | None, Meta(description=_High)]
    zeros_a: Annotated[int, Meta(ge=0, description="How often the results have none.")]
    zeros_b: Annotated[int, Meta(ge=0, description="How often the reference has none.")]
    zeros_both: Annotated[int, Meta(ge=0, description="How often neither has any.")]
    unknown_a: Annotated[int, Meta(ge=0, description="How often the results don't know; left out.")]
    unknown_b: Annotated[int, Meta(ge=0, description="How often the reference doesn't know; left out.")]
    mean_a_mm3: Annotated[float | None, Meta(description="Mean volume of the results, mm³.")]
    mean_b_mm3: Annotated[float | None, Meta(description="Mean volume of the reference, mm³.")]
    sd_mm3: Annotated[float | None, Meta(description="Standard deviation of A - B, mm³.")]
    bias_low_mm3: Annotated[float | None, Meta(description=_Low)]
    bias_high_mm3: Annotated[float | None, Meta(description=_High)]
    loa_low_from_mm3: Annotated[float | None, Meta(description="Lower end of the lower limit's 95 % interval, mm³.")]
    loa_low_to_mm3: Annotated[float | None, Meta(description="Upper end of the lower limit's 95 % interval, mm³.")]
    loa_high_from_mm3: Annotated[float | None, Meta(description="Lower end of the upper limit's 95 % interval, mm³.")]
    loa_high_to_mm3: Annotated[float | None, Meta(description="Upper end of the upper limit's 95 % interval, mm³.")]
    icc_consistency: Annotated[
        float | None, Meta(description="ICC(C,1), also ICC(3,1): two-way mixed, consistency, single readings.")
    ]
    icc_consistency_low: Annotated[float | None, Meta(description=_Low)]
    icc_consistency_high: Annotated[float | None, Meta(description=_High)]
    spearman_low: Annotated[float | None, Meta(description=_Low)]
    spearman_high: Annotated[float | None, Meta(description=_High)]
    pearson: Annotated[float | None, Meta(description="Linear correlation of the volumes.")]
    pearson_low: Annotated[float | None, Meta(description=_Low)]
    pearson_high: Annotated[float | None, Meta(description=_High)]
    dice_studies: Annotated[
        int | None, Meta(description="Studies that Dice is the mean of; empty without label maps on both sides.")
    ]
    dice_undefined: Annotated[
        int | None, Meta(description="Studies in which neither marks anything, where Dice is not defined; left out.")
    ]
    graded: Annotated[int, Meta(ge=0, description="How often both give a grade.")]
    kappa_linear: Annotated[float | None, Meta(description="Cohen's kappa of the grades, linear weights.")]
    kappa_linear_low: Annotated[float | None, Meta(description=_Low)]
    kappa_linear_high: Annotated[float | None, Meta(description=_High)]
    kappa_quadratic: Annotated[float | None, Meta(description="Cohen's kappa of the grades, quadratic weights.")]
    kappa_quadratic_low: Annotated[float | None, Meta(description=_Low)]
    kappa_quadratic_high: Annotated[float | None, Meta(description=_High)]


class StudyRow(Part, frozen=True, kw_only=True):
    """One study at one place, as both sides have it."""

    study: Annotated[str, Meta(description="Name of the study in the results.")]
    reference_study: Annotated[str, Meta(description="Name of the study in the reference.")]
    site: _Name | None
    side: _Side | None
    volume_a_mm3: Annotated[float | None, Meta(description="Volume by the results, mm³; empty where unknown.")]
    volume_b_mm3: Annotated[float | None, Meta(description="Volume by the reference, mm³; empty where unknown.")]
    difference_mm3: Annotated[float | None, Meta(description="A - B, mm³; empty unless both are known.")]
    dice: Annotated[
        float | None,
        Meta(description="Dice's coefficient; empty without two label maps, or if neither marks anything."),
    ]
    grade_a: Annotated[Grade | None, Meta(description="Grade by the results.")]
    grade_b: Annotated[Grade | None, Meta(description="Grade by the reference.")]


class LesionRow(Part, frozen=True, kw_only=True):
    """One lesion of either label map, with what the other holds there."""

    study: Annotated[str, Meta(description="Name of the study in the results.")]
    lesion_of: Annotated[Literal["results", "reference"], Meta(description="Whose lesion it is.")]
    state: Annotated[
        Literal["matched", "missed", "false", "not_compared"],
        Meta(description="Missed: of the reference alone; false: of the results alone."),
    ]
    site: _Name
    side: _Side
    volume_mm3: Annotated[float, Meta(ge=0, description="Volume of its voxels, mm³.")]
    other_site: Annotated[str | None, Meta(description="Site of the lesion of the other side that shares most voxels.")]
    other_side: Annotated[str | None, Meta(description="Its side.")]
    other_mm3: Annotated[float | None, Meta(description="Volume of all lesions of the other side that touch it, mm³.")]
    overlap_mm3: Annotated[float, Meta(ge=0, description="Volume that both mark, mm³.")]
    centroid_l_mm: Annotated[float, Meta(description="Centroid: towards the person's left, mm.")]
    centroid_p_mm: Annotated[float, Meta(description="Centroid: towards the back, mm.")]
    centroid_s_mm: Annotated[float, Meta(description="Centroid: towards the head, mm.")]


class SizeRow(Part, frozen=True, kw_only=True):
    """Lesions of one class of volume, of studies with a label map on both sides."""

    site: _Name | None
    side: _Side | None
    from_mm3: Annotated[float, Meta(ge=0, description="From this volume on, mm³.")]
    to_mm3: Annotated[float | None, Meta(description="Below this volume, mm³; empty for no end.")]
    reference_lesions: Annotated[int, Meta(ge=0, description="Lesions of the reference of this size.")]
    found: Annotated[int, Meta(ge=0, description="How many of them the results hold a voxel of.")]
    sensitivity: Annotated[float | None, Meta(description="found / reference_lesions.")]
    sensitivity_low: Annotated[float | None, Meta(description=_Low)]
    sensitivity_high: Annotated[float | None, Meta(description=_High)]
    results_lesions: Annotated[int, Meta(ge=0, description="Lesions of the results of this size.")]
    false: Annotated[int, Meta(ge=0, description="How many of them the reference holds no voxel of.")]
    false_per_study: Annotated[float | None, Meta(description="false / studies with two label maps.")]
    false_per_study_low: Annotated[float | None, Meta(description=_Low)]
    false_per_study_high: Annotated[float | None, Meta(description=_High)]
    ppv: Annotated[float | None, Meta(description="1 - false / results_lesions.")]
    ppv_low: Annotated[float | None, Meta(description=_Low)]
    ppv_high: Annotated[float | None, Meta(description=_High)]
