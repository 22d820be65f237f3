"""Deployment: frozen by a pause, and upgraded through its one active ReplicaSet
(docs/design/protocol.md, "Kinds and their freeze", docs/design/kubernetes.md §6).

A paused Deployment is scaled but not rolled. While it is, the active ReplicaSet gets the new template, then its Pods
do, in place. The old template goes into a ReplicaSet of no Pods, so that `kubectl rollout undo` finds it; one that
holds the new template already goes, because the oldest of equal ones would be taken for the current.

Where admission policies pause it in the very write that changes its template (the interlock), it stands resumed as
long as nothing is to be done, and `kubectl rollout undo` and `restart` work. Elsewhere the pause is permanent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw

from inplace.core.actions.actions import (
    CreateReplicaSet,
    DeleteReplicaSet,
    PatchReplicaSet,
    PatchWorkload,
    WorkloadAction,
)
from inplace.core.kinds import kind, matching, undo
from inplace.core.kinds.freezing import fall_back, freeze, is_frozen, thaw
from inplace.core.kinds.kind import OwnedObjects, Template
from inplace.core.kinds.ownership import owned_elsewhere
from inplace.core.objects import names
from inplace.core.objects.model import Tree, UpdateStrategy, Workload
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.settings.schema import Native, amount_of
from inplace.core.template import trees


class Deployment(matching.MatchedByTemplate):
    """The kind Deployment."""

    name: Final = "Deployment"
    plural: Final = "deployments"
    group: Final = "apps"
    short_names: Final = ("deploy", "deployment")
    child_kind: Final = "ReplicaSet"
    keeps_conditions: Final = True
    frozen_on_demand: Final = True
    without_freeze_policy: Final = "Deployments stay paused, so kubectl rollout undo and restart refuse"
    labels_with_status: Final = False

    def unsupported(self, workload: Workload) -> Reason | None:
        """One that another system owns; both strategies are held by the pause."""
        return owned_elsewhere(workload)

    def native(self, workload: Workload) -> Native:
        """`rollingUpdate.maxUnavailable` and `minReadySeconds`."""
        rolling = msgspec.json.decode(workload.spec.strategy, type=UpdateStrategy).rolling_update
        allowed = rolling.max_unavailable if rolling is not None else None
        return Native(
            max_unavailable=amount_of(allowed) if allowed is not None else None,
            min_ready_seconds=workload.spec.min_ready_seconds,
        )

    def freeze(
        self, workload: Workload, owned: OwnedObjects, *, freeze_policy: bool
    ) -> PatchWorkload | PatchReplicaSet | Reason | None:
        """Pause it while nothing rolls; then keep its settings, or put back those that an undo has replaced."""
        paused, active = _pause(workload, owned, freeze_policy=freeze_policy), _active(workload, owned)
        if isinstance(paused, PatchWorkload) or active is None:
            return paused
        return undo.restore(workload, active, owned.children) or undo.keep(workload, active) or paused

    def probe(self, workload: Workload) -> PatchWorkload | None:
        """Resume it with another template."""
        tree = trees.decode(workload.spec.template)
        metadata = trees.tree(tree.get("metadata"))
        marked = {**trees.annotations(tree), names.TRIAL: str(workload.metadata.generation)}
        other = {**tree, "metadata": {**metadata, "annotations": marked}}
        return PatchWorkload(workload, None, "a trial of the admission policies", {"paused": False, "template": other})

    def held(self, workload: Workload) -> bool:
        """By a pause with our label."""
        return workload.spec.paused and is_frozen(workload)

    def fall_back(self, workload: Workload) -> PatchWorkload | None:
        """Resume it."""
        return fall_back(workload, {"paused": False}) if self.held(workload) else None

    def thaw(self, workload: Workload, owned: OwnedObjects) -> WorkloadAction | None:
        """Resume it without our keys, then remove what was copied to ReplicaSets or kept there.

        In this order: as long as our status stands here, the Deployment controller copies it to the ReplicaSets.
        """
        back = thaw(workload, {"paused": False} if self.held(workload) else {})
        return back or undo.forget(workload, owned.children, undo.NOT_HISTORY)

    def templates(self, workload: Workload, owned: OwnedObjects) -> Mapping[str, Raw]:
        """Those of ReplicaSets with Pods, what is kept on them, and its own."""
        found, active = dict[str, Raw](), _active(workload, owned)
        for child in owned.children:
            if child is active or _has_pods(child):
                found |= matching.recorded(child)
                found[trees.fingerprint(child.spec.template)] = child.spec.template
        return {**found, trees.fingerprint(workload.spec.template): workload.spec.template}

    def prepare(
        self, workload: Workload, owned: OwnedObjects, target: Template, *, whole: bool
    ) -> WorkloadAction | None:
        """Keep the old template, then give the active ReplicaSet the new one; with a partition it keeps the old one.

        So a Pod that is re-created meanwhile comes back as most are to be.
        """
        active = _active(workload, owned)
        if active is None:
            return None
        current, kept = trees.fingerprint(active.spec.template), matching.recorded(active)
        if current == target.revision:
            return None
        if target.revision not in kept or current not in kept:
            kept |= {current: active.spec.template, target.revision: self.templates(workload, owned)[target.revision]}
            return PatchReplicaSet(
                workload, active, "record both templates", {}, {names.TEMPLATES: matching.encoded(kept)}
            )
        if not whole:
            return None
        return (
            _make_way(workload, owned, active, target)
            or _keep_history(workload, owned, active)
            or PatchReplicaSet(
                workload,
                active,
                "give it the new template",
                {"template": _with_hash(self.templates(workload, owned)[target.revision], active)},
            )
        )

    def conclude(
        self, workload: Workload, owned: OwnedObjects, target: Template, *, freeze_policy: bool
    ) -> WorkloadAction | None:
        """Forget the templates that no Pod has any more and what others must not bring back; then resume it."""
        active = _active(workload, owned)
        if active is None:
            return None
        others = [child for child in owned.children if child.metadata.uid != active.metadata.uid]
        left = undo.forget(workload, [active], [names.TEMPLATES]) or undo.forget(workload, others, undo.NOT_HISTORY)
        if left is not None or not (freeze_policy and is_frozen(workload)):
            return left
        spec = {"paused": False} if workload.spec.paused else {}
        return PatchWorkload(workload, None, "nothing is left to hold back", spec, {names.FROZEN: None})


# --- ReplicaSets -----------------------------------------------------------------------------------------------------


def _has_pods(child: Workload) -> bool:
    return bool(child.spec.replicas is None or child.spec.replicas or child.status.replicas)


def _active(workload: Workload, owned: OwnedObjects) -> Workload | None:
    """The one ReplicaSet with Pods, else the one that would get some (FindActiveOrLatest); None while several have."""
    filled = [child for child in owned.children if _has_pods(child)]
    if filled:
        return filled[0] if len(filled) == 1 else None
    wanted = trees.fingerprint(workload.spec.template)
    equal = [child for child in owned.children if trees.fingerprint(child.spec.template) == wanted]
    return min(equal, key=_age) if equal else max(owned.children, key=_age, default=None)


def _age(child: Workload) -> tuple[str, str]:
    return str(child.metadata.creation_timestamp), child.metadata.name


def _pause(workload: Workload, owned: OwnedObjects, *, freeze_policy: bool) -> PatchWorkload | Reason | None:
    """Pause it while nothing rolls. A pause that stands without our label is its owner's, and is left to him.

    A policy pauses whatever changes the template, in the middle of a native rollout too: that is not interrupted.
    """
    if workload.spec.paused and not is_frozen(workload):
        why = "its owner paused it (kubectl rollout pause); resume it to go on"
        return Reason(ReasonCode.PausedByOwner, "spec.paused", why)
    if workload.spec.paused:
        several = sum(_has_pods(child) for child in owned.children) > 1
        note = "a native rollout is under way and is not interrupted"
        return PatchWorkload(workload, None, note, {"paused": False}, {names.FROZEN: None}) if several else None
    running = _native_rollout(workload, owned)
    if freeze_policy:
        return running if running is not None and not _in_step(workload, owned) else None
    return running or freeze(workload, {"paused": True})


def _in_step(workload: Workload, owned: OwnedObjects) -> bool:
    """Whether one ReplicaSet has all Pods and the Deployment's template: nothing is rolled, whatever is missing."""
    active = _active(workload, owned)
    return active is not None and _same(active, workload)


def _same(one: Workload, other: Workload) -> bool:
    return trees.fingerprint(one.spec.template) == trees.fingerprint(other.spec.template)


def _native_rollout(workload: Workload, owned: OwnedObjects) -> Reason | None:
    """A rollout of the Deployment controller that has not ended; it is never interrupted."""
    status, desired = workload.status, kind.replicas(workload)
    if status.observed_generation < workload.metadata.generation:
        return Reason(ReasonCode.NativeRollout, "status.observedGeneration", "waiting for the Deployment controller")
    active = _active(workload, owned)
    if active is None:
        several = "a native rollout is under way: several ReplicaSets have Pods"
        why = several if owned.children else "waiting for its first ReplicaSet"
        return Reason(ReasonCode.NativeRollout, "status.replicas", why)
    missing = desired
    if _same(active, workload):
        missing -= min(status.updated_replicas, status.available_replicas)
    if missing <= 0 and status.replicas <= desired:
        return None
    why = f"a native rollout is under way: {missing} Pods to go"
    return Reason(ReasonCode.NativeRollout, "status.updatedReplicas", why)


def _make_way(workload: Workload, owned: OwnedObjects, active: Workload, target: Template) -> DeleteReplicaSet | None:
    """ReplicaSets that hold the new template already: the active one is to be the only one
    (docs/design/kubernetes.md §6.3.1)."""
    for child in owned.children:
        equal = trees.fingerprint(child.spec.template) == target.revision
        if child.metadata.uid != active.metadata.uid and equal and not _has_pods(child):
            return DeleteReplicaSet(workload, child, "the active ReplicaSet takes over its template")
    return None


def _keep_history(workload: Workload, owned: OwnedObjects, active: Workload) -> CreateReplicaSet | None:
    """A ReplicaSet without Pods that keeps the old template for `kubectl rollout undo`
    (docs/design/kubernetes.md §6.3.2)."""
    current = trees.fingerprint(active.spec.template)
    others = [child for child in owned.children if child.metadata.uid != active.metadata.uid]
    known = any(trees.fingerprint(child.spec.template) == current for child in others)
    if known or workload.spec.revision_history_limit == 0:
        return None
    selector: dict[str, Any] = msgspec.json.decode(workload.spec.selector)
    labels = {**(selector.get("matchLabels") or {}), names.TEMPLATE_HASH_LABEL: current}
    kept = _with_label(trees.bare(trees.decode(active.spec.template)), current)
    revision_labels = {
        key: text for key, text in (active.metadata.annotations or {}).items() if key not in undo.NOT_HISTORY
    }
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "controller": True, "blockOwnerDeletion": True}
    body = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{workload.metadata.name}-{current}",
            "labels": trees.labels(kept),
            "annotations": revision_labels,
            "ownerReferences": [{**owner, "name": workload.metadata.name, "uid": workload.metadata.uid}],
        },
        "spec": {
            "replicas": 0,
            "minReadySeconds": workload.spec.min_ready_seconds,
            "selector": {**selector, "matchLabels": labels},
            "template": kept,
        },
    }
    return CreateReplicaSet(workload, "ReplicaSet", body, "keep the old template for kubectl rollout undo")


def _with_hash(raw: Raw, active: Workload) -> Tree:
    """The Deployment's template as the active ReplicaSet must have it: with the label of its selector."""
    own = trees.labels(trees.decode(active.spec.template)).get(names.TEMPLATE_HASH_LABEL, "")
    return _with_label(trees.bare(trees.decode(raw)), own)


def _with_label(tree: Tree, value: str) -> Tree:
    metadata = trees.tree(tree.get("metadata"))
    labels = {**trees.labels(tree), names.TEMPLATE_HASH_LABEL: value}
    return {**tree, "metadata": {**metadata, "labels": labels}}
