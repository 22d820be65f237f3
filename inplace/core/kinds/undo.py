"""What `kubectl rollout undo` does to a Deployment's settings, and how they survive it
(docs/design/protocol.md, "Kinds and their freeze").

It replaces the Deployment's annotations by those of the ReplicaSet that it goes back to, our settings among them. So
the settings in force are kept on the active ReplicaSet, in an annotation that a Deployment never carries. A change of
the settings is its owner's, unless the Deployment now looks exactly like one of its earlier ReplicaSets.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from inplace.core.actions.actions import PatchReplicaSet, PatchWorkload
from inplace.core.objects import names
from inplace.core.objects.model import Meta, Workload
from inplace.core.template import trees

#: Of a ReplicaSet's annotations: what is ours alone and must not come back with `kubectl rollout undo`.
NOT_HISTORY: Final = (names.STATUS, names.TEMPLATES, names.SETTINGS)
_WRITTEN: Final = frozenset({*NOT_HISTORY, names.ORIGINAL_STRATEGY, names.STATE})


def restore(workload: Workload, active: Workload, children: Iterable[Workload]) -> PatchWorkload | None:
    """The write that puts the settings back which an undo has replaced; None where there was no undo."""
    kept, own = _kept(active), _settings(workload.metadata)
    wanted = trees.fingerprint(workload.spec.template)
    if kept is None or kept == own:
        return None
    for child in children:
        same = trees.fingerprint(child.spec.template) == wanted and _settings(child.metadata) == own
        if same and child.metadata.uid != active.metadata.uid:
            gone = [key for key in (*own, *NOT_HISTORY) if key not in kept]
            back = {**{key: None for key in gone if workload.metadata.annotation(key) is not None}, **kept}
            return PatchWorkload(workload, None, "the settings in force survive kubectl rollout undo", annotations=back)
    return None


def keep(workload: Workload, active: Workload) -> PatchReplicaSet | None:
    """The write that keeps the settings in force; None where they are kept, or where there are none."""
    own = _settings(workload.metadata)
    if (_kept(active) or {}) == own:
        return None
    text = msgspec.json.encode(own, order="deterministic").decode()
    return PatchReplicaSet(workload, active, "keep the settings for kubectl rollout undo", {}, {names.SETTINGS: text})


def forget(workload: Workload, children: Iterable[Workload], keys: Iterable[str]) -> PatchReplicaSet | None:
    """The next write that removes annotations of ours from ReplicaSets; None where none carries any."""
    for child in children:
        found = [key for key in keys if child.metadata.annotation(key) is not None]
        if found:
            return PatchReplicaSet(workload, child, "remove our annotations", {}, dict.fromkeys(found))
    return None


def _settings(meta: Meta) -> dict[str, str]:
    """Settings and requests: all of our annotations that others write."""
    found = meta.annotations or {}
    return {key: text for key, text in found.items() if key.startswith(names.PREFIX) and key not in _WRITTEN}


def _kept(active: Workload) -> dict[str, str] | None:
    text = active.metadata.annotation(names.SETTINGS)
    try:
        return msgspec.json.decode(text, type=dict[str, str]) if text is not None else None
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
