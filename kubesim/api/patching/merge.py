"""JSON merge patch (RFC 7386). Never changes the tree it is given."""

from __future__ import annotations

from typing import Any


def apply(tree: Any, patch: Any) -> Any:
    """The patched tree: null removes, objects are merged, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(tree) if isinstance(tree, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = apply(merged.get(key), value)
    return merged
