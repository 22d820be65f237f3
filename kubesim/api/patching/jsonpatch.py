"""JSON patch (RFC 6902) as the API server has it: evanphx/json-patch v4, which is a little milder than the RFC.

Differences, recorded from 1.36.3: `replace` of a member that is missing adds it, and `test` of one for null holds.
Never changes the tree it is given. A patch that does not apply is Failure 422 without causes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from kubesim.api import failure
from kubesim.api.kinds import Tree

MOST_OPERATIONS: Final = 10_000
_MISSING: Final = object()


class _DoesNotApply(Exception):
    """The reason is never told to the client."""


class _TestFailed(_DoesNotApply):
    """A `test` that does not hold."""


class TestFailed(failure.Failure):
    """Of a patch that would apply but for a `test`."""


def apply(tree: Any, patch: object) -> Any:
    """The patched tree. Raises Failure."""
    if not isinstance(patch, list) or not all(isinstance(one, dict) for one in patch):
        what = "object" if isinstance(patch, dict) else "value"
        text = f"json: cannot unmarshal {what} into Go value of type []handlers.jsonPatchOp"
        raise failure.bad_request(f"error decoding patch: {text}")
    if len(patch) > MOST_OPERATIONS:
        text = f"The allowed maximum operations in a JSON patch is {MOST_OPERATIONS}, got {len(patch)}"
        raise failure.Failure(413, "RequestEntityTooLarge", text)
    try:
        for operation in patch:
            tree = _apply_one(tree, operation)
    except _TestFailed:
        raise TestFailed(422, "Invalid", failure.rejected_patch().message, {}) from None
    except _DoesNotApply:
        raise failure.rejected_patch() from None
    return tree


def _apply_one(tree: Any, operation: Tree) -> Any:
    path = _parts(operation.get("path"))
    match operation.get("op"):
        case "add":
            return _alter(tree, path, _adding(_value(operation)))
        case "replace":
            return _alter(tree, path, _replacing(_value(operation)))
        case "remove":
            return _alter(tree, path, _remove)
        case "test":
            return _test(tree, path, operation.get("value"))
        case "copy":
            return _alter(tree, path, _adding(_find(tree, _parts(operation.get("from")))))
        case "move":
            source = _parts(operation.get("from"))
            value = _find(tree, source)
            return _alter(_alter(tree, source, _remove), path, _adding(value))
        case _:
            raise _DoesNotApply


def _value(operation: Tree) -> Any:
    if "value" not in operation:
        raise _DoesNotApply
    return operation["value"]


def _parts(pointer: object) -> list[str]:
    """RFC 6901."""
    if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
        raise _DoesNotApply
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


# --- one step: what happens to the container that holds the target ---------------------------------------------------

_Step = Callable[[Any, str], Any]


def _alter(tree: Any, path: list[str], step: _Step) -> Any:
    """Copy the path down to the target's container and let `step` change the copy."""
    if not path:
        return step({"": tree}, "").get("", _MISSING_ROOT)
    head, *rest = path
    copy = _copy(tree)
    if not rest:
        return step(copy, head)
    key = _existing(copy, head)
    copy[key] = _alter(copy[key], rest, step)
    return copy


_MISSING_ROOT: Final[Any] = None


def _copy(tree: Any) -> Any:
    if isinstance(tree, dict | list):
        return tree.copy()
    raise _DoesNotApply


def _existing(container: Any, part: str) -> Any:
    """The key or index of something that is there."""
    if isinstance(container, dict):
        if part in container:
            return part
    elif part.isdecimal() and (part == "0" or part[0] != "0") and int(part) < len(container):
        return int(part)
    raise _DoesNotApply


def _adding(value: Any) -> _Step:
    def add(container: Any, part: str) -> Any:
        if isinstance(container, dict):
            container[part] = value
        elif part == "-":
            container.append(value)
        elif part.isdecimal() and (part == "0" or part[0] != "0") and int(part) <= len(container):
            container.insert(int(part), value)
        else:
            raise _DoesNotApply
        return container

    return add


def _replacing(value: Any) -> _Step:
    def replace(container: Any, part: str) -> Any:
        key = part if isinstance(container, dict) else _existing(container, part)
        container[key] = value
        return container

    return replace


def _remove(container: Any, part: str) -> Any:
    del container[_existing(container, part)]
    return container


# --- reading ---------------------------------------------------------------------------------------------------------


def _find(tree: Any, path: list[str]) -> Any:
    for part in path:
        if not isinstance(tree, dict | list):
            raise _DoesNotApply
        tree = tree[_existing(tree, part)]
    return tree


def _test(tree: Any, path: list[str], value: Any) -> Any:
    """Holds if the values are equal; a member that is missing below something that is there equals null."""
    found = tree
    if path:
        parent = _find(tree, path[:-1])
        if isinstance(parent, dict):
            found = parent.get(path[-1])
        elif isinstance(parent, list):
            found = parent[_existing(parent, path[-1])]
        else:
            raise _DoesNotApply
    if not same(found, value):
        raise _TestFailed
    return tree


def same(one: Any, other: Any) -> bool:
    """Equal as JSON: 1 is 1.0, true is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)
