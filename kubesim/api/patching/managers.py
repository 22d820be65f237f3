"""Who manages which fields of an object: `metadata.managedFields` (apimachinery, managedfields; structured-merge-diff).

What an update changes belongs to its manager from then on, and to nobody else; what it removes belongs to nobody. What
admission changes afterwards changes no ownership. A client may write the list itself, and so give fields up.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from kubesim.api.kinds import Kind, Tree
from kubesim.api.patching import fields
from kubesim.api.patching.jsonpatch import same

APPLY: Final = "Apply"
UPDATE: Final = "Update"


def updated(kind: Kind, live: Tree | None, new: Tree, *, manager: str, subresource: str, now: str) -> Tree:
    """The new object with its fields managed; `live` is None if it is being created.

    An object that nobody manages stays so. Both objects are complete with the server's defaults.
    """
    entries = _entries(live, new, below=bool(subresource))
    if live is not None and not entries:
        return _with(new, [])
    before = _part(live or {}, subresource)
    written, removed = changes(kind.resource.kind, before, _part(new, subresource))
    kept, mine = list[Tree](), _new(kind, manager, UPDATE, subresource, now)
    for entry in entries:
        if _is(entry, manager, UPDATE, subresource):
            mine = entry
        else:
            kept.append(_left(entry, written, removed))
    owned = fields.union(fields.without(mine["fieldsV1"], removed), written)
    mine = mine if owned == mine["fieldsV1"] and not written else {**mine, "time": now, "fieldsV1": owned}
    return _with(new, [*kept, mine])


def applied(kind: Kind, live: Tree, new: Tree, wanted: Tree, *, manager: str, now: str) -> Tree:
    """The object that was applied with its fields managed: `wanted` are those of the configuration."""
    entries = live.get("metadata", {}).get("managedFields") or []
    written, removed = changes(kind.resource.kind, _part(live, ""), _part(new, ""))
    mine = entry_of(entries, manager) or _new(kind, manager, APPLY, "", now)
    mine = mine if mine["fieldsV1"] == wanted else {**mine, "time": now, "fieldsV1": wanted}
    others = (entry for entry in entries if not _is(entry, manager, APPLY, ""))
    return _with(new, [mine, *(_left(entry, written, removed) for entry in others)])


def entry_of(entries: Iterable[Tree], manager: str) -> Tree | None:
    """What this manager has applied."""
    return next((entry for entry in entries if _is(entry, manager, APPLY, "")), None)


def changes(kind: str, old: Tree, new: Tree) -> tuple[Tree, Tree]:
    """The fields that differ or are new, and those that are gone, as sets."""
    written, removed = dict[str, Tree](), dict[str, Tree]()
    for key in [*old, *(key for key in new if key not in old)]:
        name = f"f:{key}"
        if key not in new:
            removed[name] = fields.of_value(kind, key, old[key])
        elif key not in old:
            written[name] = fields.of_value(kind, key, new[key])
        elif not same(old[key], new[key]):
            more, less = _within(kind, key, old[key], new[key])
            written |= {name: more} if more is not None else {}
            removed |= {name: less} if less else {}
    return written, removed


def _within(kind: str, field: str, old: Any, new: Any) -> tuple[Tree | None, Tree]:
    """The same for a value that differs; no set at all if nothing was written, an empty one if it is one value."""
    if isinstance(old, dict) and isinstance(new, dict) and field not in fields.ATOMIC_MAPS:
        written, removed = changes(kind, old, new)
        return written or None, removed
    if isinstance(old, list) and isinstance(new, list):
        olds, news = dict(fields.elements(kind, field, old)), dict(fields.elements(kind, field, new))
        if olds or news:
            return _elements(kind, olds, news)
    return {}, {}


def _elements(kind: str, olds: dict[str, Any], news: dict[str, Any]) -> tuple[Tree | None, Tree]:
    written, removed = dict[str, Tree](), {key: fields.of_item(kind, olds[key]) for key in olds if key not in news}
    for key, item in news.items():
        if key not in olds:
            written[key] = fields.of_item(kind, item)
        elif not same(olds[key], item):
            more, less = changes(kind, olds[key], item)
            written |= {key: more} if more else {}
            removed |= {key: less} if less else {}
    return written or None, removed


def _entries(live: Tree | None, new: Tree, *, below: bool) -> list[Tree]:
    """What the client sent, if it may send it and it is anything; `[{}]` takes all managers away."""
    present = (live or {}).get("metadata", {}).get("managedFields") or []
    given = new["metadata"].get("managedFields") or []
    if below or not given:
        return list(present)
    if given == [{}]:
        return []
    sound = all(isinstance(entry, dict) and isinstance(entry.get("fieldsV1"), dict) for entry in given)
    return list(given if sound else present)


def _part(tree: Tree, subresource: str) -> Tree:
    """What this endpoint writes of an object and somebody can manage."""
    metadata = {key: value for key, value in tree.get("metadata", {}).items() if key not in fields.UNOWNED_METADATA}
    hidden = set(tree) - {"status"} if subresource == "status" else {"status"}
    rest = {key: value for key, value in tree.items() if key not in {*hidden, *fields.UNOWNED, "metadata"}}
    return {"metadata": metadata, **rest}


def _left(entry: Tree, written: Tree, removed: Tree) -> Tree:
    left = fields.without(fields.without(entry["fieldsV1"], written), removed)
    return entry if left == entry["fieldsV1"] else {**entry, "fieldsV1": left}


def _is(entry: Tree, manager: str, operation: str, subresource: str) -> bool:
    found = (entry.get("manager"), entry.get("operation"), entry.get("subresource", ""))
    return found == (manager, operation, subresource)


def _new(kind: Kind, manager: str, operation: str, subresource: str, now: str) -> Tree:
    entry: Tree = {"manager": manager, "operation": operation, "apiVersion": kind.resource.api_version, "time": now}
    entry |= {"fieldsType": "FieldsV1", "fieldsV1": {}}
    return entry | ({"subresource": subresource} if subresource else {})


def _with(tree: Tree, entries: list[Tree]) -> Tree:
    """Managers of nothing are none; in the server's order."""
    found = [entry for entry in entries if entry["fieldsV1"]]
    found.sort(key=lambda one: (one["operation"], one["time"], one["manager"], one.get("subresource", "")))
    metadata = {key: value for key, value in tree["metadata"].items() if key != "managedFields"}
    return {**tree, "metadata": {**metadata, **({"managedFields": found} if found else {})}}
