"""What a header's fields about an injection say: each of them may be the only one that is left."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pydicom.datadict import tag_for_keyword

from calcscan.knowledge.reading import ReadingSettings
from calcscan.read.headers.fields import get, text

_AMOUNTS = {"ContrastBolusVolume": "volume", "ContrastBolusTotalDose": "total dose"}
_WEAK_AMOUNTS = {
    "ContrastFlowRate": "flow rate",
    "ContrastFlowDuration": "flow duration",
    "ContrastBolusIngredientConcentration": "ingredient concentration",
    "ContrastBolusIngredientPercentByVolume": "ingredient share",
}
_WEAK_NAMES = {"ContrastBolusIngredient": "ingredient"}
_TIMES = {"ContrastBolusStartTime": "start time", "ContrastBolusStopTime": "stop time"}
_CODES = {"ContrastBolusIngredientCodeSequence": "ingredient"}
_ROUTES = ("ContrastBolusAdministrationRouteSequence",)
_OTHERS = ("ContrastBolusAgent", "ContrastBolusAgentSequence", "ContrastBolusRoute", "ContrastBolusIngredientOpaque")
_TAGS = frozenset(
    tag_for_keyword(keyword)
    for keyword in (*_AMOUNTS, *_WEAK_AMOUNTS, *_WEAK_NAMES, *_TIMES, *_CODES, *_ROUTES, *_OTHERS)
)


def contrast_agent_in(layers: Sequence[Any], settings: ReadingSettings, usage: Sequence[Any] | None = None) -> str:
    """What shows that contrast medium was given, in words; empty where nothing does.

    `layers` are where attributes are looked for; `usage` the items of a frame's contrast/bolus usage, where it has any:
    they decide for the frame, whatever the file names.

    Fields that protocols fill in beforehand (flow, concentration, route, times) count only where no amount of zero and
    no agent "none" contradicts them.

    >>> from pydicom import Dataset
    >>> from calcscan.knowledge.settings import load
    >>> settings = load(ReadingSettings)
    >>> header = Dataset()
    >>> header.ContrastBolusVolume, header.ContrastFlowRate = "70", "4"
    >>> contrast_agent_in([header], settings)
    'volume 70'
    >>> header.ContrastBolusVolume = "0"
    >>> contrast_agent_in([header], settings)
    ''
    """
    found = [layer for layer in layers if not _TAGS.isdisjoint(layer.keys())]
    if not found and not usage:
        return ""
    used = _used(usage or ())
    if used is False:
        return ""
    sign = _named(found, settings) or _amount(found, _AMOUNTS)
    if sign:
        return sign
    if used:
        return "administered, according to the frame's own entry"
    return "" if _denied(found, settings) else _weak(found, settings)


def _used(usage: Sequence[Any]) -> bool | None:
    """Do a frame's entries say that an agent was given (or is visible), or of every agent that it wasn't?"""
    said = [(text(item, "ContrastBolusAgentAdministered"), text(item, "ContrastBolusAgentDetected")) for item in usage]
    if any("YES" in (given.upper(), detected.upper()) for given, detected in said):
        return True
    return False if said and all(given.upper() == "NO" for given, _ in said) else None


def _named(layers: list[Any], settings: ReadingSettings) -> str:
    agent = text(layers, "ContrastBolusAgent")
    if _says_something(agent, settings):
        return agent
    for item in get(layers, "ContrastBolusAgentSequence") or ():
        meaning = text(item, "CodeMeaning")
        volume = _number(text(item, "ContrastBolusVolume"))
        if (not meaning or _says_something(meaning, settings)) and volume != 0.0:
            return meaning or "contrast medium"
    return ""


def _says_something(value: str, settings: ReadingSettings) -> bool:
    return bool(value) and not settings.words.no_agent.match(value)


def _denied(layers: list[Any], settings: ReadingSettings) -> bool:
    agent = text(layers, "ContrastBolusAgent")
    return (bool(agent) and settings.words.no_agent.match(agent)) or any(
        _number(text(layers, keyword)) == 0.0 for keyword in _AMOUNTS
    )


def _amount(layers: list[Any], fields: dict[str, str]) -> str:
    for keyword, name in fields.items():
        value = text(layers, keyword)
        number = _number(value)
        if number is not None and number > 0:
            return f"{name} {value}"
    return ""


def _number(value: str) -> float | None:
    """The largest number in a text (several values, a unit, a comma); None where there is none."""
    numbers = [float(one.replace(",", ".")) for one in re.findall(r"\d+(?:[.,]\d+)?", value)]
    return max(numbers, default=None)


def _weak(layers: list[Any], settings: ReadingSettings) -> str:
    for keyword, name in _WEAK_NAMES.items():
        value = text(layers, keyword)
        if _says_something(value, settings):
            return f"{name} {value}"
    for keyword, name in _CODES.items():
        for item in get(layers, keyword) or ():
            meaning = text(item, "CodeMeaning")
            if not meaning or _says_something(meaning, settings):
                return f"{name} {meaning}".strip()
    amount = _amount(layers, _WEAK_AMOUNTS)
    if amount:
        return amount
    routes = [text(layers, "ContrastBolusRoute")]
    routes += [text(item, "CodeMeaning") for keyword in _ROUTES for item in get(layers, keyword) or ()]
    for route in routes:
        if settings.words.vascular_route.match(route):
            return f"route {route}"
    for keyword, name in _TIMES.items():
        value = text(layers, keyword)
        if (_number(value) or 0.0) > 0:
            return f"injection {name} {value}"
    return "opaque ingredient" if text(layers, "ContrastBolusIngredientOpaque").upper() == "YES" else ""
