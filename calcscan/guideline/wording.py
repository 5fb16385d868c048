"""Facts, laboratory values and reasons in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from calcscan.guideline.facts.case import ASYMPTOMATIC, Case
from calcscan.guideline.facts.values import read_number
from calcscan.guideline.facts.vocabulary import FINDINGS, FactType, Vocabulary, vocabulary
from calcscan.guideline.model import Because


def label(path: str, words: Vocabulary | None = None) -> str:
    """How a person would name a fact, in a few words; `words` are the facts in use, else the shipped ones.

    >>> label("symptoms.seizure")
    'seizures'
    """
    kind = (words or vocabulary()).kinds.get(path)
    return (kind.short or kind.label) if kind else path


def listed(words: Sequence[str], last: str = "and") -> str:
    """Words as a list in a sentence.

    >>> listed(["calcium", "phosphate", "PTH"])
    'calcium, phosphate and PTH'
    """
    return f" {last} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def joined(texts: Sequence[str]) -> str:
    """Several things to do as one sentence.

    >>> joined(["Measure calcium.", "Image with MRI"])
    'Measure calcium; image with MRI'
    """
    first, *rest = [text.removesuffix(".") for text in texts]
    lowered = [text[:1].lower() + text[1:] if text[1:2].islower() else text for text in rest]
    return sentence("; ".join([first, *lowered]))


def sentence(text: str) -> str:
    """With a capital at its beginning, unless it begins with a name such as eGFR, and no full stop at its end.

    >>> sentence("pineal gland: expected.")
    'Pineal gland: expected'
    """
    text = text.removesuffix(".")
    return text if text[1:2].isupper() else text[:1].upper() + text[1:]


def value_in_words(path: str, case: Case) -> str:
    """A fact with what is known of it; a laboratory value as it was given, with its level."""
    value, name = case.values.get(path), label(path, case.words)
    section, _, lab = path.partition(".")
    if section == "labs":
        written = case.labs[lab].written if lab in case.labs else ""
        why = next((open_value.why for open_value in case.open_values if open_value.fact == path), "")
        level = str(value) if value is not None else "not judged"
        level += f": {why}" if why else ""
        return f"{name} {written} ({level})" if written else f"{name} {level}"
    if section == FINDINGS and isinstance(value, bool | str):
        return _mark(path, value)
    if path == ASYMPTOMATIC:
        return "no symptoms" if value else "symptoms"
    if isinstance(value, bool):
        return name if value else f"no {name.removeprefix('a ').removeprefix('an ')}"
    if value is None:
        return f"{name} unknown"
    kind = case.words.kinds[path]
    if kind.kind is not FactType.NUMBER:
        return f"{name}: {value}"
    given = case.given.get(path)
    as_given = read_number(kind, given, path).written if isinstance(given, str | Mapping) else ""
    return f"{name} {as_given or f'{value:g} {kind.unit}'}".rstrip()


def _mark(path: str, value: bool | str) -> str:
    """What is known of one site: that it holds calcification, or how that looks or changes."""
    _, site, name = path.split(".")
    words = vocabulary()
    where = words.sites[site].label
    if isinstance(value, str):
        return f"{where}: {value.replace('_', ' ')}"
    if name == "present":
        return f"{where} calcification" if value else f"none detected ({where})"
    return f"{where}: {'' if value else 'not '}{words.attributes[name].label}"


def is_known(path: str, case: Case) -> bool:
    """Whether something was said of a fact, even a laboratory value that could not be judged."""
    section, _, lab = path.partition(".")
    return case.values.get(path) is not None or (section == "labs" and lab in case.labs)


def open_asks(asks: Iterable[Sequence[str]], case: Case) -> list[str]:
    """Of what is asked for, each with others that answer it as well, what nothing is known of."""
    return [ask[0] for ask in asks if not any(is_known(path, case) for path in ask)]


def known_facts(case: Case) -> frozenset[str]:
    """All facts of which `is_known` holds."""
    return frozenset(case.values).union(f"labs.{name}" for name in case.labs)


def reasons_in_words(because: Iterable[Because], case: Case, at_most: int) -> tuple[str, ...]:
    """The reasons that matter most to a reader: what is beside the finding itself first."""
    paths = [path for path in dict.fromkeys(item.fact for item in because) if not path.startswith("critical.")]
    beside = [path for path in paths if not (path.startswith(FINDINGS) and path.endswith(".present"))]
    return tuple(value_in_words(path, case) for path in (beside or paths)[:at_most])


def reason(because: Because) -> str:
    """One fact that a suggestion rests on, in words, with who says so."""
    value = {True: "yes", False: "no"}.get(because.value) if isinstance(because.value, bool) else because.value
    detail = f"; {because.detail}" if because.detail else ""
    return f"{because.label or label(because.fact)}: {value} ({because.origin}{detail})"
