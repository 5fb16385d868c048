"""What becomes of each rule: suggested, done, held back, ruled out, or not yet to be decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from calcscan.guideline.facts.case import ASYMPTOMATIC, STATED, Case
from calcscan.guideline.facts.vocabulary import FINDINGS, Region, vocabulary
from calcscan.guideline.logic import Truth
from calcscan.guideline.model import Because, Caution, NotApplicable, Priority, Recommendation, RuleKind, State
from calcscan.guideline.rules.condition_tree import Leaf
from calcscan.guideline.rules.rule import Rule
from calcscan.guideline.rules.ruleset import RuleRoots, Ruleset
from calcscan.guideline.wording import is_known, known_facts, label, listed, open_asks, value_in_words

_PATTERN = (".symmetric", ".bilateral")
_BLOOD = "one density could be blood: that is read first, and what rests on the calcification waits"
_UNSETTLED = "it rests on facts that contradict each other, which are settled first"
_DISPUTED = "facts that contradict each other"
_QUESTIONED = "a value that can't be right as it is given"


@dataclass(frozen=True, slots=True)
class Applied:
    """A rule that applies, and what was made of it."""

    rule: Rule
    item: Recommendation
    roots: RuleRoots


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Every rule in one of three places."""

    applied: tuple[Applied, ...]
    excluded: tuple[NotApplicable, ...]
    undecided: tuple[tuple[Rule, int], ...]
    sites: frozenset[str]
    """Where something was found."""
    known: frozenset[str]
    """The facts of which something was said, even a laboratory value that could not be judged."""


class Reasons:
    """The facts of one case as reasons, each made once."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._made: dict[str, Because] = {}

    def __call__(self, leaves: Iterable[Leaf]) -> tuple[Because, ...]:
        return tuple({leaf.fact: self._made.get(leaf.key) or self._make(leaf) for leaf in leaves}.values())

    def _make(self, leaf: Leaf) -> Because:
        case = self._case
        because = Because(
            fact=leaf.fact,
            value=case.values.get(leaf.key),
            origin=STATED if leaf.key.endswith(".stated") else case.origins.get(leaf.key, STATED),
            detail=case.details.get(leaf.key, ""),
            label=label(leaf.fact, case.words),
        )
        self._made[leaf.key] = because
        return because


class _Judge:
    def __init__(self, case: Case, ruleset: Ruleset, truths: Sequence[Truth]) -> None:
        self.case, self.ruleset, self.truths = case, ruleset, truths
        self.reasons = Reasons(case)
        self.sites = present_sites(case)
        self.known = known_facts(case)
        self.disputed = disputed_facts(case)
        self.blood = truths[ruleset.blood_root] is True

    def true(self, root: int) -> bool:
        return root >= 0 and self.truths[root] is True

    def leaves(self, root: int) -> list[Leaf]:
        return self.ruleset.compiled.reasons(root, self.truths)

    def first_leaf(self, root: int) -> Leaf:
        return self.ruleset.compiled.first_reason(root, self.truths)

    def because(self, leaf: Leaf) -> str:
        value = self.case.values.get(leaf.key)
        shown = ("yes" if value else "no") if isinstance(value, bool) else str(value)
        return f"{leaf.fact}: {shown}"

    def blocked(self, rule: Rule, roots: RuleRoots) -> str:
        """Why a rule whose conditions hold does not apply all the same."""
        if self.true(roots.unless):
            return self.because(self.first_leaf(roots.unless))
        if not rule.reassures:
            return ""
        if self.true(self.ruleset.reassurance_root):
            return self.because(self.first_leaf(self.ruleset.reassurance_root))
        if self.case.disputes:
            return f"{_DISPUTED} ({self.case.disputes[0].id.removeprefix('facts:')})"
        return _QUESTIONED if self.case.questions else ""

    def recommendation(self, rule: Rule, roots: RuleRoots) -> Recommendation:
        raised = rule.raised is not None and self.true(roots.raised)
        open_asks = any(self.known.isdisjoint(ask) for ask in rule.asks)
        because = self.reasons(self.leaves(roots.when) + (self.leaves(roots.raised) if raised else []))
        priority = rule.raised.to if rule.raised and raised else rule.priority
        held = self.held_back(rule, roots, priority, because)
        state = State.SUGGESTED
        if rule.asks and not open_asks:
            state, held = State.DONE, ""
        elif held:
            state = State.HELD_BACK
        return Recommendation(
            id=rule.id,
            topic=rule.topic,
            state=state,
            kind=rule.kind,
            text=filled(rule.text, rule, self.case, self.sites),
            priority=priority,
            priority_why=rule.raised.why if rule.raised and raised else rule.why,
            covers=rule.covers,
            because=because,
            source=rule.source,
            result="; ".join(results(rule, self.case)) if state is State.DONE else "",
            held_back_because=held,
        )

    def held_back(self, rule: Rule, roots: RuleRoots, priority: Priority, because: tuple[Because, ...]) -> str:
        if rule.hold_back is not None and self.true(roots.hold_back):
            return rule.hold_back.why
        if rule.kind is RuleKind.MANAGEMENT and any(one.fact in self.disputed for one in because):
            return _UNSETTLED
        if not self.blood or priority is Priority.URGENT or rule.kind is RuleKind.CAVEAT:
            return ""
        about = rule.places & self.sites
        return _BLOOD if about and not any(in_body(site) for site in about) else ""


def in_body(site: str) -> bool:
    """Whether a site lies outside the skull and its vessels."""
    return vocabulary().sites[site].place is Region.BODY


def present_sites(case: Case) -> frozenset[str]:
    """The sites at which something was found."""
    return frozenset(site for site in case.sites if case.values.get(f"{FINDINGS}.{site}.present") is True)


def disputed_facts(case: Case) -> frozenset[str]:
    """The facts that contradict others. Of a person without symptoms and with one, the symptom counts."""
    facts: set[str] = set()
    for dispute in case.disputes:
        sides = {fact for fact, _, _ in dispute.sides}
        facts |= {ASYMPTOMATIC} if ASYMPTOMATIC in sides else sides
    return frozenset(facts)


def filled(text: str, rule: Rule, case: Case, sites: frozenset[str]) -> str:
    """A rule's text with what is still unknown of what it asks for, and the sites that it is about."""
    if "{" not in text:
        return text
    if "{asks}" in text:
        asked = open_asks(rule.asks, case) or [ask[0] for ask in rule.asks]
        text = text.replace("{asks}", listed([label(path, case.words) for path in asked]))
    if "{sites}" in text:
        names = [kind.label for site, kind in case.words.sites.items() if site in rule.places & sites]
        text = text.replace("{sites}", listed(names) if names else "the place")
    return text


def results(rule: Rule, case: Case) -> list[str]:
    """What is known of what a rule asks for."""
    if all(path.startswith("symptoms.") for ask in rule.asks for path in ask):
        if case.values.get("symptoms.asymptomatic") is True and not case.disputes:
            return ["no symptoms"]
        shown = [path for ask in rule.asks for path in ask if case.values.get(path) is True]
        return [label(path, case.words) for path in shown] or ["none of the symptoms asked for"]
    known = [next(path for path in ask if is_known(path, case)) for ask in rule.asks]
    return [value_in_words(path, case) for path in known]


def _by_pattern_alone(reasons: Iterable[Leaf]) -> bool:
    """If only the pattern speaks against a cause: a hint that rules no cause out, so that the rule stays unsaid."""
    return all(leaf.fact.endswith(_PATTERN) for leaf in reasons)


def _elsewhere(rule: Rule, case: Case) -> bool:
    """If a rule is about the body outside the skull, of which nobody spoke, while findings elsewhere were given."""
    return rule.body_only and bool(case.sites) and case.sites.isdisjoint(rule.places)


def judge(case: Case, ruleset: Ruleset, truths: Sequence[Truth]) -> Judgement:
    """Every rule of a ruleset, for what is known of one person."""
    at = _Judge(case, ruleset, truths)
    applied: list[Applied] = []
    excluded: list[NotApplicable] = []
    undecided: list[tuple[Rule, int]] = []
    for rule, roots in zip(ruleset.rules, ruleset.roots, strict=True):
        truth = truths[roots.when]
        if truth is True:
            blocked = at.blocked(rule, roots)
            if blocked:
                excluded.append(NotApplicable(id=rule.id, because=blocked))
            else:
                applied.append(Applied(rule, at.recommendation(rule, roots), roots))
        elif truth is False:
            if rule.kind is not RuleKind.CAUSE or not _by_pattern_alone(at.leaves(roots.when)):
                excluded.append(NotApplicable(id=rule.id, because=at.because(at.first_leaf(roots.when))))
        elif _elsewhere(rule, case):
            excluded.append(NotApplicable(id=rule.id, because=f"no finding was given at {', '.join(rule.sites)}"))
        elif not at.true(roots.unless):
            undecided.append((rule, roots.when))
        else:
            excluded.append(NotApplicable(id=rule.id, because=at.because(at.first_leaf(roots.unless))))
    kept, idle = _with_cautions(applied, case, at.sites)
    return Judgement(
        applied=kept,
        excluded=(*excluded, *idle),
        undecided=tuple(undecided),
        sites=at.sites,
        known=at.known,
    )


def _with_cautions(
    applied: Sequence[Applied], case: Case, sites: frozenset[str]
) -> tuple[tuple[Applied, ...], tuple[NotApplicable, ...]]:
    """Each suggestion with the cautions that go with what it uses. A caution of calcscan's own that nothing needs is
    left out."""
    cautions: Mapping[str, list[Rule]] = {}
    cautions = {about: [one.rule for one in applied if one.rule.cautions == about] for about in _abouts(applied)}
    used = {use for one in applied if one.item.state is State.SUGGESTED for use in one.rule.uses}
    kept, idle = [], []
    for one in applied:
        uses = one.rule.uses if one.item.state is State.SUGGESTED else ()
        needed = [rule for use in uses for rule in cautions.get(use, ())]
        if one.rule.cautions and one.rule.cautions not in used and not one.rule.covers:
            idle.append(NotApplicable(id=one.rule.id, because=f"nothing suggested uses {one.rule.cautions}"))
        elif needed:
            kept.append(replace(one, item=_cautioned(one.item, needed, case, sites)))
        else:
            kept.append(one)
    return tuple(kept), tuple(idle)


def _abouts(applied: Iterable[Applied]) -> set[str]:
    return {one.rule.cautions for one in applied if one.rule.cautions}


def _cautioned(item: Recommendation, rules: Iterable[Rule], case: Case, sites: frozenset[str]) -> Recommendation:
    cautions = tuple(
        Caution(rule=rule.id, text=filled(rule.text, rule, case, sites), covers=rule.covers) for rule in rules
    )
    return replace(item, text=" ".join([item.text, *(one.text for one in cautions)]), cautions=cautions)
