"""Deployment: frozen by a pause, and upgraded through its one active ReplicaSet
(docs/design/protocol.md, "Kinds and their freeze", docs/design/kubernetes.md §6).

A paused Deployment is scaled but not rolled out. Meanwhile the active ReplicaSet gets the new template, and then its
Pods do, in place. The old template goes into a ReplicaSet without Pods, so that `kubectl rollout undo` finds it. A
ReplicaSet that already has the new template is deleted, because the oldest of several equal ones would be current.

If admission policies pause it in the same write that changes its template, it stays resumed while there is nothing to
do, and `kubectl rollout undo` and `restart` work. Otherwise the pause is permanent, as long as it has Pods.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Raw

from inplace.core.actions.actions import (
    DeleteReplicaSet,
    PatchReplicaSet,
    PatchWorkload,
    WorkloadAction,
)
from inplace.core.kinds import history, kind, matching, undo
from inplace.core.kinds.freezing import fall_back, freeze, is_frozen, thaw
from inplace.core.kinds.kind import OwnedObjects, Template
from inplace.core.kinds.ownership import owned_elsewhere, set_of
from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.objects.plural import counted
from inplace.core.objects.reading import read
from inplace.core.objects.reasons import EventReason, Reason, ReasonCode
from inplace.core.objects.workloads import UpdateStrategy, Workload
from inplace.core.settings.annotations import Native, Settings, amount_of
from inplace.core.settings.grammar import Amount
from inplace.core.state import statuses
from inplace.core.template import trees

_ALL_AT_ONCE: Final = f'set {names.PREFIX}max-unavailable to "100%" to swap all of them at once'


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
    records_at_once: Final = False

    def unsupported(self, workload: Workload, settings: Settings) -> Reason | None:
        """Owned by another controller; or Recreate, unless its Pods may all be out of service at once.

        Recreate promises that no two versions serve side by side, which one Pod after the other would break. The pause
        works with both strategies.
        """
        if _strategy(workload).type != "Recreate" or self.desired(workload) <= 1:
            return owned_elsewhere(workload)
        why = "strategy Recreate with more than one replica: old and new Pods would serve side by side"
        if settings.max_unavailable != Amount(100, percent=True):
            return Reason(ReasonCode.StrategyUnsupported, "spec.strategy.type", f"{why}; {_ALL_AT_ONCE}")
        if settings.steps:
            why = f"{why} at each of the {names.PREFIX}steps; remove that setting"
            return Reason(ReasonCode.StrategyUnsupported, "spec.strategy.type", why)
        return owned_elsewhere(workload)

    def together(self, workload: Workload) -> bool:
        """With the strategy Recreate."""
        return _strategy(workload).type == "Recreate"

    def native(self, workload: Workload) -> Native:
        """`rollingUpdate.maxUnavailable` and `minReadySeconds`."""
        rolling = _strategy(workload).rolling_update
        allowed = rolling.max_unavailable if rolling is not None else None
        return Native(
            max_unavailable=amount_of(allowed) if allowed is not None else None,
            min_ready_seconds=workload.spec.min_ready_seconds,
        )

    def freeze(
        self, workload: Workload, owned: OwnedObjects, *, freeze_policy: bool
    ) -> PatchWorkload | PatchReplicaSet | DeleteReplicaSet | Reason | None:
        """Pause it while no rollout is in progress; then keep its settings, or restore those replaced by an undo.

        kubectl undoes nothing on a paused Deployment, so only where it stands resumed: while nothing is to be done, or
        without Pods.
        """
        paused, active = _pause(workload, owned, freeze_policy=freeze_policy), _active(workload, owned)
        written = paused is not None and not isinstance(paused, Reason)
        if written or active is None or (workload.spec.paused and not freeze_policy):
            return paused
        children = owned.children
        return undo.restore(workload, active, children) or undo.keep(workload, active, children) or paused

    def probe(self, workload: Workload) -> PatchWorkload | None:
        """Resume it with a different template."""
        tree = trees.decode(workload.spec.template)
        metadata = trees.tree(tree.get("metadata"))
        annotations = {**trees.annotations(tree), names.TRIAL: str(workload.metadata.generation)}
        other = {**tree, "metadata": {**metadata, "annotations": annotations}}
        return PatchWorkload(workload, None, "probe the admission policies", {"paused": False, "template": other})

    def held(self, workload: Workload) -> bool:
        """Paused, with our label."""
        return workload.spec.paused and is_frozen(workload)

    def fall_back(self, workload: Workload) -> PatchWorkload | None:
        """Resume it."""
        return fall_back(workload, {"paused": False}) if self.held(workload) else None

    def hand_back(
        self, workload: Workload, owned: OwnedObjects, target: Template, pods: Iterable[tuple[Pod, str]]
    ) -> WorkloadAction | None:
        """Its controller goes by the templates of ReplicaSets, whatever their Pods have: the active one gets the
        template of its Pods that are behind, and the Deployment's where none is and the freeze is ours to lift.
        """
        active = _active(workload, owned)
        behind = Counter(revision for pod, revision in pods if _is_left_behind(pod, revision, active, target))
        if not behind:
            return self.prepare(workload, owned, target, whole=True) if self.held(workload) else None
        if active is None or trees.fingerprint(active.spec.template) != target.revision:
            return history.without_twins(workload, owned, target)
        known = self.templates(workload, owned)
        found = next((known[revision] for revision, _ in behind.most_common() if revision in known), None)
        if found is None:
            return None
        why = None if self.held(workload) else EventReason.HandedOver
        note = "its template is that of its Pods again, so that the native rollout replaces them"
        return PatchReplicaSet(workload, active, note, {"template": history.with_hash(found, active)}, why=why)

    def thaw(self, workload: Workload, owned: OwnedObjects) -> WorkloadAction | None:
        """Resume it without our keys, then remove our annotations from its ReplicaSets.

        In this order: as long as it has our status, the Deployment controller copies it to the ReplicaSets; so it is
        with requests.
        """
        back = thaw(workload, {"paused": False} if self.held(workload) else {})
        asked = any(workload.metadata.annotation(key) is not None for key in names.REQUESTS)
        return back or undo.forget(workload, owned.children, (*undo.NOT_HISTORY, *(() if asked else names.REQUESTS)))

    def templates(self, workload: Workload, owned: OwnedObjects) -> Mapping[str, Raw]:
        """The templates of ReplicaSets with Pods, those recorded on them, the one it was rolled back to, and its own.

        Pods are matched to these, and are not told apart by what only the template has: no more than are needed.
        """
        templates, active = dict[str, Raw](), _active(workload, owned)
        back_to = _rolled_back_to(workload)
        with_pods = [child for child in owned.children if child is active or history.has_pods(child)]
        for child in with_pods:
            templates |= matching.recorded(child)
        for child in owned.children:  # what a spec has goes before what an annotation says, though the name is the same
            revision = trees.fingerprint(child.spec.template)
            if child in with_pods or revision == back_to or revision in templates:
                templates[revision] = child.spec.template
        return {**templates, trees.fingerprint(workload.spec.template): workload.spec.template}

    def record(self, workload: Workload, owned: OwnedObjects, target: Template) -> PatchReplicaSet | None:
        """Beside the one that it has, on the active ReplicaSet."""
        active = _active(workload, owned)
        if active is None:
            return None
        current, kept = trees.fingerprint(active.spec.template), matching.recorded(active)
        if current == target.revision or kept.keys() >= {target.revision, current}:
            return None
        new = self.templates(workload, owned).get(target.revision)
        if new is None:
            return None  # it is not applied yet
        needed = {current: active.spec.template, target.revision: new}
        kept = {**{name: raw for name, raw in kept.items() if name not in needed}, **needed}  # the last are read
        if not matching.can_record(kept):
            return None
        return PatchReplicaSet(workload, active, "record both templates", {}, {names.TEMPLATES: matching.encoded(kept)})

    def prepare(
        self, workload: Workload, owned: OwnedObjects, target: Template, *, whole: bool
    ) -> WorkloadAction | None:
        """Keep the old template, then give the active ReplicaSet the new one, unless there is a partition.

        So a Pod that is re-created during an upgrade comes back at the revision of most Pods. Scaled to 0 there is
        nothing to prepare, though Pods may be on their way out: the Deployment controller makes the ReplicaSet.
        """
        active = _active(workload, owned)
        if active is None or kind.replicas(workload) == 0:
            return None
        # A ReplicaSet that has the healthy template is all that vouches for it, until the active one has it as well.
        goes_back = target.revision != trees.fingerprint(workload.spec.template)
        if trees.fingerprint(active.spec.template) == target.revision:
            return history.make_way(workload, owned, active, target.revision) if goes_back else None
        record = self.record(workload, owned, target)
        if record is not None or not whole:
            return record
        template = history.with_hash(self.templates(workload, owned)[target.revision], active)
        return (
            (history.make_way(workload, owned, active, target.revision) if not goes_back else None)
            or history.keep(workload, owned, active)
            or PatchReplicaSet(workload, active, "set the new template", {"template": template})
        )

    def conclude(
        self, workload: Workload, owned: OwnedObjects, target: Template, *, freeze_policy: bool
    ) -> WorkloadAction | None:
        """Remove templates that no Pod has any more and annotations that an undo must not restore; then resume it."""
        active = _active(workload, owned)
        if active is None:
            return None
        # Not from one with the same template: the Deployment controller copies our status to the oldest of these.
        others = [child for child in owned.children if trees.fingerprint(child.spec.template) != target.revision]
        left = undo.forget(workload, [active], [names.TEMPLATES]) or undo.forget(workload, others, undo.NOT_HISTORY)
        if left is not None or not freeze_policy:
            return left
        if history.rivals(owned, active, target.revision):  # resumed, it would roll over to the oldest of them
            return history.make_way(workload, owned, active, target.revision)
        return _resume(workload, "no change is pending")


def _strategy(workload: Workload) -> UpdateStrategy:
    return read(workload.spec.strategy, UpdateStrategy, UpdateStrategy())


# --- ReplicaSets -----------------------------------------------------------------------------------------------------


def _rolled_back_to(workload: Workload) -> str:
    """The healthy revision that its Pods are at, or are to be at again, in place of its template; empty if none."""
    status = statuses.read(workload.metadata)
    failed = status is not None and status.rolled_back_from == trees.fingerprint(workload.spec.template)
    return status.healthy if status is not None and failed else ""


def _has_no_pods(workload: Workload, owned: OwnedObjects) -> bool:
    """Whether it is scaled to 0, and all its Pods are gone."""
    return kind.replicas(workload) == 0 and not any(history.has_pods(child) for child in owned.children)


def _active(workload: Workload, owned: OwnedObjects) -> Workload | None:
    """The only ReplicaSet with Pods, else the one that would get some (FindActiveOrLatest); None if several do."""
    filled = [child for child in owned.children if history.has_pods(child)]
    if filled:
        return filled[0] if len(filled) == 1 else None
    current = trees.fingerprint(workload.spec.template)
    equal = [child for child in owned.children if trees.fingerprint(child.spec.template) == current]
    return min(equal, key=history.age) if equal else max(owned.children, key=history.age, default=None)


def _pause(
    workload: Workload, owned: OwnedObjects, *, freeze_policy: bool
) -> PatchWorkload | DeleteReplicaSet | Reason | None:
    """Pause it while no rollout is in progress. A pause without our label belongs to the user; leave it alone.

    A policy pauses every write that changes the template, even during a native rollout, which is not interrupted.
    """
    if workload.spec.paused and not is_frozen(workload):
        why = "paused by the user (kubectl rollout pause); run kubectl rollout resume to continue"
        return Reason(ReasonCode.PausedByOwner, "spec.paused", why)
    if _has_no_pods(workload, owned) or (workload.spec.paused and not owned.children):
        resumed = _resume(workload, "no Pods to hold, and a paused Deployment makes no ReplicaSet")
        return resumed and (history.make_single(workload, owned) or resumed)
    if workload.spec.paused:
        several = sum(history.has_pods(child) for child in owned.children) > 1
        return _resume(workload, "native rollout in progress, which is not interrupted") if several else None
    running = _native_rollout(workload, owned)
    if freeze_policy:
        return running if running is not None and not _in_step(workload, owned) else None
    return running or freeze(workload, {"paused": True})


def _resume(workload: Workload, note: str) -> PatchWorkload | None:
    """Lift the freeze, which comes back if it is needed; None if there is none of ours."""
    spec = {"paused": False} if workload.spec.paused else {}
    return PatchWorkload(workload, None, note, spec, {names.FROZEN: None}) if is_frozen(workload) else None


def _in_step(workload: Workload, owned: OwnedObjects) -> bool:
    """Whether one ReplicaSet has all Pods and the Deployment's template: no rollout, even if Pods are missing."""
    active = _active(workload, owned)
    return active is not None and _same(active, workload)


def _same(a: Workload, b: Workload) -> bool:
    return trees.fingerprint(a.spec.template) == trees.fingerprint(b.spec.template)


def _native_rollout(workload: Workload, owned: OwnedObjects) -> Reason | None:
    """A rollout of the Deployment controller in progress, which is never interrupted.

    Only Pods of older ReplicaSets are to be replaced: not one that is missing, nor one that is not available.
    """
    status = workload.status
    if status.observed_generation < workload.metadata.generation:
        return Reason(ReasonCode.NativeRollout, "status.observedGeneration", "waiting for the Deployment controller")
    active = _active(workload, owned)
    if active is None:
        several = "native rollout in progress: several ReplicaSets have Pods"
        why = several if owned.children else "waiting for its first ReplicaSet"
        return Reason(ReasonCode.NativeRollout, "status.replicas", why)
    # The status tells of a ReplicaSet with Pods that the cache does not show yet.
    older = status.replicas - status.updated_replicas if _same(active, workload) else kind.replicas(workload)
    if older <= 0:
        return None
    why = f"native rollout in progress ({counted(older, 'Pod')} remaining)"
    return Reason(ReasonCode.NativeRollout, "status.updatedReplicas", why)


def _is_left_behind(pod: Pod, revision: str, active: Workload | None, target: Template) -> bool:
    """Whether it differs from the template, and belongs to the active ReplicaSet: no rollout replaces it then."""
    elsewhere = active is not None and set_of(pod) not in ("", active.metadata.uid)
    return revision != target.revision and not elsewhere and pod.metadata.deletion_timestamp is None
