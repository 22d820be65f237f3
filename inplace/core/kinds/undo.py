"""Keeps the settings of a Deployment over `kubectl rollout undo`
(docs/design/protocol.md, "Kinds and their freeze").

An undo replaces the Deployment's annotations, including our settings, by those of the ReplicaSet that it goes back to.
So the current settings are kept on the active ReplicaSet, in an annotation that a Deployment never carries; after an
undo without Pods, which makes another one active, they are still where they were. A change
of the settings is the user's, unless the Deployment now looks exactly like one of its earlier ReplicaSets, and has lost
what only an undo takes away. If in doubt, it is the user's: reverting a commit gives the same template and settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from inplace.core.actions.actions import PatchReplicaSet, PatchWorkload
from inplace.core.objects import names
from inplace.core.objects.model import Meta
from inplace.core.objects.reading import UNREADABLE
from inplace.core.objects.workloads import Workload
from inplace.core.template import trees

#: Annotations of a ReplicaSet that are ours alone and must not come back with `kubectl rollout undo`.
NOT_HISTORY: Final = (names.STATUS, names.TEMPLATES, names.SETTINGS)
_WRITTEN: Final = frozenset({*NOT_HISTORY, names.ORIGINAL_STRATEGY, names.STATE})


def restore(workload: Workload, active: Workload, children: Sequence[Workload]) -> PatchWorkload | None:
    """The write that restores the settings replaced by an undo; None if there was none."""
    keeper = next((child for child in (active, *children) if _kept(child) is not None), active)
    kept, own = _kept(keeper), _settings(workload.metadata)
    wanted = trees.fingerprint(workload.spec.template)
    if kept is None or kept == own or not _is_undone(workload.metadata):
        return None
    for child in children:
        same = trees.fingerprint(child.spec.template) == wanted and _settings(child.metadata) == own
        if same and child.metadata.uid != keeper.metadata.uid:
            removed = [key for key in (*own, *NOT_HISTORY) if key not in kept]
            restored = {**{key: None for key in removed if workload.metadata.annotation(key) is not None}, **kept}
            return PatchWorkload(
                workload, None, "restore the settings after kubectl rollout undo", annotations=restored
            )
    return None


def keep(workload: Workload, active: Workload, children: Sequence[Workload]) -> PatchReplicaSet | None:
    """The write that keeps the current settings, on the active ReplicaSet alone; None if they are kept already, or if
    there never were any.
    """
    own, kept = _settings(workload.metadata), _kept(active)
    never = not own and not any(_settings(child.metadata) for child in children)
    if kept != own and not (kept is None and never):
        text = msgspec.json.encode(own, order="deterministic").decode()
        what = "keep the settings for kubectl rollout undo"
        return PatchReplicaSet(workload, active, what, {}, {names.SETTINGS: text})
    others = (child for child in children if child.metadata.uid != active.metadata.uid)
    return forget(workload, others, (names.SETTINGS,))


def forget(workload: Workload, children: Iterable[Workload], keys: Iterable[str]) -> PatchReplicaSet | None:
    """The next write that removes our annotations from ReplicaSets; None if none is left."""
    for child in children:
        present = [key for key in keys if child.metadata.annotation(key) is not None]
        if present:
            return PatchReplicaSet(workload, child, "remove our annotations", {}, dict.fromkeys(present))
    return None


def _is_undone(meta: Meta) -> bool:
    """Whether all annotations were replaced, and no labels: our status is gone, and the phase stands.

    An apply, server-side or from what was applied last, removes neither, nor does a patch; a replace removes both.
    """
    return meta.annotation(names.STATUS) is None and meta.label(names.PHASE) is not None


def _settings(meta: Meta) -> dict[str, str]:
    """Settings and requests: our annotations that users write."""
    annotations = meta.annotations or {}
    return {key: text for key, text in annotations.items() if _is_setting(key)}


def _is_setting(key: str) -> bool:
    return key.startswith(names.PREFIX) and key not in _WRITTEN


def _kept(active: Workload) -> dict[str, str] | None:
    """The settings kept there. Others can write the annotation: it names settings and nothing else."""
    text = active.metadata.annotation(names.SETTINGS)
    if text is None:
        return None
    try:
        kept = msgspec.json.decode(text, type=dict[str, str])
    except UNREADABLE:
        return None
    return {key: value for key, value in kept.items() if _is_setting(key)}
