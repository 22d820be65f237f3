"""Server-side apply, simplified: good for `kubectl apply --server-side` and for our own objects.

The applied configuration is merged by keys; what the same manager applied before and leaves out now is removed, unless
another manager has it too; a value of another manager that would change is a conflict unless forced. Who updates an
object is known of workloads only (`managers`); the real server knows it of every kind, and refuses more.
"""

from __future__ import annotations

import json
from typing import Any

from kubesim.api import failure
from kubesim.api.kinds import TEMPLATED, Kind, Tree
from kubesim.api.patching import fields, managers, mergekeys
from kubesim.api.patching.jsonpatch import same


def apply(kind: Kind, live: Tree, config: Tree, *, manager: str, force: bool, now: str) -> Tree:
    """The object with the configuration applied and its fields managed. Raises Failure 409."""
    name = kind.resource.kind
    entries = live.get("metadata", {}).get("managedFields") or []
    mine = managers.entry_of(entries, manager)
    others = [entry for entry in entries if entry is not mine]
    wanted = fields.of(name, config)
    _refuse_conflicts(kind, live, config, others, force=force)
    gone, kept = fields.without(mine["fieldsV1"], wanted) if mine else {}, wanted
    for other in others:
        gone, kept = fields.without(gone, other["fieldsV1"]), fields.union(kept, other["fieldsV1"])
    merged = merge(name, _remove(name, live, gone, kept if kind in TEMPLATED else None), config)
    merged["metadata"] = merged.get("metadata", {})
    return managers.applied(kind, live, merged, wanted, manager=manager, now=now)


# --- merging --------------------------------------------------------------------------------------------------------


def merge(kind: str, live: Any, config: Tree) -> Tree:
    """The object with a configuration merged by keys, regardless of managers."""
    merged = dict(live) if isinstance(live, dict) else {}
    for key, value in config.items():
        merged[key] = _merged_value(kind, key, merged.get(key), value)
    return {key: value for key, value in merged.items() if value is not None}


def _merged_value(kind: str, field: str, old: Any, new: Any) -> Any:
    if isinstance(new, dict):
        return merge(kind, old, new)
    keys = mergekeys.keys(kind, field)
    if isinstance(new, list) and field in mergekeys.PRIMITIVE:
        return list(dict.fromkeys([*(old or ()), *new]))
    if not isinstance(new, list) or not keys or not all(isinstance(one, dict) for one in new):
        return new
    left = {fields.element(keys, item): item for item in old or ()}
    result = []
    for item in new:
        name = fields.element(keys, item)
        result.append(merge(kind, left.pop(name, None), item))
    return [*result, *left.values()]


def _remove(kind: str, live: Tree, gone: Tree, kept: Tree | None = None) -> Tree:
    """Take away the fields of a set.

    `kept`: what others have or is applied; an object of which nothing is there goes as a whole, with what the server
    filled in (EnsureNamedFieldsAreMembers). None where nobody knows who updated what.
    """
    result = dict(live)
    for name, below in gone.items():
        field = name.removeprefix("f:")
        if not name.startswith("f:") or field not in result:
            continue
        value = result[field]
        if isinstance(value, dict) and below and (kept is None or name in kept):
            result[field] = _remove(kind, value, below, kept[name] if kept is not None else None)
        elif isinstance(value, list) and below:
            result[field] = _remove_elements(kind, field, value, below)
        else:
            del result[field]
    return result


def _remove_elements(kind: str, field: str, value: list[Any], gone: Tree) -> list[Any]:
    result = []
    for name, item in fields.elements(kind, field, value):
        if name not in gone:
            result.append(item)
        elif gone[name] and "." not in gone[name]:
            result.append(_remove(kind, item, gone[name]))
    return result


# --- conflicts ------------------------------------------------------------------------------------------------------


def _refuse_conflicts(kind: Kind, live: Tree, config: Tree, others: list[Tree], *, force: bool) -> None:
    if force:
        return
    causes = []
    for other in others:
        for path in _differing(kind.resource.kind, live, config, other["fieldsV1"]):
            message = f"conflict with {_named(other)}"
            causes.append({"reason": "FieldManagerConflict", "message": message, "field": path})
    if not causes:
        return
    number = f"{len(causes)} conflict{'s' if len(causes) > 1 else ''}"
    text = f"Apply failed with {number}: {causes[0]['message']}: {causes[0]['field']}"
    if len(causes) > 1:
        several = [cause["message"].replace("conflict with", "conflicts with", 1) for cause in causes]
        found = {one: [c["field"] for c, whose in zip(causes, several, strict=True) if whose == one] for one in several}
        listed = (f"{one}:\n" + "\n".join(f"- {path}" for path in found[one]) for one in sorted(found))
        text = f"Apply failed with {number}: " + "\n".join(listed)
    raise failure.Failure(409, "Conflict", text, {"causes": causes})


def _named(other: Tree) -> str:
    """Who it is, and of one who only updates by which version (managedfields/internal/conflict.go)."""
    name = json.dumps(other["manager"])
    if other.get("operation") == managers.APPLY:
        return name
    below = f" with subresource {json.dumps(other['subresource'])}" if other.get("subresource") else ""
    return f"{name}{below} using {other['apiVersion']}"


def _differing(kind: str, live: Any, config: Any, owned: Tree, path: str = "") -> list[str]:
    """The paths that another manager owns and that the configuration would change."""
    found: list[str] = []
    for name, below in sorted(owned.items()):
        field = name.removeprefix("f:")
        if not name.startswith("f:") or not isinstance(config, dict) or field not in config:
            continue
        old, new = (live or {}).get(field), config[field]
        here = f"{path}.{field}"
        if isinstance(new, list) and below:
            olds = dict(fields.elements(kind, field, old or []))
            for element, item in fields.elements(kind, field, new):
                if element in below and isinstance(item, dict):
                    place = f"{here}[{element.removeprefix('k:')}]"
                    found += _differing(kind, olds.get(element), item, below[element], place)
        elif isinstance(new, dict) and below:
            found += _differing(kind, old, new, below, here)
        elif not same(old, new):
            found.append(here)
    return found
