"""Workloads owned by another controller, which would revert changes made in place."""

from __future__ import annotations

from typing import Final

from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.objects.workloads import Workload

#: API groups of controllers that upgrade or replace the Pods of workloads that they own.
FOREIGN_CONTROLLERS: Final = frozenset({"apps.kruise.io", "argoproj.io"})


def set_of(pod: Pod) -> str:
    """The uid of what a Pod names as its controller: to be compared with the uids of a workload's own ReplicaSets."""
    owner = pod.metadata.controller()
    return owner.uid if owner is not None else ""


def owned_elsewhere(workload: Workload, *, by_any: bool = False) -> Reason | None:
    """Refuse a workload whose owner would revert changes made in place.

    `by_any`: any owner counts, else only known foreign controllers.
    """
    owner = workload.metadata.controller()
    if owner is None or not (by_any or owner.api_version.partition("/")[0] in FOREIGN_CONTROLLERS):
        return None
    why = f"owned by {owner.kind} {owner.name} ({owner.api_version}), which would revert changes made in place"
    return Reason(ReasonCode.KindUnsupported, "metadata.ownerReferences", why)
