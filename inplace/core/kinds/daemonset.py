"""DaemonSet: frozen by OnDelete, because it has neither a partition nor a pause
(docs/design/protocol.md, "Kinds and their freeze", docs/design/kubernetes.md §5).

Its status does not name the current revision: that is the newest owned ControllerRevision whose template equals the
DaemonSet's. Pods carry its bare hash. A Pod that is re-created during an upgrade comes back new.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from msgspec import Raw

from inplace.core.actions.actions import PatchReplicaSet, PatchWorkload, WorkloadAction
from inplace.core.kinds.freezing import (
    ON_DELETE,
    Replaced,
    fall_back,
    freeze,
    is_frozen,
    mark,
    note,
    recorded,
    replaced,
    respecified,
    rolling,
    strategies,
    thaw,
)
from inplace.core.kinds.kind import OwnedObjects, Revisions, Template
from inplace.core.kinds.ownership import owned_elsewhere
from inplace.core.kinds.partition import Unordered
from inplace.core.objects import names
from inplace.core.objects.model import Pod, Tree
from inplace.core.objects.plural import counted
from inplace.core.objects.reading import read
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.objects.workloads import Revision, UpdateStrategy, Workload
from inplace.core.settings.annotations import Native, Settings, amount_of
from inplace.core.template import trees


class DaemonSet(Unordered):
    """The kind DaemonSet."""

    name: Final = "DaemonSet"
    plural: Final = "daemonsets"
    group: Final = "apps"
    short_names: Final = ("ds", "daemonset")
    child_kind: Final = ""
    keeps_conditions: Final = True
    frozen_on_demand: Final = False
    without_freeze_policy: Final = "another writer may lift the freeze of a DaemonSet"
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
        """`rollingUpdate.maxUnavailable` as the user wrote it (a surge has none), and `minReadySeconds`."""
        allowed = rolling(workload, _own(workload) if self.held(workload) else Replaced()).get("maxUnavailable")
        return Native(
            max_unavailable=amount_of(allowed) if allowed is not None else None,
            min_ready_seconds=workload.spec.min_ready_seconds,
        )

    def freeze(
        self, workload: Workload, owned: OwnedObjects, *, freeze_policy: bool
    ) -> PatchWorkload | PatchReplicaSet | Reason | None:
        """Switch to OnDelete; `rollingUpdate` stays beside it, without effect."""
        if self.held(workload):
            return mark(workload, is_ours=True) or note(workload, _own(workload))
        running = None if is_frozen(workload) else _native_rollout(workload)
        return running or freeze(
            workload, respecified(workload, Replaced(ON_DELETE)), replaced(workload.spec.update_strategy)
        )

    def probe(self, workload: Workload) -> PatchWorkload | None:
        """None: the freeze is permanent."""
        return None

    def held(self, workload: Workload) -> bool:
        """Frozen by OnDelete."""
        return _strategy(workload).type == ON_DELETE

    def fall_back(self, workload: Workload) -> PatchWorkload | None:
        """Restore the original strategy, unless that was OnDelete, which replaces no Pods."""
        own = _own(workload)
        replaces = is_frozen(workload) and self.held(workload) and own.type != ON_DELETE
        return fall_back(workload, respecified(workload, own)) if replaces else None

    def hand_back(
        self, workload: Workload, owned: OwnedObjects, target: Template, pods: Iterable[tuple[Pod, str]]
    ) -> WorkloadAction | None:
        """Nothing: it goes by the labels of its Pods."""
        return None

    def thaw(self, workload: Workload, owned: OwnedObjects) -> WorkloadAction | None:
        """Restore the original strategy and remove our keys."""
        ours = self.held(workload) and (is_frozen(workload) or recorded(workload) is not None)
        return thaw(workload, respecified(workload, _own(workload)) if ours else {})

    def templates(self, workload: Workload, owned: OwnedObjects) -> Mapping[str, Raw]:
        """Its ControllerRevisions by hash; if two share a hash, the newer wins."""
        return {_hash(child): child.data for child in sorted(owned.revisions, key=lambda child: child.revision)}

    def read(self, raw: Raw) -> Tree:
        """The template in a ControllerRevision's data."""
        return trees.of_revision(raw)

    def expected(self, workload: Workload, pods: Iterable[Pod]) -> Mapping[str, str]:
        """The revisions on the Pods' labels."""
        labels = {pod.metadata.label(names.REVISION_LABEL) or "" for pod in pods} - {""}
        return {label: f"{workload.metadata.name}-{label}" for label in labels}

    def target(self, workload: Workload, revisions: Revisions) -> Template | Reason:
        """The newest revision with the DaemonSet's template, once the controller has observed the spec."""
        if workload.status.observed_generation < workload.metadata.generation:
            return Reason(
                ReasonCode.RevisionUnknown, "status.observedGeneration", "waiting for the DaemonSet controller"
            )
        current = trees.fingerprint(workload.spec.template)
        equal = [revision for revision in revisions.values() if _fingerprint(revision) == current]
        return equal[-1] if equal else Reason(ReasonCode.RevisionUnknown, "", "waiting for the ControllerRevision")

    def destinations(
        self, workload: Workload, owned: OwnedObjects, pods: Iterable[Pod], revisions: Revisions
    ) -> Revisions:
        """All: each is a ControllerRevision."""
        return revisions

    def revision_of(self, workload: Workload, pod: Pod, revisions: Revisions) -> str:
        """The revision label of the Pod."""
        return pod.metadata.label(names.REVISION_LABEL) or ""

    def revision_labels(self, workload: Workload, revision: str, *, newest: bool) -> Mapping[str, str]:
        """The revision's hash and the generation of its template, as the DaemonSet controller would set them."""
        generation = workload.metadata.annotation(names.TEMPLATE_GENERATION)
        extra = {names.TEMPLATE_GENERATION_LABEL: generation} if newest and generation is not None else {}
        return {names.REVISION_LABEL: revision, **extra}

    def record(self, workload: Workload, owned: OwnedObjects, target: Template) -> PatchReplicaSet | None:
        """Nothing: it has a ControllerRevision."""
        return None

    def prepare(
        self, workload: Workload, owned: OwnedObjects, target: Template, *, whole: bool
    ) -> WorkloadAction | None:
        """Nothing: a Pod that is re-created during an upgrade comes back new."""
        return None

    def conclude(
        self, workload: Workload, owned: OwnedObjects, target: Template, *, freeze_policy: bool
    ) -> WorkloadAction | None:
        """Nothing: the DaemonSet controller counts by the labels."""
        return None

    def desired(self, workload: Workload) -> int:
        """`status.desiredNumberScheduled`: the number of matching nodes."""
        return workload.status.desired_number_scheduled


@lru_cache(maxsize=256)
def _fingerprint(template: Template) -> str:
    return trees.fingerprint_of(template.tree)


def _strategy(workload: Workload) -> UpdateStrategy:
    return read(workload.spec.update_strategy, UpdateStrategy, UpdateStrategy())


def _own(workload: Workload) -> Replaced:
    """What the freeze has replaced, or what the owner has written in its place.

    The freeze leaves `rollingUpdate` beside its OnDelete, and the API server fills that in for every RollingUpdate.
    Where it is gone, the owner has written an OnDelete of his own, which has nothing beside it; or he applies his
    workload server-side, and no strategy any more.
    """
    known = recorded(workload)
    if known is None or known.type == ON_DELETE or not is_frozen(workload):
        return known or Replaced()
    if any(rolling(workload, known).values()):
        return known
    applied = strategies(workload, "Apply")
    return Replaced(ON_DELETE) if all("f:type" in strategy for strategy in applied) else known


def _hash(revision: Revision) -> str:
    return revision.metadata.label(names.REVISION_LABEL) or ""


def _native_rollout(workload: Workload) -> Reason | None:
    """A rollout of the DaemonSet controller in progress, which is never interrupted.

    Only Pods of an older revision are to be replaced: not one that is missing, nor one that is not available.
    """
    status = workload.status
    if status.observed_generation < workload.metadata.generation:
        return Reason(ReasonCode.NativeRollout, "status.observedGeneration", "waiting for the DaemonSet controller")
    older = status.current_number_scheduled - status.updated_number_scheduled
    if older <= 0:
        return None
    why = f"native rollout in progress ({counted(older, 'Pod')} remaining)"
    return Reason(ReasonCode.NativeRollout, "status.updatedNumberScheduled", why)
