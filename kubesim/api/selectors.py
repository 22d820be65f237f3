"""Label and field selectors, as text and as the `selector` of an object.

Does not depend on HTTP; a selector that cannot be read is Failure 400.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from kubesim.api import failure
from kubesim.api.kinds import Kind, Tree

Labels = Mapping[str, str]
Test = Callable[[Tree], bool]

_TOKEN: Final = re.compile(r"\s*(!=|==|=|\(|\)|,|!|>|<|[^\s,()!=<>]+)")
_METADATA_FIELDS: Final = ("metadata.name", "metadata.namespace")
_INVOLVED: Final = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
#: Field selectors beyond name and namespace.
_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "Pod": (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.podIPs",
        "status.nominatedNodeName",
    ),
    "Node": ("spec.unschedulable",),
    "Namespace": ("status.phase",),
    "ReplicaSet": ("status.replicas",),
    "Secret": ("type",),
    "Event": (*(f"involvedObject.{one}" for one in _INVOLVED), "reason", "type", "source", "reportingComponent"),
}


def everything(_: Tree) -> bool:
    """The empty selector."""
    return True


# --- labels ---------------------------------------------------------------------------------------------------------


def parse_labels(text: str) -> Test:
    """`a=b,c!=d,e in (f,g),!h,i` as a test of an object."""
    if not text.strip():
        return everything
    tests = [_requirement(part) for part in _split(text)]
    return lambda tree: all(test(labels_of(tree)) for test in tests)


def labels_of(tree: Tree) -> Labels:
    """The labels of an object."""
    return tree["metadata"].get("labels") or {}


def _split(text: str) -> list[list[str]]:
    """Requirements as lists of words; commas within parentheses separate values."""
    words = _TOKEN.findall(text)
    if "".join(words) != re.sub(r"\s+", "", text):
        raise failure.bad_request(f"unable to parse requirement: {text}")
    parts: list[list[str]] = [[]]
    depth = 0
    for word in words:
        depth += (word == "(") - (word == ")")
        if word == "," and depth == 0:
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def _requirement(words: list[str]) -> Callable[[Labels], bool]:
    match words:
        case ["!", key]:
            return lambda labels: key not in labels
        case [key] if re.match(r"\w", key):
            return lambda labels: key in labels
        case [key, "=" | "==" | "!=" as sign]:
            return _equals(key, sign, "")
        case [key, "=" | "==" | "!=" as sign, value] if value not in {"=", "==", "!"}:
            return _equals(key, sign, value)
        case [key, "in" | "notin" as sign, "(", *inner, ")"]:
            values = {one for one in inner if one != ","}
            wanted = sign == "in"
            return lambda labels: (key in labels and labels[key] in values) if wanted else labels.get(key) not in values
        case [_, "=" | "==" | "!=", *rest]:
            raise failure.bad_request(f"unable to parse requirement: found '{rest[0]}', expected: identifier")
        case _:
            raise failure.bad_request(f"unable to parse requirement: {' '.join(words)}")


def _equals(key: str, sign: str, value: str) -> Callable[[Labels], bool]:
    if sign == "!=":
        return lambda labels: labels.get(key) != value
    return lambda labels: labels.get(key) == value


def matches(selector: Tree | None, labels: Labels) -> bool:
    """Whether a metav1.LabelSelector selects these labels; none selects nothing, an empty one everything."""
    if selector is None:
        return False
    exact = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in exact.items()):
        return False
    return all(_expression(expression, labels) for expression in selector.get("matchExpressions") or ())


def _expression(obj: Tree, labels: Labels) -> bool:
    key, values = obj["key"], obj.get("values") or ()
    match obj["operator"]:
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels


# --- fields ---------------------------------------------------------------------------------------------------------


def parse_fields(kind: Kind, text: str) -> Test:
    """`spec.nodeName=a,status.phase!=Running` as a test of an object."""
    if not text.strip():
        return everything
    known = _known(kind)
    tests = [_field(part, known) for part in text.split(",") if part]
    return lambda tree: all(test(tree) for test in tests)


def _known(kind: Kind) -> tuple[str, ...]:
    # `metadata.namespace` of a cluster-scoped kind is accepted and empty.
    return (*_METADATA_FIELDS, *_FIELDS.get(kind.resource.kind, ()))


def _field(part: str, known: Iterable[str]) -> Test:
    name, sign, value = re.split(r"(!=|==|=)", part, maxsplit=1) if "=" in part else (part, "", "")
    if not sign:
        raise failure.bad_request(f"invalid selector: '{part}'; can't understand '{part}'")
    if name not in known:
        supported = ", ".join(f'"{field}"' for field in _METADATA_FIELDS)
        raise failure.bad_request(f'"{name}" is not a known field selector: only {supported}')
    path = name.split(".")
    if path == ["source"]:
        return lambda tree: (_source(tree) == value) is (sign != "!=")
    wanted = sign != "!="
    return lambda tree: (_at(tree, path) == value) is wanted


def _source(tree: Tree) -> str:
    """Who wrote an Event (pkg/registry/core/event/strategy.go, ToSelectableFields)."""
    return _at(tree, ["deprecatedSource", "component"]) or _at(tree, ["reportingController"])


#: Events are stored as events.k8s.io shows them, and selected by the names of v1.
_STORED: Final = {"involvedObject": "regarding", "reportingComponent": "reportingController"}


def _at(tree: Tree, path: list[str]) -> str:
    value: Any = tree
    for step in path:
        if step in _STORED and step not in value:
            step = _STORED[step]  # noqa: PLW2901 - the same field
        value = value.get(step) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
