"""DaemonSet: frozen by OnDelete, for it has neither a partition nor a pause (protocol §1, kubernetes.md §5).

Its status does not name the current revision: that is the newest owned ControllerRevision whose template equals the
DaemonSet's. Pods carry its bare hash. A Pod that is re-created meanwhile comes back new.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

import msgspec
from msgspec import Raw

from inplace.core import names, template
from inplace.core.actions import Amend, Edit, WorkloadAction
from inplace.core.kinds import base
from inplace.core.kinds.base import Family, Revisions, Template
from inplace.core.model import Pod, Reason, Revision, Tree, UpdateStrategy, Workload
from inplace.core.names import Code
from inplace.core.settings import Native, amount_of

_OURS: Final[Tree] = {"updateStrategy": {"type": "OnDelete"}}


class DaemonSet(base.Unordered):
    """The kind DaemonSet."""

    name: Final = "DaemonSet"
    plural: Final = "daemonsets"
    group: Final = "apps"
    short_names: Final = ("ds", "daemonset")
    through: Final = ""
    keeps_conditions: Final = True
    frozen_on_demand: Final = False
    unkept: Final = "a write of others may lift the freeze of a DaemonSet"
    labels_with_status: Final = True

    def unsupported(self, workload: Workload) -> Reason | None:
        """One that another system owns, or with a strategy that this version does not know."""
        strategy = _strategy(workload).type or "RollingUpdate"
        if strategy in ("RollingUpdate", "OnDelete"):
            return base.owned_elsewhere(workload)
        why = f"strategy {strategy} is not known here; RollingUpdate and OnDelete are"
        return Reason(Code.STRATEGY_UNSUPPORTED, "spec.updateStrategy.type", why)

    def native(self, workload: Workload) -> Native:
        """`rollingUpdate.maxUnavailable` as the user wrote it (a surge has none), and `minReadySeconds`."""
        rolling = _original(workload).rolling_update
        allowed = rolling.max_unavailable if rolling is not None else None
        return Native(
            max_unavailable=amount_of(allowed) if allowed is not None else None,
            min_ready_seconds=workload.spec.min_ready_seconds,
        )

    def freeze(self, workload: Workload, family: Family, *, interlocked: bool) -> Edit | Amend | Reason | None:
        """Switch to OnDelete, and keep what stood there."""
        if self.held(workload):
            return base.standing(workload)
        running = None if base.frozen(workload) else _native_rollout(workload)
        return running or base.hold(workload, _OURS)

    def trial(self, workload: Workload) -> Edit | None:
        """None: the freeze stands always."""
        return None

    def held(self, workload: Workload) -> bool:
        """By OnDelete."""
        return _strategy(workload).type == "OnDelete"

    def lift(self, workload: Workload) -> Edit | None:
        """Put the original strategy back; one that was OnDelete replaces nothing by itself."""
        original = base.original_strategy(workload)
        return base.lifting(workload, original) if base.frozen(workload) and original else None

    def thaw(self, workload: Workload, family: Family) -> WorkloadAction | None:
        """Put the original strategy back and remove our keys."""
        return base.thawing(workload, base.original_strategy(workload) if self.held(workload) else {})

    def templates(self, workload: Workload, family: Family) -> Mapping[str, Raw]:
        """Its ControllerRevisions by hash; of two with one hash the newer."""
        return {_hash(one): one.data for one in sorted(family.revisions, key=lambda one: one.revision)}

    def read(self, kept: Raw) -> Tree:
        """The template in a ControllerRevision's data."""
        return template.of_revision(kept)

    def expected(self, workload: Workload, pods: Iterable[Pod]) -> Mapping[str, str]:
        """Those on the Pods' labels."""
        labels = {pod.metadata.label(names.REVISION_LABEL) or "" for pod in pods} - {""}
        return {one: f"{workload.metadata.name}-{one}" for one in labels}

    def target(self, workload: Workload, revisions: Revisions) -> Template | Reason:
        """The newest revision with the DaemonSet's own template, once the controller has seen the spec."""
        if workload.status.observed_generation < workload.metadata.generation:
            return Reason(Code.REVISION_UNKNOWN, "status.observedGeneration", "waiting for the DaemonSet controller")
        wanted = template.fingerprint(workload.spec.template)
        equal = [one for one in revisions.values() if _fingerprint(one) == wanted]
        return equal[-1] if equal else Reason(Code.REVISION_UNKNOWN, "", "waiting for the ControllerRevision")

    def revision_of(self, workload: Workload, pod: Pod, revisions: Revisions) -> str:
        """Its label."""
        return pod.metadata.label(names.REVISION_LABEL) or ""

    def marks(self, workload: Workload, revision: str, *, newest: bool) -> Mapping[str, str]:
        """The revision's hash; and, for tidiness, the generation of the template that it belongs to."""
        generation = workload.metadata.annotation(names.TEMPLATE_GENERATION)
        tidy = {names.TEMPLATE_GENERATION_LABEL: generation} if newest and generation is not None else {}
        return {names.REVISION_LABEL: revision, **tidy}

    def prepare(self, workload: Workload, family: Family, target: Template, *, whole: bool) -> WorkloadAction | None:
        """Nothing: a Pod that is re-created meanwhile comes back new."""
        return None

    def conclude(
        self, workload: Workload, family: Family, target: Template, *, interlocked: bool
    ) -> WorkloadAction | None:
        """Nothing: the controller counts by the labels."""
        return None

    def desired(self, workload: Workload) -> int:
        """`status.desiredNumberScheduled`: as many as there are nodes that fit."""
        return workload.status.desired_number_scheduled


@lru_cache(maxsize=4096)
def _fingerprint(one: Template) -> str:
    return template.fingerprint_of(one.tree)


def _strategy(workload: Workload) -> UpdateStrategy:
    return msgspec.json.decode(workload.spec.update_strategy, type=UpdateStrategy)


def _original(workload: Workload) -> UpdateStrategy:
    """The strategy before the freeze; one that cannot be read any more counts as empty."""
    text = workload.metadata.annotation(names.ORIGINAL_STRATEGY)
    if text is None or _strategy(workload).type != "OnDelete":
        return _strategy(workload)
    try:
        return msgspec.json.decode(text, type=UpdateStrategy)
    except msgspec.MsgspecError:
        return UpdateStrategy()


def _hash(revision: Revision) -> str:
    return revision.metadata.label(names.REVISION_LABEL) or ""


def _native_rollout(workload: Workload) -> Reason | None:
    """A rollout of the DaemonSet controller that has not ended; it is never interrupted."""
    status = workload.status
    if status.observed_generation < workload.metadata.generation:
        return Reason(Code.NATIVE_ROLLOUT, "status.observedGeneration", "waiting for the DaemonSet controller")
    missing = status.desired_number_scheduled - min(status.updated_number_scheduled, status.number_available)
    if missing <= 0:
        return None
    why = f"a native rollout is under way: {missing} Pods to go"
    return Reason(Code.NATIVE_ROLLOUT, "status.updatedNumberScheduled", why)
