"""StatefulSet: frozen by a partition above any replica count
(docs/design/protocol.md, "Kinds and their freeze", docs/design/kubernetes.md §4).

Re-created Pods come back at the current revision and are upgraded again; the StatefulSet controller advances
`currentRevision` once all Pods carry the label of the update revision and are ready.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from msgspec import Raw
from msgspec.structs import replace

from inplace.core.actions.actions import PatchReplicaSet, PatchWorkload, PatchWorkloadStatus, WorkloadAction
from inplace.core.kinds import kind
from inplace.core.kinds.freezing import (
    ON_DELETE,
    ROLLING_UPDATE,
    Replaced,
    fall_back,
    freeze,
    is_frozen,
    mark,
    note,
    original,
    recorded,
    replaced,
    respecified,
    rolling,
    strategies,
    thaw,
)
from inplace.core.kinds.kind import OwnedObjects, Revisions, Template
from inplace.core.kinds.ownership import owned_elsewhere
from inplace.core.kinds.partition import partitioned, scaled_away
from inplace.core.objects import names
from inplace.core.objects.model import Pod, Tree
from inplace.core.objects.plural import counted
from inplace.core.objects.reading import read
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.objects.workloads import UpdateStrategy, Workload
from inplace.core.settings.annotations import Native, Settings, amount_of
from inplace.core.template import trees


class StatefulSet:
    """The kind StatefulSet."""

    name: Final = "StatefulSet"
    plural: Final = "statefulsets"
    group: Final = "apps"
    short_names: Final = ("sts", "statefulset")
    child_kind: Final = ""
    keeps_conditions: Final = False
    frozen_on_demand: Final = False
    without_freeze_policy: Final = "another writer may lift the freeze of a StatefulSet"
    labels_with_status: Final = True
    records_at_once: Final = False

    def unsupported(self, workload: Workload, settings: Settings) -> Reason | None:
        """Owned by another controller, or with an unknown strategy."""
        strategy = _strategy(workload).type or "RollingUpdate"
        if strategy in ("RollingUpdate", "OnDelete"):
            return owned_elsewhere(workload)
        why = f"unsupported strategy {strategy}: expected RollingUpdate or OnDelete"
        return Reason(ReasonCode.StrategyUnsupported, "spec.updateStrategy.type", why)

    def together(self, workload: Workload) -> bool:
        """Never: one Pod after the other."""
        return False

    def native(self, workload: Workload) -> Native:
        """`rollingUpdate` as the user wrote it, and `minReadySeconds`."""
        own = _own(workload) if _held_by_us(workload) else replaced(workload.spec.update_strategy)
        allowed = rolling(workload, own).get("maxUnavailable")
        return Native(
            max_unavailable=amount_of(allowed) if allowed is not None else None,
            partition=amount_of(own.partition) if own.partition is not None else None,
            min_ready_seconds=workload.spec.min_ready_seconds,
        )

    def freeze(
        self, workload: Workload, owned: OwnedObjects, *, freeze_policy: bool
    ) -> PatchWorkload | PatchReplicaSet | Reason | None:
        """Raise the partition; OnDelete needs no freeze."""
        if _held(workload):
            is_ours = _held_by_us(workload)
            return mark(workload, is_ours=is_ours) or (note(workload, _own(workload)) if is_ours else None)
        running = None if is_frozen(workload) else _native_rollout(workload)
        known = replace(replaced(workload.spec.update_strategy), applied=_is_applied(workload))
        return running or freeze(workload, _frozen_spec(workload), known)

    def probe(self, workload: Workload) -> PatchWorkload | None:
        """None: the freeze is permanent."""
        return None

    def held(self, workload: Workload) -> bool:
        """Frozen by the partition, or OnDelete."""
        return _held(workload)

    def fall_back(self, workload: Workload) -> PatchWorkload | None:
        """Restore the original strategy, unless that was OnDelete, which replaces no Pods."""
        replaces = _held_by_us(workload) and _own(workload).type != ON_DELETE
        return fall_back(workload, _thawed_spec(workload)) if replaces else None

    def hand_back(
        self, workload: Workload, owned: OwnedObjects, target: Template, pods: Iterable[tuple[Pod, str]]
    ) -> WorkloadAction | None:
        """Nothing: it goes by the labels of its Pods."""
        return None

    def thaw(self, workload: Workload, owned: OwnedObjects) -> WorkloadAction | None:
        """Restore the original strategy and remove our keys."""
        return thaw(workload, _thawed_spec(workload) if _held_by_us(workload) else {})

    def templates(self, workload: Workload, owned: OwnedObjects) -> Mapping[str, Raw]:
        """Its ControllerRevisions by name."""
        return {child.metadata.name: child.data for child in owned.revisions}

    def read(self, raw: Raw) -> Tree:
        """The template in a ControllerRevision's data."""
        return trees.of_revision(raw)

    def expected(self, workload: Workload, pods: Iterable[Pod]) -> Mapping[str, str]:
        """The update revision and those on the Pods' labels."""
        labels = {pod.metadata.label(names.REVISION_LABEL) or "" for pod in pods}
        return {name: name for name in {workload.status.update_revision, *labels} - {""}}

    def target(self, workload: Workload, revisions: Revisions) -> Template | Reason:
        """`status.updateRevision`, once the controller has observed the spec."""
        if workload.status.observed_generation < workload.metadata.generation or not workload.status.update_revision:
            return Reason(
                ReasonCode.RevisionUnknown, "status.observedGeneration", "waiting for the StatefulSet controller"
            )
        template = revisions.get(workload.status.update_revision)
        return template or Reason(
            ReasonCode.RevisionUnknown, "status.updateRevision", "waiting for the ControllerRevision"
        )

    def destinations(
        self, workload: Workload, owned: OwnedObjects, pods: Iterable[Pod], revisions: Revisions
    ) -> Revisions:
        """All: each is a ControllerRevision."""
        return revisions

    def revision_of(self, workload: Workload, pod: Pod, revisions: Revisions) -> str:
        """The revision label of the Pod."""
        return pod.metadata.label(names.REVISION_LABEL) or ""

    def revision_labels(self, workload: Workload, revision: str, *, newest: bool) -> Mapping[str, str]:
        """The revision's name."""
        return {names.REVISION_LABEL: revision}

    def record(self, workload: Workload, owned: OwnedObjects, target: Template) -> PatchReplicaSet | None:
        """Nothing: it has a ControllerRevision."""
        return None

    def prepare(
        self, workload: Workload, owned: OwnedObjects, target: Template, *, whole: bool
    ) -> WorkloadAction | None:
        """Nothing: a Pod that is re-created during an upgrade comes back old and is upgraded again."""
        return None

    def conclude(
        self, workload: Workload, owned: OwnedObjects, target: Template, *, freeze_policy: bool
    ) -> WorkloadAction | None:
        """Advance `currentRevision` under OnDelete, which the controller does only from 1.37 on
        (docs/design/kubernetes.md §4.4)."""
        status = workload.status
        if _strategy(workload).type != "OnDelete" or status.current_revision == target.revision:
            return None
        counted = status.updated_replicas >= self.desired(workload) and status.ready_replicas >= self.desired(workload)
        current = status.observed_generation >= workload.metadata.generation
        if not (counted and current and status.update_revision == target.revision):
            return None
        return PatchWorkloadStatus(workload, {"currentRevision": target.revision})

    def desired(self, workload: Workload) -> int:
        """`spec.replicas`, 1 if absent."""
        return kind.replicas(workload)

    def order(self, pod: Pod) -> int:
        """Descending ordinal, as the StatefulSet controller updates."""
        return -_ordinal(pod)

    def excluded(
        self, workload: Workload, settings: Settings, pods: Iterable[Pod], moved: Callable[[Pod], bool]
    ) -> Mapping[str, Reason]:
        """The lowest `partition` ordinals are kept; those beyond the replicas or below the start are scaled down."""
        start, desired = workload.spec.ordinals.start if workload.spec.ordinals else 0, self.desired(workload)
        kept, excluded = settings.held_back(desired), dict[str, Reason]()
        for pod in pods:
            index = _ordinal(pod) - start
            if not 0 <= index < desired:
                excluded[pod.uid] = scaled_away(desired)
            elif index < kept:
                excluded[pod.uid] = partitioned(str(settings.partition))
        return excluded


def _strategy(workload: Workload) -> UpdateStrategy:
    return read(workload.spec.update_strategy, UpdateStrategy, UpdateStrategy())


def _held(workload: Workload) -> bool:
    return _strategy(workload).type == ON_DELETE or _has_our_partition(workload)


def _held_by_us(workload: Workload) -> bool:
    """Without our label and our record the partition is its owner's, who may have chosen the same."""
    ours = is_frozen(workload) or recorded(workload) is not None
    return ours and _has_our_partition(workload)


def _has_our_partition(workload: Workload) -> bool:
    rolling = _strategy(workload).rolling_update
    return rolling is not None and rolling.partition == names.FROZEN_PARTITION


def _own(workload: Workload) -> Replaced:
    """What the freeze has replaced, or what is left of it where the owner applies his workload server-side, and no
    strategy any more: the partition in the spec is ours, so that his goes only from the record.
    """
    known, applied = original(workload), strategies(workload, "Apply")
    gone = known.applied and bool(applied) and not any("f:type" in strategy for strategy in applied)
    return Replaced(partition=0) if gone else known


def _is_applied(workload: Workload) -> bool:
    """Whether an owner applies the strategy with a partition server-side, and nobody has set that otherwise.

    Seen before the freeze: that takes the partition out of what he has applied, and leaves him the type.
    """
    by_others = any(map(_has_partition, strategies(workload, "Update")))
    applied = (one for one in strategies(workload, "Apply") if "f:type" in one)
    return any(map(_has_partition, applied)) and not by_others


def _has_partition(fields: Tree) -> bool:
    return "f:partition" in trees.tree(fields.get("f:rollingUpdate"))


def _frozen_spec(workload: Workload) -> Tree:
    return respecified(workload, Replaced(ROLLING_UPDATE, names.FROZEN_PARTITION))


def _thawed_spec(workload: Workload) -> Tree:
    """The strategy with its own type and partition again; the rest of it is as its owner last wrote it."""
    own = _own(workload)
    return {"updateStrategy": {"type": ON_DELETE}} if own.type == ON_DELETE else respecified(workload, own)


def _native_rollout(workload: Workload) -> Reason | None:
    """A rollout of the StatefulSet controller in progress, which is never interrupted.

    Only Pods of an older revision are to be replaced: not one that is not ready.
    """
    status, desired = workload.status, kind.replicas(workload)
    if status.observed_generation < workload.metadata.generation:
        return Reason(ReasonCode.NativeRollout, "status.observedGeneration", "waiting for the StatefulSet controller")
    if status.current_revision == status.update_revision:
        return None
    rolling = _strategy(workload).rolling_update
    partition = rolling.partition or 0 if rolling is not None else 0
    missing = max(0, desired - partition) - status.updated_replicas
    if missing <= 0:
        return None
    return Reason(
        ReasonCode.NativeRollout,
        "status.updatedReplicas",
        f"native rollout in progress ({counted(missing, 'Pod')} remaining)",
    )


def _ordinal(pod: Pod) -> int:
    tail = pod.name.rpartition("-")[2]
    return int(tail) if re.fullmatch(r"\d{1,10}", tail, re.ASCII) else -1
