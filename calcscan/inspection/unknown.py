"""What the header does not tell, and how that limits what can be said."""

from __future__ import annotations

import numpy as np

from calcscan.knowledge.inspection import InspectionSettings
from calcscan.knowledge.quality import FlagCode
from calcscan.model import Flag, Intracranial, Scan


def unknown_flags(scan: Scan, intracranial: Intracranial, settings: InspectionSettings) -> tuple[Flag, ...]:
    """`unknown_kvp` and `unknown_thickness`, where nothing states them; `child`, where the head is as small as a
    child's and no age is known, else `unknown_age`."""
    raised = {flag.code for flag in scan.flags}
    flags = []
    known_each = bool(scan.slice_kvp_kv) and None not in scan.slice_kvp_kv
    if scan.acquisition.kvp_kv is None and not known_each and FlagCode.UNKNOWN_KVP not in raised:
        message = "The tube voltage is not known; the threshold for 120 kV is used."
        flags.append(Flag(code=FlagCode.UNKNOWN_KVP, message=message))
    if scan.acquisition.slice_thickness_mm is None:
        between_mm = scan.geometry.spacing_mm[0]
        taken = f"slices are taken to be as thick as they are apart ({between_mm:g} mm)"
        thick_mm = float(np.median(scan.slice_thickness_mm))
        if scan.blur is not None and (
            scan.blur.across_measured or thick_mm > float(np.median(scan.expected_thickness_mm))
        ):
            taken = f"by the picture, slices {between_mm:.3g} mm apart blur as ones {thick_mm:.2g} mm thick do"
        message = f"The slice thickness is not known; {taken}."
        flags.append(Flag(code=FlagCode.UNKNOWN_THICKNESS, message=message))
    whole = all(flag.code != FlagCode.CROPPED for flag in intracranial.flags)
    if scan.study.age_years is None and whole and intracranial.intracranial_ml < settings.child_ml:
        found_ml = round(intracranial.intracranial_ml)
        message = f"The age is not known, and the inside of the skull holds only {found_ml} ml: this may be a child."
        flags.append(Flag(code=FlagCode.CHILD, message=message, value=found_ml, limit=settings.child_ml))
    elif scan.study.age_years is None:
        message = "The age is not known: this may be a child of 3 years or more, whose head is as large as an adult's."
        flags.append(Flag(code=FlagCode.UNKNOWN_AGE, message=message))
    return tuple(flags)
