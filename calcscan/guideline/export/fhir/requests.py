"""The page as proposals: a RequestGroup of its lines, each with what it would order, or with a task where it orders
nothing.

R4 wants a resource behind every action that holds no others (rqg-1), so whatever is to be done without an order
(asking, reading the CT again, treating) is a draft Task.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from calcscan.guideline.export.codes import codes
from calcscan.guideline.export.fhir.issues import observations_of
from calcscan.guideline.export.fhir.parts import (
    PRIORITIES,
    Export,
    Resource,
    cited,
    concept,
    notes,
    refer_to,
)
from calcscan.guideline.facts.case import Case
from calcscan.guideline.facts.vocabulary import LABS
from calcscan.guideline.model import DISCLAIMER, Group, Guidance, PageLine, Priority, Recommendation, RuleKind, State
from calcscan.guideline.wording import open_asks, reason

_ORDERED = {
    RuleKind.WORKUP_LABORATORY: "laboratory_procedure",
    RuleKind.WORKUP_IMAGING: "imaging_procedure",
    RuleKind.REFERRAL: "",
}
"""What is ordered, and the code of its category."""
_CATEGORIES = {"laboratory_procedure": "Laboratory", "imaging_procedure": "Imaging", "": "Referral"}
_WITHOUT_TOPIC = {Group.NOW: "to be settled now", Group.NEXT: "to be settled", Group.ASK: "to be asked"}
_TO_DO = (Group.NOW, Group.NEXT, Group.ASK)
_NOT_TO_DO = (RuleKind.CAUSE, RuleKind.CAVEAT)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """What one request or task says of a line."""

    category: str | None
    """The code of what is ordered; None: nothing is."""
    items: tuple[Recommendation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """Everything that is proposed: the group, if anything is to be done, and what it refers to."""

    group: tuple[Resource, ...]
    items: tuple[Resource, ...]


def requests(export: Export, case: Case, guidance: Guidance, exported: Collection[str]) -> Requests:
    """The lines of the page that say what to do. What is done, held back or kept in mind is not requested."""
    suggested = {item.id: item for item in guidance.recommendations if item.state is State.SUGGESTED}
    actions, made = [], []
    for n, line in enumerate(guidance.page):
        if line.group in _TO_DO:
            members = [suggested[rule] for rule in line.rules if rule in suggested]
            action, resources = _line(export, case, line, n, members, exported)
            actions.append(action)
            made += resources
    if not actions:
        return Requests(group=(), items=())
    group = export.made(
        "RequestGroup",
        "page",
        *(action["description"] for action in actions),
        DISCLAIMER,
        status="draft",
        intent="proposal",
        subject=export.person,
        authoredOn=export.now,
        author=export.device,
        **notes(DISCLAIMER),
        action=actions,
    )
    return Requests(group=(group,), items=tuple(made))


def _line(
    export: Export, case: Case, line: PageLine, n: int, members: Sequence[Recommendation], exported: Collection[str]
) -> tuple[Resource, list[Resource]]:
    parts = _parts(line, [item for item in members if item.kind not in _NOT_TO_DO])
    texts = [line.text] if len(parts) == 1 else [" ".join(item.text for item in part.items) for part in parts]
    made = [
        _resource(export, case, line, f"{n}/{m}", part, text, exported)
        for m, (part, text) in enumerate(zip(parts, texts, strict=True))
    ]
    priority = PRIORITIES[_most_urgent(line, members)]
    action: Resource = {
        "id": f"line-{n}",
        "title": export.topic(line.topic) if line.topic else _WITHOUT_TOPIC[line.group],
        "description": line.text,
        "textEquivalent": "; ".join([line.text, *(f"because: {why}" for why in line.because)]),
        "priority": priority,
    }
    if members:
        action["documentation"] = [cited(item) for item in members]
    if len(made) == 1:
        action["resource"] = refer_to(made[0])
    else:
        action["action"] = [
            {"id": f"line-{n}-{m}", "description": text, "resource": refer_to(resource)}
            for m, (text, resource) in enumerate(zip(texts, made, strict=True))
        ]
    return action, made


def _parts(line: PageLine, members: Sequence[Recommendation]) -> list[_Part]:
    """What is ordered, by its kind, and the rest in one."""
    by_category: dict[str | None, list[Recommendation]] = {}
    for item in members:
        orders = item.topic not in codes().not_ordered and line.group is not Group.ASK
        by_category.setdefault(_ORDERED.get(item.kind) if orders else None, []).append(item)
    parts = [_Part(category=category, items=tuple(items)) for category, items in by_category.items()]
    return parts or [_Part(category=None, items=())]


def _most_urgent(line: PageLine, members: Iterable[Recommendation]) -> Priority:
    stated = [item.priority for item in members if item.kind not in _NOT_TO_DO]
    if stated:
        return min(stated, key=list(Priority).index)
    return Priority.URGENT if line.group is Group.NOW else Priority.ROUTINE


def _resource(
    export: Export, case: Case, line: PageLine, key: str, part: _Part, text: str, exported: Collection[str]
) -> Resource:
    priority = PRIORITIES[_most_urgent(line, part.items)]
    cautions = [caution.text for item in part.items for caution in item.cautions]
    sources = [str(cited(item)["citation"]) for item in part.items]
    same: Resource = {
        "status": "draft",
        "intent": "proposal",
        "priority": priority,
        "authoredOn": export.now,
        "requester": export.device,
        **notes(*cautions, *(f"Priority: {item.priority_why}" for item in part.items), *sources, DISCLAIMER),
    }
    because = [because for item in part.items for because in item.because]
    if part.category is None:
        topic = export.topic(line.topic) if line.topic else _WITHOUT_TOPIC[line.group]
        whys = "; ".join(dict.fromkeys(reason(one) for one in because))
        about = {"reasonCode": concept(whys)} if whys else {}
        task = {"code": concept(topic), "description": text, "for": export.person, **about}
        return export.made("Task", key, text, **same, **task)
    category = [codes().code[part.category]] if part.category else []
    found = [codes().code[codes().order[item.id]] for item in part.items if item.id in codes().order]
    made = export.made(
        "ServiceRequest",
        key,
        text,
        *cautions,
        **same,
        category=[concept(_CATEGORIES[part.category], category)],
        code=concept(text, dict.fromkeys(found)),
        subject=export.person,
    )
    reasons = [concept(why) for why in dict.fromkeys(reason(one) for one in because)]
    details = _details(export, case, part.items) if export.with_facts else []
    about_it = observations_of(export, [one.fact for one in because], exported)
    made |= {"orderDetail": details} if details else {}
    made |= {"reasonCode": reasons} if reasons else {}
    return made | ({"reasonReference": about_it} if about_it else {})


def _details(export: Export, case: Case, items: Iterable[Recommendation]) -> list[Resource]:
    """The single tests that are still open, with their codes."""
    asked = dict.fromkeys(open_asks((ask for item in items for ask in export.asks(item.id)), case))
    return [
        concept(export.full_name(path), codes().for_order(path.removeprefix(f"{LABS}.")))
        for path in asked
        if path.startswith(f"{LABS}.") or path == "egfr"
    ]
