"""FieldsV1: the fields of an object that a manager has, as a nested set (structured-merge-diff, simplified).

`f:name` is a field, `k:{…}` an element of a keyed list, `v:…` of a set, `.` the thing itself. Knows no managers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from kubesim.api.kinds import Tree
from kubesim.api.patching import mergekeys

#: Identity: never owned by anybody.
UNOWNED: Final = ("apiVersion", "kind")
UNOWNED_METADATA: Final = (
    "name",
    "namespace",
    "managedFields",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
)
#: Objects that are one value: their parts have no owners of their own.
ATOMIC_MAPS: Final = frozenset({"selector", "nodeSelector", "fieldRef", "resourceFieldRef", "secretKeyRef"})


def of(kind: str, config: Tree) -> Tree:
    """The set of fields of an applied configuration."""
    kept = {key: value for key, value in config.items() if key not in UNOWNED}
    metadata = {key: value for key, value in kept.pop("metadata", {}).items() if key not in UNOWNED_METADATA}
    return _of_map(kind, kept | ({"metadata": metadata} if metadata else {}))


def _of_map(kind: str, value: Tree) -> Tree:
    return {f"f:{key}": of_value(kind, key, below) for key, below in value.items()}


def of_value(kind: str, field: str, value: Any) -> Tree:
    """The set of what is in a field."""
    if isinstance(value, dict) and value and field not in ATOMIC_MAPS:
        return _of_map(kind, value)
    if isinstance(value, list):
        return {element: of_item(kind, item) for element, item in elements(kind, field, value)}
    return {}


def of_item(kind: str, item: Any) -> Tree:
    """The set of what is in an element of a list."""
    return {".": {}, **_of_map(kind, item)} if isinstance(item, dict) else {}


def elements(kind: str, field: str, value: list[Any]) -> Iterator[tuple[str, Any]]:
    """The elements of a list that merges, each with its name in the set; none of an atomic list."""
    keys = mergekeys.keys(kind, field)
    if field in mergekeys.PRIMITIVE:
        yield from ((f"v:{json.dumps(item)}", item) for item in value)
    elif keys and all(isinstance(item, dict) for item in value):
        for item in value:
            yield element(keys, item), item


def element(keys: tuple[str, ...], item: Tree) -> str:
    """`k:{"name":"app"}`."""
    defaults = {"protocol": "TCP"}
    found = {key: item.get(key, defaults.get(key)) for key in sorted(keys)}
    return "k:" + json.dumps(found, separators=(",", ":"))


def without(obj: Tree, other: Tree) -> Tree:
    """What only the first has; the insides of what both have are compared in turn."""
    found: Tree = {}
    for key, below in obj.items():
        if key not in other:
            found[key] = below
        elif below:
            left = without(below, other[key])
            if left:
                found[key] = left
    return found


def union(obj: Tree, other: Tree) -> Tree:
    """What one of both has."""
    return {**obj, **{key: union(obj.get(key, {}), below) for key, below in other.items()}}
