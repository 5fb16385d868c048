"""Reports → the methods paragraph of a paper: every sentence from what the reports hold, and what it cites."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec import UNSET

from calcscan.knowledge.references import Reference, bibtex, citation, cited
from calcscan.report.methods_given import given_sentences, opening, searched
from calcscan.report.methods_words import cite, each, in_range, known_or_not, measured_share, setting
from calcscan.report.quantities import State
from calcscan.report.schema import Report

_LIBRARIES = {
    "numpy": ("NumPy", "harris2020"),
    "scipy": ("SciPy", "virtanen2020"),
    "scikit_image": ("scikit-image", "vanderwalt2014"),
    "numba": ("Numba", "lam2015"),
    "SimpleITK": ("SimpleITK", "lowekamp2013"),
    "pydicom": ("pydicom", "mason"),
    "nibabel": ("nibabel", "brett"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Methods:
    """The paragraph, which cites by keys as pandoc reads them (`[@agatston1990]`), and the publications."""

    text: str
    references: tuple[Reference, ...]
    version: str
    """Of calcscan; several are joined by a comma."""

    def markdown(self) -> str:
        """The paragraph and the publications."""
        lines = [f"- `{one.key}`: {citation(one, version=self._version_of(one))}" for one in self.references]
        return "\n".join([self.text, "", *lines]) + "\n"

    def bibtex(self) -> str:
        """The publications."""
        return "\n\n".join(bibtex(one, version=self._version_of(one)) for one in self.references) + "\n"

    def _version_of(self, one: Reference) -> str:
        return self.version if one.key == "calcscan" else ""


def methods_of(reports: Sequence[Report], *, failed: int = 0) -> Methods:
    """How these reports, one or those of a cohort, were made; `failed` scans of it gave none.

    Raises
    ------
    ValueError
        There is no report.
    """
    if not reports:
        raise ValueError("there must be a report")
    analysed = [report for report in reports if report.lesions is not None]
    reasons = _reasons(reports, analysed)
    references = cited(reasons)
    keys = {one.key for one in references}
    sentences = [_program(reports, keys), _scans(reports)]
    if analysed:
        sought = searched(analysed)
        sentences += [_threshold(sought) if sought else "", given_sentences(analysed)]
        sentences += [_blur(analysed), _atlas(analysed, references)]
        sentences += [_limit(sought) if sought else "", _grades(analysed)]
    sentences += [_reviewed(reports), _quality(reports), _failed(failed), _rules(reports), _repeat(reports)]
    text = " ".join(sentence for sentence in sentences if sentence)
    return Methods(text=text, references=references, version=each(report.software.version for report in reports))


def _reviewed(reports: Sequence[Report]) -> str:
    """How many a person reviewed, and what was changed in them."""
    sections = [report.reviewed for report in reports if report.reviewed is not UNSET]
    if not sections:
        return ""
    decisions = Counter(
        one.decision for section in sections for review in (*section.earlier, section) for one in review.decisions
    )
    done = ", ".join(f"{name} {count}" for name, count in sorted(decisions.items())) or "none"
    whose = "The report was" if len(reports) == 1 else f"{len(sections)} of the {len(reports)} reports were"
    return f"{whose} reviewed by a person, lesion by lesion (decisions: {done}); all else is as the program found it."


def _reasons(reports: Sequence[Report], analysed: Sequence[Report]) -> set[str]:
    kinds = {"nifti" if _came_as_nifti(report) else "dicom" for report in reports}
    found = {"always", *kinds}
    if any(report.registration is not None for report in analysed):
        found |= {"registration", *(report.atlas.name for report in analysed)}
    if any(report.scores is not None for report in analysed):
        found.add("scores")
    if any(_has_tcs(report) for report in analysed):
        found.add("tcs")
    if any(row.grade is not None for report in analysed for row in report.sites):
        found.add("grades")
    return found


def _came_as_nifti(report: Report) -> bool:
    made = report.provenance
    return made is not None and made.input is not None and made.input.kind == "nifti"


def _program(reports: Sequence[Report], keys: set[str]) -> str:
    libraries = [
        f"{name} {each(getattr(report.software, field) for report in reports)}{cite(key)}"
        for field, (name, key) in _LIBRARIES.items()
        if key in keys
    ]
    python = each(report.software.python for report in reports)
    version = each(report.software.version for report in reports)
    return (
        f"{opening(reports)} with calcscan {version} {cite('calcscan').strip()} (Python {python}, "
        f"{', '.join(libraries)}), research software that has not been validated on patients."
    )


def _scans(reports: Sequence[Report]) -> str:
    count = len(reports)
    voltage = known_or_not(
        [report.study.kvp_kv for report in reports], "kV", "tube voltage", "for which the threshold of 120 kV was used"
    )
    thickness = known_or_not([report.study.slice_thickness_mm for report in reports], "mm", "slice thickness", "")
    spacing = in_range([report.grid.slice_spacing_mm for report in reports], "mm")
    kernels = Counter(report.study.kernel or "unknown" for report in reports)
    kernel = ", ".join(f"{name}{f' ({number})' if count > 1 else ''}" for name, number in sorted(kernels.items()))
    makers = each(report.study.manufacturer or "an unknown maker" for report in reports)
    contrast = sum(report.study.contrast is True for report in reports)
    text = (
        f"The {'scan' if count == 1 else 'scans'} ({makers}) had {voltage}, {thickness}, slices {spacing} apart, and "
        f"the reconstruction {'kernel' if len(kernels) == 1 else 'kernels'} {kernel}."
    )
    stated = _stated(reports)
    if stated:
        text += f" Not read from the header but stated by the authors: {stated}."
    if contrast:
        text += f" {'It' if count == 1 else f'{contrast} of them'} had contrast medium."
    return text


def _stated(reports: Sequence[Report]) -> str:
    names = {
        "stated_kvp_kv": "the tube voltage", "stated_slice_thickness_mm": "the slice thickness",
        "stated_kernel": "the kernel",
    }  # fmt: skip
    used = [report for report in reports if any(flag.code == "stated" for flag in report.quality.flags)]
    return ", ".join(words for key, words in names.items() if any(report.settings.get(key) for report in used))


def _threshold(reports: Sequence[Report]) -> str:
    asked = [report.settings.get("threshold_asked_hu") for report in reports]
    used = in_range([setting(report, "threshold_hu") for report in reports], "HU")
    smallest = in_range([setting(report, "smallest_mm3") for report in reports], "mm³")
    raised = sum(
        (setting(report, "threshold_hu") or 0.0) > (setting(report, "nominal_threshold_hu") or 0.0)
        for report, one in zip(reports, asked, strict=True)
        if one is None
    )
    if all(one is not None for one in asked):
        how = "as the authors asked for"
    else:
        how = "130 HU at 120 kV, adjusted to the tube voltage"
        if raised:
            how += f" and raised for noise{'' if len(reports) == 1 else f' in {raised} of them'}"
        if any(one is not None for one in asked):
            how += f", or as the authors asked for ({sum(one is not None for one in asked)} of them)"
    return f"A lesion had to reach {used} ({how}) and {smallest}."


def _blur(reports: Sequence[Report]) -> str:
    in_plane = in_range([setting(report, "blur", "in_plane_mm") for report in reports], "mm")
    thick = in_range([setting(report, "blur", "effective_thickness_mm") for report in reports], "mm")
    blurs = [report.settings.get("blur") or {} for report in reports]
    measured = sum(blur.get("in_plane_measured") is True for blur in blurs)
    across = sum(blur.get("across_measured") is True for blur in blurs)
    if len(reports) == 1:
        ways = ["measured at the skin" if done else "assumed" for done in (measured, across)]
    else:
        ways = [measured_share(done, len(reports)) for done in (measured, across)]
    return (
        f"Volumes are corrected for partial volume by the blur of each scan, within its slices (standard deviation "
        f"{in_plane}, {ways[0]}) and across them (as slices of {thick}, {ways[1]}), and have 95 % intervals; voxels of "
        "130 HU and more were counted beside them."
    )


def _atlas(reports: Sequence[Report], references: Iterable[Reference]) -> str:
    registered = [report for report in reports if report.registration is not None]
    if not registered:
        return ""
    names = each(f"{report.atlas.name} {report.atlas.version}" for report in registered)
    sums = each(report.atlas.sha256[:12] for report in registered)
    keys = [one.key for one in references if one.cited_for in {report.atlas.name for report in registered}]
    sources = f" [{'; '.join(f'@{key}' for key in keys)}]" if keys else ""
    methods = each(report.registration.method for report in registered if report.registration)
    overlap = in_range([report.registration.overlap for report in registered if report.registration], "")
    accepted = [report for report in registered if report.registration and report.registration.accepted]
    text = (
        f"Sites come from the atlas {names} (SHA-256 {sums}…){sources}, registered to the intracranial space "
        f"({methods}; Dice {overlap})"
    )
    if len(accepted) == len(registered):
        return f"{text}."
    if not accepted and len(registered) == 1 and registered[0].registration is not None:
        return f"{text}, which was not accepted ({registered[0].registration.reason})."
    return f"{text}, which was accepted in {len(accepted)} of {len(registered)}."


def _limit(reports: Sequence[Report]) -> str:
    floors = [report.detection_floor_mm3 for report in reports]
    known = [floor for floor in floors if floor is not None]
    if not known:
        return "At this threshold no calcification of 300 HU is sure to be found at any size."
    reference = each(f"{setting(report, 'reference_hu') or 0:g}" for report in reports)
    return f"Deposits of {reference} HU are sure to be found from {in_range(known, 'mm³')} on."


def _grades(reports: Sequence[Report]) -> str:
    parts = []
    if any(row.grade is not None for report in reports for row in report.sites):
        parts.append(f"Burden is graded by an operational form of the four-step Utrecht scale{cite('debrouwer2020')}")
    if any(report.scores is not None for report in reports):
        agatston = f"the Agatston score{cite('agatston1990')}"
        if any(_has_tcs(report) for report in reports):
            total = f"the total calcification score{cite('nicolas2013')}"
            parts.append(f"{agatston} and {total} are automated approximations")
        else:
            parts.append(f"{agatston} is an automated approximation")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _failed(count: int) -> str:
    if not count:
        return ""
    which = "scan could not be analysed and is" if count == 1 else "scans could not be analysed and are"
    return f"{count} further {which} not counted here."


def _has_tcs(report: Report) -> bool:
    return report.scores is not None and report.scores.get("tcs_estimate") is not None


def _quality(reports: Sequence[Report]) -> str:
    states = Counter(report.quality.state for report in reports)
    codes = Counter(code for report in reports for code in {flag.code for flag in report.quality.flags})
    listed = ", ".join(f"{code}{f' ({number})' if len(reports) > 1 else ''}" for code, number in sorted(codes.items()))
    abstained = states[State.ABSTAIN]
    text = ""
    if abstained and len(reports) == 1:
        gravest = reports[0].quality.flags[0]
        text = f"calcscan abstained ({gravest.code}): nothing is attributed to a site."
    elif abstained:
        text = f"In {abstained} of {len(reports)} scans calcscan abstained: there nothing is attributed to a site."
    return " ".join(part for part in (text, f"Quality flags: {listed}." if listed else "") if part)


def _rules(reports: Sequence[Report]) -> str:
    used = [report.guideline for report in reports if report.guideline is not None]
    if not used:
        return ""
    names = each(f"{one.ruleset} {one.version} (SHA-256 {one.sha256[:12]}…)" for one in used)
    added = sorted({rule for one in used for rule in one.rules_added})
    without = sorted({rule for one in used for rule in one.rules_left_out})
    contexts = [report.provenance.context or {} for report in reports if report.provenance is not None]
    facts = sorted({str(key) for context in contexts for key in context})
    text = f"Suggestions follow the rules {names}"
    text += f", with {', '.join(added)}" if added else ""
    text += f", without {', '.join(without)}" if without else ""
    text += f"; stated of the person: {', '.join(facts)}" if facts else "; nothing was stated of the person"
    return f"{text}."


def _repeat(reports: Sequence[Report]) -> str:
    made = [report.provenance for report in reports if report.provenance is not None]
    if not made:
        return ""
    commands = sorted({one.command for one in made})
    days = sorted({one.date for one in made})
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    listed = " or ".join(f"`{command}`" for command in commands[:3])
    more = f" and {len(commands) - 3} other commands" if len(commands) > 3 else ""
    return f"Run on {when} as {listed}{more}."
