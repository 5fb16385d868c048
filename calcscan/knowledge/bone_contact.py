"""How calcification in contact with bone is recovered."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from calcscan.knowledge.settings import Settings


class PlaqueLimits(NamedTuple):
    """What a rise of the dense surface must show to be a plaque."""

    plaque_mm: float
    plaque_layer_mm: float
    plaque_mm2: float
    bump_mm: float


class BoneContactSettings(Settings, frozen=True, kw_only=True):
    """Values of `knowledge/bone_contact.toml`, where each has its unit and reason."""

    file: ClassVar[str] = "bone_contact"

    fine_mm: float
    ray_mm: float
    rays_beside: int
    course_mm: float
    vault_deg: float
    crest_deg: float
    crest_wide_mm: float
    table_hu: int
    table_share: float
    table_off_mm: float
    plaque_mm: float
    plaque_layer_mm: float
    plaque_mm2: float
    step_slabs: float
    bump_mm: float
    rim_mm: float
    plaque_mm_thick: float
    plaque_layer_mm_thick: float
    plaque_mm2_thick: float
    bump_mm_thick: float
    plaque_smear_mm: float
    plaque_wide_mm: float
    rises_apart_mm: float
    rises_most: int
    rise_mirror_mm: float
    rise_mirror_share: float
    hyperostosis_share: float
    knob_hu: int
    knob_steep_share: float
    knob_long_mm: float
    knob_mm3: float
    knob_core_hu: int
    knob_solid_hu: int
    knob_half_share: float
    knob_quarter_hu: int
    knobs_least: int
    knobs_share: float
    rise_doubt_share: float
    hole_edge_mm: float
    hole_deg: float
    hole_from_mm: float
    hole_to_mm: float
    hole_clear_mm: float
    hole_mm2: float
    bone_listed_mm3: float
    unlike_mm3: float
    unlike_least_mm3: float
    unlike_share: float
    judged_mm: float
    rim_hu: int
    base_wide_mm: float
    base_below_mm: float
    peak_reach_mm: float
    peak_ratio: float
    peak_ratio_thick: float
    peak_thick_mm: float
    peak_most_mm3: float
    mass_hull_mm: float
    mass_edge_mm: float
    thickened_beside_bone: float
    thickened_hu: int
    mass_off_mm: float
    mass_off_share: float
    mass_midline_mm: float
    mass_brain_mm: float
    mass_core_mm3: float
    mass_own_mm3: float
    mass_doubt_mm3: float
    mass_low_deg: float
    mass_low_mm: float
    mass_sella_mm: float
    mass_shelf_mm: float
    mass_beside_mm: float
    mirror_most_mm: float
    mirror_off_mm: float

    def plaque_limits(self, *, thick_slices: bool) -> PlaqueLimits:
        """The limits for fine slices, or for slices so thick that each is assessed alone."""
        if thick_slices:
            return PlaqueLimits(
                plaque_mm=self.plaque_mm_thick,
                plaque_layer_mm=self.plaque_layer_mm_thick,
                plaque_mm2=self.plaque_mm2_thick,
                bump_mm=self.bump_mm_thick,
            )
        return PlaqueLimits(
            plaque_mm=self.plaque_mm,
            plaque_layer_mm=self.plaque_layer_mm,
            plaque_mm2=self.plaque_mm2,
            bump_mm=self.bump_mm,
        )

    def unlike_limit_mm3(self, volume_mm3: float) -> float:
        """How much of a piece of bone of this volume may lack bone at its mirror image."""
        most_mm3 = min(max(volume_mm3 / 2.0, self.unlike_least_mm3), self.unlike_mm3)
        return max(most_mm3, self.unlike_share * volume_mm3)
