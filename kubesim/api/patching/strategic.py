"""Strategic merge patch (apimachinery, pkg/util/strategicpatch/patch.go), with the directives that kubectl sends.

Lists with a merge key merge by it; `$patch`, `$retainKeys`, `$setElementOrder/…` and `$deleteFromPrimitiveList/…` are
obeyed; the order of merged lists is the real one. Never changes the tree it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from kubesim.api import failure
from kubesim.api.kinds import Tree
from kubesim.api.patching import mergekeys

_DIRECTIVE: Final = "$patch"
_RETAIN: Final = "$retainKeys"
_ORDER: Final = "$setElementOrder/"
_DELETE: Final = "$deleteFromPrimitiveList/"


def apply(kind: str, tree: Tree, patch: object) -> Tree:
    """The patched tree. `kind` decides what lists of one name mean. Raises Failure."""
    if not isinstance(patch, dict):
        raise failure.bad_request("error decoding patch: json: cannot unmarshal array into Go value of type map")
    return _map(kind, tree, patch)


def _map(kind: str, tree: Tree, patch: Tree) -> Tree:
    match patch.get(_DIRECTIVE):
        case None | "merge":
            pass
        case "replace":
            return {key: value for key, value in patch.items() if key != _DIRECTIVE}
        case "delete":
            return {}
        case other:
            raise failure.bad_request(f"Unknown patch type found: {other}")
    merged = _retained(tree, patch)
    for key, value in patch.items():
        if key.startswith("$"):
            continue
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _value(kind, key, merged.get(key), value)
    _primitive_deletions(merged, patch)
    _orders(kind, merged, tree, patch)
    return merged


def _retained(tree: Tree, patch: Tree) -> Tree:
    kept = patch.get(_RETAIN)
    if kept is None:
        return dict(tree)
    if not isinstance(kept, list):
        raise failure.bad_request(f"invalid value for {_RETAIN}")
    return {key: value for key, value in tree.items() if key in kept}


def _value(kind: str, field: str, old: Any, new: Any) -> Any:
    if isinstance(new, dict):
        return _map(kind, old if isinstance(old, dict) else {}, new)
    if not isinstance(new, list):
        return new
    key = mergekeys.key(kind, field)
    if key and all(isinstance(one, dict) for one in new):
        return _keyed(kind, key, old if isinstance(old, list) else [], new)
    if field in mergekeys.PRIMITIVE:
        both = [*(old or ()), *new]
        return list(dict.fromkeys(both))
    return new


# --- lists ----------------------------------------------------------------------------------------------------------


def _keyed(kind: str, key: str, old: list[Tree], patch: list[Tree]) -> list[Tree]:
    """Merge a list of objects by their key (mergeSlice)."""
    if any(one.get(_DIRECTIVE) == "replace" and set(one) == {_DIRECTIVE} for one in patch):
        return [one for one in patch if _DIRECTIVE not in one]
    merged = list(old)
    changes = []
    for one in patch:
        if key not in one:
            raise failure.internal(f"map: {one} does not contain declared merge key: {key}")
        if one.get(_DIRECTIVE) == "delete":
            merged = [item for item in merged if item.get(key) != one[key]]
        else:
            changes.append(one)
    for change in changes:
        place = next((n for n, item in enumerate(merged) if item.get(key) == change[key]), None)
        if place is None:
            merged.append(_map(kind, {}, change))
        else:
            merged[place] = _map(kind, merged[place], change)
    return _ordered(merged, [change[key] for change in changes], [item.get(key) for item in old], _by(key))


def _by(key: str) -> Callable[[Any], Any]:
    return lambda item: item.get(key)


def _ordered(items: list[Any], wanted: Sequence[Any], before: Sequence[Any], of: Callable[[Any], Any]) -> list[Any]:
    """Items in the patch's order; the others where they stood before (normalizeElementOrder, mergeSortedSlice)."""
    rank = {value: n for n, value in reversed(list(enumerate(wanted)))}
    former = {value: n for n, value in reversed(list(enumerate(before)))}
    right = sorted((item for item in items if of(item) in rank), key=lambda item: rank[of(item)])
    left = sorted((item for item in items if of(item) not in rank), key=lambda item: former.get(of(item), len(former)))
    result: list[Any] = []
    for item in right:
        place = former.get(of(item))
        while left and place is not None and former.get(of(left[0]), place) < place:
            result.append(left.pop(0))
        result.append(item)
    return result + left


# --- directives beside the field --------------------------------------------------------------------------------------


def _primitive_deletions(merged: Tree, patch: Tree) -> None:
    for directive, values in patch.items():
        if directive.startswith(_DELETE):
            field = directive.removeprefix(_DELETE)
            merged[field] = [one for one in merged.get(field) or () if one not in values]


def _orders(kind: str, merged: Tree, tree: Tree, patch: Tree) -> None:
    for directive, wanted in patch.items():
        if not directive.startswith(_ORDER):
            continue
        field = directive.removeprefix(_ORDER)
        items = merged.get(field)
        if not isinstance(items, list):
            continue
        key = mergekeys.key(kind, field)
        of = _by(key) if key else _itself
        values = [of(one) if isinstance(one, dict) else one for one in wanted]
        merged[field] = _ordered(items, values, [of(one) for one in tree.get(field) or ()], of)


def _itself(item: Any) -> Any:
    return item
