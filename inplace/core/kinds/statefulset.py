"""StatefulSet: frozen by a partition that no replica count reaches (protocol §1, kubernetes.md §4).

Recreated Pods come back at the current revision and are upgraded again; `currentRevision` advances by itself once all
Pods carry the label of the update revision and are ready.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from inplace.core import names
from inplace.core.actions import Edit
from inplace.core.kinds.base import Template
from inplace.core.model import Pod, Reason, Tree, UpdateStrategy, Workload
from inplace.core.names import Code, EventReason
from inplace.core.settings import Native, Settings, amount_of


class StatefulSet:
    """The kind StatefulSet."""

    name: Final = "StatefulSet"
    plural: Final = "statefulsets"
    group: Final = "apps"
    short_names: Final = ("sts", "statefulset")

    def unsupported(self, workload: Workload) -> Reason | None:
        """A strategy that this version does not know."""
        strategy = _strategy(workload).type or "RollingUpdate"
        if strategy in ("RollingUpdate", "OnDelete"):
            return None
        why = f"strategy {strategy} is not known here; RollingUpdate and OnDelete are"
        return Reason(Code.STRATEGY_UNSUPPORTED, "spec.updateStrategy.type", why)

    def native(self, workload: Workload) -> Native:
        """`rollingUpdate` as the user wrote it, and `minReadySeconds`."""
        rolling = _original(workload).rolling_update
        return Native(
            max_unavailable=amount_of(rolling.max_unavailable)
            if rolling and rolling.max_unavailable is not None
            else None,
            partition=amount_of(rolling.partition) if rolling and rolling.partition is not None else None,
            min_ready_seconds=workload.spec.min_ready_seconds,
        )

    def freeze(self, workload: Workload) -> Edit | Reason | None:
        """Raise the partition; OnDelete is a freeze by itself."""
        frozen = workload.metadata.label(names.FROZEN) is not None
        if _held(workload):
            return None if frozen else self._edit(workload, EventReason.FROZEN, "nothing to change: already frozen", {})
        if frozen:
            why = "the freeze was lifted by somebody else and is put back"
            return self._edit(workload, EventReason.FREEZE_LOST, why, _frozen_spec(workload))
        running = _native_rollout(workload)
        if running is not None:
            return running
        return self._edit(
            workload, EventReason.FROZEN, "native rollouts are held; upgrades happen in place", _frozen_spec(workload)
        )

    def thaw(self, workload: Workload) -> Edit | None:
        """Put the original strategy back and remove our keys."""
        labels = [key for key in (names.FROZEN, names.PHASE) if workload.metadata.label(key) is not None]
        annotations = [
            key for key in (names.STATUS, names.ORIGINAL_STRATEGY) if workload.metadata.annotation(key) is not None
        ]
        if not labels and not annotations:
            return None
        original = workload.metadata.annotation(names.ORIGINAL_STRATEGY)
        return Edit(
            workload,
            EventReason.RESTORED,
            "the original update strategy is restored",
            {"updateStrategy": msgspec.json.decode(original)} if original and _held_by_us(workload) else {},
            dict.fromkeys(labels),
            dict.fromkeys(annotations),
        )

    def target(self, workload: Workload, revisions: Mapping[str, Template]) -> Template | Reason:
        """`status.updateRevision`, once the controller has seen the spec."""
        if workload.status.observed_generation < workload.metadata.generation or not workload.status.update_revision:
            return Reason(Code.REVISION_UNKNOWN, "status.observedGeneration", "waiting for the StatefulSet controller")
        found = revisions.get(workload.status.update_revision)
        return found or Reason(Code.REVISION_UNKNOWN, "status.updateRevision", "waiting for the ControllerRevision")

    def desired(self, workload: Workload) -> int:
        """`spec.replicas`, 1 where it is absent."""
        return 1 if workload.spec.replicas is None else workload.spec.replicas

    def order(self, pod: Pod) -> int:
        """Descending ordinal, as the StatefulSet controller updates."""
        return -_ordinal(pod)

    def outside(self, workload: Workload, settings: Settings, pod: Pod) -> Reason | None:
        """The lowest `partition` ordinals stay; ordinals beyond the replicas are being scaled away."""
        start = workload.spec.ordinals.start if workload.spec.ordinals else 0
        index, desired = _ordinal(pod) - start, self.desired(workload)
        if index < settings.held_back(desired):
            return Reason(Code.PARTITION, "", f"kept on the old revision by partition {settings.partition}")
        if index >= desired:
            return Reason(Code.SCALED_AWAY, "spec.replicas", f"beyond the {desired} replicas asked for")
        return None

    def _edit(self, workload: Workload, why: EventReason, note: str, spec: Tree) -> Edit:
        original = bytes(workload.spec.update_strategy).decode()
        kept: dict[str, str | None] = {names.ORIGINAL_STRATEGY: original} if spec else {}
        return Edit(workload, why, note, spec, {names.FROZEN: "true"}, kept)


def _strategy(workload: Workload) -> UpdateStrategy:
    return msgspec.json.decode(workload.spec.update_strategy, type=UpdateStrategy)


def _original(workload: Workload) -> UpdateStrategy:
    """The strategy before the freeze; one that cannot be read any more counts as empty."""
    text = workload.metadata.annotation(names.ORIGINAL_STRATEGY)
    if text is None or not _held_by_us(workload):
        strategy = _strategy(workload)
        return UpdateStrategy(strategy.type) if _held_by_us(workload) else strategy
    try:
        return msgspec.json.decode(text, type=UpdateStrategy)
    except msgspec.MsgspecError:
        return UpdateStrategy()


def _held(workload: Workload) -> bool:
    return _strategy(workload).type == "OnDelete" or _held_by_us(workload)


def _held_by_us(workload: Workload) -> bool:
    rolling = _strategy(workload).rolling_update
    return rolling is not None and rolling.partition == names.FROZEN_PARTITION


def _frozen_spec(workload: Workload) -> Tree:
    strategy: dict[str, Any] = msgspec.json.decode(workload.spec.update_strategy)
    rolling = {**(strategy.get("rollingUpdate") or {}), "partition": names.FROZEN_PARTITION}
    return {"updateStrategy": {**strategy, "type": "RollingUpdate", "rollingUpdate": rolling}}


def _native_rollout(workload: Workload) -> Reason | None:
    """A rollout of the StatefulSet controller that has not ended; it is never interrupted."""
    status, desired = workload.status, 1 if workload.spec.replicas is None else workload.spec.replicas
    if status.observed_generation < workload.metadata.generation:
        return Reason(Code.NATIVE_ROLLOUT, "status.observedGeneration", "waiting for the StatefulSet controller")
    if status.current_revision == status.update_revision:
        return None
    rolling = _strategy(workload).rolling_update
    partition = rolling.partition or 0 if rolling is not None else 0
    missing = max(0, desired - partition) - status.updated_replicas
    if missing <= 0 and status.ready_replicas >= desired:
        return None
    return Reason(Code.NATIVE_ROLLOUT, "status.updatedReplicas", f"a native rollout is under way: {missing} Pods to go")


def _ordinal(pod: Pod) -> int:
    tail = pod.name.rpartition("-")[2]
    return int(tail) if tail.isdigit() else -1
